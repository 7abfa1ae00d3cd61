package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
)

// markSome marks half of what was sold on one of 50 days of items.
func markSome(b *testing.B, db *pgxpool.Pool) {
	b.Helper()
	conn, err := db.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	const statements = `
		SET statement_timeout = 0;
		INSERT INTO offsetting_days SELECT item, day, sales / 2, div(quantity, 2), div(volume, 2), sales, high, low
			FROM item_days WHERE hashint8(item) % 50 = extract(doy FROM day)::int % 50 AND sales > 1;
		INSERT INTO offsetting_hours SELECT item, hour, (hour AT TIME ZONE 'UTC')::date, h.sales / 2, div(h.quantity, 2), div(h.volume, 2), h.sales, open, h.high, h.low, close, close_at
			FROM item_hours h JOIN offsetting_days o USING (item) WHERE o.day = (hour AT TIME ZONE 'UTC')::date AND h.sales > 1;
		INSERT INTO offsetting_prices SELECT p.item, p.day, price, pieces, p.sales / 2, div(p.quantity, 2), div(p.volume, 2)
			FROM price_days p JOIN offsetting_days USING (item, day) WHERE p.sales > 1;
		INSERT INTO offsetting_traders SELECT t.item, t.day, account, side, 1, 1, 1 FROM trader_days t JOIN offsetting_days USING (item, day);
		VACUUM ANALYZE offsetting_days; VACUUM ANALYZE offsetting_hours; VACUUM ANALYZE offsetting_prices; VACUUM ANALYZE offsetting_traders;
		RESET ALL`
	for _, statement := range strings.Split(statements, ";") {
		if _, err := conn.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	var days int
	if err := db.QueryRow(b.Context(), `SELECT count(*) FROM offsetting_days`).Scan(&days); err != nil || days == 0 {
		b.Fatalf("%d days of items are marked, %v", days, err)
	}
	b.Logf("%d days of items are marked", days)
}

// BenchmarkOffsetting judges 1,000,000 sales of a year, of 500 items by 3,000 accounts,
// of which one in 50 is of a pair that trades there and back, and then ten more.
func BenchmarkOffsetting(b *testing.B) {
	w := cache.WindowAt(time.Date(2026, 6, 30, 18, 20, 0, 0, time.UTC), 30*time.Second)
	db := testkit.Postgres(b)
	conn, err := db.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, statement := range strings.Split(`
		SET statement_timeout = 0;
		INSERT INTO accounts (id, ref, kind, issuer, name, holder, opened)
			SELECT n, 'a' || n, 'personal', false, 'a' || n, 'a' || n, '2020-01-01' FROM generate_series(1, 3000) AS n;
		INSERT INTO sales (item, at, id, seller, buyer, direction, quantity, total, tax, origin, ref)
			SELECT 1 + floor(500 * random() ^ 3)::bigint, timestamptz '2026-06-30 18:00Z' - (1000000 - n) * interval '31 seconds', n,
				1 + floor(300 * random())::bigint, 1 + floor(3000 * random())::bigint, 'sale', q, q * (90 + floor(20 * random())::bigint), 0, 'bench', n
			FROM (SELECT n, 1 + floor(10 * random())::bigint AS q FROM generate_series(1, 1000000) AS n) AS drawn;
		UPDATE sales SET item = 490 + id / 50 % 10, seller = 2990 + id / 50 % 2, buyer = 2991 - id / 50 % 2, quantity = 5, total = 500 WHERE id % 50 = 0;
		VACUUM ANALYZE sales; RESET ALL`, ";") {
		if _, err := conn.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	conn.Release()
	judge := func(b *testing.B) {
		var judged int
		took := timed(func() {
			if judged, err = aggregates.UpdateOffsetting(b.Context(), db); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(ms(took), "ms")
		b.ReportMetric(float64(judged), "sales")
		b.ReportMetric(0, "ns/op")
	}
	b.Run("all", judge)
	const more = `
		INSERT INTO sales (item, at, id, seller, buyer, direction, quantity, total, tax, origin, ref)
		SELECT 1 + floor(500 * random() ^ 3)::bigint, $1, 1000000 + n, 1 + floor(300 * random())::bigint, 1 + floor(3000 * random())::bigint, 'sale', 1, 100, 0, 'bench', n
		FROM generate_series(1, 10) AS n`
	if _, err := db.Exec(b.Context(), more, w.Start); err != nil {
		b.Fatal(err)
	}
	b.Run("ten more", judge)
}
