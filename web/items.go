package web

import (
	"context"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// items declares the list of all items.
func (s *server) items() *page {
	items := readMemo(s.API.ItemList, byDays, views.DaysParam)
	p := declare(views.PageInfo{
		Path: "/market/items", Name: "Items", Group: "Trade", Heading: "Items",
		Description: "What there is in {economy}, and what it costs.",
	},
		show(items, views.PanelInfo{
			Name: "summary", Title: "Items", Width: views.Whole, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "How much there is to buy, and of how much the price is known.",
				Formula: "In stock: an offer to sell stands now. A price is firm with 5 sales or more within 30 days by 3 traders, the last one within 7 days.",
				Counted: "All items of the record.",
				LeftOut: "Returns, gifts and corrections; sales that offset each other.",
			},
		}, views.ItemsSummary, (*aggregates.Items).SummaryTable).where(hasSales),
	)
	const longest = 512 // bytes of a ref
	after := afterRef(longest)
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "list", Title: "What is there, and what does it cost?", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "A price is what a piece costs now, as the latest sales say. thin: few sales, or none for a week; guess: hardly any.",
				Formula: "Change = price / price at the end of the period before − 1. " + howPrice,
				Counted: "All items; pieces and value sold in the period; the stock of offers that stand now, as far as it is known.",
				LeftOut: "Sales whose price is far from those of the others; returns, gifts and corrections; sales that offset each other.",
			},
		},
		after: after, begin: "first", further: "next", memo: items,
		cost: func(views.Params) readCost { return fromMemory },
		filters: []*views.Param{
			views.ItemTextParam, views.ItemSortParam, views.ItemPricedParam, views.ItemStockParam, views.ItemSoldParam, views.DaysParam,
		},
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			res, err := s.API.ItemList.Get(ctx, byDays(params))
			if err != nil {
				return stretch{}, err
			}
			rows, matching, more, err := res.Value.Select(itemFilter(params), params.Get(after), limit)
			if err != nil {
				return stretch{}, err
			}
			read := stretch{table: aggregates.ItemsTable(rows).First(len(res.Value.Items), res.Value.Count), sub: views.ItemsSub(matching, res.Value)}
			if more {
				read.next = rows[len(rows)-1].ID
			}
			read.draw = func(s ledger.Settings) templ.Component { return views.ItemRows(rows, res.Value.End, s) }
			return read, nil
		},
	})
	return p
}

func itemFilter(p views.Params) aggregates.ItemFilter {
	return aggregates.ItemFilter{
		Text: p.Get(views.ItemTextParam), Sort: p.Get(views.ItemSortParam), Confidence: p.Get(views.ItemPricedParam),
		Stocked: p.Checked(views.ItemStockParam), Sold: p.Checked(views.ItemSoldParam),
	}
}
