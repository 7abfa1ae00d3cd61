package views

import (
	"exchequer/aggregates"
	"exchequer/ledger"
)

// CircularParam says whether sums have the sales that offset each other.
var CircularParam = &Param{
	Name: "circular", Label: "Offsetting trade", Default: "without",
	Nearest: func(text string) string {
		if text == "with" {
			return text
		}
		return "without"
	},
	Options: []Option{
		{"without", "without offsetting trade", "without sales that offset each other"},
		{"with", "with it", "with sales that offset each other"},
	},
}

// switchOffsetting returns c with links to the numbers with and without what is marked,
// and how much that is; c as it is where nothing is.
func (c Content) switchOffsetting(o aggregates.Offsetting, s ledger.Settings) Content {
	if o.Sales > 0 {
		c.Sub += " ·"
		c.Switches = append(c.Switches, Switch{
			Param: CircularParam, After: " (" + Plural(o.Sales, "sale", "sales") + ", " + Money(o.Volume, s) + ", " + Percent(o.Share) + " of the value)",
		})
	}
	return c
}

// routesShown is the number of rows on an item's page.
const routesShown = 9

// OffsettingTrade shows which sales of an item offset each other.
func OffsettingTrade(p Page, v *aggregates.ItemRoutes) Content {
	if v.Count == 0 {
		return Content{Missing: "No sales offset each other in this period."}
	}
	sub := Plural(v.Sales, "sale", "sales") + ", " + Money(v.Volume, p.Settings) + ", by day and accounts; the latest first"
	shown := v.Routes[:min(len(v.Routes), routesShown)]
	more := ""
	if left := v.Count - int64(len(shown)); left > 0 {
		more = Count(left) + " more"
	}
	return Content{Sub: sub, Body: routes(shown, more, p)}
}

// ruleText says why sales are marked.
func ruleText(r aggregates.OffsettingRule) string {
	switch r {
	case aggregates.OwnRule:
		return "one holder"
	case aggregates.PairRule:
		return "there and back"
	}
	return "round of three"
}
