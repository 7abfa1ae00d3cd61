package aggregates_test

import (
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestALedgerWithoutPersonalAccountsIsMeasuredByItsFirms(t *testing.T) {
	db := testkit.Postgres(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	batch := ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "council", Kind: ledger.System}, {Ref: "baker", Kind: ledger.Business}, {Ref: "mason", Kind: ledger.Business},
		},
		Transactions: []ledger.Transaction{
			{Origin: "t", Ref: "1", At: at, Source: "payment", Postings: []ledger.Posting{{Account: "council", Amount: -30}, {Account: "baker", Amount: 30}}},
			{Origin: "t", Ref: "2", At: at, Source: "payment", Postings: []ledger.Posting{{Account: "council", Amount: -10}, {Account: "mason", Amount: 10}}},
		},
	}
	if _, err := ledger.New(db).Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	w := cache.WindowAt(at.Add(time.Hour), time.Minute)
	v, err := aggregates.ComputeInequality(t.Context(), db, w, aggregates.PopulationPersonal)
	if err != nil {
		t.Fatal(err)
	}
	if v.Population != aggregates.PopulationPrivate || v.Holders != 2 || v.Gini.Value != 0.25 {
		t.Errorf("population %s, %d holders, Gini %v; want private, 2 and 0.25", v.Population, v.Holders, v.Gini)
	}
}
