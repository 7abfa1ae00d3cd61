package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
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
			if n, ok := v.(pgtype.Numeric); ok {
				var sum ledger.Sum
				err = errors.Join(err, sum.ScanNumeric(n))
				v = sum
			}
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
	for _, table := range []string{"settings", "accounts", "items", "holders", "account_names", "merges", "events", "shops", "offers", "offer_changes", "item_offer_hours", "transactions", "refs", "postings", "sales",
		"balances", "activity_hours", "flow_hours", "flow_largest", "account_days", "item_hours", "trader_days", "price_days", "counterparty_days", "day_snapshots"} {
		tables[table] = rowsOf(t, db, "SELECT r::text FROM "+table+" r ORDER BY r::text")
	}
	return tables
}

func grant() ledger.Batch {
	b := village()
	b.Transactions = []ledger.Transaction{transaction("grant", noon, ledger.Posting{"mint", -1000}, ledger.Posting{"ann", 1000})}
	b.Sales = []ledger.Sale{{Origin: "test", Ref: "s", At: noon, Item: "bread", Direction: ledger.DirectionSale, Quantity: 1, Total: 5}}
	return b
}

// blocked waits until a backend of the application waits for a lock.
func blocked(t *testing.T, db *pgxpool.Pool, application string) (pid int) {
	t.Helper()
	for range 2000 {
		err := db.QueryRow(t.Context(), `SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'`, application).Scan(&pid)
		if err == nil {
			return pid
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("no backend waits for a lock")
	return 0
}

func open(t *testing.T, url, application string) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, postgres.Options{ApplicationName: application})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
