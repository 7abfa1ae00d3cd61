package aggregates

import (
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// Where the tables are large, prices are read from item to item: no rollup of sales is
// scanned, and the rows of an item with offsetting trade are joined with its own marks.
func TestPricesReadIndexes(t *testing.T) {
	testkit.NotOnCitus(t, "the plan of a node is not in that of the coordinator")
	db := testkit.Postgres(t)
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}}})
	const fill = `
		INSERT INTO items (id, ref, name) SELECT n, 'i' || n, 'Thing ' || n FROM generate_series(1, 500) n;
		INSERT INTO price_days SELECT n % 500 + 1, '2026-01-01'::date + (n / 500) % 180, 100 + n % 7, 1, 2, 2, 200 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO trader_days SELECT n % 500 + 1, '2026-01-01'::date + (n / 500) % 180, n % 11, 'buyer', 2, 2, 200 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO item_hours SELECT n % 500 + 1, '2026-01-01 12:00Z'::timestamptz + (n / 500) % 180 * interval '1 day', 2, 2, 200, 0, 0, 0, 100, 106, 100, 106, '2026-01-01', 1, '2026-01-01', 2 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO offsetting_days SELECT item, day, 1, 1, 100, 2, 100, 100 FROM price_days WHERE item % 50 = 0 ON CONFLICT DO NOTHING;
		INSERT INTO offsetting_prices SELECT item, day, price, pieces, 1, 1, 100 FROM price_days WHERE item % 50 = 0;
		INSERT INTO offsetting_traders SELECT item, day, account, side, 1, 1, 100 FROM trader_days WHERE item % 50 = 0;
		ANALYZE`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	p := &planned{Tx: tx}
	today := time.Date(2026, 6, 29, 0, 0, 0, 0, time.UTC)
	s := span{Days: 30, First: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Today: today, Start: plus(today, -29), End: plus(today, 1), Through: plus(today, 1)}
	prices, err := readPrices(t.Context(), p, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(prices) != 500 {
		t.Fatalf("%d prices, want 500", len(prices))
	}
	// Half of the sales of every 50th item is marked.
	if plain, marked := prices[1].Sales, prices[50].Sales; plain != 14 || marked != 7 {
		t.Errorf("%d and %d sales count, want 14, and 7 where half of them are marked", plain, marked)
	}
	for _, plan := range p.plans {
		for _, table := range []string{"price_days", "trader_days", "item_hours", "offsetting_days", "offsetting_prices", "offsetting_traders"} {
			if strings.Contains(plan, "Seq Scan on "+table) {
				t.Errorf("all of %s is read:\n%s", table, plan)
			}
		}
	}
}
