package views

import (
	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// FeedsPath is the address of the page of what was notable.
const FeedsPath = "/feeds"

// NotableRules says what of the whole ledger is told.
const NotableRules = "At most 3 a day: events that the operators have written down; a sign of the economy's health that at the end of a week, on Sunday, has another state than at the end of the week before; " +
	"the largest transfer of a day, if it is larger by a tenth or more than any of the 365 days before; and an item whose firm price at the end of a day is above its mean price on each of the 365 days before, if it was not so a day earlier. Transfers and prices need 30 days before them; in a ledger with fewer than 365, they are compared with all that it has."

// A Told is how something notable is told.
type Told struct {
	Title, Text string
	Address     templ.SafeURL // on this site
}

// TellNotable says what was notable. A hidden holder has no name in it.
func TellNotable(e aggregates.Notable, s ledger.Settings) Told {
	day := Date(e.Day, s)
	switch e.Rule {
	case aggregates.NotableEvent:
		text := day + "."
		if e.Event.Text != "" {
			text = day + ". " + e.Event.Text
		}
		return Told{orElse(readable(e.Event.Title), "An event"), text, FeedsPath}
	case aggregates.NotableSign:
		return Told{
			e.Sign.Title + ": " + stateWord(e.Sign.From) + " before, now " + stateWord(e.Sign.To),
			"At the end of " + day + ", against the end of the week before: " + signNumber(e.Sign.Value, e.Sign.Unit) + " " + e.Sign.Of + ".", "/economy/health",
		}
	case aggregates.NotableTransfer:
		return Told{
			moveParty(e.Transfer.Payer) + " paid " + Money(e.Transfer.Volume, s) + " to " + moveParty(e.Transfer.Receiver) + ", the largest transfer of " + aYear(e.Days),
			"On " + day + ". The largest one of the " + Count(int64(e.Days)) + " days before was " + Money(*e.Record, s) + ".", transactionAddress(e.Transfer.Origin, e.Transfer.Ref),
		}
	}
	return Told{
		ItemName(e.Item.Name, e.Item.ID) + " costs " + UnitPrice(e.Item.Price, s) + " a piece, more than on any day of " + aYear(e.Days),
		"At the end of " + day + ". The highest mean price of a day of the " + Count(int64(e.Days)) + " before was " + UnitPrice(e.Item.Highest, s) + ".", itemAddress(e.Item.ID),
	}
}

// aYear names the days with which something is compared: a year, if they are one.
func aYear(days int) string {
	if days >= 365 {
		return "a year"
	}
	return Plural(int64(days), "day", "days")
}

func stateWord(s aggregates.State) string {
	return map[aggregates.State]string{aggregates.StateGood: "good", aggregates.StateWatch: "to be watched", aggregates.StateBad: "bad"}[s]
}

// moveParty names who paid or received.
func moveParty(m aggregates.MoveSide) string {
	if m.Several {
		return "several " + string(m.Kind) + " accounts"
	}
	return ItemName(m.Name, m.ID)
}

// WhatWasNotable lists what was notable, and leads to the feeds.
func WhatWasNotable(p Page, v *aggregates.Notables) Content {
	if len(v.Entries) == 0 {
		return Content{Sub: "At most 3 a day", Body: notables(p, v)}
	}
	return Content{Sub: Plural(int64(len(v.Entries)), "thing", "things") + ", at most 3 a day", Body: notables(p, v)}
}
