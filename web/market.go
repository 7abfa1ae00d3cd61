package web

import (
	"exchequer/aggregates"
	"exchequer/views"
)

func hasSales(p aggregates.Profile) bool { return p.Sales }

// howPrice is what panels say of prices.
const howPrice = "Price: the median of the sales of the last 7 days, or 30, 90, 365, all, the fewest with 5 sales, weighted by pieces; prices far from the others are left out. Thin: few sales or traders, or older than 7 days; guess: fewer than 3 sales or older than 90 days."

// market declares the page of what is traded.
func (s *server) market() *page {
	market := readMemo(s.API.Market, byTrade, views.DaysParam, views.CircularParam)
	index := readMemo(s.API.Index, byTrade, views.DaysParam, views.CircularParam)
	movers := readMemo(s.API.Movers, byDays, views.DaysParam)
	gaps := readMemo(s.API.Gaps, once)
	return declare(views.PageInfo{
		Path: "/market", Name: "Market", Group: "Trade", Heading: "Market",
		Description: "What is traded in {economy}, and whether prices rise: turnover, price index, items, what is missing.",
	},
		show(market, views.PanelInfo{
			Name: "turnover", Title: "Turnover", Width: views.Whole, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "How much was sold, and whether that is more than in the period before.",
				Formula: "Sums over the lines of trade; the period before has the same length, up to the same time of day.",
				Counted: "Lines with a quantity and a total above zero, tax included.",
				LeftOut: "Returns, gifts and corrections, which are counted apart; " + leftOffsetting,
				SQL:     aggregates.TurnoverSQL,
			},
		}, views.Turnover, (*aggregates.Market).Table).where(hasSales),
		show(index, views.PanelInfo{
			Name: "prices", Title: "Prices", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Whether all prices together rise or fall, each by how much is spent on it. 2 %: what cost 100 at the start costs 102. The change is up to the last day (week, month) that is over.",
				Formula: "Weighted GEKS-Fisher index: each day (week, month) is compared with each other one by F = √(Σp₁q₀/Σp₀q₀ · Σp₁q₁/Σp₀q₁); the index has the least Σ w (ln I₁ − ln I₀ − ln F)², where w is the share of both turnovers that F is about.",
				Counted: "Items sold on two days (weeks, months) or more; p is the mean price of a piece.",
				LeftOut: "Items sold on only one; sales at more than ten times the item's usual price in the period, or less than a tenth; " + leftOffsetting,
			},
		}, views.PriceIndex, (*aggregates.PriceIndex).Table).where(hasSales),
		show(index, views.PanelInfo{
			Name: "contributions", Title: "Contributions", Width: views.Quarter, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Which items made prices rise or fall. All parts add up to the change.",
				Formula: "Van IJzeren's decomposition of each comparison, added up by its part in the index's logarithm.",
				Counted: "The items with the largest parts, up or down.",
				LeftOut: "Nothing: all others are one row.",
			},
		}, views.Contributions, (*aggregates.PriceIndex).ContributionsTable).where(hasSales),
		show(market, views.PanelInfo{
			Name: "groups", Title: "Groups", Width: views.Quarter, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What sorts of goods people spend on.",
				Formula: "Value = sum of the totals of the group's items; share = value / value of all items.",
				Counted: "The group that the ledger has for each item; items without one are other items.",
				LeftOut: "Returns, gifts and corrections; " + leftOffsetting,
			},
		}, views.Groups, (*aggregates.Market).GroupsTable).where(hasSales),
		show(market, views.PanelInfo{
			Name: "top", Title: "Items", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What people spend most on.",
				Formula: "Value = sum of the totals; share = value / value of all items. " + howPrice,
				Counted: "The 50 items with the largest value of sales in the period. The small chart is the mean price by day, week or month.",
				LeftOut: "Returns, gifts and corrections; all smaller items; " + leftOffsetting,
			},
		}, views.Items, (*aggregates.Market).ItemsTable).where(hasSales).inFull(s.inList("/market/items", func(p views.Params) (views.Params, bool) {
			return p.With([]*views.Param{views.DaysParam, views.ItemSoldParam}, views.ItemSoldParam, "yes"), !withOffsetting(p)
		})),
		show(movers, views.PanelInfo{
			Name: "movers", Title: "Rose and fell", Width: views.TwoThirds, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Which prices changed most.",
				Formula: "Price at the end of the period / price at the end of the day before it. " + howPrice,
				Counted: "Items whose price is firm at both times: 5 sales by 3 traders, the last one at most 7 days old.",
				LeftOut: "Thin prices and guesses; all smaller changes.",
			},
		}, views.Movers, (*aggregates.Movers).Table).where(hasSales),
		show(movers, views.PanelInfo{
			Name: "turns", Title: "New and gone", Width: views.Rest, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What came to the market, and what is no longer sold.",
				Formula: "New: first sold in the period. Gone: sold before it, and not in it. " + howPrice,
				Counted: "The latest of both.",
				LeftOut: "Items that were never sold.",
			},
		}, views.Turns, (*aggregates.Movers).TurnsTable).where(hasSales),
		show(gaps, views.PanelInfo{
			Name: "gaps", Title: "What is missing", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What people want and cannot buy, or only dearly. Sold out: sold in 7 days, and no shop has it. Short: the stock lasts less than a day. Wanted: shops buy it and none sells it. Dear: the cheapest offer is far above the usual price.",
				Formula: "Days that stock lasts = stock / pieces sold a day in 7 days. Dear: lowest ask > price × spread², the spread being the factor within which half of the sales are, 1.1 at least. " + howPrice,
				Counted: "Items that shops have offered at some time, those with the largest value of sales first.",
				LeftOut: "Stock that is not known; barter; what no shop ever offered.",
			},
		}, views.Gaps, (*aggregates.Gaps).Table).where(hasSales),
	)
}
