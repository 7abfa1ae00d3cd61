package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
)

// BenchmarkReplica reads from the primary alone, and by a Reader whose replica has all that
// is committed, in turns: what it costs to ask both servers first. Beside writes there are
// a hundred commits a second.
func BenchmarkReplica(b *testing.B) {
	w := cache.WindowAt(time.Now(), pageWindow)
	primary := testkit.OwnPostgres(b, "synchronous_commit=on")
	own, err := postgres.Open(b.Context(), primary.URL, postgres.Options{StatementTimeout: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer own.Close()
	build(b, own, w, 50_000)
	its, err := postgres.OpenReplica(b.Context(), primary.Replica().URL, postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer its.Close()
	reader := postgres.NewReader(own, its)
	reads := []struct {
		name  string
		times int
		read  func(*pgxpool.Pool)
	}{
		{"account", 400, func(db *pgxpool.Pool) {
			var balance int64
			if err := db.QueryRow(b.Context(), `SELECT balance FROM accounts JOIN balances ON account = id WHERE ref = 'a5000'`).Scan(&balance); err != nil {
				b.Fatal(err)
			}
		}},
		{"stats", 200, func(db *pgxpool.Pool) { must(aggregates.ComputeStats(b.Context(), db, w, aggregates.StatsQuery{}))(b) }},
		{"overview", 40, func(db *pgxpool.Pool) { must(aggregates.ComputeOverview(b.Context(), db, w, 30))(b) }},
	}
	for _, writes := range []bool{false, true} {
		for _, r := range reads {
			b.Run(fmt.Sprintf("%s/writes=%t", r.name, writes), func(b *testing.B) {
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				if writes {
					defer keepWriting(ctx, own)()
					defer cancel()
				}
				ready := reader.Chosen(postgres.ReplicaReady)
				var alone, by []time.Duration
				for b.Loop() {
					for range r.times {
						alone = append(alone, timed(func() { r.read(own) }))
						by = append(by, timed(func() { r.read(reader.Pool(b.Context())) }))
					}
				}
				b.ReportMetric(ms(median(alone)), "ms/primary")
				b.ReportMetric(ms(median(by)), "ms/replica")
				b.ReportMetric(ms(p99(by)), "p99-ms/replica")
				b.ReportMetric(float64(median(by))/float64(median(alone)), "ratio")
				b.ReportMetric(100*float64(reader.Chosen(postgres.ReplicaReady)-ready)/float64(len(by)), "%by-the-replica")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// keepWriting commits something every 10 ms until ctx ends, and returns what waits for that.
func keepWriting(ctx context.Context, db *pgxpool.Pool) (wait func()) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			_, _ = db.Exec(ctx, `UPDATE accounts SET name = name WHERE ref = 'a5000'`)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return func() { <-over }
}
