package aggregates

import (
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// What is watched of an item or an account, what happened to it, firms and
// holders are read from indexes where the tables are large.
func TestWhatIsWatchedReadsIndexes(t *testing.T) {
	db := testkit.Postgres(t)
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}}})
	const fill = `
		INSERT INTO accounts SELECT n, 'r' || n, CASE WHEN n < 14 THEN 'business' ELSE 'personal' END, 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(10, 20000) n;
		INSERT INTO balances SELECT n, 5, '2026-06-01', 1, '2026-06-01' FROM generate_series(10, 20000) n;
		INSERT INTO account_days SELECT n % 8000 + 10, '2026-01-01'::date + (n / 8000) * 5, 5, 2, 1 FROM generate_series(0, 280000) n;
		INSERT INTO items (id, ref, name) SELECT n, 'i' || n, 'Thing ' || n FROM generate_series(1, 500) n;
		INSERT INTO price_days SELECT n % 500 + 1, '2026-01-01'::date + (n / 500) % 180, 100 + n % 7, 1, 2, 2, 200 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO trader_days SELECT n % 500 + 1, '2026-01-01'::date + (n / 500) % 180, n % 3000 + 10, 'seller', 2, 2, 200 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO item_days SELECT n % 500 + 1, '2026-01-01'::date + (n / 500) % 180, 2, 2, 200, 0, 0, 0, 106, 100 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO item_hours SELECT n % 500 + 1, '2026-01-01 12:00Z'::timestamptz + (n / 500) % 180 * interval '1 day', 2, 2, 200, 0, 0, 0, 100, 106, 100, 106, '2026-01-01', 1, '2026-01-01', 2 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO item_offer_hours SELECT n % 500 + 1, '2026-01-01 12:00Z'::timestamptz + (n / 500) % 180 * interval '1 day', 100, 90, 3, 2, 100 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		ANALYZE`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	today := time.Date(2026, 6, 29, 0, 0, 0, 0, time.UTC)
	s := span{Days: 30, First: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Today: today, Start: plus(today, -29), End: plus(today, 1), Through: plus(today, 1)}
	days := s.newsDays()
	for name, c := range map[string]struct {
		read   func(p *planned) error
		tables []string
	}{
		"a watched item": {func(p *planned) error { return (&ItemWatch{}).fill(t.Context(), p, s, 7) },
			[]string{"price_days", "trader_days", "item_days", "item_hours", "item_offer_hours"}},
		"news of an item": {func(p *planned) error {
			v := &News{}
			if err := v.readPrices(t.Context(), p, s, days, 7, NewsEntry{}); err != nil {
				return err
			}
			return v.readStock(t.Context(), p, days, 7, NewsEntry{})
		}, []string{"price_days", "trader_days", "item_hours", "item_offer_hours"}},
		"news of an account": {func(p *planned) error { return (&News{}).readMoves(t.Context(), p, days, 77, NewsEntry{}) }, []string{"account_days"}},
		"the means of an item": {func(p *planned) error {
			_, err := readMeans(t.Context(), p, days, []dayPrice{{item: 7}})
			return err
		}, []string{"item_days"}},
		"firms":            {func(p *planned) error { return (&Firms{}).fill(t.Context(), p, s) }, []string{"account_days", "trader_days", "balances"}},
		"a holder in sums": {func(p *planned) error { return (&Holder{ID: "r77"}).fill(t.Context(), p, s, []int64{77}) }, []string{"account_days", "balances", "trader_days"}},
	} {
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := &planned{Tx: tx}
		if err := c.read(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(p.plans) == 0 {
			t.Errorf("%s: no plans", name)
		}
		for _, plan := range p.plans {
			if i := slices.IndexFunc(c.tables, func(table string) bool { return strings.Contains(plan, "Seq Scan on "+table+" ") }); i >= 0 {
				t.Errorf("%s: all of %s is read:\n%s", name, c.tables[i], plan)
			}
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
