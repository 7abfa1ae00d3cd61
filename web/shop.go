package web

import (
	"context"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// shop declares the page of a shop: what it traded, its offers as they are and as
// they were, and its sales.
func (s *server) shop() *page {
	shop := readMemo(s.API.Trade.Shop, func(p views.Params) aggregates.ShopQuery {
		return aggregates.ShopQuery{Shop: p.Ref, Days: byDays(p)}
	}, views.DaysParam)
	p := declare(views.PageInfo{
		Path: views.ShopInfo.Path, Reserved: views.ShopInfo.Reserved, Name: "Shop",
		Above:       []views.MenuEntry{{Name: "Shops", Path: "/market/shops"}},
		Description: "What this shop of {economy} offers, offered and sold.",
	},
		show(shop, views.PanelInfo{
			Name: "trade", Title: "Turnover", Width: views.Whole, Shows: views.ShowsDealings, Strip: true,
			How: views.How{
				Meaning: "What the shop sold to customers, and what it paid to those who sold to it.",
				Formula: "Sums of the totals of its sales, tax included.",
				Counted: "Lines of trade that name the shop, with a quantity and a total above zero, if the period has at most 20,000 lines.",
				LeftOut: "Returns, gifts and corrections; sales that name no shop.",
			},
		}, views.ShopTrade, (*aggregates.Shop).Table),
		show(shop, views.PanelInfo{
			Name: "offers", Title: "Offers now", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What can be bought and sold here, and how that compares with what the item usually costs.",
				Formula: "To usual = price of a piece / price of the item − 1; the item's price is that of its own page, from all sales. Sold out since: when the stock fell below a batch and was not filled up since.",
				Counted: "At most 30 offers, active ones first, as they were last seen.",
				LeftOut: "Nothing. Barter is priced in pieces of another item, and compared with nothing.",
			},
		}, views.ShopOffers, (*aggregates.Shop).OffersTable),
		show(shop, views.PanelInfo{
			Name: "history", Title: "Prices and stock", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "How prices and stocks went. A line is flat until the next change, and has a gap while the offer was not active.",
				Formula: "None: what the offers were seen to be. Each line goes from its lowest to its highest value, which are named.",
				Counted: "The latest 200 changes of each offer, in the period, and what stood when it began. The drawing has 120 parts, and shows the last change in each; the table has all.",
				LeftOut: "Sightings that changed nothing.",
			},
		}, views.ShopHistory, (*aggregates.Shop).HistoryTable),
	)
	p.thing = unknownShop
	p.exists = func(ctx context.Context, ref string) error { return checkExists(ctx, s.API.Trade.Refs, ref, p.thing) }
	p.subject = func(value any) string { return views.ShopName(value.(*aggregates.Shop)) }
	after := afterCursor(aggregates.ParseSaleCursor)
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "sales", Title: "Sales", Width: views.Whole, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Every line of trade of the shop, newest first.",
				Formula: "None: these are the lines of the record.",
				Counted: "All lines that name the shop, returns among them.",
				LeftOut: "Nothing. What is part of offsetting trade is marked, and listed all the same.",
			},
		},
		after: after, begin: "newest", further: "older", record: "Sales",
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			from := aggregates.LatestSale()
			if c, err := aggregates.ParseSaleCursor(params.Get(after)); err == nil {
				from = c
			}
			sales, err := s.API.Trade.Sales(ctx, params.Ref, from, limit+1)
			if err != nil {
				return stretch{}, err
			}
			var rows stretch
			if len(sales) > limit {
				sales = sales[:limit]
				rows.next = sales[limit-1].String()
			}
			keys := make([]aggregates.SaleKey, len(sales))
			for i, x := range sales {
				keys[i] = aggregates.SaleKey{ID: x.ID, At: x.At}
			}
			marked, err := s.API.Trade.Marked(ctx, s.Settings().Zone(), keys)
			if err != nil {
				return stretch{}, err
			}
			for i := range sales {
				sales[i].Marked = marked[sales[i].ID]
			}
			rows.table = aggregates.ShopSalesTable(sales)
			rows.draw = func(s ledger.Settings) templ.Component { return views.ShopSales(sales, s) }
			return rows, nil
		},
	})
	return p
}
