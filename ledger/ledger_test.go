package ledger_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// rowsOf returns the rows of a query, their values written with spaces between.
func rowsOf(t testing.TB, db *pgxpool.Pool, query string) []string {
	t.Helper()
	rows, _ := db.Query(t.Context(), query)
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		var words []string
		for _, v := range values {
			words = append(words, fmt.Sprint(v))
		}
		return strings.Join(words, " "), err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return lines
}

func wantSound(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	report, err := l.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Differences {
		t.Error(d)
	}
}

// dump is every row of every table.
func dump(t testing.TB, db *pgxpool.Pool) map[string][]string {
	t.Helper()
	tables := map[string][]string{}
	for _, table := range []string{"settings", "accounts", "items", "shops", "transactions", "refs", "postings", "sales",
		"balances", "activity_hours", "flow_hours", "account_days", "item_hours", "day_snapshots"} {
		tables[table] = rowsOf(t, db, "SELECT r::text FROM "+table+" r ORDER BY r::text")
	}
	return tables
}
