package aggregates

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// A payment is what one account paid another, one of them public.
type payment struct {
	ledger.Transaction
	public, other string // accounts as they are shown
	received      int64  // by the public one; below zero if it paid
}

// publicPayments are the payments of a record of transactions with two sides at most.
func (r record) publicPayments(into map[string]string) (all []payment) {
	for _, tx := range r.transactions {
		nets := (record{r.accounts, []ledger.Transaction{tx}}).balances(tx.At.Add(1))
		var public, other []string
		for ref, n := range nets {
			switch shown := cmp.Or(into[ref], ref); {
			case n == 0:
			case r.accounts[shown].Kind == ledger.Government:
				public = append(public, ref)
			default:
				other = append(other, ref)
			}
		}
		if len(public) == 1 && len(other) == 1 {
			all = append(all, payment{tx, cmp.Or(into[public[0]], public[0]), cmp.Or(into[other[0]], other[0]), nets[public[0]]})
		}
	}
	return all
}

func (p payment) exchange() Exchange {
	return Exchange{sumOf(max(0, p.received)), sumOf(max(0, -p.received)), 1}
}

// sumBy adds up payments of a time by what names them, and sorts what both directions
// add up to, largest first.
func sumBy(all []payment, from, until time.Time, name func(payment) string) (sums []SourceExchange, together Exchange) {
	for _, p := range all {
		if p.At.Before(from) || !p.At.Before(until) {
			continue
		}
		together = together.Plus(p.exchange())
		if i := slices.IndexFunc(sums, func(s SourceExchange) bool { return s.Source == name(p) }); i >= 0 {
			sums[i].Exchange = sums[i].Plus(p.exchange())
		} else {
			sums = append(sums, SourceExchange{name(p), p.exchange()})
		}
	}
	sums, _ = largest(sums)
	return sums, together
}

func (r record) checkGovernment(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, into map[string]string) {
	t.Helper()
	got, err := ComputeGovernment(t.Context(), db, w, s.Days)
	if err != nil {
		t.Fatal(err)
	}
	all, end := r.publicPayments(into), plus(s.Today, 1)
	want := &Government{Basis: basisOf(s), Bucket: "month"}
	var together Exchange
	want.Sources, together = sumBy(all, s.Start, end, func(p payment) string { return p.Source })
	want.Received.Now, want.Paid.Now = together.Received, together.Sent
	if before, reaches := s.previous(); reaches {
		_, earlier := sumBy(all, before.Start, before.End, func(payment) string { return "" })
		want.Received.Before, want.Paid.Before = &earlier.Received, &earlier.Sent
	}
	for n := -12; n <= 0; n++ {
		start := date(s.Today.Year(), s.Today.Month()+time.Month(n))
		next := start.AddDate(0, 1, 0)
		if !next.After(s.First) {
			continue
		}
		_, sum := sumBy(all, start, minTime(next, end), func(payment) string { return "" })
		want.Months = append(want.Months, PublicMonth{start, s.First.After(start) || s.End.Before(next), sum.Received, sum.Sent})
	}
	// Of three sources, all are listed in each month.
	var income, spending ledger.Sum
	for i, m := range got.Months {
		for _, s := range got.Income {
			income = income.Plus(s.Months[i])
		}
		for _, s := range got.Spending {
			spending = spending.Plus(s.Months[i])
		}
		if i < len(want.Months) && (m.Received != want.Months[i].Received || m.Paid != want.Months[i].Paid) {
			t.Errorf("%s: month %s received %s, paid %s, want %+v", s.Days.Key(), m.Start, m.Received, m.Paid, want.Months[i])
		}
	}
	for _, m := range want.Months {
		income, spending = income.Minus(m.Received), spending.Minus(m.Paid)
	}
	if income.Sign() != 0 || spending.Sign() != 0 {
		t.Errorf("%s: sources received %s and paid %s more than all months", s.Days.Key(), income, spending)
	}
	r.wantPublic(want, s, into)
	byUnit, _ := sumBy(all, s.Start, end, func(p payment) string { return r.accounts[p.public].Holder })
	for i := range want.Units {
		for _, e := range byUnit {
			if e.Source == want.Units[i].ID {
				want.Units[i].Exchange = e.Exchange
			}
		}
	}
	sortUnits(want.Units)
	byOther, _ := sumBy(all, s.Start, end, func(p payment) string { return p.other })
	for _, e := range byOther {
		want.Parties = append(want.Parties, Counterparty{e.Source, e.Source, r.accounts[e.Source].Kind, e.Exchange})
		want.Counterparties++
	}
	byPaid := func(a, b Counterparty) int {
		return cmp.Or(b.Sent.Compare(a.Sent), b.Received.Compare(a.Received), cmp.Compare(a.ID, b.ID))
	}
	if !slices.IsSortedFunc(got.Parties, func(a, b Counterparty) int { return b.Sent.Compare(a.Sent) }) {
		t.Errorf("the receivers are not in order: %+v", got.Parties)
	}
	slices.SortFunc(want.Parties, byPaid)
	slices.SortFunc(got.Parties, byPaid)
	sortUnits(got.Units)
	got.Income, got.Spending = nil, nil
	compare(t, "government", s.Days, want, got, nil)
}

func sortUnits(units []PublicUnit) {
	slices.SortFunc(units, func(a, b PublicUnit) int { return cmp.Compare(a.ID, b.ID) })
}

// wantPublic sets the public accounts and the units, without what they exchanged.
func (r record) wantPublic(want *Government, s span, into map[string]string) {
	end := plus(s.Today, 1)
	now, before := r.balances(end), r.balances(s.Start)
	units := map[string]*PublicUnit{}
	for ref, a := range r.accounts {
		if a.Kind != ledger.Government || into[ref] != "" {
			continue
		}
		held, change := now[ref], now[ref]-before[ref]
		for part, target := range into {
			if target == ref {
				held, change = held+now[part], change+now[part]-before[part]
			}
		}
		want.List = append(want.List, PublicAccount{ref, ref, a.Holder, r.issues(ref), !a.Archived.IsZero() && !a.Archived.After(s.End), held, change})
		if units[a.Holder] == nil {
			units[a.Holder] = &PublicUnit{ID: a.Holder, Name: a.Holder}
		}
		u := units[a.Holder]
		u.Accounts++
		want.Accounts++
		if r.issues(ref) {
			want.Issuers++
			u.Issued, want.Issued = u.Issued.Add(-held), want.Issued.Add(-held)
		} else {
			u.Balance, want.Balance, want.Change = u.Balance.Add(held), want.Balance.Add(held), want.Change.Add(change)
		}
	}
	for _, u := range units {
		want.Units = append(want.Units, *u)
		want.UnitCount++
	}
	slices.SortFunc(want.List, func(a, b PublicAccount) int {
		return cmp.Or(cmp.Compare(max(b.Balance, -b.Balance), max(a.Balance, -a.Balance)), cmp.Compare(a.ID, b.ID))
	})
}

func TestGovernmentIsWhatScanningSays(t *testing.T) {
	for n, days := range []int{20, 100} {
		random := rand.New(rand.NewPCG(uint64(n), 53))
		now := at(t, "03-11 15:00").Add(-time.Duration(9*n) * hour)
		r := randomRecord(random, now, days, transactionsIn(days))
		for ref, a := range r.accounts {
			if strings.ContainsAny(ref[2:], "02579") {
				a.Kind = ledger.Government
				r.accounts[ref] = a
			}
		}
		several := r // sides
		r.transactions = slices.Clone(r.transactions)
		for i := range r.transactions {
			tx := &r.transactions[i]
			amount := tx.Postings[0].Amount
			tx.Postings = []ledger.Posting{tx.Postings[0], {Account: tx.Postings[len(tx.Postings)-1].Account, Amount: -amount}}
		}
		db := testkit.Postgres(t)
		appendBatch(t, db, r.batch())
		w := windowAt(now)
		one, merged := r.twoOfAKind()
		for _, into := range []map[string]string{{}, {merged: one}} {
			if len(into) > 0 {
				appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: merged, Into: one}}})
			}
			for _, d := range []Days{7, 30, 365} {
				r.checkGovernment(t, db, w, r.span(w, d), into)
			}
		}
		several.checkAddsUp(t, w)
	}
}

// checkAddsUp checks that of transactions with any number of sides all ways to divide
// them say the same on balance.
func (r record) checkAddsUp(t *testing.T, w cache.Window) {
	t.Helper()
	db := testkit.Postgres(t)
	appendBatch(t, db, r.batch())
	for _, d := range []Days{7, 30, 0} {
		v, err := ComputeGovernment(t.Context(), db, w, d)
		if err != nil {
			t.Fatal(err)
		}
		net, units, parties := v.Received.Now.Minus(v.Paid.Now), ledger.Sum{}, v.Several.Received.Minus(v.Several.Sent)
		for _, u := range v.Units {
			units = units.Plus(u.Received).Minus(u.Sent)
		}
		for _, p := range v.Parties {
			parties = parties.Plus(p.Received).Minus(p.Sent)
		}
		changes := ledger.Sum{}
		for _, a := range v.List {
			changes = changes.Add(a.Change)
		}
		if units != net || parties != net || changes != net {
			t.Errorf("%s days: %s on balance by source, %s by unit, %s by counterparty, %s by account", d.Key(), net, units, parties, changes)
		}
	}
}

// The council issues money; the clerk of whom nobody knows holds another public account.
func TestGovernmentHasIssuersApartAndNamesNoHiddenHolder(t *testing.T) {
	db, w := village(t)
	issues := true
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "council", Kind: ledger.Government, Issuer: &issues, Opened: w.Start}, {Ref: "desk", Kind: ledger.Government, Holder: "clerk", Opened: w.Start},
			{Ref: "till", Kind: ledger.Government, Holder: "warden", Opened: w.Start},
		},
		Holders: []ledger.Holder{{Ref: "clerk", Name: "Cora Clerk", Hidden: true}, {Ref: "warden", Name: "Will Warden", Hidden: true}, {Ref: "ann", Name: "Ann Fenwick", Hidden: true}},
		Transactions: []ledger.Transaction{
			{Origin: "test", Ref: "1", At: at(t, "03-11 09:00"), Source: "grant", Postings: []ledger.Posting{{Account: "council", Amount: -70}, {Account: "bob", Amount: 70}}},
			{Origin: "test", Ref: "2", At: at(t, "03-11 09:01"), Source: "fund", Postings: []ledger.Posting{{Account: "council", Amount: -30}, {Account: "desk", Amount: 30}}},
			{Origin: "test", Ref: "3", At: at(t, "03-11 09:02"), Source: "fine", Postings: []ledger.Posting{{Account: "ann", Amount: -4}, {Account: "desk", Amount: 4}}},
			{Origin: "test", Ref: "4", At: at(t, "03-11 09:03"), Source: "fine", Postings: []ledger.Posting{{Account: "bob", Amount: -5}, {Account: "till", Amount: 5}}},
		},
	})
	v, err := ComputeGovernment(t.Context(), db, w, 30)
	if err != nil {
		t.Fatal(err)
	}
	if v.Accounts != 4 || v.Issuers != 1 || v.Issued != sumOf(100) || v.Balance != sumOf(610+34+5) || v.Received.Now != sumOf(10+9) || v.Paid.Now != sumOf(400+70) || v.UnitCount != 4 || len(v.Units) != 3 || len(v.List) != 2 {
		t.Errorf("the government is %+v", v)
	}
	for _, u := range v.Units {
		if u.ID == "" && (u.Name != ledger.HiddenName || u.Accounts != 2 || u.Received != sumOf(9) || u.Balance != sumOf(39)) {
			t.Errorf("the hidden units are %+v", u)
		}
	}
	text, err := json.Marshal([]any{v, v.FiguresTable(), v.UnitsTable(), v.AccountsTable(), v.PartiesTable(), v.MonthsTable(), v.SourcesTable()})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`"ann`, "Fenwick", "lerk", "desk", "till", "arden"} {
		if strings.Contains(string(text), name) {
			t.Errorf("%s is in %s", name, text)
		}
	}
}

// All of a ledger of years is by month, of a longer one by year.
func TestAllOfALongLedgerIsByMonthOrYear(t *testing.T) {
	now := windowAt(at(t, "03-11 10:30"))
	for years, want := range map[int]string{1: "month", 12: "month", 30: "year", 300: "decade"} {
		v, s := &Government{}, spanOf(now, 0, now.Start.AddDate(-years, 0, 0), now.Start)
		if all := v.divide(s); v.Bucket != want || !all[0].start.Before(s.First.AddDate(0, 0, 1)) || len(all) > 250 {
			t.Errorf("%d years are %d of a %s", years, len(all), v.Bucket)
		}
	}
	v := &Government{}
	if all := v.divide(spanOf(now, 7, now.Start.AddDate(-12, 0, 0), now.Start)); len(all) != 13 || all[0].partial || !all[12].partial {
		t.Errorf("a week is shown with %d months", len(all))
	}
}

// Where few of many accounts are public, the days and counterparties of the others are
// not read.
func TestGovernmentReadsIndexes(t *testing.T) {
	db := testkit.Postgres(t)
	const fill = `
		INSERT INTO accounts SELECT n, 'r' || n, CASE WHEN n % 1000 = 0 THEN 'government' ELSE 'personal' END, 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(10, 8000) n;
		INSERT INTO balances SELECT n, 5, '2026-02-01', 1, '2026-02-01' FROM generate_series(10, 8000) n;
		INSERT INTO account_days SELECT n % 7000 + 10, date '2026-02-01' + n / 7000, 5, 0, 1 FROM generate_series(1, 140000) n;
		INSERT INTO counterparty_days SELECT n % 7000 + 10, n % 500 + 7300, 1, date '2026-02-01' + n % 30, 0, 5 FROM generate_series(1, 60000) n ON CONFLICT DO NOTHING;
		INSERT INTO flow_hours SELECT timestamptz '2026-02-01' + n * interval '1 hour', 'personal', 'government', 'tax', 1, 7, false, false FROM generate_series(0, 600) n;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	p, v := &planned{Tx: tx}, &Government{}
	s := spanOf(windowAt(at(t, "03-01 10:00")), 7, at(t, "02-01 00:00"), at(t, "03-01 09:00"))
	if err := v.fill(t.Context(), p, s); err != nil {
		t.Fatal(err)
	}
	if v.Accounts != 8 || len(p.plans) != 7 {
		t.Errorf("%d accounts by %d queries", v.Accounts, len(p.plans))
	}
	for _, plan := range p.plans {
		for _, table := range []string{"account_days", "counterparty_days", "balances"} {
			if strings.Contains(plan, "Seq Scan on "+table) {
				t.Errorf("the plan scans %s:\n%s", table, plan)
			}
		}
	}
}

// Where public accounts have too many postings, those are added up of the latest days.
func TestCounterpartiesOfTooManyPostingsAreOfTheLatestDays(t *testing.T) {
	db, w := village(t)
	const busy = `UPDATE account_days SET postings = postings + $1 WHERE account = (SELECT id FROM accounts WHERE ref = 'town') AND day = $2`
	for _, c := range []struct {
		day, since string
		paid       ledger.Sum
	}{
		{"2026-03-11", "2026-03-12", ledger.Sum{}}, // not even of the latest day
		{"2026-02-26", "2026-03-11", sumOf(100)},   // without the 300 of February
	} {
		if _, err := db.Exec(t.Context(), busy, mostExchanged, c.day); err != nil {
			t.Fatal(err)
		}
		v, err := ComputeGovernment(t.Context(), db, w, 30)
		if err != nil {
			t.Fatal(err)
		}
		paid := v.Others.Sent
		for _, p := range v.Parties {
			paid = paid.Plus(p.Sent)
		}
		if v.PartiesFrom == nil || v.PartiesFrom.Format(time.DateOnly) != c.since || paid != c.paid || v.Units[0].Sent != c.paid || v.Paid.Now != sumOf(400) {
			t.Errorf("%s was busy: %s was paid to others since %v, by a unit %s, in all %s; want %s since %s, and 400", c.day, paid, v.PartiesFrom, v.Units[0].Sent, v.Paid.Now, c.paid, c.since)
		}
		if _, err := db.Exec(t.Context(), busy, -mostExchanged, c.day); err != nil {
			t.Fatal(err)
		}
	}
}
