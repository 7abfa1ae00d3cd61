package aggregates

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// pastLedgers calls check for days of random ledgers that are over, in two time zones,
// one of them over a change of its clock: before any closing balances are kept, with those of
// every few days, and after what was written of the past meanwhile.
func pastLedgers(t *testing.T, check func(t *testing.T, r record, db *pgxpool.Pool, w cache.Window, s span)) {
	for i, name := range []string{"UTC", "America/New_York"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(i), 31))
			zone, err := ledger.LoadZone(name)
			if err != nil {
				t.Fatal(err)
			}
			now := at(t, "03-11 15:00")
			r := randomRecord(random, now, 80, 150)
			db := testkit.Postgres(t)
			if err := ledger.New(db).SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: name}); err != nil {
				t.Fatal(err)
			}
			earliest := slices.MinFunc(r.transactions, func(a, b ledger.Transaction) int { return a.At.Compare(b.At) }).At
			late := len(r.transactions) - 20
			appendBatch(t, db, record{r.accounts, r.transactions[:late]}.batch())
			w := windowAt(now)
			known := record{r.accounts, r.transactions[:late]}
			days := func() {
				t.Helper()
				for _, on := range []int{-79, -45, -30, -2, -1} {
					s := spanOf(w, 30, earliest.In(zone), now).until(dateAt(plus(now.In(zone), on)))
					if !s.Past {
						t.Fatalf("%d days ago is not over", -on)
					}
					check(t, known, db, w, s)
				}
			}
			days()
			if made, err := updateClosing(t.Context(), db, now, 20); err != nil || made < 5 {
				t.Fatalf("closing balances of %d days are kept, %v", made, err)
			}
			days()
			appendBatch(t, db, record{nil, r.transactions[late:]}.batch())
			known = r
			days()
			if report, err := ledger.New(db).Verify(t.Context()); err != nil || len(report.Differences) > 0 {
				t.Errorf("the ledger itself is wrong: %+v, %v", report, err)
			}
		})
	}
}

func TestPastHoldingsAreWhatScanningSays(t *testing.T) {
	pastLedgers(t, func(t *testing.T, _ record, db *pgxpool.Pool, w cache.Window, s span) {
		for _, p := range Populations() {
			checkHoldings(t, db, w, s, p)
		}
	})
}

// until is the record as it was at the end of a period: without what came later, and
// without accounts that were not used by then.
func (r record) until(s span) record {
	then := record{accounts: map[string]ledger.Account{}}
	for _, tx := range r.transactions {
		if tx.At.Before(s.End) {
			then.transactions = append(then.transactions, tx)
			for _, p := range tx.Postings {
				then.accounts[p.Account] = r.accounts[p.Account]
			}
		}
	}
	return then
}

func TestPastPanelsAreWhatScanningSays(t *testing.T) {
	pastLedgers(t, func(t *testing.T, r record, db *pgxpool.Pool, w cache.Window, s span) {
		then := r.until(s)
		for _, days := range []Days{7, 30} {
			s := s
			s.Days, s.Start = days, plus(s.Today, 1-int(days))
			f, err := ComputePastFlow(t.Context(), db, w, AsOf[Days]{days, asOf(s)})
			if err != nil {
				t.Fatal(err)
			}
			moved, created, destroyed := then.moved(s.Start, s.End)
			if f.Volume.Now != moved.Volume || f.Transfers.Now != moved.Transfers || f.Created.Now != created || f.Destroyed.Now != destroyed {
				t.Errorf("%s days until %s: %+v, want %+v, created %s, destroyed %s", days.Key(), asOf(s), f, moved, created, destroyed)
			}
			if before, ok := s.previous(); ok {
				if moved, _, _ := then.moved(before.Start, before.End); *f.Volume.Before != moved.Volume {
					t.Errorf("%s days before those until %s: %s, want %s", days.Key(), asOf(s), *f.Volume.Before, moved.Volume)
				}
			}
			if diff := cmp.Diff(basisOf(s), f.Basis); diff != "" {
				t.Errorf("flow (-want +got):\n%s", diff)
			}
		}
		s.Days, s.Start = 0, s.First
		then.checkWealth(t, db, w, s)
		if _, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil { // of which the trend is
			t.Fatal(err)
		}
		for _, c := range []Counted{CountedAll, CountedMoved, Counted90, Counted30} {
			then.checkInequality(t, db, w, s, InequalityQuery{PopulationPrivate, c})
		}
		then.checkInequality(t, db, w, s, InequalityQuery{PopulationAll, CountedAll})
		for _, account := range r.accounts {
			then.checkPastAccount(t, db, w, s, account)
		}
		for _, p := range Populations() {
			l, err := ComputePastLadder(t.Context(), db, w, AsOf[Population]{p, asOf(s)})
			if err != nil {
				t.Fatal(err)
			}
			sums, _ := then.holdings(l.Population, s.End)
			slices.Sort(sums)
			var rungs []int64
			for _, rung := range l.Rungs {
				rungs = append(rungs, rung.Balance)
			}
			if !slices.Equal(rungs, sums) {
				t.Errorf("the ladder of %s is %v, want %v", asOf(s), rungs, sums)
			}
		}
	})
}

// checkPastAccount compares an account with a scan of the record as it was.
func (r record) checkPastAccount(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, of ledger.Account) {
	t.Helper()
	s.Days, s.Start = 7, plus(s.Today, -6)
	q := AsOf[AccountQuery]{AccountQuery{of.Ref, 7}, asOf(s)}
	a, err := ComputePastAccount(t.Context(), db, w, q)
	if err != nil {
		t.Fatal(err)
	}
	sides, err := ComputePastAccountSides(t.Context(), db, w, q)
	if err != nil {
		t.Fatal(err)
	}
	want := &Account{Balance: r.balances(s.End)[of.Ref]}
	for _, tx := range r.transactions {
		for _, p := range tx.Postings {
			if p.Account != of.Ref {
				continue
			}
			want.Postings++
			if on := ledger.DayOf(tx.At, s.zone()); want.LastActive == nil || on.After(*want.LastActive) {
				want.LastActive = &on
			}
			switch {
			case tx.At.Before(s.Start):
			case p.Amount > 0:
				want.Received = want.Received.Add(p.Amount)
			default:
				want.Sent = want.Sent.Add(-p.Amount)
			}
		}
	}
	counts := func(a ledger.Account) bool { return a.Archived.IsZero() || a.Archived.After(s.End) }
	for ref, balance := range r.balances(s.End) {
		other := r.accounts[ref]
		if other.Holder != of.Holder {
			continue
		}
		want.HolderAccounts++
		if r.issues(ref) {
			continue
		}
		want.HolderBalance = want.HolderBalance.Add(balance)
		issues := of.Kind == ledger.System
		if of.Issuer != nil {
			issues = *of.Issuer
		}
		if counts(of) && counts(other) && !issues && slices.Contains(populationOf(of.Kind).kinds(), other.Kind) {
			if want.Held == nil {
				want.Held = new(int64)
			}
			*want.Held += balance
		}
	}
	got := &Account{Balance: a.Balance, Postings: a.Postings, LastActive: a.LastActive, Received: a.Received, Sent: a.Sent,
		HolderAccounts: a.HolderAccounts, HolderBalance: a.HolderBalance, Held: a.Held}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s as of %s (-scanned +got):\n%s", of.Ref, asOf(s), diff)
	}
	if last := a.Moves[len(a.Moves)-1]; last.Balance != ledger.SumOf(a.Balance) || last.Partial || len(a.Moves) != 7 {
		t.Errorf("%s as of %s ends with %+v, of %d days", of.Ref, asOf(s), last, len(a.Moves))
	}
	if sides.Received != want.Received || sides.Sent != want.Sent {
		t.Errorf("%s as of %s: sides of %s and %s, want %s and %s", of.Ref, asOf(s), sides.Received, sides.Sent, want.Received, want.Sent)
	}
}

// Closing balances that are kept or not give the same, also of accounts that are
// merged or of hidden holders by now.
func TestAPastDayOfAVillage(t *testing.T) {
	db, w := village(t)
	first := spanOf(w, 30, at(t, "02-01 00:00"), at(t, "03-11 10:00"))
	appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: "bob", Into: "dan"}}})
	for range 2 {
		for _, on := range []Date{"2026-02-01", "2026-03-04", "2026-03-09", "2026-03-10"} {
			for _, p := range Populations() {
				checkHoldings(t, db, w, first.until(on), p)
			}
		}
		if _, err := updateClosing(t.Context(), db, w.Start, 1); err != nil {
			t.Fatal(err)
		}
	}
	for asked, want := range map[Date]Date{
		"2026-03-10": "2026-03-10", "2026-03-11": "", "2030-01-01": "", "2026-02-01": "2026-02-01", "2026-01-31": "2026-02-01", "0001-01-01": "2026-02-01", "": "",
	} {
		if got, err := ComputePastHoldings(t.Context(), db, w, AsOf[Population]{PopulationAll, asked}); err != nil || got.At != want {
			t.Errorf("as of %q: %q, %v; want %q", asked, got.At, err, want)
		}
		known, err := ComputeDaysKnown(t.Context(), db, w, NoParams{})
		if err != nil || known.Nearest(asked) != want {
			t.Errorf("nearest to %q: %q, %v; want %q", asked, known.Nearest(asked), err, want)
		}
	}
}

// What is written of the past deletes what it makes wrong, and damage is found.
func TestClosingBalancesAreRight(t *testing.T) {
	db, w := village(t)
	kept := func() (days int) {
		t.Helper()
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM closing_balances`).Scan(&days); err != nil {
			t.Fatal(err)
		}
		return days
	}
	if made, err := updateClosing(t.Context(), db, w.Start, 1); err != nil || made != 3 || kept() != 3 {
		t.Fatalf("%d made, %d kept, %v; want 3, each after days of 3 accounts or more", made, kept(), err)
	}
	if made, err := updateClosing(t.Context(), db, w.Start, 1); err != nil || made != 0 {
		t.Errorf("%d made again, %v", made, err)
	}
	appendBatch(t, db, ledger.Batch{Transactions: []ledger.Transaction{{
		Origin: "test", Ref: "late", At: at(t, "03-05 12:00"), Source: "grant",
		Postings: []ledger.Posting{{Account: "mint", Amount: -500}, {Account: "dan", Amount: 500}},
	}}})
	if kept() != 2 {
		t.Errorf("%d are kept after a posting of 5 March, want 2", kept())
	}
	if _, err := updateClosing(t.Context(), db, w.Start, 1); err != nil || kept() != 4 {
		t.Errorf("%d are kept again, %v; want 4", kept(), err)
	}
	for _, damage := range []string{
		"", `UPDATE closing_balances SET balances[2] = balances[2] + 1 WHERE day = '2026-03-04'`,
		`UPDATE closing_balances SET last_days[1] = last_days[1] - 1 WHERE day = '2026-03-10'`,
		`UPDATE closing_balances SET accounts = trim_array(accounts, 1), balances = trim_array(balances, 1), postings = trim_array(postings, 1), last_days = trim_array(last_days, 1) WHERE day = '2026-03-06'`,
		`UPDATE closing_balances SET accounts = '{}', balances = '{}', postings = '{}', last_days = '{}' WHERE day = '2026-02-26'`,
	} {
		if _, err := db.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		report, err := ledger.New(db).Verify(t.Context())
		if err != nil || (len(report.Differences) > 0) != (damage != "") {
			t.Errorf("after %q: %+v, %v", damage, report.Differences, err)
		}
		// A repair leaves them to be made again.
		if _, err := ledger.New(db).Repair(t.Context(), ledger.Repair{}); err != nil || kept() != 0 {
			t.Fatalf("%d are kept after a repair, %v", kept(), err)
		}
		if _, err := updateClosing(t.Context(), db, w.Start, 1); err != nil {
			t.Fatal(err)
		}
	}
}

// Days before the ledger, and of the zone's other side, are the nearest that there are.
func FuzzParseDate(f *testing.F) {
	for _, text := range []string{"2026-08-31", "", "2026-02-30", "0000-01-01", "9999-12-31", "2026-08-31T00:00", "-2026-08-31", "２０２６-08-31"} {
		f.Add(text)
	}
	known := &DaysKnown{Basis{Period: Period{Start: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Timezone: "UTC"}}}
	f.Fuzz(func(t *testing.T, text string) {
		d := ParseDate(text)
		if d != "" && (string(d) != text || len(text) != len("2026-08-31")) {
			t.Errorf("%q is %q", text, d)
		}
		if n := known.Nearest(d); n != "" && (n < "2026-01-02" || n > "2026-02-28") {
			t.Errorf("the nearest to %q is %q", text, n)
		}
	})
}
