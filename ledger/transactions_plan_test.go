package ledger

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
)

// planned keeps the plans of the queries of a connection.
type planned struct {
	pgx.Tx
	plans []string
}

func (p *planned) explain(ctx context.Context, query string, args []any) error {
	rows, _ := p.Tx.Query(ctx, "EXPLAIN "+query, args...)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	p.plans = append(p.plans, strings.Join(lines, "\n"))
	return err
}

func (p *planned) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	if err := p.explain(ctx, query, args); err != nil {
		return nil, err
	}
	return p.Tx.Query(ctx, query, args...)
}

func (p *planned) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	_ = p.explain(ctx, query, args) // the query fails as well
	return p.Tx.QueryRow(ctx, query, args...)
}

// indexed fails the test for every plan that scans a large table or sorts many rows.
func (p *planned) indexed(t *testing.T, what string) {
	t.Helper()
	for _, plan := range p.plans {
		for _, table := range []string{"transactions", "postings", "sales", "refs", "accounts", "account_days"} {
			if scanned(plan, table, "2026_03") || scanned(plan, table, "2026_02") && table == "account_days" || strings.Contains(plan, "Bitmap Heap Scan on transactions") {
				t.Errorf("%s scans %s:\n%s", what, table, plan)
			}
		}
	}
}

// A page costs the same however large the ledger is.
func TestTransactionsAreReadByIndexes(t *testing.T) {
	testkit.NotOnCitus(t, "the plan of a node is not in that of the coordinator")
	db := testkit.Postgres(t)
	const fill = `
		SELECT add_months('{2026-02-01,2026-03-01}'::date[]);
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(1, 50000) n;
		INSERT INTO transactions SELECT n, '2026-03-01'::timestamptz + n * interval '1 second', CASE WHEN n % 5000 = 0 THEN 'rare' ELSE 'often' END, 'for services', 'test', n FROM generate_series(1, 40000) n;
		INSERT INTO refs SELECT ref, origin, 't', id FROM transactions;
		INSERT INTO postings SELECT CASE WHEN n % 2 = 0 THEN 1 ELSE n % 5000 + 1 END, at, n, 0, -5 FROM transactions, LATERAL (SELECT id AS n) x;
		INSERT INTO postings SELECT (n + 7) % 5000 + 1, at, n, 1, 5 FROM transactions, LATERAL (SELECT id AS n) x;
		INSERT INTO account_days SELECT account, at::date, sum(greatest(amount, 0)), sum(greatest(-amount, 0)), count(*) FROM postings GROUP BY 1, 2;
		INSERT INTO account_days SELECT n, '2026-02-01', 0, 0, 0 FROM generate_series(1, 5000) n;
		INSERT INTO items VALUES (1, 'bread', 'Bread');
		INSERT INTO sales (item, at, id, direction, quantity, total, tax, transaction, origin, ref) SELECT 1, at, id, 'sale', 1, 1, 0, id, 'test', id FROM transactions;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `VACUUM ANALYZE`); err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	within := func(what string, read func(p *planned) error) {
		t.Helper()
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := &planned{Tx: tx}
		if err := read(p); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		p.indexed(t, what)
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for what, f := range map[string]EntryFilter{
		"all":                        {},
		"a period":                   {Since: noon.Add(-time.Hour), Until: noon},
		"a source":                   {Source: "rare"},
		"a common source, period":    {Source: "often", Since: noon.Add(-time.Hour), Until: noon},
		"a text":                     {Text: "nothing"},
		"an amount":                  {Least: 10},
		"kinds":                      {From: Side{Kind: Business}, To: Side{Kind: Personal}},
		"an account":                 {Account: "r1"},
		"an account, source, period": {Account: "r3", Source: "rare", Since: noon.Add(-time.Hour), Until: noon},
		"all together":               {Account: "r1", Source: "often", Text: "services", Least: 1, From: Side{Kind: Personal}, Since: noon.Add(-3 * time.Hour), Until: noon},
	} {
		within(what, func(p *planned) error {
			r := &entryReader{db: p, filter: f, at: End()}
			if !f.Until.IsZero() {
				r.at = Before(f.Until)
			}
			if f.Account != "" {
				if err := r.findAccount(t.Context(), nil); err != nil {
					return err
				}
			}
			began := time.Now()
			err := r.read(t.Context(), 50)
			t.Logf("%s: %d rows of %d in %v, with its plans", what, len(r.found.Entries), r.found.Looked, time.Since(began).Round(time.Millisecond))
			return err
		})
	}
	within("one transaction", func(p *planned) error {
		read, err := readTransaction(t.Context(), p, "test", "20000", FirstLeg, 50)
		if err == nil && (len(read.Sales) != 1 || read.Next == nil || read.Legs[0].After != nil || read.Legs[1].After == nil) {
			t.Errorf("the transaction is %+v", read)
		}
		return err
	})
	within("no transaction", func(p *planned) error {
		_, err := readTransaction(t.Context(), p, "test", "nothing", FirstLeg, 50)
		return err
	})
}
