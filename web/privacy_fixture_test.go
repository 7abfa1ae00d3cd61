package web

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/keys"
	"exchequer/ledger"
	"exchequer/ledger/dump"
)

// What nobody may read of the ledger of these tests, and what visitors may not where
// dealings are for viewers.
const (
	hiddenName = "harriet"
	secretText = "forbidden bread"
	secretRef  = "secretref"
)

// dealt is a ledger of a dozen holders who trade, one of them hidden.
func dealt(t testing.TB) (*pgxpool.Pool, string, string) {
	t.Helper()
	db := testkit.Postgres(t)
	now := time.Now().UTC().Truncate(time.Hour)
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "treasury", Kind: ledger.Government},
			{Ref: hiddenName, Name: "Hidden " + hiddenName, Holder: "h:" + hiddenName, Kind: ledger.Business}},
		Holders: []ledger.Holder{{Ref: "h:" + hiddenName, Name: "Holder " + hiddenName, Hidden: true}},
		Items:   []ledger.Item{{Ref: "bread", Name: "Bread"}},
		Shops:   []ledger.Shop{{Ref: "stall", Place: "Market stall", Owner: "a0", World: "town", Active: true, Seen: now}, {Ref: "den", Place: "The den", Owner: hiddenName, World: "town", Active: true, Seen: now}},
		Offers:  []ledger.Offer{{Shop: "stall", Item: "bread", Ask: ptr(int64(100)), Batch: 1, Active: true, Seen: now}, {Shop: "den", Item: "bread", Ask: ptr(int64(90)), Batch: 1, Active: true, Seen: now}},
	}
	pay := func(ref, source, from, to string, amount int64, at time.Time) {
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "town", Ref: ref, At: at, Source: source, Message: secretText,
			Postings: []ledger.Posting{{Account: from, Amount: -amount}, {Account: to, Amount: amount}}})
	}
	for i := range 12 {
		ref, kind := fmt.Sprint("a", i), ledger.Personal
		if i == 0 {
			kind = ledger.Business
		}
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Name: fmt.Sprint("Account ", i), Kind: kind})
		pay(fmt.Sprint("grant", i), "grant", "mint", ref, 100_000+int64(i), now.AddDate(0, -2, 0))
	}
	for i := range 40 {
		at, ref, seller := now.AddDate(0, 0, -i), fmt.Sprint(secretRef, i), "a0"
		if i%5 == 4 {
			seller = hiddenName
		}
		buyer, shop := fmt.Sprint("a", 1+i%11), map[string]string{"a0": "stall", hiddenName: "den"}[seller]
		pay(ref, "shop", buyer, seller, 150, at)
		pay(ref+"t", "tax", buyer, "treasury", 10, at)
		pay(ref+"h", "wages", "treasury", hiddenName, 5, at)
		b.Sales = append(b.Sales, ledger.Sale{Origin: "town", Ref: ref, At: at, Item: "bread", Shop: shop, Seller: seller, Buyer: buyer, Direction: ledger.DirectionSale, Quantity: 1, Total: 150, Transaction: ref})
	}
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	// Alerts of public rules: one of a price, one of a payment, one that names who is
	// hidden now, and one of a rule that is not public.
	const told = `
		INSERT INTO alerts SELECT 'alert' || nr, '', 'rule', 'kind', '', now(), title, '', '/market/items/bread', nr < 4, shows, accounts, '{}'
		FROM (VALUES (1, 'Bread is dear', 3, '{}'::text[]), (2, $1, 5, '{a1}'), (3, $2, 3, ARRAY['a1', $2]), (4, $2, 3, '{}')) AS a (nr, title, shows, accounts)`
	if _, err := db.Exec(t.Context(), told, secretText, hiddenName); err != nil {
		t.Fatal(err)
	}
	make := func(name string, scope keys.Scope) string {
		key, err := keys.Create(t.Context(), db, name, []keys.Scope{scope}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	return db, make("reader", keys.Read), make("writer", keys.Sales)
}

// privateSite returns the site of a ledger in a mode, with a cache of its own.
func privateSite(t *testing.T, db *pgxpool.Pool, mode Privacy, dir string) (*server, *cache.Cache) {
	t.Helper()
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "privacy:1"})
	data, err := dump.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{
		Economy: aggregates.NewEconomy(c, db), API: aggregates.NewAPI(c, db), Soundness: aggregates.NewSoundnessMemos(t.Context(), c, db, nil),
		Record: ledger.New(db), Reports: aggregates.NewReports(db), Now: c.Now, Cache: c, Keys: keys.NewStore(db), Privacy: mode, Data: data, Alerts: alerts.NewFeed(c, db),
		Settings: func() ledger.Settings { return ledger.Settings{Name: "Port Test", Symbol: "₤", Decimals: 2} },
		Log:      slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Budget: 20 * time.Second,
		Version: "test", BaseURL: "https://economy.test", OperatorToken: "0123456789abcdef",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close(context.WithoutCancel(t.Context()))
		data.Close()
	})
	return s.(*server), c
}
