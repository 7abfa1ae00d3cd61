package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func payment(ref string) ledger.Batch {
	return ledger.Batch{Transactions: []ledger.Transaction{transaction(ref, noon, ledger.Posting{"mint", -1}, ledger.Posting{"ann", 1})}}
}

// Many callers at once, of whom some send what is wrong, what is known, or what another
// one sends too: each learns what became of its own, and few commits write all.
func TestWhatManySendOneByOneIsWrittenTogether(t *testing.T) {
	db := testkit.Postgres(t)
	var commits atomic.Int64
	l := ledger.New(db, func(context.Context, ledger.Change) { commits.Add(1) })
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), payment("known")); err != nil {
		t.Fatal(err)
	}
	commits.Store(0)
	g := ledger.NewGatherer(l)
	const callers, rounds = 64, 8
	var first, again atomic.Int64 // of those with a shared ref
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			for round := range rounds {
				ref := fmt.Sprint(caller, " ", round)
				b, wrong, want := payment(ref), false, ledger.Written{Transactions: 1, Postings: 2}
				shared := false
				switch caller % 8 {
				case 0:
					b.Transactions[0].Postings[1].Account, wrong = "nobody", true
				case 1:
					b.Transactions[0].Postings[1].Amount, wrong = 2, true
				case 2:
					b, want = payment("known"), ledger.Written{SkippedTransactions: 1}
				case 3:
					b, shared = payment(fmt.Sprint("shared ", round)), true
				case 4:
					b.Sales = []ledger.Sale{{Origin: "test", Ref: ref, At: noon, Item: "bread", Direction: ledger.DirectionSale, Quantity: 1, Total: 5, Transaction: ref}}
					want.Sales = 1
				}
				w, err := g.Append(t.Context(), b)
				switch refused := (*ledger.BatchError)(nil); {
				case wrong:
					if !errors.As(err, &refused) || len(refused.Problems) != 1 || refused.Problems[0].Ref != ref {
						t.Errorf("%s: %v, want a BatchError of it alone", ref, err)
					}
				case err != nil:
					t.Errorf("%s: %v", ref, err)
				case shared:
					first.Add(int64(w.Transactions))
					again.Add(int64(w.SkippedTransactions))
				case w != want:
					t.Errorf("%s: %+v, want %+v", ref, w, want)
				}
			}
		})
	}
	calling.Wait()
	if first.Load() != rounds || again.Load() != rounds*(callers/8-1) {
		t.Errorf("of what eight callers send at once %d were new and %d known, want %d and %d", first.Load(), again.Load(), rounds, rounds*(callers/8-1))
	}
	const written = 4*rounds*callers/8 + rounds
	if n := commits.Load(); n > written/2 {
		t.Errorf("%d commits for %d transactions, want few", n, written)
	}
	wantRows(t, db, `SELECT count(*) FROM transactions`, fmt.Sprint(written+1))
	wantSound(t, l)
}

// One who leaves before the turn writes nothing, and holds up nobody.
func TestWhoLeavesBeforeTheTurnWritesNothing(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	lock, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback(context.WithoutCancel(t.Context()))
	if _, err := lock.Exec(t.Context(), `LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	g := ledger.NewGatherer(l)
	results := make(chan error, 3)
	for i := range 2 { // as many groups as are written beside each other
		go func() {
			_, err := g.Append(t.Context(), payment(fmt.Sprint("waits ", i)))
			results <- err
		}()
		for waiting := 0; waiting <= i; time.Sleep(time.Millisecond) {
			if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
				t.Fatal(err)
			}
		}
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, err := g.Append(left, payment("left")); !errors.Is(err, context.Canceled) {
		t.Errorf("Append of one who left: %v", err)
	}
	go func() {
		_, err := g.Append(t.Context(), payment("last"))
		results <- err
	}()
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	wantRows(t, db, `SELECT ref FROM transactions ORDER BY ref`, "last", "waits 0", "waits 1")
}
