package aggregates

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// A scannedHolder computes what is shown of a holder from the record alone.
type scannedHolder struct {
	record
	s      span
	holder string
	into   map[string]string // merges
}

// owns reports whether an account counts for the holder.
func (o scannedHolder) owns(ref string) bool {
	return !o.issues(ref) && o.accounts[cmp.Or(o.into[ref], ref)].Holder == o.holder
}

// net is what the holder gained in a transaction.
func (o scannedHolder) net(tx ledger.Transaction) (net int64) {
	for _, p := range tx.Postings {
		if o.owns(p.Account) {
			net += p.Amount
		}
	}
	return net
}

// exchange adds up what came and went from a time until another one, by source.
func (o scannedHolder) exchange(from, until time.Time) (received, paid int64, sources []SourceExchange) {
	by := map[string]*SourceExchange{}
	for _, tx := range o.transactions {
		net := o.net(tx)
		if net == 0 || tx.At.Before(from) || !tx.At.Before(until) {
			continue
		}
		if by[tx.Source] == nil {
			by[tx.Source] = &SourceExchange{Source: tx.Source}
		}
		received, paid = received+max(0, net), paid+max(0, -net)
		by[tx.Source].Exchange = by[tx.Source].Exchange.Plus(Exchange{sumOf(max(0, net)), sumOf(max(0, -net)), 1})
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		sources = append(sources, *by[name])
	}
	slices.SortStableFunc(sources, func(a, b SourceExchange) int { return b.Received.Plus(b.Sent).Compare(a.Received.Plus(a.Sent)) })
	return received, paid, sources
}

func (o scannedHolder) check(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days) {
	t.Helper()
	end := plus(o.s.Today, 1)
	got, err := ComputeHolder(t.Context(), db, w, HolderQuery{o.holder, days})
	if err != nil {
		t.Fatal(err)
	}
	unit, buckets := o.s.divide(mostDays)
	want := &Holder{ID: o.holder, Name: o.holder, Basis: basisOf(o.s), Bucket: unit, Population: PopulationAll}
	for _, b := range buckets {
		h := HeldAt{Start: b.start, Partial: b.partial}
		for _, tx := range o.transactions {
			if day := o.s.index(tx.At); day <= b.to {
				h.Balance = h.Balance.Add(o.net(tx))
				if day >= b.from {
					h.Change = h.Change.Add(o.net(tx))
				}
			}
		}
		want.Course = append(want.Course, h)
	}
	balances := o.balances(end)
	held := map[Population]int64{}
	for ref, a := range o.accounts {
		shown := o.accounts[cmp.Or(o.into[ref], ref)]
		ended := !shown.Archived.IsZero() && !shown.Archived.After(o.s.End)
		if shown.Holder != o.holder {
			continue
		}
		if _, used := balances[ref]; used && o.owns(ref) && !ended {
			for _, p := range Populations() {
				if slices.Contains(p.kinds(), a.Kind) {
					held[p] += balances[ref]
				}
			}
			if p := populationOf(a.Kind); p.index() < want.Population.index() {
				want.Population = p
			}
		}
		if o.into[ref] == "" {
			with := balances[ref]
			for part, into := range o.into {
				if into == ref {
					with += balances[part]
				}
			}
			want.Accounts++
			if o.issues(ref) {
				want.Issuers++
			}
			want.List = append(want.List, HolderAccount{ID: ref, Name: ref, Kind: a.Kind, Issuer: o.issues(ref), Archived: ended, Balance: with})
		}
		if o.owns(ref) {
			want.Balance = want.Balance.Add(balances[ref])
		}
	}
	slices.SortFunc(want.List, func(a, b HolderAccount) int {
		return cmp.Or(cmp.Compare(b.Balance, a.Balance), cmp.Compare(a.ID, b.ID))
	})
	if h, ok := held[want.Population]; ok {
		want.Held = &h
	}
	for _, tx := range o.transactions {
		if tx.At.Before(o.s.Start) {
			want.Opening = want.Opening.Add(o.net(tx))
		}
	}
	compare(t, "holder "+o.holder, days, want, got, nil)
	o.checkSides(t, db, w, days)
}

func (o scannedHolder) checkSides(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days) {
	t.Helper()
	end := plus(o.s.Today, 1)
	got, err := ComputeHolderSides(t.Context(), db, w, HolderQuery{o.holder, days})
	if err != nil {
		t.Fatal(err)
	}
	received, paid, sources := o.exchange(o.s.Start, end)
	compare(t, "sources of "+o.holder, days, sources, got.Sources, nil)
	if got.Received != sumOf(received) || got.Paid != sumOf(paid) || got.Postings != got.Divided {
		t.Errorf("%s received %s and paid %s by %d of %d postings, want %d and %d", o.holder, got.Received, got.Paid, got.Divided, got.Postings, received, paid)
	}
	var months []HolderMonth
	for n := -12; n <= 0; n++ {
		start := date(o.s.Today.Year(), o.s.Today.Month()+time.Month(n))
		next := start.AddDate(0, 1, 0)
		if !next.After(o.s.First) {
			continue
		}
		m := HolderMonth{Start: start, Partial: o.s.End.Before(next), Divided: true}
		in, out, sources := o.exchange(start, minTime(next, end))
		m.Received, m.Paid, m.Sources, m.Change = sumOf(in), sumOf(out), sources, sumOf(in-out)
		for _, s := range sources {
			if s.Source == "Salary" {
				m.Wages = s.Sent
			}
		}
		months = append(months, m)
	}
	compare(t, "months of "+o.holder, days, months, got.Months, nil)
	// By counterparty on balance it is the same, as by source.
	net := got.Others.Received.Minus(got.Others.Sent)
	for _, p := range got.Parties {
		net = net.Plus(p.Received).Minus(p.Sent)
	}
	if net != sumOf(received-paid) {
		t.Errorf("%s gained %s by counterparty, want %d", o.holder, net, received-paid)
	}
	compare(t, "staff of "+o.holder, days, o.staff(), got.Staff, nil)
}

// staff is who was paid wages.
func (o scannedHolder) staff() Staff {
	staff := Staff{Known: true}
	members := map[string]*StaffMember{}
	for _, tx := range o.transactions {
		if tx.Source != "Salary" || tx.At.Before(plus(o.s.Today, -29)) || o.net(tx) >= 0 {
			continue
		}
		nets := map[string]int64{}
		for _, p := range tx.Postings {
			if !o.owns(p.Account) {
				nets[p.Account] += p.Amount
			}
		}
		if slices.ContainsFunc(slices.Collect(maps.Values(nets)), func(n int64) bool { return n < 0 }) {
			continue
		}
		paid := map[string]int64{}
		for ref, n := range nets {
			if n > 0 && o.accounts[ref].Kind == ledger.Personal {
				paid[o.accounts[cmp.Or(o.into[ref], ref)].Holder] += n
			}
		}
		for holder, n := range paid {
			if members[holder] == nil {
				members[holder] = &StaffMember{ID: holder, Name: holder}
			}
			m := members[holder]
			m.Paid, m.Number, m.Last = m.Paid.Add(n), m.Number+1, laterTime(m.Last, tx.At)
			staff.Paid = staff.Paid.Add(n)
		}
	}
	for _, holder := range slices.Sorted(maps.Keys(members)) {
		staff.Members = append(staff.Members, *members[holder])
	}
	slices.SortStableFunc(staff.Members, func(a, b StaffMember) int { return b.Paid.Compare(a.Paid) })
	staff.Number = int64(len(staff.Members))
	return staff
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func laterTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func TestAHolderIsWhatScanningSays(t *testing.T) {
	for n, days := range []int{20, 90, 500} {
		random := rand.New(rand.NewPCG(uint64(n), 31))
		now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
		r := randomRecord(random, now, days, transactionsIn(days))
		for i := range r.transactions {
			if r.transactions[i].Source == "gift" {
				r.transactions[i].Source = "Salary"
			}
		}
		db := testkit.Postgres(t)
		appendBatch(t, db, r.batch())
		w := windowAt(now)
		into, merged := r.twoOfAKind()
		for _, merges := range []map[string]string{{}, {merged: into}} {
			if len(merges) > 0 {
				appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: merged, Into: into}}})
			}
			for i, ref := range slices.Sorted(maps.Keys(r.accounts)) {
				if merges[ref] == "" {
					days := []Days{7, 30, 0}[(i+n+len(merges))%3] // all three of every account would take a minute
					scannedHolder{r, r.span(w, days), r.accounts[ref].Holder, merges}.check(t, db, w, days)
				}
			}
		}
	}
}

// What Bob's shop pays him is no income of his.
func TestPaymentsBetweenTheAccountsOfAHolderAreNeitherIncomeNorSpending(t *testing.T) {
	db, w := village(t)
	v, err := ComputeHolderSides(t.Context(), db, w, HolderQuery{"bob", 30})
	if err != nil {
		t.Fatal(err)
	}
	if v.Received != sumOf(110) || v.Paid != sumOf(20) || v.Months[1].Change != sumOf(90) || !v.Business || len(v.Months) != 2 || v.Counterparties != 3 {
		t.Errorf("Bob received %s and paid %s, by month %+v, with %d accounts", v.Received, v.Paid, v.Months, v.Counterparties)
	}
	h, err := ComputeHolder(t.Context(), db, w, HolderQuery{"bob", 30})
	if err != nil {
		t.Fatal(err)
	}
	if h.Balance != sumOf(90) || h.Accounts != 2 || h.Population != PopulationPersonal || *h.Held != 30 {
		t.Errorf("Bob is %+v", h)
	}
}

func TestAHiddenHolderIsLikeAnUnknownOne(t *testing.T) {
	db, w := village(t)
	appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{Origin: "test", Ref: "wage", At: at(t, "03-11 09:00"), Source: "wage", Postings: []ledger.Posting{
		{Account: "shop", Amount: -12}, {Account: "ann", Amount: 5}, {Account: "dan", Amount: 4}, {Account: "town", Amount: 3}}}}})
	appendBatch(t, db, ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Name: "Ann Fenwick", Hidden: true}, {Ref: "nobody", Name: "Without an account"}}})
	known := existsIn(always(db), semaphore.NewWeighted(1), knownHolder)
	for ref, want := range map[string]bool{"ann": false, "nobody": false, "shop": false, "ann2": false, "bob": true, "town": true, "mint": true} {
		if got, err := known.Has(t.Context(), ref); got != want || err != nil {
			t.Errorf("%s is known: %v, %v", ref, got, err)
		}
		h, err := ComputeHolder(t.Context(), db, w, HolderQuery{ref, 30})
		v, err2 := ComputeHolderSides(t.Context(), db, w, HolderQuery{ref, 30})
		if err != nil || err2 != nil || (h != nil) != want || (v != nil) != want {
			t.Errorf("%s: %v %v, %v %v", ref, h, v, err, err2)
		}
	}
	accounts := existsIn(always(db), semaphore.NewWeighted(1), knownAccountExists)
	for ref, want := range map[string]bool{"ann": false, "nobody": false, "ann2": false, "bob": true, "shop": true, "mint": true} {
		if got, err := accounts.Has(t.Context(), ref); got != want || err != nil {
			t.Errorf("the account %s is known: %v, %v", ref, got, err)
		}
	}
	v, err := ComputeHolderSides(t.Context(), db, w, HolderQuery{"bob", 30})
	if err != nil {
		t.Fatal(err)
	}
	if s := v.Staff; s.Number != 2 || s.Hidden != 1 || s.Paid != sumOf(9) || len(s.Members) != 1 || s.Members[0].ID != "dan" || v.Wages != sumOf(12) {
		t.Errorf("the staff is %+v, paid %s", s, v.Wages)
	}
	text, err := json.Marshal([]any{v, v.PartiesTable(), v.StaffTable()})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), `"ann`) || strings.Contains(string(text), "Fenwick") {
		t.Errorf("Ann is named in %s", text)
	}
	// Merged into Bob's, her account counts as his.
	appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: "ann2", Into: "bob"}}})
	h, err := ComputeHolder(t.Context(), db, w, HolderQuery{"bob", 30})
	if err != nil || h.Balance != sumOf(90-12+30) || h.Accounts != 2 {
		t.Errorf("Bob is %+v, %v", h, err)
	}
}

// What shops sold is of the lines that name them, what accounts sold of all lines but
// offsetting ones.
func TestWhatAHolderSoldIsWhatScanningSays(t *testing.T) {
	db, w := village(t)
	random := rand.New(rand.NewPCG(8, 3))
	ask, stock, none := int64(5), int64(40), int64(0)
	b := ledger.Batch{
		Items:  []ledger.Item{{Ref: "bread"}, {Ref: "ale"}, {Ref: "salt"}},
		Shops:  []ledger.Shop{{Ref: "b1", Owner: "bob", Place: "Quay", Active: true, Seen: w.Start}, {Ref: "b2", Owner: "shop", Seen: w.Start}, {Ref: "t1", Owner: "town", Active: true, Seen: w.Start}},
		Offers: []ledger.Offer{{Shop: "b1", Ref: "1", Item: "bread", Ask: &ask, Batch: 2, Stock: &stock, Active: true, Seen: w.Start}, {Shop: "b1", Ref: "2", Item: "ale", Ask: &ask, Batch: 2, Stock: &none, Active: true, Seen: w.Start}},
	}
	accounts := []string{"bob", "shop", "ann", "town"}
	for n := range 400 {
		at := w.Start.Add(-time.Duration(1+random.IntN(38*24)) * hour)
		seller := accounts[random.IntN(4)]
		buyer := accounts[(slices.Index(accounts, seller)+1+random.IntN(3))%4]
		s := ledger.Sale{Origin: "test", Ref: string(rune('a'+n/26)) + string(rune('a'+n%26)), At: at, Item: b.Items[random.IntN(3)].Ref, Seller: seller, Buyer: buyer,
			Shop: []string{"", "b1", "b2", "t1"}[random.IntN(4)], Direction: []ledger.Direction{ledger.DirectionSale, ledger.DirectionPurchase}[random.IntN(2)], Quantity: random.Int64N(9), Total: random.Int64N(99)}
		b.Sales = append(b.Sales, s)
	}
	appendBatch(t, db, b)
	got, err := ComputeHolder(t.Context(), db, w, HolderQuery{"bob", 30})
	if err != nil {
		t.Fatal(err)
	}
	goods, sums := map[string]*TradedItem{}, map[string][3]int64{}
	var all Goods
	for _, s := range b.Sales {
		if s.At.Before(got.Start) || s.Quantity == 0 || s.Total == 0 {
			continue
		}
		if s.Seller == "bob" || s.Seller == "shop" {
			g := goods[s.Item]
			if g == nil {
				g = &TradedItem{ID: s.Item, Name: s.Item}
				goods[s.Item] = g
			}
			for _, of := range []*Goods{&g.Goods, &all} {
				of.Sales, of.Quantity, of.Volume = of.Sales+1, of.Quantity.Add(s.Quantity), of.Volume.Add(s.Total)
			}
		}
		sum := sums[s.Shop]
		if s.Direction == ledger.DirectionSale {
			sum[0] += s.Total
		} else {
			sum[1] += s.Total
		}
		sum[2]++
		sums[s.Shop] = sum
	}
	var list []TradedItem
	for _, g := range goods {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b TradedItem) int { return b.Volume.Compare(a.Volume) })
	compare(t, "goods", 30, list, got.Goods, nil)
	if got.Sold != all || got.Items != 3 {
		t.Errorf("sold %+v of %d items, want %+v", got.Sold, got.Items, all)
	}
	var shops []OwnedShop
	for _, o := range []OwnedShop{{ID: "b1", Place: "Quay", Owner: "bob", Active: true, Offers: 2, Stand: 1, Stock: sumOf(40)}, {ID: "b2", Owner: "shop"}} {
		sum := sums[o.ID]
		o.Seen, o.Sold, o.Bought, o.Sales = w.Start, pointerTo(sumOf(sum[0])), pointerTo(sumOf(sum[1])), pointerTo(sum[2])
		shops = append(shops, o)
	}
	compare(t, "shops", 30, shops, got.ShopList, nil)
	// What is marked as offsetting is no part of what was sold.
	const mark = `INSERT INTO offsetting_traders SELECT item, day, account, side, sales, quantity, volume FROM trader_days
		WHERE item = (SELECT id FROM items WHERE ref = 'salt')`
	if _, err := db.Exec(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	if got, err = ComputeHolder(t.Context(), db, w, HolderQuery{"bob", 30}); err != nil || got.Items != 2 || got.Sold.Volume.Compare(all.Volume) >= 0 {
		t.Errorf("without salt %+v, %v", got.Sold, err)
	}
	// Of an account with what is merged into it, it is the same, from both sides.
	for _, a := range []string{"town", "bob"} {
		if a == "bob" {
			appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: "ann", Into: "bob"}}})
		}
		v, err := ComputeAccountTrading(t.Context(), db, w, AccountQuery{a, 30})
		if err != nil {
			t.Fatal(err)
		}
		var sold, bought Goods
		for _, s := range b.Sales {
			for of, side := range map[*Goods]string{&sold: s.Seller, &bought: s.Buyer} {
				if !s.At.Before(v.Start) && s.Quantity > 0 && s.Item != "salt" && s.Total > 0 && (side == a || a == "bob" && side == "ann") {
					of.Sales, of.Quantity, of.Volume = of.Sales+1, of.Quantity.Add(s.Quantity), of.Volume.Add(s.Total)
				}
			}
		}
		if v.Sold != sold || v.Bought != bought || v.BoughtItems != 2 || len(v.BoughtGoods) != 2 {
			t.Errorf("%s sold %+v and bought %+v of %d items, want %+v and %+v", a, v.Sold, v.Bought, v.BoughtItems, sold, bought)
		}
		if want := int64(1); v.Shops != want {
			t.Errorf("%s has %d shops, want %d", a, v.Shops, want)
		}
	}
	appendBatch(t, db, ledger.Batch{Holders: []ledger.Holder{{Ref: "town", Name: "Town", Hidden: true}}})
	if v, err := ComputeAccountTrading(t.Context(), db, w, AccountQuery{"town", 30}); v != nil || err != nil {
		t.Errorf("the trade of a hidden holder's account is %+v, %v", v, err)
	}
}

// Of a holder among many, indexes are read only.
func TestAHolderReadsIndexes(t *testing.T) {
	db := testkit.Postgres(t)
	const fill = `
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n / 2, now(), NULL, false, '' FROM generate_series(10, 8000) n;
		INSERT INTO balances SELECT n, 5, '2026-02-01', 1 FROM generate_series(10, 8000) n;
		INSERT INTO merges SELECT n, n - 100 FROM generate_series(7800, 7880) n;
		INSERT INTO account_days SELECT n % 7000 + 10, date '2026-02-01' + n / 7000, 5, 0, 1 FROM generate_series(1, 70000) n;
		INSERT INTO transactions SELECT n, timestamptz '2026-02-01' + n * interval '1 minute', 'wage', '', 'o', 'x' || n FROM generate_series(1, 40000) n;
		INSERT INTO postings SELECT n % 7000 + 10, timestamptz '2026-02-01' + n * interval '1 minute', n, 0, 5 FROM generate_series(1, 40000) n;
		INSERT INTO counterparty_days SELECT n % 7000 + 10, n % 500 + 7300, 1, date '2026-02-01' + n % 30, 0, 5 FROM generate_series(1, 16000) n ON CONFLICT DO NOTHING;
		INSERT INTO items (id, ref, name) SELECT n, 'i' || n, 'Thing ' || n FROM generate_series(1, 3000) n;
		INSERT INTO shops (id, ref, place, owner, world, active, seen) SELECT n, 's' || n, '', n % 7000 + 10, 'w', true, now() FROM generate_series(1, 8000) n;
		INSERT INTO offers (id, shop, ref, item, ask, batch, stock, active, seen) SELECT n, n % 8000 + 1, 'o', n % 3000 + 1, 10, 1, 5, true, now() FROM generate_series(1, 20000) n;
		INSERT INTO sales (item, at, id, shop, direction, quantity, total, tax, origin, ref) SELECT n % 3000 + 1, '2026-03-01'::timestamptz - n * interval '1 minute', n, n % 8000 + 1, 'sale', 1, 10, 0, 'o', n::text FROM generate_series(1, 40000) n;
		INSERT INTO trader_days SELECT n % 3000 + 1, date '2026-02-01' + n % 28, n % 7000 + 10, side, 1, 1, 10 FROM generate_series(1, 60000) n, unnest(ARRAY['seller', 'buyer']) AS side ON CONFLICT DO NOTHING;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	p := &planned{Tx: tx}
	s := spanOf(windowAt(at(t, "03-01 10:00")), 30, at(t, "02-01 00:00"), at(t, "03-01 09:00"))
	if err := (&Holder{ID: "r77"}).fill(t.Context(), p, s, []int64{154, 155}); err != nil {
		t.Fatal(err)
	}
	if err := (&HolderSides{ID: "r77"}).fill(t.Context(), p, s, []int64{154, 155}); err != nil {
		t.Fatal(err)
	}
	if len(p.plans) < 12 {
		t.Errorf("%d plans", len(p.plans))
	}
	for _, plan := range p.plans {
		for _, table := range []string{"accounts", "balances", "transactions", "postings", "account_days", "counterparty_days", "shops", "offers", "sales", "trader_days", "items"} {
			if strings.Contains(plan, "Seq Scan on "+table) {
				t.Errorf("the plan scans %s:\n%s", table, plan)
			}
		}
	}
}
