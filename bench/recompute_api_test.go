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
			_, err := aggregates.ComputeMarket(ctx, db, w, aggregates.MarketQuery{Days: 30})
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

// trade writes the rollups of that many sales of 1,000 items, of some much more
// than of others, evenly over the 30 days that end with w's start. It returns
// the number of rows by hour.
func trade(b *testing.B, db *pgxpool.Pool, w cache.Window, sales int) (rows int) {
	b.Helper()
	return tradeOver(b, db, w, sales, 1000, 30)
}

// tradeOver writes the rollups of sales of that many items over that many days. An
// item is sold at 20 prices, as by as many shops, by 300 accounts. Rows lie in the order
// of time, as appends write them.
func tradeOver(b *testing.B, db *pgxpool.Pool, w cache.Window, sales, items, days int) (rows int) {
	b.Helper()
	start := w.Start.Truncate(24*time.Hour).AddDate(0, 0, 1-days)
	conn, err := db.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	for _, query := range []string{
		`SET statement_timeout = 0`,
		fmt.Sprintf(`INSERT INTO items (id, ref, name, grouping) SELECT n, 'i' || n, 'Item ' || n, 'Group ' || n %% 9 FROM generate_series(1, %d) AS n`, items),
		fmt.Sprintf(`
			CREATE TEMPORARY TABLE drawn AS
			SELECT item, quantity, (10 + item %% 90) * (90 + floor(20 * random()))::bigint AS price, at, trader,
				date_trunc('hour', at, 'UTC') AS hour, (at AT TIME ZONE 'UTC')::date AS day
			FROM (
				SELECT 1 + floor(%d * random() ^ 3)::bigint AS item, 1 + floor(10 * random())::bigint AS quantity,
					2 + floor(300 * random())::bigint AS trader, timestamptz '%s' + random() * interval '%d seconds' AS at
				FROM generate_series(1, %d)) AS drawn`, items, start.Format(time.RFC3339), int(w.Start.Sub(start).Seconds()), sales),
		`INSERT INTO item_hours (item, hour, sales, quantity, volume, other_lines, other_quantity, other_volume,
				open, high, low, close, open_at, open_sale, close_at, close_sale)
			SELECT item, hour, count(*), sum(quantity), sum(price * quantity), 0, 0, 0,
				min(price), max(price), min(price), max(price), hour, 1, hour, 2
			FROM drawn GROUP BY item, hour ORDER BY hour`,
		`INSERT INTO item_days SELECT item, day, count(*), sum(quantity), sum(price * quantity), 0, 0, 0, max(price), min(price) FROM drawn GROUP BY item, day ORDER BY day`,
		`INSERT INTO price_days SELECT item, day, price, 1, count(*), sum(quantity), sum(price * quantity) FROM drawn GROUP BY item, day, price ORDER BY day`,
		`INSERT INTO trader_days SELECT item, day, trader, 'buyer', count(*), sum(quantity), sum(price * quantity) FROM drawn GROUP BY item, day, trader ORDER BY day`,
		fmt.Sprintf(`INSERT INTO item_offer_hours
			SELECT item, timestamptz '%s' - n * interval '7 hours', 100, 90, 3, 2, 100 FROM generate_series(1, %d) AS item, generate_series(1, 20) AS n`,
			w.Start.Truncate(time.Hour).Format(time.RFC3339), items),
		`DROP TABLE drawn`,
		`VACUUM (ANALYZE) item_hours, item_days, price_days, trader_days, item_offer_hours, items`,
		`RESET ALL`,
	} {
		if _, err := conn.Exec(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.QueryRow(b.Context(), `SELECT count(*) FROM item_hours`).Scan(&rows); err != nil {
		b.Fatal(err)
	}
	return rows
}
