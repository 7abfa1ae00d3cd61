package aggregates

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// checkMarkedSales compares what is said of single sales with a scan of the marks, with
// what the prices leave out, and with what accounts are said to have traded so.
func checkMarkedSales(t *testing.T, db *pgxpool.Pool, w cache.Window) {
	t.Helper()
	type sale struct {
		SaleKey
		item            string
		quantity, total int64
		scanned         bool
	}
	const scan = `
		SELECT s.id, s.at, i.ref, s.quantity, s.total, s.quantity > 0 AND s.total > 0 AND EXISTS (
			SELECT FROM offsetting_pairs p WHERE p.item = s.item AND p.seller = s.seller AND p.buyer = s.buyer AND p.day = (s.at AT TIME ZONE 'UTC')::date)
		FROM sales s JOIN items i ON i.id = s.item`
	rows, _ := db.Query(t.Context(), scan)
	sales, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s sale, err error) {
		err = row.Scan(&s.ID, &s.At, &s.item, &s.quantity, &s.total, &s.scanned)
		return s, err
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, want := make([]SaleKey, len(sales)), map[int64]bool{}
	for i, s := range sales {
		if keys[i] = s.SaleKey; s.scanned {
			want[s.ID] = true
		}
	}
	got, err := MarkedSales(t.Context(), db, time.UTC, keys)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("marked sales (-scanned +read):\n%s", diff)
	}
	prices, err := ComputePrices(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]int64{}
	for _, i := range prices.Items {
		for _, s := range sales {
			if s.item == i.ID && !got[s.ID] && i.Price.LeavesOut(s.At, s.quantity, s.total, prices.Period, time.UTC) {
				left[i.ID]++
			}
		}
		if left[i.ID] != i.Price.Excluded {
			t.Errorf("%d sales of %s are said to be left out of its price, which leaves out %d", left[i.ID], i.ID, i.Price.Excluded)
		}
	}
	checkMarkedTrade(t, db, w)
}

// checkMarkedTrade compares what accounts traded so with a scan.
func checkMarkedTrade(t *testing.T, db *pgxpool.Pool, w cache.Window) {
	t.Helper()
	const scan = `
		SELECT a.ref, sum(p.sales)::bigint, sum(p.volume) FROM offsetting_pairs p CROSS JOIN LATERAL (VALUES (seller), (buyer)) AS side (account)
		LEFT JOIN merges m ON m.account = side.account JOIN accounts a ON a.id = coalesce(m.target, side.account) GROUP BY a.ref`
	rows, _ := db.Query(t.Context(), scan)
	var ref string
	var of MarkedTrade
	want := map[string]MarkedTrade{}
	if _, err := pgx.ForEachRow(rows, []any{&ref, &of.Sales, &of.Volume}, func() error { want[ref] = of; return nil }); err != nil {
		t.Fatal(err)
	}
	for ref, of := range want {
		a, err := ComputeAccount(t.Context(), db, w, AccountQuery{Account: ref})
		if err != nil {
			t.Fatal(err)
		}
		if a != nil && a.Marked != of { // nil: hidden
			t.Errorf("%s traded %+v so, want %+v", ref, a.Marked, of)
		}
	}
}

// The day of a sale is that of the community, not that of UTC.
func TestSalesAreMarkedByTheCommunitysDays(t *testing.T) {
	zone := time.FixedZone("east", 10*60*60)
	args := markedSalesArgs(zone, []SaleKey{{1, at(t, "03-05 13:59")}, {2, at(t, "03-05 14:00")}})
	days := args["days"].([]time.Time)
	if days[0].Day() != 5 || days[1].Day() != 6 {
		t.Errorf("the days are %v", days)
	}
}

func TestMarksOfSalesAreReadByIndexes(t *testing.T) {
	db := testkit.Postgres(t)
	const fill = `
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', '', 'r' || n, now(), NULL, false, '' FROM generate_series(10, 1000) n;
		INSERT INTO items (id, ref, name) SELECT n, 'i' || n, '' FROM generate_series(1, 500) n;
		INSERT INTO sales (item, at, id, seller, buyer, direction, quantity, total, tax, origin, ref)
			SELECT n % 500 + 1, now() - n * interval '1 minute', n, n % 900 + 10, n % 800 + 10, 'sale', 1, 10, 0, 'o', n::text FROM generate_series(1, 60000) n;
		INSERT INTO offsetting_pairs SELECT n % 500 + 1, '2026-01-01'::date + n % 90, n, n % 700, 'pair', 1, 1, 1 FROM generate_series(1, 40000) n;
		INSERT INTO offsetting_traders SELECT n % 500 + 1, '2026-01-01'::date + n % 90, n % 9000, CASE WHEN n % 2 = 0 THEN 'seller' ELSE 'buyer' END, 1, 1, 1 FROM generate_series(1, 40000) n ON CONFLICT DO NOTHING;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	keys := make([]SaleKey, 500)
	for i := range keys {
		keys[i] = SaleKey{int64(i + 1), time.Now()}
	}
	rows, _ := db.Query(t.Context(), `EXPLAIN `+markedSalesQuery, markedSalesArgs(time.UTC, keys))
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if plan := strings.Join(lines, "\n"); err != nil || strings.Contains(plan, "Seq Scan") {
		t.Errorf("marks of sales: %v\n%s", err, plan)
	}
	rows, _ = db.Query(t.Context(), `EXPLAIN `+markedTradeQuery, 12, at(t, "01-01 00:00"), at(t, "03-01 00:00"))
	lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
	if plan := strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, "offsetting_traders_account") {
		t.Errorf("trade of an account: %v\n%s", err, plan)
	}
}
