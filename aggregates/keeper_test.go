package aggregates_test

import (
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/internal/testkit"
)

// What a keeper sold is what the page of the shop calls sales: returns and gifts are none.
func TestAKeeperSoldWhatTheShopsPageCounts(t *testing.T) {
	db := testkit.Postgres(t)
	since := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	exec := func(sql string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`
		INSERT INTO accounts SELECT n, 'a' || n, 'personal', 'A' || n, 'a' || n, now(), NULL, false, '' FROM generate_series(1, 3) n;
		INSERT INTO merges VALUES (2, 1);
		INSERT INTO items VALUES (1, 'bread', 'Bread');
		INSERT INTO shops (id, ref, place, owner, active, seen) SELECT n, 's' || n, '', n, true, now() FROM generate_series(1, 3) n;
		INSERT INTO sales (item, at, id, shop, direction, quantity, total, tax, origin, ref)
		SELECT 1, timestamptz '2026-02-01Z' + n * interval '1 second', n, n % 2 + 1, 'sale', 2, 10, 0, 'o', n::text FROM generate_series(0, 19999) n;
		INSERT INTO sales (item, at, id, shop, direction, quantity, total, tax, origin, ref)
		SELECT 1, '2026-02-02Z', 30000 + row_number() OVER (), shop, direction, quantity, total, 0, 'x', 'x' || row_number() OVER ()
		FROM (VALUES (1, 'sale', -2, -10), (1, 'sale', 3, 0), (2, 'purchase', 2, 10), (3, 'sale', 2, 10)) AS x (shop, direction, quantity, total)`)
	want := func(total string, cut bool) {
		t.Helper()
		k, err := aggregates.ReadKeeper(t.Context(), db, []string{"a1"}, since)
		if err != nil {
			t.Fatal(err)
		}
		if len(k.Sold) != 1 || k.Sold[0].Sales != 20_000 || k.Sales != 20_000 || k.Total.String() != total || k.Sold[0].Quantity.String() != "40000" || k.Cut != cut {
			t.Errorf("sold %+v, %d sales of %v, cut: %v; want 20000 of %s, cut: %v", k.Sold, k.Sales, k.Total, k.Cut, total, cut)
		}
	}
	want("200000", false)
	exec(`INSERT INTO sales (item, at, id, shop, direction, quantity, total, tax, origin, ref) VALUES (1, '2026-02-03Z', 50000, 1, 'sale', 2, 15, 0, 'o', 'last')`)
	want("200005", true) // the latest ones

	exec(`INSERT INTO items SELECT n, 'i' || n, 'Item ' || n FROM generate_series(2, 60) n`)
	exec(`INSERT INTO sales (item, at, id, shop, direction, quantity, total, tax, origin, ref) SELECT n, '2026-02-03Z', 60000 + n, 3, 'sale', 1, n, 0, 'o', 'i' || n FROM generate_series(2, 60) n`)
	k, err := aggregates.ReadKeeper(t.Context(), db, []string{"a3"}, since)
	if err != nil {
		t.Fatal(err)
	}
	if len(k.Sold) != 50 || k.Kinds != 60 || k.Sales != 60 {
		t.Errorf("%d items of %d, %d sales; want 50 of 60, 60 sales", len(k.Sold), k.Kinds, k.Sales)
	}
}
