package bench

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// BenchmarkHolders computes the panels of the home page that are about holders, all at once
// with nothing in the cache, from ledgers of as many transactions as accounts: by reading all
// balances, and from what the fold keeps, also with what 10,000 transactions changed since.
// What grows with the ledger is to be seen by comparing its sizes.
func BenchmarkHolders(b *testing.B) {
	for _, accounts := range []int{200_000, 2_000_000} {
		b.Run(fmt.Sprintf("%d", accounts), func(b *testing.B) {
			w := cache.WindowAt(time.Now(), 30*time.Second)
			db, err := postgres.Open(b.Context(), testkit.PostgresURL(b), postgres.Options{StatementTimeout: 10 * time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			buildOf(b, db, w, accounts, accounts)
			if _, err := db.Exec(b.Context(), `SELECT setval('transaction_ids', (SELECT max(id) FROM transactions)), setval('account_ids', (SELECT max(id) FROM accounts))`); err != nil {
				b.Fatal(err)
			}
			if _, err := aggregates.UpdateSnapshots(b.Context(), db, time.Now(), aggregates.DefaultExact); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(ms(foldHolders(b, db)), "first-fold-ms")
			for b.Loop() {
				for _, how := range []struct {
					name  string
					exact aggregates.ExactUpTo
				}{{"balances", 1 << 40}, {"tallies", 0}} {
					took, peak := panelsOfHolders(b, db, how.exact)
					b.ReportMetric(ms(took), how.name+"-ms")
					b.ReportMetric(float64(peak)/1e6, how.name+"-MB")
					b.ReportMetric(ms(whoMoved(b, db, how.exact)), how.name+"-moved-ms")
				}
				payMany(b, db, accounts)
				took, _ := panelsOfHolders(b, db, 0)
				b.ReportMetric(ms(took), "tallies-and-10000-ms")
				b.ReportMetric(ms(foldHolders(b, db)), "fold-of-10000-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func foldHolders(b *testing.B, db *pgxpool.Pool) time.Duration {
	b.Helper()
	if _, err := db.Exec(b.Context(), `UPDATE holder_fold SET at = '-infinity', whole_at = '-infinity'`); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if folded, err := ledger.FoldHolders(b.Context(), db, 0); err != nil || !folded {
		b.Fatal(folded, err)
	}
	return time.Since(began)
}

// panelsOfHolders computes the panels, and returns how long that took and by how much the
// heap grew at most.
func panelsOfHolders(b *testing.B, db *pgxpool.Pool, exact aggregates.ExactUpTo) (took time.Duration, peak uint64) {
	b.Helper()
	c := cache.New(cache.Deps{Store: cache.NewMemory()})
	defer c.Close(context.Background())
	economy := aggregates.NewEconomy(c, db, exact)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, done := m.HeapAlloc, make(chan struct{})
	var sampling, panels sync.WaitGroup
	sampling.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	})
	began := time.Now()
	wait := func(name string, get func() error) {
		panels.Go(func() {
			if err := get(); err != nil {
				b.Errorf("%s: %v", name, err)
			}
		})
	}
	wait("overview", func() error { _, err := economy.Overview.Get(b.Context(), 30); return err })
	wait("inequality", func() error {
		_, err := economy.Inequality.Get(b.Context(), aggregates.InequalityQuery{Population: aggregates.PopulationPersonal})
		return err
	})
	wait("wealth by kind", func() error { _, err := economy.WealthByKind.Get(b.Context(), aggregates.NoParams{}); return err })
	wait("richest", func() error { _, err := economy.Richest.Get(b.Context(), aggregates.NoParams{}); return err })
	wait("bridge", func() error { _, err := economy.Bridge.Get(b.Context(), 30); return err })
	wait("ladder", func() error { _, err := economy.Ladder.Get(b.Context(), aggregates.PopulationPersonal); return err })
	panels.Wait()
	took = time.Since(began)
	close(done)
	sampling.Wait()
	return took, peak - min(peak, before)
}

// whoMoved computes how money is shared out among the holders who moved.
func whoMoved(b *testing.B, db *pgxpool.Pool, exact aggregates.ExactUpTo) time.Duration {
	b.Helper()
	c := cache.New(cache.Deps{Store: cache.NewMemory()})
	defer c.Close(context.Background())
	economy := aggregates.NewEconomy(c, db, exact)
	began := time.Now()
	if _, err := economy.Inequality.Get(b.Context(), aggregates.InequalityQuery{Population: aggregates.PopulationPersonal, Counted: aggregates.CountedMoved}); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// payMany appends 10,000 transactions between different accounts.
func payMany(b *testing.B, db *pgxpool.Pool, accounts int) {
	b.Helper()
	batch := ledger.Batch{}
	at := time.Now().Add(-time.Minute)
	for n := range 10_000 {
		payer := 1000 + n*37%(accounts-2000)
		batch.Transactions = append(batch.Transactions, ledger.Transaction{
			Origin: "many", Ref: fmt.Sprint(at.UnixNano(), " ", n), At: at, Source: "gift",
			Postings: []ledger.Posting{{Account: fmt.Sprint("a", payer), Amount: -1}, {Account: fmt.Sprint("a", payer+1), Amount: 1}},
		})
	}
	if w, err := ledger.New(db).Append(b.Context(), batch); err != nil || w.Transactions != 10_000 {
		b.Fatal(w, err)
	}
}
