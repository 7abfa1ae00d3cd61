package views

import (
	"math"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// NewsRules says what of a list is told.
const NewsRules = "An item: its firm price at the end of a day is at least 10 % above or below its firm price at the end of the day before; or an offer to sell stands at the end of a day, and none did at the end of the day before, or the other way round. " +
	"An account: on a day it received, or sent, at least 10 times as much as usual, which is the median of those of the 90 days before on which it received, or sent, anything, if these are 7 or more; and more than on any of them."

// NewsTitle says what happened.
func NewsTitle(e aggregates.NewsEntry, s ledger.Settings) string {
	name := ItemName(e.Name, e.ID)
	switch e.Rule {
	case aggregates.NewsPrice:
		change, than := *e.Price / *e.Before - 1, "dearer"
		if change < 0 {
			than = "cheaper"
		}
		return name + " is " + Percent(math.Abs(change)) + " " + than + " than a day before: " + UnitPrice(*e.Price, s) + " a piece"
	case aggregates.NewsStocked:
		return name + " is in stock"
	case aggregates.NewsEmptied:
		return name + " is out of stock"
	case aggregates.NewsReceived:
		return name + " received " + Money(*e.Amount, s) + ", " + newsTimes(e) + " as much as usual"
	}
	return name + " sent " + Money(*e.Amount, s) + ", " + newsTimes(e) + " as much as usual"
}

func newsTimes(e aggregates.NewsEntry) string {
	return Count(int64(math.Floor(e.Amount.Float64()/e.Usual.Float64()+1e-9))) + " times"
}

// NewsText says when, and compared with what.
func NewsText(e aggregates.NewsEntry, s ledger.Settings) string {
	day := Date(e.Day, s)
	switch e.Rule {
	case aggregates.NewsPrice:
		return "At the end of " + day + ". At the end of the day before a piece cost " + UnitPrice(*e.Before, s) + "."
	case aggregates.NewsStocked:
		return "At the end of " + day + " an offer to sell stands. At the end of the day before none did."
	case aggregates.NewsEmptied:
		return "At the end of " + day + " no offer to sell stands. At the end of the day before one did."
	}
	return "On " + day + ". Usual is " + Money(*e.Usual, s) + " a day."
}

// NewsAddress returns the address of the thing to which it happened.
func NewsAddress(e aggregates.NewsEntry) templ.SafeURL {
	if e.Thing == "item" {
		return itemAddress(e.ID)
	}
	return accountAddress(e.ID)
}

// WatchNews shows what happened to the things of a list.
func WatchNews(p Page, v *aggregates.News) Content {
	if p.Params.Get(WatchItemsParam)+p.Params.Get(WatchAccountsParam) == "" {
		return Content{Missing: "Nothing is watched yet."}
	}
	if len(v.Entries) == 0 {
		return Content{Sub: "In the last 30 days", Body: watchNews(p, v)}
	}
	return Content{Sub: Plural(int64(len(v.Entries)), "piece", "pieces") + " of news in the last 30 days that are over", Body: watchNews(p, v)}
}
