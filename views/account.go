package views

import "exchequer/aggregates"

// Account shows what an account holds, received and sent.
func Account(p Page, a *aggregates.Account) Content {
	return Content{
		Sub: kindName(a.Kind) + " account since " + Date(a.Opened),
		Body: tiles([]tile{
			{Key: "balance", Name: "Balance", Value: moneyTile(a.Balance, p.Settings), Exact: Money(a.Balance, p.Settings)},
			{Key: "received", Name: "Received", Value: moneyTile(a.Received, p.Settings), Exact: Money(a.Received, p.Settings)},
			{Key: "sent", Name: "Sent", Value: moneyTile(a.Sent, p.Settings), Exact: Money(a.Sent, p.Settings)},
			{Key: "postings", Name: "Postings, ever", Value: Count(a.Postings)},
		}),
	}
}
