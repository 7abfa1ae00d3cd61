package aggregates

import (
	"encoding/json"
	"testing"
)

// A list of many long names is cut to what the cache takes, and says how many there are.
func TestListsOfLongNamesFitTheCache(t *testing.T) {
	db, w := village(t)
	const fill = `
		INSERT INTO accounts (id, ref, kind, issuer, name, holder, opened) SELECT 1000 + n, 'a' || n, 'business', false, repeat('n', 500) || n, 'a' || n, '2026-01-01' FROM generate_series(1, 9000) n;
		INSERT INTO items (id, ref, name) SELECT 1000 + n, 'i' || n, repeat('n', 500) || n FROM generate_series(1, 9000) n;
		INSERT INTO balances (account, balance, postings, first_at, last_at) SELECT id, 0, 1, '2026-03-10', '2026-03-10' FROM accounts WHERE id > 1000`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	check := func(what string, v any, all int64, listed int, err error) {
		t.Helper()
		text, failed := json.Marshal(v)
		if err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		if len(text) > 4<<20 || listed < 1000 || all < 9000 {
			t.Errorf("%s: %d bytes, %d rows of %d", what, len(text), listed, all)
		}
	}
	accounts, err := ComputeHoldings(t.Context(), db, w, PopulationPrivate)
	check("accounts", accounts, accounts.Count, len(accounts.Accounts), err)
	items, err := ComputeItems(t.Context(), db, w, 30)
	check("items", items, items.Count, len(items.Items), err)
	prices, err := ComputePrices(t.Context(), db, w, NoParams{})
	check("prices", prices, prices.Count, max(1000, len(prices.Items)), err)
	firms, err := ComputeFirms(t.Context(), db, w, 30)
	check("firms", firms, firms.Count, len(firms.Firms), err)
}
