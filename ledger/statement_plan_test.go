package ledger

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
)

// explained keeps the plans of the queries of a connection.
type explained struct {
	db    queryer
	plans []string
}

func (e *explained) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	rows, _ := e.db.Query(ctx, "EXPLAIN "+query, args...)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	e.plans = append(e.plans, strings.Join(lines, "\n"))
	return e.db.Query(ctx, query, args...)
}

func (e *explained) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	if rows, err := e.Query(ctx, query, args...); err == nil {
		rows.Close()
	}
	return e.db.QueryRow(ctx, query, args...)
}

// scanned reports whether a plan reads a whole table, or the part of it that is a month:
// what else a test has made of a ledger that is divided is empty.
func scanned(plan, table, month string) bool {
	return strings.Contains(plan, "Seq Scan on "+table+" ") || strings.Contains(plan, "Seq Scan on "+table+"_"+month)
}

// A page of a statement costs the same however many postings there are.
func TestAStatementReadsIndexes(t *testing.T) {
	testkit.NotOnCitus(t, "the plan of a node is not in that of the coordinator")
	db := testkit.Postgres(t)
	const fill = `
		SELECT add_months('{2026-02-01,2026-03-01}'::date[]);
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(1, 4000) n;
		INSERT INTO balances SELECT n, 5, '2026-02-01', 1, '2026-02-01' FROM generate_series(1, 4000) n;
		INSERT INTO transactions SELECT n, timestamptz '2026-02-01' + n * interval '1 minute', 's', 'words', 'o', n::text FROM generate_series(1, 20000) n;
		INSERT INTO postings SELECT CASE n % 2 WHEN 0 THEN 7 ELSE n % 3000 + 10 END, timestamptz '2026-02-01' + n * interval '1 minute', n, 1, 5 FROM generate_series(1, 20000) n;
		INSERT INTO account_days SELECT account, at::date, sum(amount), 0, count(*) FROM postings GROUP BY 1, 2;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	for _, q := range []StatementQuery{
		{}, {From: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)}, {Source: "s"}, {Text: "words", Least: 2}, {With: "r8"}, {With: "name 9"},
	} {
		q.Account, q.Before, q.Limit = "r7", Before(time.Date(2026, 2, 9, 0, 0, 0, 0, time.UTC)), 50
		e := &explained{db: db}
		s := &statementReading{StatementQuery: q, Statement: &Statement{}}
		if err := s.read(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if q.With == "" && len(s.Lines) != 50 {
			t.Errorf("%+v: %d lines", q, len(s.Lines))
		}
		for _, plan := range e.plans {
			for _, table := range []string{"accounts", "balances", "transactions", "postings", "account_days"} {
				if scanned(plan, table, "2026_02") {
					t.Errorf("%+v scans %s:\n%s", q, table, plan)
				}
			}
		}
	}
}
