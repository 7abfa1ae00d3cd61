package aggregates

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// TestTheAPIIsWhatScanningSays compares the values of the API with the same
// numbers by scanning every posting and every sale, on random ledgers. The
// window begins with an hour, so that nothing is taken in proportion.
func TestTheAPIIsWhatScanningSays(t *testing.T) {
	for i, days := range []int{2, 20, 45, 200, 900, longAgo} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(i), 11))
			now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
			r := randomRecord(random, now, days, transactionsIn(days))
			sales := r.randomSales(random, 200)
			db := testkit.Postgres(t)
			b := r.batch()
			items := map[string]ledger.Item{}
			for item := range 60 {
				ref := fmt.Sprintf("i/%02d", item)
				items[ref] = ledger.Item{Ref: ref, Name: itemName(ref), Group: []string{"", "Food", "Ores"}[item%3]}
				b.Items = append(b.Items, items[ref])
			}
			b.Sales = sales
			appendBatch(t, db, b)
			w := windowAt(now)
			for _, days := range AllDays() {
				r.checkFlow(t, db, w, days)
				r.checkHealth(t, db, w, days, sales)
				for _, ref := range []string{"a00", "a07", "a13"} {
					r.checkAccount(t, db, w, days, ref)
				}
				s := r.span(w, days)
				checkMarket(t, db, w, s, sales, items)
				checkIndex(t, db, w, s, sales)
				checkMovers(t, db, w, s, sales, itemName)
				checkItem(t, db, w, s, sales, "i/03")
			}
			checkPrices(t, db, w, r.span(w, 0), sales, itemName)
			for _, q := range []StatsQuery{{}, {Kind: ledger.Personal}, {Status: "archived"}, {Kind: ledger.Business, Status: "active"}} {
				r.checkStats(t, db, w, q)
			}
			into, merged := r.twoOfAKind()
			appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: merged, Into: into}}})
			for _, days := range AllDays() {
				r.checkAccount(t, db, w, days, into, merged)
			}
		})
	}
}

// randomSales are lines of trade at the times of transactions, most of them
// sales, of some items much more than of others. No two lines of an item are
// at the same time, so that which is first is no question.
func (r record) randomSales(random *rand.Rand, n int) []ledger.Sale {
	var sales []ledger.Sale
	seen := map[string]bool{}
	accounts := slices.Sorted(maps.Keys(r.accounts))
	for i := range n {
		s := ledger.Sale{
			Origin: "test", Ref: fmt.Sprint("sale", i), At: r.transactions[random.IntN(len(r.transactions))].At,
			Item: fmt.Sprintf("i/%02d", random.IntN(1+random.IntN(60))), Direction: ledger.DirectionSale,
			Quantity: 1 + random.Int64N(9), Total: 1 + random.Int64N(5000),
		}
		if random.IntN(3) > 0 {
			s.Seller = accounts[random.IntN(len(accounts))]
			s.Buyer = accounts[random.IntN(len(accounts))]
		}
		switch random.IntN(8) {
		case 0:
			s.Quantity, s.Total = -s.Quantity, -s.Total
		case 1:
			s.Total = 0
		}
		if name := s.Item + s.At.String(); !seen[name] {
			seen[name] = true
			sales = append(sales, s)
		}
	}
	return sales
}

// span is the period; some of the ledgers have ended by the window.
func (r record) span(w cache.Window, days Days) span {
	last := slices.MaxFunc(r.transactions, func(a, b ledger.Transaction) int { return a.At.Compare(b.At) }).At
	return spanOf(w, days, r.first(), last.Truncate(hour))
}

// itemName is shared by several items.
func itemName(ref string) string { return "Item " + ref[len(ref)-1:] }

// within lists what happened from start to end.
func within(sales []ledger.Sale, start, end time.Time) []ledger.Sale {
	return slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return s.At.Before(start) || !s.At.Before(end) })
}

func compare(t *testing.T, what string, days Days, want, got any, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got, nearly, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s of %s days (-scanned +got):\n%s", what, days.Key(), diff)
	}
}

func (r record) checkStats(t *testing.T, db *pgxpool.Pool, w cache.Window, q StatsQuery) {
	t.Helper()
	var rows []*StatsRow
	want := &Stats{}
	for _, kind := range ledger.Kinds() {
		for _, issuer := range []bool{false, true} {
			for _, status := range []string{"active", "archived"} {
				rows = append(rows, &StatsRow{Kind: kind, Issuer: issuer, Status: status})
			}
		}
	}
	balances := r.balances(w.Start)
	for ref, a := range r.accounts {
		status := "active"
		if !a.Archived.IsZero() && !a.Archived.After(w.Start) {
			status = "archived"
		}
		row := rows[slices.IndexFunc(rows, func(row *StatsRow) bool {
			return row.Kind == a.Kind && row.Issuer == r.issues(ref) && row.Status == status
		})]
		row.Accounts++
		row.Balance = row.Balance.Add(balances[ref])
		for _, tx := range r.transactions {
			for _, p := range tx.Postings {
				if p.Account == ref {
					row.Transactions++
				}
			}
		}
	}
	for _, row := range rows {
		if row.Accounts > 0 && (q.Kind == "" || q.Kind == row.Kind) && (q.Status == "" || q.Status == row.Status) {
			want.Rows = append(want.Rows, *row)
		}
	}
	got, err := ComputeStats(t.Context(), db, w, q)
	compare(t, "stats "+q.Key(), 0, want, got, err)
}

// checkAccount compares an account with those that are merged into it.
func (r record) checkAccount(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days, ref string, merged ...string) {
	t.Helper()
	s := r.span(w, days)
	of := r.accounts[ref]
	want := &Account{
		ID: ref, Name: ref, Kind: of.Kind, Issuer: r.issues(ref), Holder: of.Holder, HolderName: of.Holder, Merged: merged, Opened: of.Opened, Basis: basisOf(s),
	}
	if !of.Archived.IsZero() {
		want.Archived = &of.Archived
	}
	unit, buckets := s.divide(mostDays)
	want.Bucket = unit
	for _, b := range buckets {
		want.Moves = append(want.Moves, Moves{Start: b.start, Partial: b.partial})
	}
	all := append([]string{ref}, merged...)
	for _, ref := range all {
		want.Balance += r.balances(s.End)[ref]
	}
	for _, tx := range r.transactions {
		for _, p := range tx.Postings {
			if !slices.Contains(all, p.Account) {
				continue
			}
			want.Postings++
			if want.LastActive == nil || tx.At.After(*want.LastActive) {
				want.LastActive = pointerTo(tx.At)
			}
			if tx.At.Before(s.Start) {
				continue
			}
			i := slices.IndexFunc(buckets, func(b bucket) bool { return s.index(tx.At) <= b.to })
			m := &want.Moves[i]
			m.Postings++
			received, sent := max(0, p.Amount), max(0, -p.Amount)
			m.Received, m.Sent = m.Received.Add(received), m.Sent.Add(sent)
			want.Received, want.Sent = want.Received.Add(received), want.Sent.Add(sent)
		}
	}
	r.fillHeld(want, s, buckets, all)
	for _, ref := range all {
		got, err := ComputeAccount(t.Context(), db, w, AccountQuery{ref, days})
		compare(t, "account "+ref, days, want, got, err)
		r.checkSides(t, db, w, s, days, ref, want, all)
	}
}

// fillHeld adds to an account what it held, when it was used, and what else its
// holder has.
func (r record) fillHeld(want *Account, s span, buckets []bucket, own []string) {
	byDay := map[int]int64{}
	for _, tx := range r.transactions {
		for _, p := range tx.Postings {
			if !slices.Contains(own, p.Account) {
				continue
			}
			if want.FirstActive == nil || tx.At.Before(*want.FirstActive) {
				want.FirstActive = pointerTo(tx.At)
			}
			if tx.At.Before(s.Start) {
				want.Opening = want.Opening.Add(p.Amount)
			}
			for i, b := range buckets {
				if s.index(tx.At) <= b.to {
					want.Moves[i].Balance = want.Moves[i].Balance.Add(p.Amount)
				}
			}
			byDay[ledger.DayNumber(tx.At)]++
		}
	}
	monday := s.Today
	for monday.Weekday() != time.Monday {
		monday = plus(monday, -1)
	}
	for day := ledger.DayNumber(monday) - 52*7; day <= ledger.DayNumber(s.Today); day++ {
		if n := byDay[day]; n > 0 {
			want.Calendar = append(want.Calendar, ActiveDay{ledger.DayStart(day, time.UTC), n})
		}
	}
	want.Population = map[ledger.Kind]Population{ledger.Personal: PopulationPersonal, ledger.Business: PopulationPrivate}[want.Kind]
	want.Population = cmp.Or(want.Population, PopulationAll)
	balances, used := r.balances(plus(s.End, 1)), map[string]bool{}
	for _, tx := range r.transactions {
		for _, p := range tx.Postings {
			used[p.Account] = true
		}
	}
	archived := func(a ledger.Account) bool { return !a.Archived.IsZero() && !a.Archived.After(s.End) }
	var held int64
	counts := false
	for ref, a := range r.accounts {
		merged := slices.Contains(own[1:], ref)
		if !merged && a.Holder != want.Holder {
			continue
		}
		shown := a // a merged account is archived if the other one is
		if merged {
			shown = r.accounts[own[0]]
		}
		if used[ref] && !r.issues(ref) && !archived(shown) && slices.Contains(want.Population.kinds(), a.Kind) {
			held, counts = held+balances[ref], true
		}
		if merged {
			continue
		}
		o := HolderAccount{ID: ref, Name: ref, Kind: a.Kind, Issuer: r.issues(ref), Archived: archived(a), Balance: balances[ref]}
		if ref == own[0] {
			o.Balance = want.Balance
		}
		want.HolderAccounts++
		if !o.Issuer {
			want.HolderBalance = want.HolderBalance.Add(o.Balance)
		}
		want.SameHolder = append(want.SameHolder, o)
	}
	slices.SortFunc(want.SameHolder, func(a, b HolderAccount) int {
		return cmp.Or(cmp.Compare(b.Balance, a.Balance), cmp.Compare(a.ID, b.ID))
	})
	if counts && !want.Issuer && !archived(r.accounts[own[0]]) {
		want.Held = &held
	}
}

// checkSides compares by whom and by what an account was paid with the lines of all
// days of the record, and with all postings.
func (r record) checkSides(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, days Days, ref string, account *Account, own []string) {
	t.Helper()
	want := &AccountSides{ID: account.ID, Name: account.Name, Basis: account.Basis, Received: account.Received, Sent: account.Sent}
	sources := map[string]*SourceExchange{}
	for _, tx := range r.transactions {
		for _, p := range tx.Postings {
			if tx.At.Before(s.Start) || !slices.Contains(own, p.Account) {
				continue
			}
			of := sources[tx.Source]
			if of == nil {
				of = &SourceExchange{Source: tx.Source}
				sources[tx.Source] = of
			}
			of.Exchange = of.Plus(Exchange{ledger.SumOf(max(0, p.Amount)), ledger.SumOf(max(0, -p.Amount)), 1})
			want.Postings++
			if want.DividedFrom == nil || tx.At.Before(*want.DividedFrom) {
				want.DividedFrom = pointerTo(tx.At)
			}
		}
	}
	want.Divided = want.Postings
	both := func(e Exchange) ledger.Sum { return e.Received.Plus(e.Sent) }
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		want.Sources = append(want.Sources, *sources[name])
	}
	slices.SortStableFunc(want.Sources, func(a, b SourceExchange) int { return both(b.Exchange).Compare(both(a.Exchange)) })
	// Of merged accounts, the one that is shown; there is one merge at most.
	const lines = `
		SELECT o.id, o.ref, o.kind, c.received, c.sent, c.transactions
		FROM counterparties c JOIN accounts a ON a.id = c.account JOIN accounts x ON x.id = c.other
		LEFT JOIN merges ON merges.account = x.id JOIN accounts o ON o.id = coalesce(target, x.id)
		WHERE a.ref = ANY($1) AND x.ref <> ALL($1) AND c.day >= $2::date ORDER BY o.id`
	rows, _ := db.Query(t.Context(), lines, own, s.Start)
	parties := map[int64]*Counterparty{}
	var id int64
	var c Counterparty
	_, err := pgx.ForEachRow(rows, []any{&id, &c.ID, &c.Kind, &c.Received, &c.Sent, &c.Number}, func() error {
		if parties[id] == nil {
			parties[id] = &Counterparty{ID: c.ID, Name: c.ID, Kind: c.Kind}
		}
		parties[id].Exchange = parties[id].Plus(c.Exchange)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range slices.Sorted(maps.Keys(parties)) {
		want.Parties = append(want.Parties, *parties[id])
		want.Counterparties++
	}
	slices.SortStableFunc(want.Parties, func(a, b Counterparty) int { return both(b.Exchange).Compare(both(a.Exchange)) })
	got, err := ComputeAccountSides(t.Context(), db, w, AccountQuery{ref, days})
	compare(t, "sides of "+ref, days, want, got, err)
	// What came in on balance is the same by source and by counterparty.
	net := ledger.Sum{}
	for _, p := range got.Parties {
		net = net.Plus(p.Received).Minus(p.Sent)
	}
	if wanted := account.Received.Minus(account.Sent); net != wanted {
		t.Errorf("sides of %s, %s days: %s on balance by counterparty, want %s", ref, days.Key(), net, wanted)
	}
}

// twoOfAKind returns two accounts that may be merged.
func (r record) twoOfAKind() (one, other string) {
	for _, one := range slices.Sorted(maps.Keys(r.accounts)) {
		for _, other := range slices.Sorted(maps.Keys(r.accounts)) {
			if one != other && r.accounts[one].Kind == r.accounts[other].Kind && r.issues(one) == r.issues(other) {
				return one, other
			}
		}
	}
	panic("no two accounts are of a kind")
}
