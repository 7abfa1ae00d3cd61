package aggregates

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

func TestOverviewOfAVillage(t *testing.T) {
	db, w := village(t)
	got, err := ComputeOverview(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	var days []time.Time
	for d := at(t, "03-05 00:00"); !d.After(w.Start); d = d.Add(day) {
		days = append(days, d)
	}
	want := &Overview{
		Basis: basisOf(span{Days: 7, Start: at(t, "03-05 00:00"), End: w.Start}), Bucket: "day", Buckets: days,
		// Money was made on 1 February and 4 March, and paid back on 10 March.
		// A week before, at 10:30 on 4 March, the second grant was yet to come.
		Supply: Trend[ledger.Sum]{Number: Number[ledger.Sum]{Now: pointerTo(sumOf(1040)), Before: pointerTo(sumOf(1000))},
			Series: []ledger.Sum{sumOf(1060), sumOf(1060), sumOf(1060), sumOf(1060), sumOf(1060), sumOf(1040), sumOf(1040)}},
		// Ann, Bob by his shop, the town and Cara; before: the town, Ann, Bob.
		Active: Trend[int64]{Number: Number[int64]{Now: pointerTo[int64](4), Before: pointerTo[int64](3)},
			Series: []int64{2, 2, 2, 2, 2, 2, 4}},
		Active1: 4, Active30: 4,
		Holders: 3, // Ann, Bob, the town; not Cara (archived), not Dan (never used)
		// Before: the salary of 26 February, and half of one at 10 o'clock.
		Transactions: Trend[int64]{Number: Number[int64]{Now: pointerTo[int64](5), Before: pointerTo[int64](2)},
			Series: []int64{0, 1, 0, 0, 1, 1, 2}},
		Velocity: Trend[float64]{
			// 50 + 100 + 30; from shop to owner and to the mint do not count.
			Number: Number[float64]{
				Now:    pointerTo(180 / ((5*1060 + 1050 + 1040*10.5/24) / (6 + 10.5/24))),
				Before: pointerTo(320.0 / 1000),
			},
			Series: []float64{0, 50.0 / 1060, 0, 0, 0, 0, 130.0 / 1040},
		},
		Balanced: true, Destroyed: sumOf(20),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("overview (-want +got):\n%s", diff)
	}
	if n := len(got.Table().Rows); n != 7 {
		t.Errorf("the table has %d rows, want one a day", n)
	}
}

func TestAPeriodThatTheLedgerDoesNotReachBackToIsNotCompared(t *testing.T) {
	db, w := village(t)
	got, err := ComputeOverview(t.Context(), db, w, 30)
	if err != nil {
		t.Fatal(err)
	}
	if got.Supply.Before != nil || got.Transactions.Before != nil || got.Velocity.Before != nil {
		t.Errorf("compared with days before the ledger's first: %+v", got)
	}
	if got.Active.Before == nil {
		t.Errorf("the week before last is in the ledger, but not compared")
	}
	if got.Supply.Now.Minus(got.Created).Plus(got.Destroyed) != sumOf(1000) || got.Created != sumOf(60) {
		t.Errorf("created %s, destroyed %s, closing %s; want an opening of 1000", got.Created, got.Destroyed, *got.Supply.Now)
	}
}

func TestSupplyEndsInTheSumOfTheBalancesWhateverIsWrittenMeanwhile(t *testing.T) {
	db, w := village(t)
	// The window began at 10:30 the day before; the later transactions were
	// written while it was being read.
	w = windowAt(w.Start.Add(-day))
	got, err := ComputeOverview(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Supply.Now != sumOf(1040) || got.Supply.Series[6] != sumOf(1040) || got.Supply.Series[5] != sumOf(1060) {
		t.Errorf("supply = %+v", got.Supply)
	}
	w = windowAt(at(t, "03-09 12:00"))
	if got, err = ComputeOverview(t.Context(), db, w, 7); err != nil {
		t.Fatal(err)
	}
	if *got.Supply.Now != sumOf(1060) {
		t.Errorf("supply of 9 March = %s, want 1060: the next day's sink is not part of it", *got.Supply.Now)
	}
}

func TestALedgerThatEndedIsShownToItsEnd(t *testing.T) {
	db, w := village(t)
	w = windowAt(w.Start.Add(400 * day))
	o, err := ComputeOverview(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	end := at(t, "03-12 00:00")
	if !o.Historical || !o.End.Equal(end) || !o.Start.Equal(at(t, "03-05 00:00")) {
		t.Errorf("historical %v, %s to %s; want the week to the end of 11 March", o.Historical, o.Start, o.End)
	}
	if *o.Supply.Now != sumOf(1040) || *o.Transactions.Now != 5 || *o.Active.Now != 4 || *o.Transactions.Before != 3 || *o.Supply.Before != sumOf(1060) {
		t.Errorf("overview = %+v", o)
	}
	a, err := ComputeActivity(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	if last := a.Buckets[len(a.Buckets)-1]; !a.Historical || last.Partial || last.Transactions != 2 {
		t.Errorf("the last day is %+v, want whole, with 2 transactions", last)
	}
	r, err := ComputeRhythm(t.Context(), db, w, 7)
	if err != nil {
		t.Fatal(err)
	}
	if r.Total[2][10] != 2 || r.Hours[2][23] != 1 {
		t.Errorf("Wednesday, 10 o'clock: %d transactions", r.Total[2][10])
	}
	v, err := ComputeInequality(t.Context(), db, w, InequalityQuery{Population: PopulationPersonal})
	if err != nil {
		t.Fatal(err)
	}
	if !v.Historical || !v.End.Equal(end) || v.Holders != 2 {
		t.Errorf("inequality of %d holders as of %s", v.Holders, v.End)
	}

	// A week of silence is not an end.
	if o, err = ComputeOverview(t.Context(), db, windowAt(at(t, "03-18 09:59")), 7); err != nil || o.Historical {
		t.Errorf("a ledger that was silent for a week is said to have ended: %v", err)
	}
}
