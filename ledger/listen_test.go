package ledger_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestListenersHearOfAnAppendAndOutliveTheirConnection(t *testing.T) {
	db := testkit.Postgres(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan []string, 16)
	failed := make(chan error, 16)
	var listener sync.WaitGroup
	listener.Go(func() {
		ledger.Listen(ctx, db.Config().ConnConfig,
			func(tags []string) { heard <- tags }, func(err error) { failed <- err })
	})
	defer listener.Wait()
	defer cancel()

	expect := func(what, tag string) {
		t.Helper()
		select {
		case tags := <-heard:
			for _, got := range tags {
				if got == tag {
					return
				}
			}
			t.Fatalf("%s: heard %v, want %q among them", what, tags, tag)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: heard nothing", what)
		}
	}
	expect("after connecting", "sales")

	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	batch := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ada", Kind: ledger.Personal}},
		Transactions: []ledger.Transaction{{Origin: "test", Ref: "1", At: at, Source: "grant", Postings: []ledger.Posting{
			{Account: "mint", Amount: -5}, {Account: "ada", Amount: 5}}}},
	}
	if _, err := ledger.New(db).Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	expect("after an append", "ledger")

	const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN%'`
	if _, err := db.Exec(t.Context(), kill); err != nil {
		t.Fatal(err)
	}
	select {
	case <-failed:
	case <-time.After(10 * time.Second):
		t.Fatal("a broken connection was not reported")
	}
	expect("after the connection broke and came back", "ledger")
}
