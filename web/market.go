package web

import (
	"exchequer/aggregates"
	"exchequer/views"
)

func hasSales(p aggregates.Profile) bool { return p.Sales }

// market declares the page of what is traded.
func (s *server) market() *page {
	market := readMemo(s.API.Market, byDays, views.DaysParam)
	return declare(views.PageInfo{
		Path: "/market", Name: "Market", Group: "Trade", Heading: "Market",
		Description: "What is traded in {economy}: turnover and items by value.",
	},
		show(market, views.PanelInfo{
			Name: "turnover", Title: "Turnover", Width: views.Whole, Strip: true,
			How: views.How{
				Meaning: "How much was sold, and whether that is more than in the period before.",
				Formula: "Sums over the lines of trade; the period before has the same length, up to the same time of day.",
				Counted: "Lines with a quantity and a total above zero, tax included.",
				LeftOut: "Returns, gifts and corrections, which are counted apart.",
			},
		}, views.Turnover, (*aggregates.Market).Table).where(hasSales),
		show(market, views.PanelInfo{
			Name: "top", Title: "Items", Width: views.Whole,
			How: views.How{
				Meaning: "What people spend most on.",
				Formula: "Value = sum of the totals; share = value / value of all items; price = value / pieces.",
				Counted: "The 50 items with the largest value of sales in the period.",
				LeftOut: "Returns, gifts and corrections; all smaller items.",
			},
		}, views.Items, (*aggregates.Market).ItemsTable).where(hasSales),
	)
}
