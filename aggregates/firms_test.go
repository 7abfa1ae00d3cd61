package aggregates

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// scannedFirms is the firms by scanning postings and sales, without names. Marked trade
// and hidden holders it does not know.
func scannedFirms(t *testing.T, db *pgxpool.Pool, s span) []ListedFirm {
	t.Helper()
	const query = `
		SELECT f.holder, count(*) FILTER (WHERE x.kind = 'business' AND x.target = x.id AND (x.archived IS NULL OR x.archived > $1)), bool_or(x.kind = 'personal'),
			sum((SELECT count(*) FROM sales WHERE seller = x.id AND quantity > 0 AND total > 0 AND at >= $2 AND at < $3))::bigint,
			sum((SELECT coalesce(sum(total), 0) FROM sales WHERE seller = x.id AND quantity > 0 AND total > 0 AND at >= $2 AND at < $3)),
			sum((SELECT coalesce(sum(total), 0) FROM sales WHERE seller = x.id AND quantity > 0 AND total > 0 AND at >= $2 AND at < $4)),
			sum((SELECT coalesce(sum(total), 0) FROM sales WHERE seller = x.id AND quantity > 0 AND total > 0 AND at >= $5 AND at < $6)),
			sum((SELECT coalesce(sum(amount), 0) FROM postings WHERE account = x.id AND at >= $2 AND at < $3)),
			sum((SELECT coalesce(sum(amount), 0) FROM postings WHERE account = x.id)), max((SELECT max(at) FROM postings WHERE account = x.id)),
			sum((SELECT count(*) FROM shops WHERE owner = x.id AND active))::bigint
		FROM (SELECT DISTINCT holder FROM accounts b WHERE kind = 'business' AND NOT issuer AND (archived IS NULL OR archived > $1)
			AND NOT EXISTS (SELECT FROM merges WHERE account = b.id)) AS f
		JOIN (
			SELECT a.id, t.id AS target, t.holder, t.kind, t.issuer, t.archived FROM accounts a
			JOIN accounts t ON t.id = coalesce((SELECT target FROM merges WHERE account = a.id), a.id)) AS x ON x.holder = f.holder AND NOT x.issuer
		GROUP BY f.holder`
	over := s.Today // until then days are over
	if s.Historical {
		over = plus(s.Today, 1)
	}
	before, reaches := s.previous()
	rows, _ := db.Query(t.Context(), query, s.End, s.Start, plus(s.Today, 1), over, before.Start, plus(over, -int(s.Days)))
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f ListedFirm, err error) {
		var past ledger.Sum
		err = row.Scan(&f.ID, &f.Accounts, &f.Personal, &f.Sales, &f.Turnover, &f.Ended, &past, &f.Profit, &f.Balance, &f.LastActive, &f.Shops)
		if reaches {
			f.Before = &past
		}
		if f.LastActive != nil {
			f.LastActive = pointerTo(f.LastActive.UTC())
		}
		return f, err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b ListedFirm) int {
		return cmp.Or(b.Turnover.Compare(a.Turnover), b.Balance.Compare(a.Balance), cmp.Compare(a.ID, b.ID))
	})
	for n := range all {
		if all[n].Sales > 0 {
			all[n].Rank = int64(slices.IndexFunc(all, func(f ListedFirm) bool { return f.Turnover == all[n].Turnover })) + 1
		}
	}
	return all
}

func checkFirms(t *testing.T, db *pgxpool.Pool, w cache.Window, s span) {
	t.Helper()
	got, err := ComputeFirms(t.Context(), db, w, s.Days)
	if err != nil {
		t.Fatal(err)
	}
	want := &Firms{Basis: basisOf(s), Firms: scannedFirms(t, db, s), Count: int64(len(got.Firms))}
	for _, f := range want.Firms {
		want.Sales, want.Shops = want.Sales+f.Sales, want.Shops+f.Shops
		want.Turnover, want.Profit, want.Balance = want.Turnover.Plus(f.Turnover), want.Profit.Plus(f.Profit), want.Balance.Plus(f.Balance)
		want.Trading += int64(one(f.Turnover.Sign() > 0))
		want.Gaining += int64(one(f.Profit.Sign() > 0))
	}
	for n := range got.Firms {
		if got.Firms[n].Name != got.Firms[n].ID || len(got.Firms[n].Businesses) == 0 {
			t.Errorf("%s is called %q, with %v", got.Firms[n].ID, got.Firms[n].Name, got.Firms[n].Businesses)
		}
		got.Firms[n].Name, got.Firms[n].Businesses = "", nil
		sides, err := ComputeHolderSides(t.Context(), db, w, HolderQuery{Holder: got.Firms[n].ID, Days: s.Days})
		if err != nil {
			t.Fatal(err)
		}
		var wages ledger.Sum
		if of := got.Firms[n].Wages; of != nil {
			wages = *of
		}
		if staff := sides.Staff; staff.Known && (staff.Number != got.Firms[n].Staff || staff.Paid != wages) {
			t.Errorf("%s paid %d people %s in wages, its page says %d and %s", got.Firms[n].ID, got.Firms[n].Staff, wages, staff.Number, staff.Paid)
		}
		got.Firms[n].Staff, got.Firms[n].Wages = 0, nil
	}
	compare(t, "firms", s.Days, want, got, nil)
}

func TestFirmsAreWhatScanningSays(t *testing.T) {
	for n, days := range []int{20, 100} {
		random := rand.New(rand.NewPCG(uint64(n), 41))
		now := at(t, "03-11 15:00").Add(-time.Duration(14*n) * hour)
		r := randomRecord(random, now, days, transactionsIn(days))
		db := testkit.Postgres(t)
		b := r.batch()
		b.Items = []ledger.Item{{Ref: "bread"}, {Ref: "ale"}}
		var refs []string
		for _, a := range b.Accounts {
			refs = append(refs, a.Ref)
		}
		slices.Sort(refs)
		for n := range 40 {
			b.Shops = append(b.Shops, ledger.Shop{Ref: fmt.Sprint("s", n), Owner: refs[random.IntN(len(refs))], Active: n%3 > 0, Seen: now})
		}
		for n := range 500 {
			b.Sales = append(b.Sales, ledger.Sale{Origin: "test", Ref: fmt.Sprint(n), At: now.Add(-1 * hour).Add(-time.Duration(random.IntN(24*days)) * hour), Item: b.Items[n%2].Ref,
				Seller: append(refs, "")[random.IntN(len(refs)+1)], Buyer: refs[random.IntN(len(refs))], Direction: ledger.DirectionSale, Quantity: random.Int64N(5), Total: random.Int64N(90)})
		}
		appendBatch(t, db, b)
		w := windowAt(now)
		one, merged := r.twoOfAKind()
		for _, merges := range [][]ledger.Merge{nil, {{Account: merged, Into: one}}} {
			appendBatch(t, db, ledger.Batch{Merges: merges})
			for _, d := range []Days{7, 30, 0} {
				checkFirms(t, db, w, r.span(w, d))
			}
		}
	}
}

// The shop is Bob's: his own account counts with it. The mill issues money, and the
// old forge is archived.
func TestAFirmIsWhoHoldsABusinessAccount(t *testing.T) {
	db, w := village(t)
	opened := at(t, "01-01 00:00")
	issues := true
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "mill", Kind: ledger.Business, Opened: opened, Issuer: &issues}, {Ref: "forge", Kind: ledger.Business, Opened: opened, Archived: at(t, "02-01 00:00")},
			{Ref: "inn", Kind: ledger.Business, Opened: opened, Name: "The Inn"}, {Ref: "stall", Kind: ledger.Business, Opened: opened, Holder: "ann"},
		},
		Items: []ledger.Item{{Ref: "bread"}},
		Sales: []ledger.Sale{
			{Origin: "test", Ref: "1", At: at(t, "03-05 10:00"), Item: "bread", Seller: "shop", Buyer: "ann", Direction: ledger.DirectionSale, Quantity: 1, Total: 50},
			{Origin: "test", Ref: "2", At: at(t, "03-05 10:00"), Item: "bread", Seller: "ann2", Buyer: "bob", Direction: ledger.DirectionSale, Quantity: 1, Total: 80},
		},
		Holders: []ledger.Holder{{Ref: "ann", Name: "Ann Fenwick", Hidden: true}},
	})
	v, err := ComputeFirms(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range v.Firms {
		list = append(list, fmt.Sprint(f.ID, " ", f.Name, " ", strings.Join(f.Businesses, "+"), " ", f.Rank, " ", f.Turnover, " ", f.Profit, " ", f.Balance))
	}
	if got := strings.Join(list, ", "); got != "bob bob shop 2 50 50 90, inn The Inn The Inn 0 0 0 0" {
		t.Errorf("the firms are %s", got)
	}
	if v.Count != 3 || v.Hidden != 1 || v.Turnover != sumOf(130) || v.Balance != sumOf(90+240) || v.Trading != 2 {
		t.Errorf("of %d firms %d are hidden, turnover %s, balance %s", v.Count, v.Hidden, v.Turnover, v.Balance)
	}
	text, err := json.Marshal([]any{v, v.Table(), v.SummaryTable()})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), `"ann`) || strings.Contains(string(text), "Fenwick") || strings.Contains(string(text), "stall") {
		t.Errorf("Ann is named in %s", text)
	}
	// What is marked as offsetting is no turnover.
	if _, err := db.Exec(t.Context(), `INSERT INTO offsetting_traders SELECT item, day, account, side, sales, quantity, volume FROM trader_days`); err != nil {
		t.Fatal(err)
	}
	if v, err = ComputeFirms(t.Context(), db, w, 7); err != nil || v.Turnover.Sign() != 0 || v.Sales != 0 {
		t.Errorf("turnover without offsetting trade is %s, %v", v.Turnover, err)
	}
}

func TestTheListOfFirmsIsSortedAndFiltered(t *testing.T) {
	before := func(n int64) *ledger.Sum { return pointerTo(sumOf(n)) }
	v := &Firms{Firms: []ListedFirm{
		{ID: "a", Name: "Anvil", Businesses: []string{"Forge"}, Sales: 1, Turnover: sumOf(90), Ended: sumOf(90), Before: before(100), Profit: sumOf(-5), Balance: sumOf(3)},
		{ID: "b", Name: "Bakery", Sales: 1, Turnover: sumOf(50), Ended: sumOf(50), Before: before(25), Profit: sumOf(8), Shops: 2},
		{ID: "c", Name: "Cellar", Sales: 1, Turnover: sumOf(10), Before: before(0), Profit: sumOf(2)},
		{ID: "d", Name: "Dyer", Balance: sumOf(9)},
	}}
	for order, want := range map[string]string{
		"": "abcd", "profit": "bcda", "loss": "adcb", "balance": "dabc", "rise": "bacd", "fall": "abcd", "shops": "bacd", "name": "abcd",
	} {
		var got string
		for after := ""; len(got) < len(v.Firms); {
			rows, matching, more, err := v.Select(FirmFilter{Sort: order}, after, 1)
			if err != nil || matching != 4 || len(rows) != 1 || more != (len(got) < 3) {
				t.Fatalf("%s after %q: %v of %d, %v", order, after, rows, matching, err)
			}
			after = rows[0].ID
			got += after
		}
		if got != want {
			t.Errorf("by %q: %s, want %s", order, got, want)
		}
	}
	for text, want := range map[string]string{"FORGE": "a", "bak ery": "b", "d": "d", "forge dyer": ""} {
		rows, _, _, _ := v.Select(FirmFilter{Text: text}, "", 9)
		var got string
		for _, f := range rows {
			got += f.ID
		}
		if got != want {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
	if rows, _, _, _ := v.Select(FirmFilter{Trading: true}, "", 9); len(rows) != 3 {
		t.Errorf("%d firms sold anything", len(rows))
	}
	if _, _, _, err := v.Select(FirmFilter{}, "x", 9); !errors.Is(err, ErrUnknownCursor) {
		t.Errorf("after an unknown firm: %v", err)
	}
}

// Where few of many accounts are of firms, the days and sales of the others are not
// read.
func TestFirmsReadIndexes(t *testing.T) {
	db := testkit.Postgres(t)
	const fill = `
		INSERT INTO accounts SELECT n, 'r' || n, CASE WHEN n % 200 = 0 THEN 'business' ELSE 'personal' END, 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(10, 8000) n;
		INSERT INTO balances SELECT n, 5, '2026-02-01', 1, '2026-02-01' FROM generate_series(10, 8000) n;
		INSERT INTO account_days SELECT n % 7000 + 10, date '2026-02-01' + n / 7000, 5, 0, 1 FROM generate_series(1, 140000) n;
		INSERT INTO items (id, ref, name) SELECT n, 'i' || n, 'Thing ' || n FROM generate_series(1, 3000) n;
		INSERT INTO trader_days SELECT n % 3000 + 1, date '2026-02-01' + n % 28, n % 7000 + 10, 'seller', 1, 1, 10 FROM generate_series(1, 84000) n ON CONFLICT DO NOTHING;
		INSERT INTO flow_hours (hour, from_kind, from_issuer, to_kind, to_issuer, source, transactions, volume) VALUES ('2026-02-10', 'business', false, 'personal', false, 'Wages', 1, 1);
		INSERT INTO transactions (id, at, source, message, origin, ref) SELECT n, timestamptz '2026-02-01' + n * interval '40 seconds', CASE WHEN n % 500 = 0 THEN 'Wages' ELSE 'shop' END, '', 'o', n FROM generate_series(1, 60000) n;
		INSERT INTO postings (account, transaction, seq, amount, at) SELECT CASE WHEN s = 0 THEN 200 ELSE 11 + n % 7000 END, n, s, 2 * s - 1, timestamptz '2026-02-01' + n * interval '40 seconds' FROM generate_series(1, 60000) n, generate_series(0, 1) s;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	p, v := &planned{Tx: tx}, &Firms{}
	s := spanOf(windowAt(at(t, "03-01 10:00")), 7, at(t, "02-01 00:00"), at(t, "03-01 09:00"))
	if err := v.fill(t.Context(), p, s); err != nil {
		t.Fatal(err)
	}
	if len(v.Firms) != 40 || len(p.plans) != 3 {
		t.Errorf("%d firms by %d queries", len(v.Firms), len(p.plans))
	}
	for _, table := range []string{"transactions", "postings"} {
		if strings.Contains(p.plans[len(p.plans)-1], "Seq Scan on "+table) {
			t.Errorf("the plan of wages scans %s:\n%s", table, p.plans[len(p.plans)-1])
		}
	}
	for _, table := range []string{"account_days", "trader_days"} {
		if strings.Contains(p.plans[0], "Seq Scan on "+table) {
			t.Errorf("the plan scans %s:\n%s", table, p.plans[0])
		}
	}
}

func TestFirmsListWhomTheyPaidWages(t *testing.T) {
	db := testkit.Postgres(t)
	now := at(t, "03-11 15:00")
	b := ledger.Batch{Accounts: []ledger.Account{
		{Ref: "mint", Kind: ledger.System}, {Ref: "mill", Kind: ledger.Business}, {Ref: "inn", Kind: ledger.Business}, {Ref: "hall", Kind: ledger.Government},
		{Ref: "ann", Kind: ledger.Personal}, {Ref: "bob", Kind: ledger.Personal}, {Ref: "cat", Kind: ledger.Personal, Holder: "h:cat"},
	}, Holders: []ledger.Holder{{Ref: "h:cat", Name: "Cat", Hidden: true}}}
	pay := func(ref, source string, ago time.Duration, legs ...ledger.Posting) {
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "o", Ref: ref, At: now.Add(-ago), Source: source, Postings: legs})
	}
	pay("m", "grant", 50*24*hour, ledger.Posting{Account: "mint", Amount: -4000}, ledger.Posting{Account: "mill", Amount: 2000}, ledger.Posting{Account: "inn", Amount: 2000})
	pay("a", "Wages", 2*24*hour, ledger.Posting{Account: "mill", Amount: -110}, ledger.Posting{Account: "ann", Amount: 60}, ledger.Posting{Account: "cat", Amount: 40}, ledger.Posting{Account: "hall", Amount: 10})
	pay("b", "salary", 9*24*hour, ledger.Posting{Account: "mill", Amount: -7}, ledger.Posting{Account: "ann", Amount: 7})
	pay("c", "salary", 40*24*hour, ledger.Posting{Account: "mill", Amount: -500}, ledger.Posting{Account: "bob", Amount: 500})                                   // too long ago
	pay("d", "salary", hour, ledger.Posting{Account: "mill", Amount: -3}, ledger.Posting{Account: "inn", Amount: -3}, ledger.Posting{Account: "bob", Amount: 6}) // who paid whom?
	pay("e", "gift", hour, ledger.Posting{Account: "inn", Amount: -9}, ledger.Posting{Account: "bob", Amount: 9})
	appendBatch(t, db, b)
	v, err := ComputeFirms(t.Context(), db, windowAt(now), 7)
	if err != nil || len(v.Firms) != 2 {
		t.Fatalf("%v, %v", v, err)
	}
	for _, f := range v.Firms {
		switch {
		case f.ID == "mill" && (f.Wages == nil || f.Staff != 2 || *f.Wages != ledger.SumOf(107)):
			t.Errorf("the mill paid %d people %v, want 2 people 107", f.Staff, f.Wages)
		case f.ID == "inn" && f.Wages != nil:
			t.Errorf("the inn paid %s in wages, want nothing known", f.Wages)
		}
	}
}
