package bench

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
)

// BenchmarkMarket computes each value of the market's page once, over 30 days, on a
// year of 1,000,000 sales of 5,000 items, and all of them one after the other: the
// budget of the page is 500 ms, that of all prices 150 ms. One of 50
// days of items has offsetting trade.
func BenchmarkMarket(b *testing.B) {
	w := cache.WindowAt(time.Date(2026, 6, 30, 18, 20, 0, 0, time.UTC), 30*time.Second)
	db := testkit.Postgres(b)
	build(b, db, w, 1000)
	tradeOver(b, db, w, 1_000_000, 5000, 365)
	// The ledger begins with its sales.
	if _, err := db.Exec(b.Context(), `INSERT INTO activity_hours SELECT min(hour), 1, 2, 1, 1 FROM item_hours ON CONFLICT DO NOTHING`); err != nil {
		b.Fatal(err)
	}
	markSome(b, db)
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
	}
	onPage := 4 // of panels
	measure := func(b *testing.B, run func() error) {
		var took []time.Duration
		for b.Loop() {
			for range 5 {
				took = append(took, timed(func() {
					if err := run(); err != nil {
						b.Fatal(err)
					}
				}))
			}
		}
		b.ReportMetric(ms(median(took)), "ms/recompute")
		b.ReportMetric(0, "ns/op")
	}
	for _, p := range panels {
		b.Run(p.name, func(b *testing.B) { measure(b, func() error { return p.compute(b.Context(), db) }) })
	}
	b.Run("page", func(b *testing.B) {
		measure(b, func() error {
			for _, p := range panels[:onPage] {
				if err := p.compute(b.Context(), db); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func last[T any](_ T, err error) error { return err }
