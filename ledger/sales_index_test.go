package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
)

// A page of sales must cost the same however many an item has.
func TestAnItemsSalesAreReadByTheirIndex(t *testing.T) {
	db := testkit.Postgres(t)
	for _, sql := range []string{
		`INSERT INTO items VALUES (1, 'bread', 'Bread'), (2, 'iron', 'Iron')`,
		`INSERT INTO sales (item, at, id, direction, quantity, total, tax, origin, ref)
			SELECT 1 + n % 2, '2026-03-01'::timestamptz + n * interval '1 second', n, 'sale', 1, 1, 0, 'test', n FROM generate_series(1, 20000) n`,
		`ANALYZE`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	before := SaleCursor{At: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}
	rows, _ := db.Query(t.Context(), "EXPLAIN "+itemSalesQuery, itemSalesArgs("bread", before, 50))
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(plan, "\n"); strings.Contains(text, "Seq Scan on sales") || !strings.Contains(text, "sales_pkey") {
		t.Errorf("the sales are read without their index:\n%s", text)
	}
}
