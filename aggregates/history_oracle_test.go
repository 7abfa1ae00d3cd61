package aggregates

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// TestTheHistoryIsWhatScanningSays compares the points and curves of all
// populations with scans of every posting.
func TestTheHistoryIsWhatScanningSays(t *testing.T) {
	for i, days := range []int{2, 45, 200, 900} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(i), 29))
			now := at(t, "03-11 15:00")
			r := randomRecord(random, now, days, transactionsIn(days))
			db := testkit.Postgres(t)
			appendBatch(t, db, r.batch())
			w := windowAt(now)
			s := r.span(w, 0)
			if v, err := ComputeHistory(t.Context(), db, w, PopulationAll); err != nil || len(v.Points) != 0 {
				t.Errorf("before any snapshot is made: %v, %d points", err, len(v.Points))
			}
			if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
				t.Fatal(err)
			}
			for _, p := range Populations() {
				got, err := ComputeHistory(t.Context(), db, w, p)
				if err != nil || got.Population != p {
					t.Fatal(err, got)
				}
				unit, buckets := s.buckets()
				want := &History{Basis: got.Basis, Population: p, Bucket: unit, CurveEvery: got.CurveEvery}
				for _, b := range buckets {
					if point, _, ok := r.stateOf(s, b, p); ok {
						want.Points = append(want.Points, point)
					}
				}
				_, few := s.fewBuckets(mostCurves)
				for _, b := range few {
					point, sums, ok := r.stateOf(s, b, p)
					if !ok || point.Gini == nil {
						continue
					}
					curve := HistoryCurve{Start: b.start, Day: point.Day, Gini: point.Gini, Points: []LorenzPoint{{}}}
					d := NewDistribution(sums)
					for _, share := range curveShares {
						held, _ := d.poorest(share, 1000).Float64()
						curve.Points = append(curve.Points, LorenzPoint{float64(share) / 1000, held})
					}
					want.Curves = append(want.Curves, curve)
					if len(got.Curves) < len(want.Curves) {
						t.Fatalf("%s: %d curves", p, len(got.Curves))
					}
					of := &got.Curves[len(want.Curves)-1]
					for i := range of.Points { // kept with seven digits
						if i < len(curve.Points) && math.Abs(of.Points[i].Wealth-curve.Points[i].Wealth) < 1e-6*max(1, math.Abs(curve.Points[i].Wealth)) {
							of.Points[i].Wealth = curve.Points[i].Wealth
						}
					}
					last := &want.Curves[len(want.Curves)-1]
					last.Points = append(last.Points, LorenzPoint{1, 1})
				}
				compare(t, "history of "+p.Key(), 0, want, got, nil)
				if len(got.Curves) > mostCurves {
					t.Errorf("%d curves", len(got.Curves))
				}
			}
		})
	}
}

// stateOf scans the state at the end of the last whole day of a bucket.
func (r record) stateOf(s span, b bucket, p Population) (HistoryPoint, []int64, bool) {
	last := plus(s.Start, b.to)
	if yesterday := plus(s.Today, -1); !s.Historical && last.After(yesterday) {
		last = yesterday
	}
	if last.Before(plus(s.Start, b.from)) {
		return HistoryPoint{}, nil, false
	}
	end := plus(last, 1)
	sums, _ := r.holdings(p, end)
	point := HistoryPoint{Start: b.start, Day: last, Supply: r.supply(end), Holders: int64(len(sums))}
	for _, sum := range sums {
		point.Total = point.Total.Add(sum)
	}
	m := dayMeasures(time.Time{}, NewDistribution(sums))
	point.Gini, point.Top1, point.Top10 = m.Gini, m.Top1, m.Top10
	return point, sums, true
}

// A snapshot of the release before is made again.
func TestSnapshotsWithoutPopulationsAreMadeAgain(t *testing.T) {
	db, w := village(t)
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil {
		t.Fatal(err)
	}
	const old = `UPDATE day_snapshots SET population_holders = '{}', population_totals = '{}', population_ginis = '{}', population_top1s = '{}',
		population_top10s = '{}', population_curves = '{}', active = '{}', cohorts = '{}' WHERE day >= '2026-03-04'`
	if _, err := db.Exec(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if wrong, err := VerifySnapshots(t.Context(), db, w.Start); err != nil || len(wrong) > 0 {
		t.Errorf("snapshots of the release before are wrong: %v, %v", wrong, err)
	}
	if made, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil || made != 4 {
		t.Errorf("%d snapshots made again, %v, want those of 4, 6, 9 and 10 March", made, err)
	}
	if _, err := db.Exec(t.Context(), `UPDATE day_snapshots SET population_ginis[3] = 0.5 WHERE day = '2026-03-06'`); err != nil {
		t.Fatal(err)
	}
	if wrong, err := VerifySnapshots(t.Context(), db, w.Start); err != nil || len(wrong) != 1 {
		t.Errorf("a wrong Gini of all holders is found as %v, %v", wrong, err)
	}
}
