package aggregates

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

func TestRichestOfAVillage(t *testing.T) {
	db, w := village(t)
	got, err := ComputeRichest(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	want := &Richest{Basis: basisOf(span{Days: 7, Start: at(t, "03-05 00:00"), End: w.Start}), Supply: sumOf(1040), Count: 6, Accounts: []RichAccount{
		{"town", "town", "town", ledger.Government, 610, 610.0 / 1040, -90, at(t, "03-11 10:20")},
		{"ann", "ann", "ann", ledger.Personal, 210, 210.0 / 1040, -50, at(t, "03-06 08:00")},
		{"shop", "shop", "bob", ledger.Business, 60, 60.0 / 1040, 60, at(t, "03-11 10:20")},
		{"ann2", "ann2", "ann", ledger.Personal, 30, 30.0 / 1040, -30, at(t, "03-11 10:20")},
		{"bob", "bob", "bob", ledger.Personal, 30, 30.0 / 1040, -10, at(t, "03-10 00:00")},
		{"dan", "dan", "dan", ledger.Personal, 0, 0, 0, time.Time{}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("richest (-want +got):\n%s", diff)
	}
	table := got.Table()
	if table.Columns[0].Name != "name" || len(table.Columns) != 6 {
		t.Errorf("columns for people are %v", table.Columns)
	}
	if row := table.Rows[5]; row[0] != "dan" || row[5] != nil {
		t.Errorf("Dan's account, which was never used, is listed as %v", row)
	}
}

func TestAllAccountsAreListedInTheOrderOfTheRichest(t *testing.T) {
	db, w := village(t)
	var many ledger.Batch // more than a page
	for range 5000 {
		many.Accounts = append(many.Accounts, ledger.Account{
			Ref:  "x" + string(rune('a'+len(many.Accounts)%26)) + time.Unix(int64(len(many.Accounts)), 0).Format("150405"),
			Kind: ledger.Business, Opened: w.Start,
		})
	}
	appendBatch(t, db, many)
	e := &Economy{db: db, now: time.Now}
	var refs []string
	err := e.AllAccounts(t.Context(), func(a RichAccount) error {
		refs = append(refs, a.Ref)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(refs) != 5006 || strings.Join(refs[:6], " ") != "town ann shop ann2 bob dan" {
		t.Errorf("%d accounts, first %v", len(refs), refs[:6])
	}
	stop := errors.New("enough")
	if err := e.AllAccounts(t.Context(), func(RichAccount) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of the reader became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := e.AllAccounts(ctx, func(RichAccount) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled reading ended with %v", err)
	}
}
