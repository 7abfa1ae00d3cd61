package web

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// transactions declares the page of all transactions.
func (s *server) transactions() *page {
	activity := readMemo(s.Economy.Activity, byDays, views.DaysParam)
	flow := readMemo(s.API.Flow, byDays, views.DaysParam)
	p := declare(views.PageInfo{
		Path: views.TransactionsPath, Name: "Transactions", Group: "Record", Heading: "Transactions",
		Description: "Every transaction of {economy}, newest first.",
	},
		show(activity, views.PanelInfo{
			Name: "days", Title: "By day", Width: views.TwoThirds, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "How many transactions there were. The current day is pale.",
				Formula: "Count of the transactions a day, or of longer periods a week, month, year or decade.",
				Counted: "All transactions.",
				LeftOut: "Nothing.",
			},
		}, views.TransactionsByDay, (*aggregates.Activity).Table),
		show(flow, views.PanelInfo{
			Name: "sources", Title: "By source", Width: views.Rest, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Why money moved. Each leads to the transactions of its source.",
				Formula: "Sum of what accounts gained on balance by the transactions of the source; share = sum / volume.",
				Counted: "All transactions of the period.",
				LeftOut: "Nothing: smaller sources are summed.",
			},
		}, views.TransactionsBySource, (*aggregates.Flow).Table),
	)
	after := afterCursor(ledger.ParseCursor)
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "list", Title: "The record", Width: views.Whole, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Every transaction, newest first. A mistake is not changed, but reversed by another transaction.",
				Formula: "Amount = what accounts gained on balance. Of several who paid or received, the one with the most is named.",
				Counted: "All transactions; the amounts and names of those with at most 5,000 postings.",
				LeftOut: "Nothing. Hidden holders are not named, and not found as accounts. With a filter, sums by day: of the latest 90 days of an account by its days (what others moved in its transactions is not in them), of a source, kinds or days by the flows of each hour, of anything else by the latest 5,000 transactions that its index has.",
			},
		},
		after: after, begin: "newest", further: "older", record: "Transactions",
		filters: append(views.TransactionFilters(), views.LegsParam),
		cost: func(p views.Params) readCost {
			if entryFilter(p, s.Settings()).Sifted() {
				return looking
			}
			return byIndex
		},
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			from := ledger.End()
			if c, err := ledger.ParseCursor(params.Get(after)); err == nil {
				from = c
			}
			settings := s.Settings()
			filter := entryFilter(params, settings)
			filter.ByDay = params.Get(after) == "" && filter != ledger.EntryFilter{} // of all, the panel above has the days
			filter.Postings = params.Checked(views.LegsParam)
			found, err := s.Record.Transactions(ctx, filter, from, limit)
			if err != nil {
				return stretch{}, err
			}
			rows := stretch{table: entriesTable(found.Entries, filter.Postings, settings), sub: views.EntriesSub(found, params, settings)}
			if found.Days != nil {
				rows.value = newSumsDocument(found.Days)
			}
			if found.Next != nil {
				rows.next = found.Next.String()
			}
			rows.draw = func(s ledger.Settings) templ.Component {
				return templ.Join(views.EntriesByDay(found.Days, s), views.Entries(found.Entries, s))
			}
			return rows, nil
		},
	})
	return p
}

// entryFilter returns what a reader asks for. The days are those of the community.
func entryFilter(p views.Params, s ledger.Settings) ledger.EntryFilter {
	from, to := aggregates.ParseParty(p.Get(views.PaidByParam)), aggregates.ParseParty(p.Get(views.ReceivedByParam))
	f := ledger.EntryFilter{
		Source: p.Get(views.SourceParam), Text: p.Get(views.MessageParam), Account: p.Get(views.AccountParam),
		Least: views.Minor(p.Get(views.LeastParam), s.Decimals),
		From:  ledger.Side(from), To: ledger.Side(to),
	}
	f.Since, _ = dayStart(p, views.SinceParam, 0, s)
	f.Until, _ = dayStart(p, views.UntilParam, 1, s)
	return f
}

// entriesTable has one row a transaction, if they are asked for with its postings in a cell.
func entriesTable(entries []ledger.Entry, postings bool, s ledger.Settings) aggregates.Table {
	t := aggregates.Table{Columns: []aggregates.Column{
		{Name: "at", Title: "Time", Unit: aggregates.Instant}, {Name: "source", Title: "Source", Unit: aggregates.Text},
		{Name: "from", Title: "Paid the most", Unit: aggregates.Text}, {Name: "from_id", Title: "Its id", Unit: aggregates.Text}, {Name: "payers", Title: "Payers", Unit: aggregates.Count},
		{Name: "to", Title: "Received the most", Unit: aggregates.Text}, {Name: "to_id", Title: "Its id", Unit: aggregates.Text}, {Name: "receivers", Title: "Receivers", Unit: aggregates.Count},
		{Name: "amount", Title: "Amount", Unit: aggregates.Money}, {Name: "message", Title: "Message", Unit: aggregates.Text},
		{Name: "origin", Title: "Origin", Unit: aggregates.Text}, {Name: "ref", Title: "Reference", Unit: aggregates.Text},
	}}
	if postings {
		t.Columns = append(t.Columns, aggregates.Column{Name: "postings", Title: "Postings", Unit: aggregates.Text})
	}
	for _, e := range entries {
		row := []any{e.At.UTC(), e.Source, e.From.Name, e.From.Ref, int64(e.Payers), e.To.Name, e.To.Ref, int64(e.Receivers), e.Volume, e.Message, e.Origin, e.Ref}
		if e.Large {
			row[2], row[3], row[4], row[5], row[6], row[7], row[8] = nil, nil, nil, nil, nil, nil, nil
		}
		if postings {
			row = append(row, legsCell(e, s))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// legsCell writes the first postings of a transaction: "ann -5.00; bakery 5.00". Accounts of
// hidden holders have their name only.
func legsCell(e ledger.Entry, s ledger.Settings) string {
	var legs []string
	for _, l := range e.Legs {
		legs = append(legs, cmp.Or(l.Account.Ref, l.Account.Name)+" "+decimal(ledger.SumOf(l.Amount), s.Decimals))
	}
	if int64(len(e.Legs)) < e.Postings {
		legs = append(legs, "and others")
	}
	return strings.Join(legs, "; ")
}

// A sumsDocument is the sums by day of the transactions that a filter selects, for
// programs.
type sumsDocument struct {
	Since time.Time     `json:"since"`
	Of    string        `json:"of"`
	Days  []dayDocument `json:"days"`
}

type dayDocument struct {
	Day      string      `json:"day"`
	Number   int64       `json:"number,omitempty"`
	Moved    *ledger.Sum `json:"moved,omitempty"`
	Received *ledger.Sum `json:"received,omitempty"`
	Sent     *ledger.Sum `json:"sent,omitempty"`
}

func newSumsDocument(v *ledger.EntryDays) sumsDocument {
	d := sumsDocument{Since: v.Since.UTC(), Of: "transactions looked at"}
	switch {
	case v.OfAccount:
		d.Of = "days of the account"
	case v.OfFlows:
		d.Of = "flows by hour"
	}
	for _, of := range v.Days {
		day := dayDocument{Day: of.Day.Format(time.DateOnly), Number: of.Number}
		if v.OfAccount {
			day.Received, day.Sent = &of.Volume, &of.Sent
		} else {
			day.Moved = &of.Volume
		}
		d.Days = append(d.Days, day)
	}
	return d
}
