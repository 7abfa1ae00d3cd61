package ledger

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
)

// The planner takes whatever is grouped by transaction for 200 rows, and may join two of
// these row by row, as it did with 470,000 transactions and a work_mem of 64 MB.
func TestActivityIsScannedInProportionHoweverItIsJoined(t *testing.T) {
	db := testkit.Postgres(t)
	const transactions = 2000
	const fill = `
		SELECT add_months('{2026-02-01,2026-03-01}'::date[]);
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n, now(), NULL, n <= 3, '' FROM generate_series(1, 2000) n;
		INSERT INTO transactions SELECT n, timestamptz '2026-02-01' + n * interval '10 minutes', 's', '', 'o', n::text FROM generate_series(1, 2000) n;
		INSERT INTO postings SELECT id % 3 + 1, at, id, 1, -5 FROM transactions;
		INSERT INTO postings SELECT id % 1900 + 10, at, id, 2, 5 FROM transactions;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	for _, r := range rollups() {
		if r.table != "activity_hours" {
			continue
		}
		var plan string
		err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off`); err != nil {
				return err
			}
			all, err := stretches(t.Context(), tx, time.UTC)
			if err != nil {
				return err
			}
			for _, s := range all {
				rows, _ := tx.Query(t.Context(), `EXPLAIN (ANALYZE, TIMING OFF) `+r.scan, s.args(LocalTimeArgs(time.UTC, time.Time{}, time.Now())))
				lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if err != nil {
					return err
				}
				plan += strings.Join(lines, "\n")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, removed := range regexp.MustCompile(`Rows Removed by Join Filter: (\d+)`).FindAllStringSubmatch(plan, -1) {
			if n, _ := strconv.Atoi(removed[1]); n > 10*transactions {
				t.Errorf("%d pairs of %d transactions are compared:\n%s", n, transactions, plan)
			}
		}
	}
}
