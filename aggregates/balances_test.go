package aggregates

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
	"exchequer/ledger"
)

// TestSharedBalancesAreThoseOfTheLedger asks twice while another producer runs, and
// once after a payment.
func TestSharedBalancesAreThoseOfTheLedger(t *testing.T) {
	db, w := village(t)
	balances := &balanceShare{}
	read := sharing(balances, func(ctx context.Context, _ cache.Window, _ NoParams) (sheet *balanceSheet, err error) {
		err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
			sheet, err = readBalances(ctx, tx)
			return err
		})
		return sheet, err
	})
	var first *balanceSheet
	alongside := sharing(balances, func(ctx context.Context, w cache.Window, p NoParams) (bool, error) {
		first = must(read(ctx, w, p))
		return must(read(ctx, w, p)) == first, nil
	})
	if !must(alongside(t.Context(), w, NoParams{})) {
		t.Error("a producer of the same moment read the balances again")
	}
	if balances.last != nil {
		t.Error("balances are kept that no producer needs")
	}
	const pay = `UPDATE balances SET balance = balance + 5 WHERE account = (SELECT min(id) FROM accounts JOIN balances ON account = id WHERE NOT issuer)`
	if _, err := db.Exec(t.Context(), pay); err != nil {
		t.Fatal(err)
	}
	before, _ := first.supply()
	after, _ := must(read(t.Context(), w, NoParams{})).supply()
	if after != before.Add(5) {
		t.Errorf("after a payment of 5 the others hold %s, before it %s", after, before)
	}
}

func TestAHolderHasWhatHisAccountsHave(t *testing.T) {
	end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	never, gone := int64(1<<62), end.UnixMicro()
	sheet := &balanceSheet{holders: 2, accounts: []holding{
		{holder: 0, kind: "personal", balance: 7, postings: 1, last: -5, archived: never},
		{holder: 0, kind: "business", balance: 1, postings: 2, last: -9, archived: never},
		{holder: 0, kind: "personal", balance: 100, postings: 4, last: 50, archived: gone},
		{holder: 1, kind: "system", issuer: true, balance: -108, postings: 7, last: 50, archived: never},
	}}
	want := []holderHolding{{accounts: 2, balance: ledger.SumOf(8), postings: 3, last: -5}, {}}
	for i, got := range sheet.byHolder(end, nil) {
		if got != want[i] {
			t.Errorf("holder %d: %+v, want %+v", i, got, want[i])
		}
	}
	if held, issued := sheet.supply(); held != issued || held != ledger.SumOf(108) {
		t.Errorf("held %s, issued %s, want 108 of both", held, issued)
	}
}
