package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// errArchived means that a transaction was here once, and is in a file now.
var errArchived = &refusal{http.StatusGone, "This transaction is archived. Balances and sums of its time are still here; it is not."}

// transaction declares the page of a transaction. All of it is read exactly, as its
// postings are: it never changes, so no memo has it.
func (s *server) transaction() *page {
	p := declare(views.PageInfo{
		Path: views.TransactionPath, Name: "Transaction",
		Above:       []views.MenuEntry{{Name: "Transactions", Path: views.TransactionsPath}},
		Description: "A transaction of {economy}: who paid, who received, and what it changed.",
	})
	p.thing = unknownTransaction
	p.exists = func(context.Context, string) error { return nil } // is known when it is read
	after := &views.Param{Name: "after", Label: "Where the postings begin: next of those before", Nearest: func(text string) string {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
			return strconv.FormatInt(n, 10)
		}
		return ""
	}}
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "postings", Title: "Postings", Width: views.TwoThirds, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "What each account paid or received, and what it held before and after.",
				Formula: "Balance = all earlier postings of the account, those at the same time in the order in which they were written, and of accounts merged into it.",
				Counted: "All postings. Balances of transactions with at most 20, and of accounts with at most 20,000 on that day.",
				LeftOut: "Nothing. Hidden holders are not named, and have no balances.",
			},
		},
		after: after, begin: "first", further: "further postings", leads: true,
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			from := int32(ledger.FirstLeg)
			if n, err := strconv.ParseInt(params.Get(after), 10, 32); err == nil {
				from = int32(n)
			}
			origin, ref := views.Parts(params.Ref)
			t, err := s.Record.Transaction(ctx, origin, ref, from, limit)
			if errors.Is(err, ledger.ErrArchived) {
				return stretch{}, errArchived
			}
			if err != nil {
				return stretch{}, err
			}
			if t == nil {
				return stretch{}, unknownTransaction
			}
			rows := stretch{table: postingsTable(t), value: transactionOf(t), subject: "Transaction", note: views.TransactionNote(t)}
			if t.Rest.Postings > 0 {
				rows.next = strconv.FormatInt(int64(t.Legs[len(t.Legs)-1].Seq), 10)
			}
			rows.draw = func(s ledger.Settings) templ.Component { return views.Postings(t, s) }
			rows.panel = func(l views.List) (templ.Component, []views.Sentence) {
				return views.Transaction(l, t), views.SayTransaction(t, l.Settings)
			}
			return rows, nil
		},
	})
	return p
}

func postingsTable(t *ledger.Posted) aggregates.Table {
	table := aggregates.Table{Columns: []aggregates.Column{
		{Name: "seq", Title: "Number", Unit: aggregates.Count}, {Name: "account", Title: "Account", Unit: aggregates.Text}, {Name: "account_id", Title: "Account's id", Unit: aggregates.Text},
		{Name: "kind", Title: "Kind", Unit: aggregates.Text}, {Name: "change", Title: "Amount", Unit: aggregates.Money},
		{Name: "before", Title: "Balance before", Unit: aggregates.Money}, {Name: "after", Title: "Balance after", Unit: aggregates.Money},
	}}
	balance := func(v *int64) any {
		if v == nil {
			return nil
		}
		return *v
	}
	for _, l := range t.Legs {
		table.Rows = append(table.Rows, []any{int64(l.Seq), l.Account.Name, l.Account.Ref, string(l.Account.Kind), l.Amount, balance(l.Before), balance(l.After)})
	}
	return table
}

// A transactionDocument is a transaction for programs. Sums and what follows them are
// with the first postings only.
type transactionDocument struct {
	headerDocument
	Message  string          `json:"message"`
	Postings int64           `json:"postings,omitempty"`
	Volume   *int64          `json:"volume,omitempty"`
	Flows    []flowDocument  `json:"flows,omitempty"`
	Sales    []saleDocument  `json:"sales,omitempty"`
	More     bool            `json:"moreSales,omitempty"`
	Previous *headerDocument `json:"previous,omitempty"`
	Next     *headerDocument `json:"next,omitempty"`
	Rest     *restDocument   `json:"rest,omitempty"`
}

type headerDocument struct {
	At     string `json:"at"`
	Source string `json:"source"`
	Origin string `json:"origin"`
	Ref    string `json:"ref"`
}

type flowDocument struct {
	From   aggregates.Party `json:"from"`
	To     aggregates.Party `json:"to"`
	Volume int64            `json:"volume"`
}

type saleDocument struct {
	Item      string `json:"item"`
	Name      string `json:"name"`
	Shop      string `json:"shop"`
	Direction string `json:"direction"`
	Quantity  int64  `json:"quantity"`
	Total     int64  `json:"total"`
	Tax       int64  `json:"tax"`
	Seller    string `json:"seller"`
	Buyer     string `json:"buyer"`
	Ref       string `json:"ref"`
}

// restDocument sums the postings that follow the rows.
type restDocument struct {
	Postings int64      `json:"postings"`
	Received ledger.Sum `json:"received"`
	Paid     ledger.Sum `json:"paid"`
}

func headerOf(h *ledger.Header) *headerDocument {
	if h == nil {
		return nil
	}
	return &headerDocument{h.At.UTC().Format(time.RFC3339Nano), h.Source, h.Origin, h.Ref}
}

func transactionOf(t *ledger.Posted) *transactionDocument {
	d := &transactionDocument{headerDocument: *headerOf(&t.Header), Message: t.Message, Postings: t.Postings, More: t.MoreSales, Previous: headerOf(t.Previous), Next: headerOf(t.Next)}
	if t.Postings > 0 {
		d.Volume = &t.Volume
	}
	for _, b := range t.Between {
		d.Flows = append(d.Flows, flowDocument{aggregates.Party(b.From), aggregates.Party(b.To), b.Volume})
	}
	for _, s := range t.Sales {
		d.Sales = append(d.Sales, saleDocument{s.Item, s.ItemName, s.Shop, string(s.Direction), s.Quantity, s.Total, s.Tax, s.Seller.Ref, s.Buyer.Ref, s.SaleLine.Ref})
	}
	if t.Rest.Postings > 0 {
		d.Rest = &restDocument{t.Rest.Postings, t.Rest.Received, t.Rest.Paid}
	}
	return d
}
