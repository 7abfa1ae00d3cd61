package aggregates

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// planned keeps the plans of the queries of a connection.
type planned struct {
	pgx.Tx
	plans []string
}

func (p *planned) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	rows, _ := p.Tx.Query(ctx, "EXPLAIN "+query, args...)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	p.plans = append(p.plans, strings.Join(lines, "\n"))
	return p.Tx.Query(ctx, query, args...)
}

// Where the tables are large, a search scans none of them, and reads the offers of
// an item in the order of their price.
func TestASearchReadsIndexes(t *testing.T) {
	db := testkit.Postgres(t)
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}}})
	const fill = `
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(10, 20000) n;
		INSERT INTO items (id, ref, name) SELECT n, 'i' || n, 'Thing ' || n FROM generate_series(1, 5000) n;
		INSERT INTO shops (id, ref, place, owner, world, x, y, z, active, seen) SELECT n, 's' || n, '', n + 10, 'w', n * 7 % 5000, 64, n * 13 % 5000, true, now() FROM generate_series(1, 8000) n;
		INSERT INTO offers (id, shop, ref, item, ask, bid, batch, stock, capacity, active, seen)
			SELECT n, n % 8000 + 1, 'o' || n, CASE WHEN n % 2 = 0 THEN 7 ELSE n % 5000 + 1 END, n % 900 + 100, n % 90, 1, n % 60, 64, true, now() FROM generate_series(1, 40000) n;
		INSERT INTO sales (item, at, id, shop, direction, quantity, total, tax, origin, ref) SELECT n % 5000 + 1, now() - n * interval '1 minute', n, n % 8000 + 1, 'sale', 1, 10, 0, 'o', n::text FROM generate_series(1, 60000) n;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	shops := &Shops{Worlds: []WorldShops{{World: "w"}}}
	for _, q := range []FindQuery{
		{Item: "i7"}, {Item: "i7", Sell: true}, {Item: "thing"}, {Item: "i7", Owner: "Name 50"}, {After: "s3"}, {Owner: "r50"},
		{Near: "100, 100", Within: 250}, {Item: "nothing"},
	} {
		q.Amount = 1
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := &planned{Tx: tx}
		f := &Found{Query: q}
		f.locate(shops)
		if err := f.read(t.Context(), p, listedShops); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, plan := range p.plans {
			if strings.Contains(plan, "Seq Scan on offers") || strings.Contains(plan, "Seq Scan on shops") || strings.Contains(plan, "Seq Scan on items") || strings.Contains(plan, "Seq Scan on accounts") {
				t.Errorf("%+v scans a table:\n%s", q, plan)
			}
			if q.Item == "i7" && q.Owner == "" && strings.Contains(plan, "offers o") && !strings.Contains(plan, "offers_asks") && !strings.Contains(plan, "offers_bids") {
				t.Errorf("%+v does not read the offers in the order of their price:\n%s", q, plan)
			}
		}
		if q.Item == "i7" && q.Owner == "" && (!f.Cut || len(f.Offers) != MostFound) {
			t.Errorf("%+v reads %d offers, cut %t, want the best %d", q, len(f.Offers), f.Cut, MostFound)
		}
		if strings.HasPrefix(q.Item, "thing") && len(f.Suggestions) != mostSuggestions {
			t.Errorf("%q suggests %v", q.Item, f.Suggestions)
		}
	}
}

const listedShops = 50
