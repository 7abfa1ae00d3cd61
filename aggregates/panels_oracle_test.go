package aggregates

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// nearly compares floats that were added up in another order.
var nearly = cmpopts.EquateApprox(1e-9, 1e-9)

// TestPanelsAreWhatScanningThePostingsSays compares every panel with the same
// numbers by scanning, on random ledgers of different length. The window begins
// with an hour, so that nothing is taken in proportion.
func TestPanelsAreWhatScanningThePostingsSays(t *testing.T) {
	for i, days := range []int{2, 9, 45, 80, 200, 900, longAgo} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
			r := randomRecord(random, now, days, transactionsIn(days))
			db := testkit.Postgres(t)
			// In any order, with snapshots made in between.
			rest := slices.Clone(r.transactions)
			random.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
			for part := range slices.Chunk(rest, (len(rest)+2)/3) {
				appendBatch(t, db, record{r.accounts, part}.batch())
				if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
					t.Fatal(err)
				}
			}
			if report, err := ledger.New(db).Verify(t.Context()); err != nil || len(report.Differences) > 0 {
				t.Fatalf("the ledger itself is wrong: %+v, %v", report, err)
			}
			w := windowAt(now)
			for _, days := range AllDays() {
				r.checkPeriod(t, db, w, days)
			}
			for _, p := range Populations() {
				for _, c := range []Counted{CountedAll, CountedMoved, Counted90, Counted30} {
					r.checkInequality(t, db, w, spanOf(w, 0, r.first(), w.Start), InequalityQuery{p, c})
				}
			}
			r.checkWealth(t, db, w, spanOf(w, 0, r.first(), w.Start))
			r.checkSnapshots(t, db, now)
		})
	}
}

// longAgo is a number of days that no time.Duration holds.
const longAgo = 110_000

// transactionsIn is few for a long time, which is scanned day by day.
func transactionsIn(days int) int {
	if days == longAgo {
		return 12
	}
	return 150
}

func (r record) checkPeriod(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days) {
	t.Helper()
	s := spanOf(w, days, r.first(), w.Start)
	unit, buckets := s.buckets()

	o, err := ComputeOverview(t.Context(), db, w, days)
	if err != nil {
		t.Fatal(err)
	}
	all, created, destroyed := r.moved(s.Start, s.End)
	velocity := func(start, end time.Time) *float64 {
		average := r.averageSupply(start, end)
		if average <= 0 {
			return nil
		}
		moved, _, _ := r.moved(start, end)
		return pointerTo(moved.Transfers.Float64() / average)
	}
	want := &Overview{
		Basis: basisOf(s), Bucket: unit, Balanced: true, Created: created, Destroyed: destroyed,
		Active1: r.active(s.Today, s.End), Active30: r.active(s.Today.Add(-29*day), s.End),
	}
	want.Supply.Now, want.Transactions.Now = pointerTo(r.supply(s.End)), &all.Transactions
	want.Active.Now = pointerTo(r.active(s.Today.Add(-6*day), s.End))
	if want.Velocity.Now = velocity(s.Start, s.End); want.Velocity.Now == nil {
		want.Velocity.Why = whyNoSupply
	}
	if !s.Today.Add(-13 * day).Before(r.first()) {
		want.Active.Before = pointerTo(r.active(s.Today.Add(-13*day), s.Today.Add(-6*day)))
	}
	if before, ok := s.previous(); ok {
		moved, _, _ := r.moved(before.Start, before.End)
		want.Supply.Before, want.Transactions.Before = pointerTo(r.supply(before.End)), &moved.Transactions
		want.Velocity.Before = velocity(before.Start, before.End)
	}
	seen, holders := map[string]bool{}, int64(0)
	for ref := range r.balances(s.End) {
		a := r.accounts[ref]
		if !r.issues(ref) && (a.Archived.IsZero() || a.Archived.After(s.End)) && !seen[a.Holder] {
			seen[a.Holder] = true
			holders++
		}
	}
	want.Holders = holders

	activity := &Activity{Basis: basisOf(s), Bucket: unit}
	for _, b := range buckets {
		start, end := plus(s.Start, b.from), plus(s.Start, b.to+1)
		if end.After(s.End) {
			end = s.End
		}
		sum, _, _ := r.moved(start, end)
		sum.Start, sum.Partial = b.start, b.partial
		activity.Buckets = append(activity.Buckets, sum)
		want.Buckets = append(want.Buckets, b.start)
		want.Supply.Series = append(want.Supply.Series, r.supply(end))
		want.Transactions.Series = append(want.Transactions.Series, sum.Transactions)
		lastDay := plus(s.Start, b.to)
		want.Active.Series = append(want.Active.Series, r.active(lastDay.Add(-6*day), end))
		v := velocity(start, end)
		if v == nil {
			v = pointerTo(0.0)
		}
		want.Velocity.Series = append(want.Velocity.Series, *v)
	}
	if diff := cmp.Diff(want, o, nearly); diff != "" {
		t.Errorf("overview of %s days (-scanned +got):\n%s", days.Key(), diff)
	}

	a, err := ComputeActivity(t.Context(), db, w, days)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(activity, a); diff != "" {
		t.Errorf("activity of %s days (-scanned +got):\n%s", days.Key(), diff)
	}

	rhythm, err := ComputeRhythm(t.Context(), db, w, days)
	if err != nil {
		t.Fatal(err)
	}
	var total [7][24]int64
	for _, tx := range r.transactions {
		if !tx.At.Before(s.Start) {
			total[(tx.At.Weekday()+6)%7][tx.At.Hour()]++
		}
	}
	if diff := cmp.Diff(total, rhythm.Total); diff != "" {
		t.Errorf("rhythm of %s days (-scanned +got):\n%s", days.Key(), diff)
	}
}

// asOf returns the day of a period that is over, none of one that ends now.
func asOf(s span) Date {
	if s.Past {
		return dateAt(s.Today)
	}
	return ""
}

func (r record) checkInequality(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, q InequalityQuery) {
	t.Helper()
	p := q.Population
	got, err := ComputePastInequality(t.Context(), db, w, AsOf[InequalityQuery]{q, asOf(s)})
	if err != nil {
		t.Fatal(err)
	}
	today := s.Today
	_, archived := r.holdings(p, s.End)
	sums, apart := r.counted(q, s.End, today)
	want := &Inequality{Basis: basisOf(s), Population: p, Counted: q.Counted, Apart: apart, Archived: archived}
	if p == PopulationPersonal && q.Counted == CountedAll {
		for d := plus(today, -30); d.Before(today); d = plus(d, 1) {
			if !d.Before(s.First) {
				past, _ := r.holdings(p, plus(d, 1))
				want.Trend = append(want.Trend, dayMeasures(d, NewDistribution(past)))
			}
		}
		want.Trend = append(want.Trend, DayMeasures{Day: today})
	}
	want.measure(NewDistribution(sums))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inequality, %s (-scanned +got):\n%s", q.Key(), diff)
	}
}

func (r record) checkWealth(t *testing.T, db *pgxpool.Pool, w cache.Window, s span) {
	t.Helper()
	k, err := ComputePastWealthByKind(t.Context(), db, w, AsOf[NoParams]{At: asOf(s)})
	if err != nil {
		t.Fatal(err)
	}
	want := &WealthByKind{Basis: basisOf(s), Supply: r.supply(s.End)}
	balances := r.balances(s.End)
	for i := range 2 * len(ledger.Kinds()) {
		sum := KindWealth{Kind: ledger.Kinds()[i/2], Issuer: i%2 == 1}
		for ref, a := range r.accounts {
			if a.Kind == sum.Kind && r.issues(ref) == sum.Issuer {
				sum.Accounts++
				sum.Total = sum.Total.Add(balances[ref])
				if !a.Archived.IsZero() && !a.Archived.After(s.End) {
					sum.Archived++
				}
			}
		}
		if usual := sum.Issuer == (sum.Kind == ledger.System); sum.Accounts > 0 || usual {
			sum.Share = share(sum.Total, want.Supply)
			want.Kinds = append(want.Kinds, sum)
		}
	}
	if diff := cmp.Diff(want, k); diff != "" {
		t.Errorf("wealth by kind (-scanned +got):\n%s", diff)
	}

	l, err := ComputePastRichest(t.Context(), db, w, AsOf[NoParams]{At: asOf(s)})
	if err != nil {
		t.Fatal(err)
	}
	rich := r.richest(s.End, plus(s.Today, -6))
	for i, a := range rich {
		if s.Past {
			rich[i].LastActive = ledger.DayOf(a.LastActive, s.zone()).UTC()
		}
	}
	if diff := cmp.Diff(rich[:min(len(rich), 20)], l.Accounts); diff != "" {
		t.Errorf("richest (-scanned +got):\n%s", diff)
	}
	if l.Count != int64(len(rich)) || l.Supply != want.Supply {
		t.Errorf("richest of %d accounts and a supply of %s, scanned %d and %s", l.Count, l.Supply, len(rich), want.Supply)
	}
}

// A snapshot is a row of day_snapshots.
type snapshot struct {
	Day                      time.Time
	Supply                   ledger.Sum
	Holders                  int64
	Gini, Top1, Top10, Palma *float64
}

// snapshots returns one for each day before now, that of the day before where
// a day has none of its own.
func snapshots(t *testing.T, db *pgxpool.Pool, now time.Time) []snapshot {
	t.Helper()
	var all []snapshot
	for _, kept := range keptSnapshots(t, db) {
		for n := len(all); n > 0 && plus(all[n-1].Day, 1).Before(kept.Day); n++ {
			all = append(all, after(all[n-1]))
		}
		all = append(all, kept)
	}
	for n := len(all); n > 0 && plus(all[n-1].Day, 2).Compare(now) <= 0; n++ {
		all = append(all, after(all[n-1]))
	}
	return all
}

func after(s snapshot) snapshot {
	s.Day = plus(s.Day, 1)
	return s
}

func keptSnapshots(t *testing.T, db *pgxpool.Pool) []snapshot {
	t.Helper()
	rows, _ := db.Query(t.Context(), `SELECT day, supply, holders, gini, top1, top10, palma FROM day_snapshots ORDER BY day`)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[snapshot])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkSnapshots compares the snapshots with scans of every day.
func (r record) checkSnapshots(t *testing.T, db *pgxpool.Pool, now time.Time) {
	t.Helper()
	var want []snapshot
	for d := r.first(); d.Add(day).Compare(now.Truncate(day)) <= 0; d = d.Add(day) {
		end := d.Add(day)
		sums, _ := r.holdings(PopulationPersonal, end)
		m := dayMeasures(d, NewDistribution(sums))
		row := snapshot{Day: d, Supply: r.supply(end), Gini: m.Gini, Top1: m.Top1, Top10: m.Top10, Palma: m.Palma}
		for _, sum := range sums {
			if sum != 0 {
				row.Holders++
			}
		}
		want = append(want, row)
	}
	// DeepEqual first: Diff takes long for the days of three centuries.
	if got := snapshots(t, db, now); !reflect.DeepEqual(want, got) {
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("snapshots (-scanned +got):\n%s", diff)
		}
	}
	for _, s := range want {
		for _, v := range []*float64{s.Gini, s.Top1, s.Top10, s.Palma} {
			if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
				t.Errorf("%s: %v", s.Day, *v)
			}
		}
	}
}
