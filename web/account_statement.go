package web

import (
	"context"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// statement declares the statement of an account.
func (s *server) statement() *listing {
	after := afterCursor(ledger.ParseCursor)
	return &listing{
		PanelInfo: views.PanelInfo{
			Name: "statement", Title: "Statement", Width: views.Whole, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Every posting of the account, newest first, with the balance after it.",
				Formula: "Balance: that of now, without all later postings, those among them that a filter leaves out.",
				Counted: "All postings, also of accounts that are merged into this one; of a transaction with many accounts, three of the others are named. With a source, an account, an amount or words, a page looks through at most 5,000 postings, and the next one goes on from there.",
				LeftOut: "Nothing, without a filter. Hidden holders are not named, and cannot be searched for.",
			},
		},
		after: after, begin: "newest", further: "older", record: "Transactions",
		filters: append(views.StatementFilters(), views.AtParam),
		cost: func(p views.Params) readCost {
			if s.statementQuery(p, 0).Filtered() {
				return looking
			}
			return byIndex
		},
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			q := s.statementQuery(params, limit)
			if c, err := ledger.ParseCursor(params.Get(after)); err == nil && c.At.Before(q.Before.At) {
				q.Before = c
			}
			read, err := s.Record.Statement(ctx, q)
			if err != nil {
				return stretch{}, err
			}
			rows := stretch{table: statementTable(read.Lines), sub: views.StatementSub(q, read, s.Settings())}
			if read.Next != nil {
				rows.next = read.Next.String()
			}
			rows.draw = func(s ledger.Settings) templ.Component { return views.Statement(read.Lines, asOf(params), s) }
			return rows, nil
		},
	}
}

// statementQuery returns what the parameters ask for.
func (s *server) statementQuery(p views.Params, limit int) ledger.StatementQuery {
	q := ledger.StatementQuery{
		Account: p.Ref, Before: ledger.End(), Limit: limit,
		Source: p.Get(views.StatementSourceParam), With: p.Get(views.StatementWithParam), Text: p.Get(views.StatementTextParam),
	}
	settings := s.Settings()
	q.Least = views.Minor(p.Get(views.StatementLeastParam), settings.Decimals)
	q.From, _ = dayStart(p, views.StatementFromParam, 0, settings)
	if t, ok := dayStart(p, views.StatementToParam, 1, settings); ok {
		q.Before = ledger.Before(t)
	}
	if t, ok := dayStart(p, views.AtParam, 1, settings); ok && t.Before(q.Before.At) {
		q.Before = ledger.Before(t)
	}
	if t, ok := dayStart(p, views.StatementBeforeParam, 0, settings); ok && t.Before(q.Before.At) {
		q.Before = ledger.Before(t)
	}
	return q
}

func statementTable(lines []ledger.Line) aggregates.Table {
	t := aggregates.Table{Columns: []aggregates.Column{
		{Name: "at", Title: "Time", Unit: aggregates.Instant}, {Name: "others", Title: "From or to", Unit: aggregates.Text},
		{Name: "source", Title: "Source", Unit: aggregates.Text}, {Name: "message", Title: "Message", Unit: aggregates.Text},
		{Name: "change", Title: "Amount", Unit: aggregates.Money}, {Name: "ref", Title: "Reference", Unit: aggregates.Text},
		{Name: "balance", Title: "Balance after", Unit: aggregates.Money},
	}}
	for _, l := range lines {
		t.Rows = append(t.Rows, []any{l.At.UTC(), l.Counterparties(), l.Source, l.Message, l.Amount, l.Ref, l.Balance})
	}
	return t
}
