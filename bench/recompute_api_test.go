package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
)

// BenchmarkRecomputeAPI computes each value of the API once, over 30 days, on 890,000
// postings and 120,000 sales of 1,000 items, and on four times as many of both in the
// same days, accounts and items. The cost follows hours, kinds, accounts, and the
// hours in which an item was sold. The latter are bounded by items times hours, but
// grow with trade; the benchmark reports them.
func BenchmarkRecomputeAPI(b *testing.B) {
	w := cache.WindowAt(time.Date(2026, 6, 30, 18, 20, 0, 0, time.UTC), 30*time.Second)
	small, large := testkit.Postgres(b), testkit.Postgres(b)
	rows := map[*pgxpool.Pool]int{}
	for db, times := range map[*pgxpool.Pool]int{small: 1, large: 4} {
		build(b, db, w, 445_000*times)
		rows[db] = trade(b, db, w, 120_000*times)
	}
	for _, p := range []struct {
		name    string
		compute func(context.Context, *pgxpool.Pool) error
	}{
		{"stats", func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := aggregates.ComputeStats(ctx, db, w, aggregates.StatsQuery{})
			return err
		}},
		{"flow", func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := aggregates.ComputeFlow(ctx, db, w, 30)
			return err
		}},
		{"market", func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := aggregates.ComputeMarket(ctx, db, w, 30)
			return err
		}},
		{"health", func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := aggregates.ComputeHealth(ctx, db, w, 30)
			return err
		}},
		{"item", func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := aggregates.ComputeItem(ctx, db, w, aggregates.ItemQuery{Item: "i1", Days: 30})
			return err
		}},
		{"account", func(ctx context.Context, db *pgxpool.Pool) error {
			_, err := aggregates.ComputeAccount(ctx, db, w, aggregates.AccountQuery{Account: "a2", Days: 30})
			return err
		}},
	} {
		b.Run(p.name, func(b *testing.B) {
			run := func(db *pgxpool.Pool) time.Duration {
				return timed(func() {
					if err := p.compute(b.Context(), db); err != nil {
						b.Fatal(err)
					}
				})
			}
			run(small)
			run(large)
			var once, fourfold []time.Duration
			for b.Loop() {
				for range 15 {
					once, fourfold = append(once, run(small)), append(fourfold, run(large))
				}
			}
			b.ReportMetric(ms(median(once)), "ms/recompute")
			b.ReportMetric(ms(median(fourfold)), "ms/recompute-4x")
			b.ReportMetric(ms(median(fourfold))/ms(median(once)), "times-at-4x")
			b.ReportMetric(float64(rows[large])/float64(rows[small]), "times-item-hours")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// trade writes the rollup of that many sales of 1,000 items, of some much more
// than of others, evenly over the 30 days that end with w's start. It returns
// the number of its rows.
func trade(b *testing.B, db *pgxpool.Pool, w cache.Window, sales int) (rows int) {
	b.Helper()
	start := w.Start.Truncate(24*time.Hour).AddDate(0, 0, -29)
	for _, query := range []string{
		`INSERT INTO items (id, ref, name) SELECT n, 'i' || n, 'Item ' || n FROM generate_series(1, 1000) AS n`,
		fmt.Sprintf(`
			INSERT INTO item_hours (item, hour, sales, quantity, volume, other_lines, other_quantity, other_volume,
				open, high, low, close, open_at, open_sale, close_at, close_sale)
			SELECT item, hour, count(*), sum(quantity), sum(price * quantity), 0, 0, 0,
				min(price), max(price), min(price), max(price), hour, 1, hour, 2
			FROM (
				SELECT 1 + floor(1000 * random() ^ 3)::bigint AS item, 1 + floor(10 * random())::bigint AS quantity,
					1 + floor(1000 * random())::bigint AS price,
					date_trunc('hour', timestamptz '%s' + random() * interval '%d seconds', 'UTC') AS hour
				FROM generate_series(1, %d)) AS drawn
			GROUP BY item, hour`, start.Format(time.RFC3339), int(w.Start.Sub(start).Seconds()), sales),
		`VACUUM (ANALYZE) item_hours`,
	} {
		if _, err := db.Exec(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.QueryRow(b.Context(), `SELECT count(*) FROM item_hours`).Scan(&rows); err != nil {
		b.Fatal(err)
	}
	return rows
}
