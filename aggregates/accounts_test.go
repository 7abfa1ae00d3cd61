package aggregates

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
	"exchequer/ledger"
)

func TestStatsAreNewAsSoonAsTheLedgerIsWritten(t *testing.T) {
	db, _ := village(t)
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Policies: map[string]cache.Policy{"stats": {Window: 1000 * time.Hour}}})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	// One window, however long the test takes: only a write makes it new.
	stats := NewStats(c, db)
	personal := StatsQuery{Kind: ledger.Personal, Status: "active"}
	ask := func() StatsRow {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		res, err := stats.Get(ctx, personal)
		if err != nil {
			t.Fatal(err)
		}
		return res.Value.Rows[0]
	}
	want := StatsRow{Kind: ledger.Personal, Status: "active", Accounts: 4, Balance: ledger.SumOf(270), Transactions: 8}
	if diff := cmp.Diff(want, ask()); diff != "" {
		t.Fatalf("before (-want +got):\n%s", diff)
	}
	// As in a server: the tags of an append are invalidated when it has committed.
	onChange := func(ctx context.Context, change ledger.Change) {
		for _, tag := range change.Tags {
			if err := c.Invalidate(ctx, cache.Soft, cache.Tag(tag)); err != nil {
				t.Error(err)
			}
		}
	}
	record := ledger.New(db, onChange)
	write := func(b ledger.Batch) {
		t.Helper()
		if _, err := record.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	soon := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			got := ask()
			if got == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("after %s: %+v, want %+v", what, got, want)
			}
		}
	}
	write(ledger.Batch{Transactions: []ledger.Transaction{{
		Origin: "test", Ref: "late", At: at(t, "03-11 10:40"), Source: "test",
		Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: "dan", Amount: 5}},
	}}})
	want.Balance = want.Balance.Add(5)
	want.Transactions++
	soon("a transaction")
	write(ledger.Batch{Accounts: []ledger.Account{{Ref: "eve", Kind: ledger.Personal, Opened: at(t, "03-11 10:45")}}})
	want.Accounts++
	soon("an account")
}
