package aggregates

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRhythmCountsWholeHoursOnly(t *testing.T) {
	db, w := village(t)
	got, err := ComputeRhythm(t.Context(), db, w, 30)
	if err != nil {
		t.Fatal(err)
	}
	want := &Rhythm{Basis: basisOf(span{Days: 30, Start: at(t, "02-10 00:00"), End: w.Start})}
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
