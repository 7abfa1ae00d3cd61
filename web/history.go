package web

import (
	"exchequer/aggregates"
	"exchequer/views"
)

// history declares the page of how the money and its distribution came about.
func (s *server) history() *page {
	history := readMemo(s.Economy.History, byPopulation, views.PopulationParam)
	const counted = "Holders, all their accounts of this group summed; balances of zero and debts included. The state at the end of the last day that is over."
	const leftOut = "Issuers, accounts archived by then, and holders whose accounts had not been used by then."
	return declare(views.PageInfo{
		Path: "/economy/history", Name: "History", Wealth: true, Group: "Money", Heading: "History of the money",
		Description: "Money supply, holders and inequality of {economy} since its first day.",
	},
		show(history, views.PanelInfo{
			Name: "supply", Title: "Money supply", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "All money held by people, firms and the state, since the first day.",
				Formula: "Sum of the balances of all accounts but the issuers', at the end of a day.",
				Counted: "The last day of each day, week, month, year or decade that is over.",
				LeftOut: "Issuers.",
			},
		}, views.HistoryOfMoney, (*aggregates.History).Table),
		show(history, views.PanelInfo{
			Name: "holders", Title: "Holders", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{Meaning: "How many there were.", Formula: "Number of holders of accounts that were used by then.", Counted: counted, LeftOut: leftOut},
		}, views.HistoryOfHolders, (*aggregates.History).Table),
		show(history, views.PanelInfo{
			Name: "gini", Title: "Gini", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{Meaning: "0: all hold the same. 1: one holder has everything.", Formula: "Gini = 2Σ i·x / (nΣx) − (n+1)/n with balances x in rising order, i from 1.", Counted: counted, LeftOut: leftOut},
		}, views.HistoryOfGini, (*aggregates.History).Table),
		show(history, views.PanelInfo{
			Name: "top", Title: "What the richest hold", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{Meaning: "The share of the richest hundredth, and of the richest tenth.", Formula: "Top p = 1 − L(1−p) of the Lorenz curve L.", Counted: counted, LeftOut: leftOut},
		}, views.HistoryOfTop, (*aggregates.History).Table),
		show(history, views.PanelInfo{
			Name: "replay", Title: "Lorenz curves", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What the poorest part of the holders had together, time after time. On the dashed line all hold the same.",
				Formula: "L(k/n) = sum of the k smallest balances / sum of all, at each fiftieth of the holders and at 99 % and 99.9 %; linear between.",
				Counted: counted, LeftOut: leftOut,
			},
		}, views.Replay, (*aggregates.History).CurvesTable),
	)
}
