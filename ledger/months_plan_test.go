package ledger

import (
	"context"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
)

// executed keeps which months of postings the queries of a connection have read.
type executed struct {
	pgx.Tx
	months []string
}

var scannedMonth = regexp.MustCompile(`(?:Scan using|Scan|on) [^\n]*?\bpostings_(\d{4}_\d{2}|before_\d{4}_\d{2})(?:[a-z_]*) [^\n]*?\(actual|(?:on) postings_(\d{4}_\d{2}|before_\d{4}_\d{2})\b[^\n]*\(actual`)

func (e *executed) explain(ctx context.Context, query string, args []any) error {
	rows, _ := e.Tx.Query(ctx, "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) "+query, args...)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, line := range lines {
		if found := scannedMonth.FindStringSubmatch(line); found != nil {
			e.months = append(e.months, found[1]+found[2])
		}
	}
	return err
}

func (e *executed) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	if err := e.explain(ctx, query, args); err != nil {
		return nil, err
	}
	return e.Tx.Query(ctx, query, args...)
}

func (e *executed) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	_ = e.explain(ctx, query, args) // the query fails as well
	return e.Tx.QueryRow(ctx, query, args...)
}

// What is read of a ledger of two years follows the months in which it is.
func TestOneTransactionAndOnePageReadFewMonths(t *testing.T) {
	testkit.NotOnCitus(t, "a ledger there is not divided")
	testkit.NotByMonth(t, "it is divided")
	db := testkit.Postgres(t)
	const fill = `
		SELECT bound_months('2024-01-01'); SELECT check_months(); SELECT divide_months();
		SELECT add_months(ARRAY(SELECT m::date FROM generate_series(timestamp '2024-01-01', '2025-12-01', '1 month') m));
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(1, 2000) n;
		INSERT INTO balances SELECT n, 5, '2025-12-01', 1, '2024-01-01' FROM generate_series(1, 2000) n;
		INSERT INTO transactions SELECT n, timestamptz '2024-01-01Z' + n * interval '17 minutes', 'trade', 'words', 'test', n FROM generate_series(1, 60000) n;
		INSERT INTO refs SELECT ref, origin, 't', id FROM transactions;
		INSERT INTO postings SELECT CASE id % 4 WHEN 0 THEN 7 ELSE id % 1500 + 10 END, at, id, 0, -5 FROM transactions;
		INSERT INTO postings SELECT (id + 7) % 1500 + 10, at, id, 1, 5 FROM transactions;
		INSERT INTO account_days SELECT account, (at AT TIME ZONE 'UTC')::date, sum(greatest(amount, 0)), sum(greatest(-amount, 0)), count(*) FROM postings GROUP BY 1, 2;`
	for _, query := range []string{fill, `VACUUM ANALYZE`} {
		if _, err := db.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	reads := func(what string, want []string, read func(e *executed) error) {
		t.Helper()
		tx, err := db.BeginTx(t.Context(), newestFirst)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback(context.WithoutCancel(t.Context()))
		e := &executed{Tx: tx}
		if err := read(e); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		slices.Sort(e.months)
		if got := slices.Compact(e.months); !slices.Equal(got, want) {
			t.Errorf("%s reads %v, want %v", what, got, want)
		}
	}
	page := func(before time.Time, q StatementQuery) func(e *executed) error {
		return func(e *executed) error {
			q.Account, q.Before, q.Limit = "r7", Before(before), 50
			s := &statementReading{StatementQuery: q, Statement: &Statement{}}
			err := s.read(t.Context(), e)
			if len(s.Lines) != 50 {
				t.Errorf("%d lines", len(s.Lines))
			}
			return err
		}
	}
	reads("a transaction", []string{"2024_12"}, func(e *executed) error {
		p, err := readTransaction(t.Context(), e, "test", "29000", FirstLeg, 50)
		if err == nil && len(p.Legs) != 2 {
			t.Errorf("the transaction is %+v", p)
		}
		return err
	})
	reads("a page of a statement", []string{"2024_09"}, page(time.Date(2024, 9, 20, 0, 0, 0, 0, time.UTC), StatementQuery{}))
	reads("a page with a filter", []string{"2024_01", "2024_02"}, page(time.Date(2024, 2, 20, 0, 0, 0, 0, time.UTC), StatementQuery{Source: "trade", From: time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)}))
	for what, f := range map[string]EntryFilter{"all transactions": {}, "those of an account": {Account: "r7"}} {
		reads(what, []string{"2025_03"}, func(e *executed) error {
			r := &entryReader{db: e, filter: f, at: Before(time.Date(2025, 3, 28, 0, 0, 0, 0, time.UTC))}
			if f.Account != "" {
				if err := r.findAccount(t.Context(), nil); err != nil {
					return err
				}
			}
			return r.read(t.Context(), 50)
		})
	}
}
