package aggregates

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestInequalityOfAVillage(t *testing.T) {
	db, w := village(t)
	for _, c := range []struct {
		population Population
		balances   []int64
		archived   int64
	}{
		{PopulationPersonal, []int64{240, 30}, 1},
		{PopulationPrivate, []int64{240, 90}, 1},
		{PopulationAll, []int64{240, 90, 610}, 1},
	} {
		got, err := ComputeInequality(t.Context(), db, w, c.population)
		if err != nil {
			t.Fatal(err)
		}
		d := NewDistribution(c.balances)
		total, _ := d.Total()
		want := &Inequality{
			Population: c.population, AsOf: w.Start, Holders: int64(d.Len()), Archived: c.archived,
			Total: total, Mean: d.Mean(), Median: d.Median(), Gini: d.Gini(), GiniNormal: d.GiniNormal(),
			Top1: d.TopShare(1, 100), Top10: d.TopShare(10, 100), Bottom50: d.BottomShare(50, 100),
			Palma: d.Palma(), Theil: d.Theil(), HHI: d.HHI(), Nakamoto: d.Nakamoto(),
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Inequality{}, "Lorenz", "Bins", "Trend")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.population, diff)
		}
		if len(got.Lorenz) != 110 || len(got.LorenzTable().Rows) != 110 || len(got.Table().Rows) != 13 {
			t.Errorf("%s: %d points, table of %d rows", c.population, len(got.Lorenz), len(got.Table().Rows))
		}
		if today := len(got.Trend); c.population == PopulationPersonal && today != 1 || c.population != PopulationPersonal && today != 0 {
			t.Errorf("%s: a trend of %d days without snapshots", c.population, today)
		}
	}
	got, err := ComputeInequality(t.Context(), db, w, PopulationPersonal)
	if err != nil {
		t.Fatal(err)
	}
	if want := 2.0*(1*30+2*240)/(2*270) - 1.5; math.Abs(got.Gini.Value-want) > 1e-15 {
		t.Errorf("Gini = %v, want %v", got.Gini.Value, want)
	}
	if want := 8.0 / 9; got.Top1.Value != 240.0*0.02/270 {
		t.Errorf("top 1 %% = %v: a fiftieth of Ann, who has %v of all", got.Top1.Value, want)
	}
}

func TestInequalityTrendIsThePastDaysAndToday(t *testing.T) {
	db, w := village(t)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start); err != nil {
		t.Fatal(err)
	}
	got, err := ComputeInequality(t.Context(), db, w, PopulationPersonal)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Trend); n != 30 || !got.Trend[0].Day.Equal(at(t, "02-10 00:00")) || !got.Trend[29].Day.Equal(at(t, "03-11 00:00")) {
		t.Fatalf("a trend of %d days: %v", n, got.Trend)
	}
	if today := got.Trend[29]; *today.Gini != got.Gini.Value || *today.Top10 != got.Top10.Value {
		t.Errorf("today's trend is %+v, the measures are %+v", today, got.Gini)
	}
	if first := got.Trend[0]; first.Gini != nil {
		t.Errorf("on 10 February nobody had anything, but Gini is %v", *first.Gini)
	}
}

func TestActivityOfAVillage(t *testing.T) {
	db, w := village(t)
	got, err := ComputeActivity(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := &Activity{Days: 7, Start: at(t, "03-05 00:00"), End: w.Start, Bucket: "day", Buckets: []ActivityBucket{
		{Start: at(t, "03-05 00:00")},
		{Start: at(t, "03-06 00:00"), Transactions: 1, Volume: 50, Transfers: 50},
		{Start: at(t, "03-07 00:00")},
		{Start: at(t, "03-08 00:00")},
		{Start: at(t, "03-09 00:00"), Transactions: 1, Volume: 10},
		{Start: at(t, "03-10 00:00"), Transactions: 1, Volume: 20},
		{Start: at(t, "03-11 00:00"), Transactions: 2, Volume: 130, Transfers: 130, Partial: true},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
}

func TestLongPeriodsAreDrawnInWeeksAndMonths(t *testing.T) {
	w := windowAt(at(t, "03-11 10:30")) // a Wednesday
	for _, c := range []struct {
		days        Days
		first       time.Time
		unit        string
		buckets     int
		start, last time.Time
	}{
		{90, at(t, "01-01 00:00"), "day", 90, at(t, "03-11 00:00").Add(-89 * day), at(t, "03-11 00:00")},
		{365, at(t, "01-01 00:00"), "week", 53, time.Date(2025, 3, 10, 0, 0, 0, 0, time.UTC), at(t, "03-09 00:00")},
		{0, at(t, "03-11 08:00"), "day", 1, at(t, "03-11 00:00"), at(t, "03-11 00:00")},
		{0, time.Date(2023, 12, 31, 23, 0, 0, 0, time.UTC), "month", 28, time.Date(2023, 12, 1, 0, 0, 0, 0, time.UTC), at(t, "03-01 00:00")},
	} {
		s := spanOf(w, c.days, c.first, w.Start)
		unit, buckets := s.buckets()
		if unit != c.unit || len(buckets) != c.buckets {
			t.Errorf("%d days: %d %ss, want %d %ss", c.days, len(buckets), unit, c.buckets, c.unit)
			continue
		}
		days := 0
		for i, b := range buckets {
			days += b.to - b.from + 1
			partial := i == len(buckets)-1 || i == 0 && b.start.Before(s.Start)
			if b.partial != partial {
				t.Errorf("%d days, bucket %d: partial %v", c.days, i, b.partial)
			}
		}
		if days != s.days() || !buckets[0].start.Equal(c.start) || !buckets[len(buckets)-1].start.Equal(c.last) {
			t.Errorf("%d days: %d days in buckets from %s to %s", c.days, days, buckets[0].start, buckets[len(buckets)-1].start)
		}
	}
}

func TestRhythmCountsWholeHoursOnly(t *testing.T) {
	db, w := village(t)
	got, err := ComputeRhythm(t.Context(), db, w, 30)
	if err != nil {
		t.Fatal(err)
	}
	want := &Rhythm{Days: 30, Start: at(t, "02-10 00:00"), End: w.Start}
	for h := want.Start; h.Before(at(t, "03-11 10:00")); h = h.Add(hour) {
		want.Hours[(h.Weekday()+6)%7][h.Hour()]++
	}
	want.Total[3][12] = 1 // Thursday, 26 February
	want.Total[2][10] = 1 // Wednesday, 4 March; what happens in this hour is left out
	want.Total[2][18] = 1
	want.Total[4][8] = 1
	want.Total[0][23] = 1
	want.Total[1][0] = 1
	for d := range want.Total {
		for h, n := range want.Total[d] {
			if n > 0 {
				want.Cells[d][h] = float64(n) / float64(want.Hours[d][h])
			}
		}
	}
	want.Peak = 1.0 / 4 // four Wednesdays, Fridays, and so on
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rhythm (-want +got):\n%s", diff)
	}
	if n := len(got.Table().Rows); n != 7*24 {
		t.Errorf("the table has %d rows", n)
	}
}

func TestWealthByKindOfAVillage(t *testing.T) {
	db, w := village(t)
	got, err := ComputeWealthByKind(t.Context(), db, w)
	if err != nil {
		t.Fatal(err)
	}
	want := &WealthByKind{AsOf: w.Start, Supply: 1040, Kinds: []KindWealth{
		{ledger.Personal, 5, 1, 370, 370.0 / 1040},
		{ledger.Business, 1, 0, 60, 60.0 / 1040},
		{ledger.Government, 1, 0, 610, 610.0 / 1040},
		{ledger.System, 1, 0, -1040, -1},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wealth by kind (-want +got):\n%s", diff)
	}
}

func TestRichestOfAVillage(t *testing.T) {
	db, w := village(t)
	got, err := ComputeRichest(t.Context(), db, w)
	if err != nil {
		t.Fatal(err)
	}
	want := &Richest{AsOf: w.Start, Supply: 1040, Count: 6, Accounts: []RichAccount{
		{"town", "town", "town", ledger.Government, 610, 610.0 / 1040, -90, at(t, "03-11 10:20")},
		{"ann", "ann", "ann", ledger.Personal, 210, 210.0 / 1040, -50, at(t, "03-06 08:00")},
		{"shop", "shop", "bob", ledger.Business, 60, 60.0 / 1040, 60, at(t, "03-11 10:20")},
		{"ann2", "ann2", "ann", ledger.Personal, 30, 30.0 / 1040, -30, at(t, "03-11 10:20")},
		{"bob", "bob", "bob", ledger.Personal, 30, 30.0 / 1040, -10, at(t, "03-10 00:00")},
		{"dan", "dan", "dan", ledger.Personal, 0, 0, 0, time.Time{}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("richest (-want +got):\n%s", diff)
	}
	if row := got.Table().Rows[5]; row[7] != nil {
		t.Errorf("Dan's account was never used, but last on %v", row[7])
	}
}

func TestAllAccountsAreListedInTheOrderOfTheRichest(t *testing.T) {
	db, w := village(t)
	var many ledger.Batch // more than a page
	for range 5000 {
		many.Accounts = append(many.Accounts, ledger.Account{
			Ref:  "x" + string(rune('a'+len(many.Accounts)%26)) + time.Unix(int64(len(many.Accounts)), 0).Format("150405"),
			Kind: ledger.Business, Opened: w.Start,
		})
	}
	appendBatch(t, db, many)
	e := &Economy{db: db, now: time.Now}
	var refs []string
	err := e.AllAccounts(t.Context(), func(a RichAccount) error {
		refs = append(refs, a.Ref)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(refs) != 5006 || strings.Join(refs[:6], " ") != "town ann shop ann2 bob dan" {
		t.Errorf("%d accounts, first %v", len(refs), refs[:6])
	}
	stop := errors.New("enough")
	if err := e.AllAccounts(t.Context(), func(RichAccount) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of the reader became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := e.AllAccounts(ctx, func(RichAccount) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled reading ended with %v", err)
	}
}

func TestAnEmptyLedgerSaysWhyThereIsNothing(t *testing.T) {
	db := testkit.Postgres(t)
	w := windowAt(time.Now())
	check := func(t *testing.T) {
		for _, days := range AllDays() {
			o, err1 := ComputeOverview(t.Context(), db, w, days)
			a, err2 := ComputeActivity(t.Context(), db, w, days)
			r, err3 := ComputeRhythm(t.Context(), db, w, days)
			v, err4 := ComputeInequality(t.Context(), db, w, PopulationAll)
			k, err5 := ComputeWealthByKind(t.Context(), db, w)
			l, err6 := ComputeRichest(t.Context(), db, w)
			if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
				t.Fatal(err)
			}
			for _, why := range []string{o.Why, o.Supply.Why, o.Active.Why, o.Transactions.Why, o.Velocity.Why, a.Why, r.Why,
				v.Why, v.Gini.Why, v.GiniNormal.Why, v.Top1.Why, v.Palma.Why, v.Theil.Why, v.HHI.Why, v.Nakamoto.Why, k.Why, l.Why} {
				if !strings.HasPrefix(why, "not available, because ") {
					t.Errorf("%s days: %q", days.Key(), why)
				}
			}
			for _, value := range []interface{ Table() Table }{o, a, r, v, k, l} {
				if _, err := json.Marshal(value); err != nil {
					t.Errorf("%T: %v", value, err)
				}
				value.Table()
			}
		}
		if made, err := UpdateSnapshots(t.Context(), db, w.Start); err != nil || made != 0 {
			t.Errorf("%d snapshots of nothing, %v", made, err)
		}
	}
	t.Run("nothing at all", check)
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal, Opened: w.Start}}})
	t.Run("accounts without transactions", check)
}

func TestALedgerWithoutMoneySaysWhyThereAreNoShares(t *testing.T) {
	db := testkit.Postgres(t)
	w := windowAt(time.Now())
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}, {Ref: "bob", Kind: ledger.Personal}},
		Transactions: []ledger.Transaction{{Origin: "test", Ref: "1", At: w.Start.Add(-time.Minute), Source: "loan",
			Postings: []ledger.Posting{{Account: "ann", Amount: -5}, {Account: "bob", Amount: 5}}}},
	})
	o, err := ComputeOverview(t.Context(), db, w, 30)
	if err != nil {
		t.Fatal(err)
	}
	if !o.Supply.Available || o.Supply.Now != 0 || o.Velocity.Available || o.Velocity.Why == "" || !o.Balanced {
		t.Errorf("overview = %+v", o)
	}
	k, err := ComputeWealthByKind(t.Context(), db, w)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range k.Table().Rows {
		if row[4] != nil {
			t.Errorf("a share of no supply: %v", row)
		}
	}
}

func TestValuesSurviveTheCache(t *testing.T) {
	db, w := village(t)
	o, err1 := ComputeOverview(t.Context(), db, w, 7)
	v, err2 := ComputeInequality(t.Context(), db, w, PopulationPersonal)
	l, err3 := ComputeRichest(t.Context(), db, w)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{o, v, l} {
		blob, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(value).Elem()).Interface()
		if err := json.Unmarshal(blob, back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(value, back, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%T (-before +after):\n%s", value, diff)
		}
	}
}

func TestBinsHoldEverybodyInRoundSteps(t *testing.T) {
	for _, c := range []struct {
		name     string
		balances []int64
		want     []Bin
	}{
		{"nobody", nil, nil},
		{"debt, nothing and a little", []int64{-70, -3, 0, 0, 1, 1, 3, 30}, []Bin{
			{-70, 0, 2, -73}, {0, 1, 2, 0}, {1, 2, 2, 2}, {2, 5, 1, 3}, {5, 10, 0, 0}, {10, 20, 0, 0}, {20, 50, 1, 30}}},
		{"six decades in thirds", []int64{25, 900_000}, []Bin{
			{10, 30, 1, 25}, {30, 100, 0, 0}, {100, 300, 0, 0}, {300, 1000, 0, 0}, {1000, 3000, 0, 0}, {3000, 10_000, 0, 0},
			{10_000, 30_000, 0, 0}, {30_000, 100_000, 0, 0}, {100_000, 300_000, 0, 0}, {300_000, 1_000_000, 1, 900_000}}},
		{"the largest there is", []int64{math.MaxInt64}, []Bin{{5e18, math.MaxInt64, 1, math.MaxInt64}}},
	} {
		if diff := cmp.Diff(c.want, NewDistribution(c.balances).Bins()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	wide := NewDistribution([]int64{math.MinInt64, -1, 0, 1, 50, 7e9, math.MaxInt64}).Bins()
	var holders int64
	for i, b := range wide {
		holders += b.Holders
		if i > 0 && b.Low != wide[i-1].High && wide[i-1].High != 1 {
			t.Errorf("a gap between %v and %v", wide[i-1], b)
		}
	}
	if holders != 7 || len(wide) > mostBins+2 {
		t.Errorf("%d holders in %d bins: %v", holders, len(wide), wide)
	}
}
