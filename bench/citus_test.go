package bench

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// BenchmarkCitus compares a ledger in a plain schema of a Citus coordinator with one that
// is whole on a node. They take turns, so that other load on the machine affects both.
func BenchmarkCitus(b *testing.B) {
	plain, node := testkit.CitusLedgers(b)
	ledgers := []struct {
		name string
		db   *pgxpool.Pool
	}{{"plain", plain}, {"node", node}}
	accounts := ledger.Batch{Accounts: make([]ledger.Account, 2000)}
	for i := range accounts.Accounts {
		accounts.Accounts[i] = ledger.Account{Ref: accountRef(i), Kind: ledger.Kinds()[i%3]}
	}
	accounts.Accounts[0].Kind = ledger.System
	for day := range 62 { // so that every panel has something
		accounts.Transactions = append(accounts.Transactions, ledger.Transaction{
			Origin: "bench", Ref: fmt.Sprint("grant ", day), At: time.Now().AddDate(0, 0, day-62), Source: "grant",
			Postings: []ledger.Posting{{Account: accountRef(0), Amount: -1_000_000}, {Account: accountRef(3 + 3*day), Amount: 1_000_000}},
		})
	}
	for _, l := range ledgers {
		if _, err := ledger.New(l.db).Append(b.Context(), accounts); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		for _, load := range []struct{ writers, size int }{{1, 1}, {1, 20}, {1, 1000}, {8, 1}, {8, 20}, {8, 1000}} {
			rates := map[string]float64{}
			const rounds = 3
			for range rounds {
				for _, l := range ledgers {
					rates[l.name] += appendFor(b, l.db, load.writers, load.size, 2*time.Second) / rounds
				}
			}
			for _, l := range ledgers {
				b.ReportMetric(rates[l.name], fmt.Sprintf("%s-%dx%d/s", l.name, load.writers, load.size))
			}
		}
		w := cache.WindowAt(time.Now(), 30*time.Second)
		took := map[string][]time.Duration{}
		for range 7 {
			for _, l := range ledgers {
				took[l.name] = append(took[l.name], timed(func() { recompute(b, l.db, w) }))
			}
		}
		for _, l := range ledgers {
			b.ReportMetric(ms(median(took[l.name])), "ms/recompute-"+l.name)
			report, err := ledger.New(l.db).Verify(b.Context())
			if err != nil || !report.OK() {
				b.Fatalf("%s: Verify found %v, %v", l.name, report.Differences, err)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}

// appendFor returns how many transactions a second so many writers append in batches.
func appendFor(b *testing.B, db *pgxpool.Pool, writers, size int, lasts time.Duration) float64 {
	b.Helper()
	var written atomic.Int64
	began := time.Now()
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(rand.Uint64(), 1))
			for time.Since(began) < lasts {
				batch := ledger.Batch{Transactions: make([]ledger.Transaction, size)}
				for i := range batch.Transactions {
					from := random.IntN(2000)
					to := (from + 1 + random.IntN(1999)) % 2000
					batch.Transactions[i] = ledger.Transaction{
						Origin: "bench", Ref: fmt.Sprintf("%016x", random.Uint64()), At: time.Now().Add(-time.Second), Source: sources[random.IntN(len(sources))],
						Postings: []ledger.Posting{{Account: accountRef(from), Amount: -5}, {Account: accountRef(to), Amount: 5}},
					}
				}
				if _, err := ledger.New(db).Append(b.Context(), batch); err != nil {
					b.Error(err)
					return
				}
				written.Add(int64(size))
			}
		})
	}
	running.Wait()
	return float64(written.Load()) / time.Since(began).Seconds()
}
