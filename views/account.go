package views

import (
	"strings"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

var instant = aggregates.Column{Unit: aggregates.Instant}

// accountAddress returns the address of an account's page.
func accountAddress(ref string) templ.SafeURL {
	return templ.SafeURL(PageInfo{Path: "/accounts/{ref}"}.at(ref))
}

// mostMessage is how many characters of a message a page shows. CSV and JSON have
// all of it.
const mostMessage = 200

func shortened(text string) string {
	if r := []rune(text); len(r) > mostMessage {
		return string(r[:mostMessage-1]) + "…"
	}
	return text
}

// others names the other accounts of a transaction.
func others(l ledger.Line) string {
	names := orElse(strings.Join(l.Others, ", "), "itself")
	if l.More {
		names += " and others"
	}
	return names
}

// Account shows what an account holds, received and sent.
func Account(p Page, a *aggregates.Account) Content {
	return Content{
		Sub: kindName(a.Kind) + " account since " + Date(a.Opened, p.Settings),
		Body: tiles([]tile{
			{Key: "balance", Name: "Balance", Value: moneyTile(a.Balance, p.Settings), Exact: Money(a.Balance, p.Settings)},
			{Key: "received", Name: "Received", Value: moneyTile(a.Received, p.Settings), Exact: Money(a.Received, p.Settings)},
			{Key: "sent", Name: "Sent", Value: moneyTile(a.Sent, p.Settings), Exact: Money(a.Sent, p.Settings)},
			{Key: "postings", Name: "Postings, ever", Value: Count(a.Postings)},
		}),
	}
}
