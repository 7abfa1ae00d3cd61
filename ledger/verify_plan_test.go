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

const fillActivity = `
	SELECT add_months('{2026-02-01,2026-03-01}'::date[]);
	INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n, now(), NULL, n <= 3, '' FROM generate_series(1, 2000) n;
	INSERT INTO transactions SELECT n, timestamptz '2026-02-01' + n * interval '10 minutes', 's', '', 'o', n::text FROM generate_series(1, 2000) n;
	INSERT INTO postings SELECT id % 3 + 1, at, id, 1, -5 FROM transactions;
	INSERT INTO postings SELECT id % 1900 + 10, at, id, 2, 5 FROM transactions;
	ANALYZE;`

// Repair and verify read the record in parts. Each reads its own rows, however Postgres
// would join them.
func TestAPartOfTheRecordIsReadByItsRows(t *testing.T) {
	db := testkit.Postgres(t)
	if _, err := db.Exec(t.Context(), fillActivity); err != nil {
		t.Fatal(err)
	}
	rows, _ := db.Query(t.Context(), `EXPLAIN (ANALYZE, TIMING OFF) `+partOfRecord, 100, 1100)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if plan := strings.Join(lines, "\n"); err != nil || regexp.MustCompile(`Seq Scan on (postings|accounts)`).MatchString(plan) {
		t.Errorf("a part reads all postings or accounts, %v:\n%s", err, plan)
	}
}

// The planner takes whatever is grouped by transaction for 200 rows, and may join two of
// these row by row, as it did with 470,000 transactions and a work_mem of 64 MB.
func TestActivityIsScannedInProportionHoweverItIsJoined(t *testing.T) {
	db := testkit.Postgres(t)
	const transactions = 2000
	if _, err := db.Exec(t.Context(), fillActivity); err != nil {
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
