package web

import (
	"context"
	"strconv"
	"time"

	"exchequer/internal/sample"
	"exchequer/ledger"
)

// A record answers for the ledger.
type record struct {
	statement
	find func(ctx context.Context, name string) ([]ledger.Found, error)
}

func (r record) Find(ctx context.Context, name string) ([]ledger.Found, error) {
	return r.find(ctx, name)
}

func (r record) FindLike(ctx context.Context, text string, _ int) ([]ledger.Found, error) {
	return r.find(ctx, text)
}

func (record) Search(context.Context, string) (*ledger.Hits, error) { return &ledger.Hits{}, nil }
func (record) PaidWith(context.Context, string, string, time.Time) (bool, error) {
	return false, nil
}

type statement func(ctx context.Context, account string, before ledger.Cursor, limit int) ([]ledger.Line, error)

func (f statement) Statement(ctx context.Context, q ledger.StatementQuery) (*ledger.Statement, error) {
	lines, err := f(ctx, q.Account, q.Before, q.Limit+1)
	s := &ledger.Statement{Lines: lines, Looked: len(lines)}
	if len(lines) > q.Limit {
		s.Lines = lines[:q.Limit]
		s.Next = &s.Lines[q.Limit-1].Cursor
	}
	if len(s.Lines) > 0 {
		s.Back = s.Lines[len(s.Lines)-1].At
	}
	return s, err
}

// ItemSales answers with three lines of trade, of which one is a return.
func (f statement) ItemSales(_ context.Context, _ string, before ledger.SaleCursor, limit int) ([]ledger.SaleLine, error) {
	var all []ledger.SaleLine
	for i := range 3 {
		l := ledger.SaleLine{
			SaleCursor: ledger.SaleCursor{At: sample.Noon.Add(-time.Duration(i) * time.Minute), Sale: int64(3 - i)}, Direction: ledger.DirectionSale, Quantity: 4, Total: 14600, Tax: 1022, Ref: "r" + strconv.Itoa(i), Place: "Harbour Row",
			Seller: ledger.Party{Ref: "f", Name: "Ferry & Oak", Kind: ledger.Business}, Buyer: ledger.Party{Name: ledger.HiddenName, Kind: ledger.Personal},
		}
		if i == 1 {
			l.Quantity, l.Total, l.Tax, l.Buyer = -4, -14600, -1022, ledger.Party{}
		}
		if l.At.Before(before.At) && len(all) < limit {
			all = append(all, l)
		}
	}
	return all, nil
}

// Transaction knows those of the town.
func (f statement) Transaction(_ context.Context, origin, ref string, after int32, _ int) (*ledger.Posted, error) {
	t := sample.Posted()
	if t.Ref = ref; origin != t.Origin || ref == "nobody" {
		return nil, nil
	}
	return t, nil
}

func (f statement) Transactions(_ context.Context, _ ledger.EntryFilter, before ledger.Cursor, limit int) (*ledger.Entries, error) {
	return sample.Entries(before, limit), nil
}

// lines is an account of n postings, a minute apart.
func lines(n int) statement {
	return func(_ context.Context, _ string, before ledger.Cursor, limit int) ([]ledger.Line, error) {
		var all []ledger.Line
		for i := range n {
			at := sample.Noon.Add(-time.Duration(i) * time.Minute)
			if at.Before(before.At) && len(all) < limit {
				all = append(all, ledger.Line{Cursor: ledger.Cursor{At: at, Transaction: int64(n - i)}, Amount: 1250, Source: "shop", Message: "bread", Origin: "town", Ref: "t" + strconv.Itoa(n-i), Balance: ledger.SumOf(int64(n-i) * 1250), Others: []ledger.Party{{Ref: "bakery", Name: "Bakery", Kind: ledger.Business}}})
			}
		}
		return all, nil
	}
}
