package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

// BenchmarkRepair measures how long verify and repair take on a million postings of
// 20,000 accounts in a year, and how long an append waits meanwhile: for a repair
// that finds half of the days of accounts wrong, and for one that changes an issuer.
func BenchmarkRepair(b *testing.B) {
	file := payments(b, 500_000)
	m, err := importer.Parse([]byte(mapping))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		db := testkit.Postgres(b)
		l := ledger.New(db)
		if _, err := importer.Run(b.Context(), importer.Options{Ledger: l, Mapping: m, Files: []string{file}}); err != nil {
			b.Fatal(err)
		}
		if _, err := aggregates.UpdateSnapshots(b.Context(), db, time.Now(), aggregates.DefaultExact); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		b.ReportMetric(seconds(b, func() error { return verified(b.Context(), l) }), "verify-s")
		statement(b, db, `UPDATE account_days SET sent = sent + 1 WHERE account % 2 = 0`)
		repair(b, db, "repair", nil)
		repair(b, db, "issuer", &ledger.IssuerChange{Account: "player 7", Issuer: true})
		if err := verified(b.Context(), l); err != nil {
			b.Fatal(err)
		}
	}
}

// repair reports how long a repair takes, and how long the slowest append waits.
func repair(b *testing.B, db *pgxpool.Pool, name string, change *ledger.IssuerChange) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	var longest time.Duration
	var appends sync.WaitGroup
	appends.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			began := time.Now()
			_, err := ledger.New(db).Append(b.Context(), ledger.Batch{Transactions: []ledger.Transaction{{
				Origin: name, Ref: fmt.Sprint(i), At: began, Source: "payment",
				Postings: []ledger.Posting{{Account: "player 1", Amount: -1}, {Account: "player 2", Amount: 1}},
			}}})
			if err != nil {
				b.Error(err)
				return
			}
			longest = max(longest, time.Since(began))
			time.Sleep(20 * time.Millisecond)
		}
	})
	took := seconds(b, func() error {
		_, err := ledger.New(db).Repair(b.Context(), ledger.Repair{Issuer: change,
			Snapshots: func(ctx context.Context, tx pgx.Tx, from time.Time) (time.Time, error) {
				return aggregates.RemakeSnapshots(ctx, tx, from, time.Now())
			},
		})
		return err
	})
	stop()
	appends.Wait()
	b.ReportMetric(took, name+"-s")
	b.ReportMetric(longest.Seconds(), name+"-wait-s")
}

func seconds(b *testing.B, f func() error) float64 {
	b.Helper()
	began := time.Now()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began).Seconds()
}

func verified(ctx context.Context, l *ledger.Ledger) error {
	report, err := l.Verify(ctx)
	if err == nil && !report.OK() {
		err = fmt.Errorf("the ledger is wrong: %v", report.Differences[0])
	}
	return err
}

func statement(b *testing.B, db *pgxpool.Pool, query string) {
	b.Helper()
	if _, err := db.Exec(b.Context(), query); err != nil {
		b.Fatal(err)
	}
}
