package web

import (
	"context"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

func byItem(p views.Params) aggregates.ItemQuery {
	return aggregates.ItemQuery{Item: p.Ref, Days: byDays(p), With: withOffsetting(p)}
}

// item declares the page of an item: what it costs, where, and who trades it.
func (s *server) item() *page {
	byStep := func(p views.Params) aggregates.ItemChartQuery {
		return aggregates.ItemChartQuery{Item: p.Ref, Days: byDays(p), Step: aggregates.ParseStep(p.Get(views.StepParam), byDays(p)), With: withOffsetting(p)}
	}
	item := readMemo(s.API.Item, byItem, views.DaysParam, views.CircularParam)
	course := readMemo(s.API.ItemChart, byStep, views.DaysParam, views.StepParam, views.CircularParam)
	trade := readMemo(s.API.ItemTrade, byItem, views.DaysParam, views.CircularParam)
	alone := func(p views.Params) aggregates.RoutesQuery {
		return aggregates.RoutesQuery{Item: p.Ref, Days: byDays(p)}
	}
	group := readMemo(s.API.ItemGroup, alone, views.DaysParam)
	routes := readMemo(s.API.ItemRoutes, alone, views.DaysParam)

	events := readMemo(s.API.Events, func(p views.Params) aggregates.EventQuery {
		return aggregates.EventQuery{Scope: "item:" + p.Ref}
	})

	info := views.ItemInfo
	info.Name = "Item"
	info.Description = "What this item costs in {economy}, where it is sold, and who trades it."
	info.Above = []views.MenuEntry{{Name: "Market", Path: "/market"}, {Name: "Items", Path: "/market/items"}}
	p := declare(info,
		show(item, views.PanelInfo{
			Name: "figures", Title: "Price and trade", Width: views.Whole, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "What a piece costs now, how much was sold in the period, and what is lost by buying it and selling it again at once.",
				Formula: "Apart = (cheapest − best offer after tax) / their mean; the same of what customers of shops paid and got in the latest sales. " + howPrice,
				Counted: "Sales of the period; offers that stand now; of the latest sales, 1,000 at most.",
				LeftOut: "Of the price: sales far from the others. Of all: returns, gifts and corrections, barter; " + leftOffsetting,
			},
		}, views.ItemFigures, (*aggregates.Item).Table),
		show(course, views.PanelInfo{
			Name: "price", Title: "Price", Width: views.TwoThirds, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "How the price moved, what it was offered for, and how much was sold and in stock.",
				Formula: "A candle: first, highest, lowest and last unit price; dotted with fewer than 5 sales. The line: the median by pieces, for hours the mean. The band: the lowest ask and the highest bid at the candle's end.",
				Counted: "Sales by the hour in which they happened; offers as they stood.",
				LeftOut: "Returns, gifts and corrections; barter; sales that offset each other, unless chosen. A price far above the others is cut and labelled.",
			},
		}, views.ItemCourse, (*aggregates.ItemChart).Table).flagged(events),
		show(item, views.PanelInfo{
			Name: "buy", Title: "Where to buy", Width: views.Third, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Who sells it now, cheapest first.",
				Formula: "A piece = ask / pieces of a batch; to price = a piece / the item's price − 1.",
				Counted: "Active offers in money whose stock is unknown or has a batch; in the table, those sold out too, at most 100.",
				LeftOut: "Barter; shops that have closed.",
			},
		}, views.WhereToBuy, (*aggregates.Item).BuyTable),
		show(trade, views.PanelInfo{
			Name: "paid", Title: "What people paid", Width: views.Third, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "At which prices the pieces were sold. Half of them lie in the shaded range.",
				Formula: "Pieces by unit price = total / pieces, in ranges of the same width.",
				Counted: "Sales of the period, by whole days.",
				LeftOut: "Sales far from the others, which are listed apart; returns, gifts and corrections; " + leftOffsetting,
			},
		}, views.WhatWasPaid, (*aggregates.ItemTrade).PaidTable),
		show(trade, views.PanelInfo{
			Name: "sellers", Title: "Who sells it", Width: views.Third, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Whether many sell it, or a few.",
				Formula: "Share of the value of all sales whose seller is known. HHI = sum of the squares of the shares in percent; above 1,500 counts as concentrated.",
				Counted: "Accounts, each with those merged into it, by whole days.",
				LeftOut: "Sales whose seller is not known; " + leftOffsetting,
			},
		}, views.WhoSells, (*aggregates.ItemTrade).SellersTable).inFull(s.traders("seller")),
		show(item, views.PanelInfo{
			Name: "sell", Title: "Where to sell", Width: views.Third, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Who buys it now, the best offer first.",
				Formula: "Pays = bid / pieces of a batch; takes = capacity − stock.",
				Counted: "Active offers in money whose room is unknown or takes a batch; in the table, those that are full too, at most 100.",
				LeftOut: "Barter; shops that have closed.",
			},
		}, views.WhereToSell, (*aggregates.Item).SellTable),
		show(trade, views.PanelInfo{
			Name: "buyers", Title: "Who buys it", Width: views.Third, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Whether many buy it, or a few.",
				Formula: "Share of the value of all sales whose buyer is known. HHI = sum of the squares of the shares in percent; above 1,500 counts as concentrated.",
				Counted: "Accounts, each with those merged into it, by whole days.",
				LeftOut: "Sales whose buyer is not known; " + leftOffsetting,
			},
		}, views.WhoBuys, (*aggregates.ItemTrade).BuyersTable).inFull(s.traders("buyer")),
		show(trade, views.PanelInfo{
			Name: "sizes", Title: "Pieces a sale", Width: views.Third, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "In which portions it is sold.",
				Formula: "Sales by their number of pieces.",
				Counted: "The latest sales of the period, at most 1,000.",
				LeftOut: "Returns, gifts and corrections.",
			},
		}, views.PiecesASale, (*aggregates.ItemTrade).SizesTable),
		show(trade, views.PanelInfo{
			Name: "outliers", Title: "Left out of the price", Width: views.Third, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Sales at prices far from all others: slips, gifts in disguise, or attempts to move the price.",
				Formula: "The price farthest from the median is left out, one after the other, as long as it is farther than 5 times the median distance; at least a factor of 1.61, at most of 10. Both medians are of sales, not of pieces.",
				Counted: "Sales of the period, by day and price, the latest 100.",
				LeftOut: "Sales that count.",
			},
		}, views.LeftOut, (*aggregates.ItemTrade).OutliersTable),
		show(group, views.PanelInfo{
			Name: "group", Title: "Of the same group", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What else there is of its kind, and what that costs.",
				Formula: "Price as that of the item; change = price / price at the end of the period before − 1.",
				Counted: "The other items of the group that the record names, the largest value sold in the period first; in the table at most 50.",
				LeftOut: "Of the value: returns, gifts and corrections; sales that offset each other.",
			},
		}, views.SameGroup, (*aggregates.ItemGroup).Table),
		show(trade, views.PanelInfo{
			Name: "together", Title: "Bought together", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What those who buy it buy on the same day.",
				Formula: "Share = buyers that bought both on a day / all buyers of this item.",
				Counted: "Accounts, each with those merged into it, on the last 30 days, whatever the period: the latest 1,000 days of a buyer, and of each account and day 100 items.",
				LeftOut: "Items with fewer than 3 such buyers; sales whose buyer is not known; returns, gifts and corrections; " + leftOffsetting,
			},
		}, views.BoughtTogether, (*aggregates.ItemTrade).TogetherTable),
		show(routes, views.PanelInfo{
			Name: "offsetting", Title: "Offsetting trade", Width: views.Whole, Shows: views.ShowsDealings, How: howOffsetting,
		}, views.OffsettingTrade, (*aggregates.ItemRoutes).Table),
	)
	p.thing = unknownItem
	p.exists = func(ctx context.Context, ref string) error { return checkExists(ctx, s.API.Items, ref, p.thing) }
	p.subject = func(value any) string {
		i := value.(*aggregates.Item)
		return views.ItemName(i.Name, i.ID)
	}
	p.beside(readMemo(s.API.ItemRanks, byDays, views.DaysParam), func(value any, params views.Params) string {
		if withOffsetting(params) {
			return "" // the list is without it
		}
		return views.ItemNote(value.(*aggregates.ItemRanks), params.Ref)
	})
	p.lists(s.itemSales())
	return p
}

// itemSales declares the list of an item's lines of trade.
func (s *server) itemSales() *listing {
	after := afterCursor(ledger.ParseSaleCursor)
	return &listing{
		PanelInfo: views.PanelInfo{
			Name: "latest", Title: "Latest sales", Width: views.Whole, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Every line of trade of the item, newest first.",
				Formula: "None: these are the lines of the record.",
				Counted: "All lines: sales, returns, gifts and corrections.",
				LeftOut: "Nothing: what no price counts is marked, and listed all the same. It is offsetting trade, or of the days of the price now and far from the others. Hidden holders are not named.",
			},
		},
		after: after, begin: "newest", further: "older", record: "Sales",
		filters: []*views.Param{views.BeforeParam},
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			from := ledger.SaleCursor{At: ledger.End().At}
			if t, ok := dayStart(params, views.BeforeParam, 0, s.Settings()); ok {
				from.At = t
			}
			if c, err := ledger.ParseSaleCursor(params.Get(after)); err == nil {
				from = c
			}
			lines, err := s.Record.ItemSales(ctx, params.Ref, from, limit+1)
			if err != nil {
				return stretch{}, err
			}
			var rows stretch
			if len(lines) > limit {
				lines = lines[:limit]
				rows.next = lines[limit-1].String()
			}
			sales, err := s.judged(ctx, byItem(params), lines)
			if err != nil {
				return stretch{}, err
			}
			rows.table = salesTable(sales)
			rows.draw = func(s ledger.Settings) templ.Component { return views.ItemSales(sales, s) }
			return rows, nil
		},
	}
}

// judged returns lines of trade of an item with what is said of each: whether it is
// part of offsetting trade, and whether the price leaves it out, as far as that is
// known already.
func (s *server) judged(ctx context.Context, item aggregates.ItemQuery, lines []ledger.SaleLine) ([]views.ItemSale, error) {
	zone := s.Settings().Zone()
	keys := make([]aggregates.SaleKey, len(lines))
	for i, l := range lines {
		keys[i] = aggregates.SaleKey{ID: l.Sale, At: l.At}
	}
	marked, err := s.API.Trade.Marked(ctx, zone, keys)
	if err != nil {
		return nil, err
	}
	price, of := s.priceOf(ctx, item)
	sales := make([]views.ItemSale, len(lines))
	for i, l := range lines {
		sales[i] = views.ItemSale{SaleLine: l, Offsetting: marked[l.Sale]}
		sales[i].LeftOut = price != nil && !sales[i].Offsetting && price.LeavesOut(l.At, l.Quantity, l.Total, of, zone)
	}
	return sales, nil
}

// priceOf returns the price of an item, and the period at whose end it is; nil if that
// is not known, or not yet.
func (s *server) priceOf(ctx context.Context, item aggregates.ItemQuery) (*aggregates.Price, aggregates.Period) {
	ctx, cancel := context.WithTimeout(ctx, usualWait)
	defer cancel()
	of, err := s.API.Item.Get(ctx, item)
	if err != nil || of.Value == nil {
		return nil, aggregates.Period{}
	}
	return &of.Value.Price, of.Value.Period
}

func salesTable(lines []views.ItemSale) aggregates.Table {
	t := aggregates.Table{Columns: []aggregates.Column{
		{Name: "at", Title: "Time", Unit: aggregates.Instant}, {Name: "seller", Title: "Seller", Unit: aggregates.Text}, {Name: "buyer", Title: "Buyer", Unit: aggregates.Text},
		{Name: "place", Title: "Place", Unit: aggregates.Text}, {Name: "direction", Title: "Direction", Unit: aggregates.Text}, {Name: "quantity", Title: "Pieces", Unit: aggregates.Count},
		{Name: "total", Title: "Total", Unit: aggregates.Money}, {Name: "tax", Title: "Tax in it", Unit: aggregates.Money}, {Name: "ref", Title: "Reference", Unit: aggregates.Text},
		{Name: "mark", Title: "Offsetting, or left out of the price", Unit: aggregates.Text},
	}}
	for _, l := range lines {
		t.Rows = append(t.Rows, []any{l.At.UTC(), l.Seller.Name, l.Buyer.Name, l.Place, string(l.Direction), l.Quantity, l.Total, l.Tax, l.Ref, l.Mark()})
	}
	return t
}

// traders serves all accounts on one side of an item's trade.
func (s *server) traders(side string) wholeFile {
	return s.readWhole(aggregates.TraderColumns(), func(ctx context.Context, p views.Params, yield func([]any) error) error {
		return s.Economy.ItemTraders(ctx, byItem(p), side, yield)
	})
}
