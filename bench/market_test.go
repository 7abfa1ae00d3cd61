package bench

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
)

// BenchmarkMarket computes each value of the market's page once, over 30 days, on a
// year of 1,000,000 sales of 5,000 items, and on four times as many sales of the same
// items in the same year; then all of them as a cold page does, at the same time and
// through their memos. The budget of the page is 500 ms, that of all prices 150 ms,
// and four times the sales shall cost 1.3 times as much. It reports the time, and the
// CPU time of this process and the database's, which says more on a busy machine. One of 50
// days of items of the small one has offsetting trade.
func BenchmarkMarket(b *testing.B) {
	w := cache.WindowAt(time.Now(), 30*time.Second)
	small, large := testkit.Postgres(b), testkit.Postgres(b)
	for db, times := range map[*pgxpool.Pool]int{small: 1, large: 4} {
		build(b, db, w, 1000)
		tradeOver(b, db, w, 1_000_000*times, 5000, 365)
		// The ledger begins with its sales.
		if _, err := db.Exec(b.Context(), `INSERT INTO activity_hours SELECT min(hour), 1, 2, 1, 1 FROM item_hours ON CONFLICT DO NOTHING`); err != nil {
			b.Fatal(err)
		}
	}
	markSome(b, small)
	none := aggregates.NoParams{}
	panels := []struct {
		name    string
		compute func(context.Context, *pgxpool.Pool) error
	}{
		{"market", func(ctx context.Context, db *pgxpool.Pool) error {
			return last(aggregates.ComputeMarket(ctx, db, w, aggregates.MarketQuery{Days: 30}))
		}},
		{"index", func(ctx context.Context, db *pgxpool.Pool) error {
			return last(aggregates.ComputePriceIndex(ctx, db, w, aggregates.MarketQuery{Days: 30}))
		}},
		{"movers", func(ctx context.Context, db *pgxpool.Pool) error {
			return last(aggregates.ComputeMovers(ctx, db, w, 30))
		}},
		{"gaps", func(ctx context.Context, db *pgxpool.Pool) error {
			return last(aggregates.ComputeGaps(ctx, db, w, none))
		}},
		{"prices", func(ctx context.Context, db *pgxpool.Pool) error {
			return last(aggregates.ComputePrices(ctx, db, w, none))
		}},
		{"market with", func(ctx context.Context, db *pgxpool.Pool) error {
			return last(aggregates.ComputeMarket(ctx, db, w, aggregates.MarketQuery{Days: 30, With: true}))
		}},
		{"items", func(ctx context.Context, db *pgxpool.Pool) error {
			return last(aggregates.ComputeItems(ctx, db, w, 30))
		}},
		{"page", coldMarket},
	}
	for _, p := range panels {
		b.Run(p.name, func(b *testing.B) {
			run := func(db *pgxpool.Pool) (took, cpu time.Duration) {
				before := usedFor(b, db)
				took = timed(func() {
					if err := p.compute(b.Context(), db); err != nil {
						b.Fatal(err)
					}
				})
				return took, usedFor(b, db) - before
			}
			run(small)
			run(large)
			var once, fourfold []time.Duration
			var cpu, fourfoldCPU time.Duration
			runs := 0
			for b.Loop() {
				for range 5 {
					took, used := run(small)
					once, cpu = append(once, took), cpu+used
					took, used = run(large)
					fourfold, fourfoldCPU = append(fourfold, took), fourfoldCPU+used
					runs++
				}
			}
			b.ReportMetric(ms(median(once)), "ms/recompute")
			b.ReportMetric(ms(median(fourfold)), "ms/recompute-4x")
			b.ReportMetric(ms(cpu)/float64(runs), "cpu-ms/recompute")
			if cpu > 0 { // in ticks of 10 ms
				b.ReportMetric(float64(fourfoldCPU)/float64(cpu), "times-cpu-at-4x")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// coldMarket reads what the market's page shows, from an empty cache.
func coldMarket(ctx context.Context, db *pgxpool.Pool) error {
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Log: slog.New(slog.DiscardHandler)})
	defer c.Close(ctx)
	api := aggregates.NewAPI(c, db)
	var page errgroup.Group
	page.Go(func() error { return last(api.Market.Get(ctx, aggregates.MarketQuery{Days: 30})) })
	page.Go(func() error { return last(api.Index.Get(ctx, aggregates.MarketQuery{Days: 30})) })
	page.Go(func() error { return last(api.Movers.Get(ctx, 30)) })
	page.Go(func() error { return last(api.Gaps.Get(ctx, aggregates.NoParams{})) })
	return page.Wait()
}

// usedFor returns the CPU time that this process and the database's processes that serve
// db have used.
func usedFor(b *testing.B, db *pgxpool.Pool) time.Duration {
	b.Helper()
	rows, _ := db.Query(b.Context(), `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		b.Fatal(err)
	}
	return usage(b, append(pids, os.Getpid())).cpu
}

func last[T any](_ T, err error) error { return err }
