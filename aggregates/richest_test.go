package aggregates

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	e := &Economy{reads: always(db), now: time.Now}
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

// The panel reads only accounts that may be among the richest: with equal balances,
// debts, merged and archived accounts they are those with which the whole list begins.
func TestTheRichestAreThoseWithWhichTheListBegins(t *testing.T) {
	for seed := range uint64(4) {
		db, w := village(t)
		random := rand.New(rand.NewPCG(seed, 1))
		var b ledger.Batch
		for n := range 120 {
			ref := fmt.Sprintf("p%d", n)
			a := ledger.Account{Ref: ref, Kind: ledger.Personal, Opened: at(t, "03-01 00:00")}
			if n%17 == 3 {
				a.Archived = at(t, "03-11 09:00")
			}
			b.Accounts = append(b.Accounts, a)
			if n%19 == 5 {
				continue // never used
			}
			amount := 1 + random.Int64N(6)*50
			b.Transactions = append(b.Transactions, ledger.Transaction{
				Origin: "test", Ref: ref, At: at(t, "03-10 12:00"), Source: "grant",
				Postings: []ledger.Posting{{Account: "mint", Amount: -amount}, {Account: ref, Amount: amount}},
			})
		}
		for range 8 * seed {
			from, to := random.IntN(120), random.IntN(120)
			free := func(n int) bool {
				return !slices.ContainsFunc(b.Merges, func(m ledger.Merge) bool { return m.Account == fmt.Sprintf("p%d", n) })
			}
			target := slices.ContainsFunc(b.Merges, func(m ledger.Merge) bool { return m.Into == fmt.Sprintf("p%d", from) })
			if from != to && free(from) && free(to) && !target {
				b.Merges = append(b.Merges, ledger.Merge{Account: fmt.Sprintf("p%d", from), Into: fmt.Sprintf("p%d", to)})
			}
		}
		appendBatch(t, db, b)
		got, err := ComputeRichest(t.Context(), db, w, NoParams{})
		if err != nil {
			t.Fatal(err)
		}
		var want []RichAccount
		if err := (&Economy{reads: always(db), now: func() time.Time { return w.Start }}).AllAccounts(t.Context(), func(a RichAccount) error {
			want = append(want, a)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[:richest], got.Accounts); diff != "" || int(got.Count) != len(want) {
			t.Errorf("seed %d: %d of %d accounts (-listed +richest):\n%s", seed, got.Count, len(want), diff)
		}
	}
}
