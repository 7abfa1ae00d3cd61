package views

import (
	"github.com/a-h/templ"

	"exchequer/aggregates"
)

var instant = aggregates.Column{Unit: aggregates.Instant}

// accountAddress returns the address of an account's page.
func accountAddress(ref string) templ.SafeURL {
	return templ.SafeURL(PageInfo{Path: "/accounts/{ref}"}.at(ref))
}

// mostMessage is how many characters of a message a page shows. CSV and JSON have
// all of it.
const mostMessage = 200

// Account shows what an account holds, received and sent.
func Account(p Page, a *aggregates.Account) Content {
	sub := kindName(a.Kind) + " account since " + Date(a.Opened, p.Settings)
	if a.Marked.Sales > 0 {
		sub += ". " + Plural(a.Marked.Sales, "sale or purchase", "sales and purchases") + " of the period, " + Money(a.Marked.Volume, p.Settings) +
			", offset each other; sums of trade are without them unless chosen"
	}
	return Content{
		Sub: sub,
		Body: tiles([]tile{
			{Key: "balance", Name: "Balance", Value: moneyTile(a.Balance, p.Settings), Exact: Money(a.Balance, p.Settings)},
			{Key: "received", Name: "Received", Value: moneyTile(a.Received, p.Settings), Exact: Money(a.Received, p.Settings)},
			{Key: "sent", Name: "Sent", Value: moneyTile(a.Sent, p.Settings), Exact: Money(a.Sent, p.Settings)},
			{Key: "postings", Name: "Postings, ever", Value: Count(a.Postings)},
		}),
	}
}
