package web

import (
	"exchequer/aggregates"
	"exchequer/views"
)

// leftOffsetting is what panels say they leave out that can be read with it too.
const leftOffsetting = "sales that offset each other, unless chosen."

// howOffsetting is what the panel of an item says of the rule.
var howOffsetting = views.How{
	Meaning: "Goods that come back to where they came from, so that their turnover says little of what is needed or what it is worth. It is no reproach: a loan of goods, a trial and a store of one holder look the same.",
	Formula: "In 7 days up to one on which the item was sold: one holder on both sides; or there and back between two accounts; or round between three. The least pieces of a direction are 80 % of the most, with 3 sales in each, and 20 % of what each account traded of the item.",
	Counted: "All sales of the item in these days from one of these accounts to the next, by whole days. Prices never count them.",
	LeftOut: "Sales whose seller or buyer is not known; what an operator has cleared.",
}

// byTrade returns the period and whether offsetting trade is part of the sums.
func byTrade(p views.Params) aggregates.MarketQuery {
	return aggregates.MarketQuery{Days: byDays(p), With: withOffsetting(p)}
}

func withOffsetting(p views.Params) bool { return p.Get(views.CircularParam) == "with" }
