package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

const accountPath = "/accounts/{ref}"

// account declares the page of an account: what it received and sent, and its
// statement.
func (s *server) account() *page {
	byAccount := func(p views.Params) aggregates.AccountQuery {
		return aggregates.AccountQuery{Account: p.Ref, Days: byDays(p)}
	}
	account := readMemo(s.API.Account, byAccount, views.DaysParam)
	p := declare(views.PageInfo{
		Path: accountPath, Name: "Account",
		Description: "What this account of {economy} holds, received and sent.",
	},
		show(account, views.PanelInfo{
			Name: "moves", Title: "Received and sent", Width: views.Whole, Strip: true,
			How: views.How{
				Meaning: "What came in and what went out.",
				Formula: "Sums of the positive and of the negative postings of the account.",
				Counted: "All postings of the account in the period; the balance is that of now.",
				LeftOut: "Other accounts of the same holder.",
			},
		}, views.Account, (*aggregates.Account).Table),
	)
	p.exists = func(ctx context.Context, ref string) error {
		err := checkExists(ctx, s.API.Accounts, ref, unknownAccount)
		if errors.Is(err, errNotFound) {
			return s.accountCalled(ctx, ref)
		}
		return err
	}
	p.shown = func(value any) string { return value.(*aggregates.Account).ID }
	p.subject = func(value any) string { return value.(*aggregates.Account).Name }
	after := &views.Param{Name: "after", Label: "Where the rows begin: next of the rows before", Nearest: func(text string) string {
		if c, err := ledger.ParseCursor(text); err == nil {
			return c.String()
		}
		return ""
	}}
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "statement", Title: "Statement", Width: views.Whole,
			How: views.How{
				Meaning: "Every posting of the account, newest first.",
				Formula: "None: these are the lines of the record.",
				Counted: "All postings; of a transaction with many accounts, three of the others are named.",
				LeftOut: "Nothing.",
			},
		},
		after: after, begin: "newest", further: "older",
		filters: []*views.Param{views.BeforeParam},
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			from := ledger.End()
			if day, err := time.Parse(time.DateOnly, params.Get(views.BeforeParam)); err == nil {
				from = ledger.Before(ledger.DayStart(ledger.DayNumber(day), s.Settings().Zone()))
			}
			if c, err := ledger.ParseCursor(params.Get(after)); err == nil {
				from = c
			}
			lines, err := s.Record.Statement(ctx, params.Ref, from, limit+1)
			if err != nil {
				return stretch{}, err
			}
			var rows stretch
			if len(lines) > limit {
				lines = lines[:limit]
				rows.next = lines[limit-1].String()
			}
			rows.table = statementTable(lines)
			rows.draw = func(s ledger.Settings) templ.Component { return views.Statement(lines, s) }
			return rows, nil
		},
	})
	return p
}

const unknownAccount = unknownError("account")

// mostChoices is how many accounts of one name a visitor is offered.
const mostChoices = 10

// A severalError means that an address has the name of several accounts in the
// place of a ref.
type severalError struct{ found []ledger.Found }

func (*severalError) Error() string        { return "several accounts have this name" }
func (*severalError) Is(target error) bool { return target == errNotFound }
func (*severalError) text() string         { return textSeveral }

// choices returns links to the accounts.
func (e *severalError) choices() []views.Choice {
	var all []views.Choice
	for _, f := range e.found[:min(len(e.found), mostChoices)] {
		c := views.Choice{Name: f.Name, Note: f.Ref, Path: at(accountPath, f.Ref)}
		if f.Former != "" {
			c.Note += ", also known as " + f.Former
		}
		all = append(all, c)
	}
	return all
}

// accountCalled returns a *movedError to the only account that has or had a name, a
// *severalError if there are several, and unknownAccount if there is none. It looks
// the name up as [checkExists] does a ref.
func (s *server) accountCalled(ctx context.Context, name string) error {
	looking, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var found []ledger.Found
	err := s.API.Accounts.LookUp(looking, func(ctx context.Context) (err error) {
		found, err = s.Record.Find(ctx, name)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", errUncertain, err)
	case len(found) == 0:
		return unknownAccount
	case len(found) == 1:
		return &movedError{ref: found[0].Ref, code: http.StatusFound}
	}
	return &severalError{found}
}

func statementTable(lines []ledger.Line) aggregates.Table {
	t := aggregates.Table{Columns: []aggregates.Column{
		{Name: "at", Title: "Time", Unit: aggregates.Instant}, {Name: "others", Title: "From or to", Unit: aggregates.Text},
		{Name: "source", Title: "Source", Unit: aggregates.Text}, {Name: "message", Title: "Message", Unit: aggregates.Text},
		{Name: "change", Title: "Amount", Unit: aggregates.Money}, {Name: "ref", Title: "Reference", Unit: aggregates.Text},
	}}
	for _, l := range lines {
		t.Rows = append(t.Rows, []any{l.At.UTC(), l.Counterparties(), l.Source, l.Message, l.Amount, l.Ref})
	}
	return t
}
