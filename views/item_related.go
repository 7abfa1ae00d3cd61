package views

import (
	"exchequer/aggregates"
)

// relatedShown is the number of items of a group, and of those bought together, on
// an item's page.
const relatedShown = 8

// SameGroup shows the other items of an item's group.
func SameGroup(p Page, v *aggregates.ItemGroup) Content {
	switch {
	case v.Group == "":
		return Content{Missing: "The record names no group for it."}
	case v.Count == 0:
		return Content{Missing: "There is no other item in its group, " + brief(readable(v.Group), mostName) + "."}
	}
	shown := v.Items[:min(len(v.Items), relatedShown)]
	sub := brief(readable(v.Group), mostName) + ": the largest by value sold " + within(v.Period, p.Settings) + ", of " + Plural(v.Count, "other item", "other items")
	return Content{Sub: sub, Body: sameGroup(shown, v.End, p.Settings)}
}

// BoughtTogether shows what the buyers of an item bought on the same days.
func BoughtTogether(p Page, v *aggregates.ItemTrade) Content {
	if len(v.Together.Items) == 0 {
		return Content{Missing: "No other item was bought on the same days by three or more of its buyers, in the last 30 days."}
	}
	shown := v.Together.Items[:min(len(v.Together.Items), relatedShown)]
	return Content{Sub: "Of " + Plural(v.Together.Buyers, "buyer", "buyers") + " in the last 30 days, those who bought it on the same day", Body: boughtTogether(shown)}
}
