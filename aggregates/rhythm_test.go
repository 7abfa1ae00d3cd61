package aggregates

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
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

func TestARecordOfDatesHasNoHoursOfTheWeek(t *testing.T) {
	for _, c := range []struct {
		name           string
		ledger, source string        // time zones
		hour           time.Duration // of the transactions, after midnight at the source
		want           bool
	}{
		{"dates without times", "UTC", "UTC", 0, true},
		{"dates without times in New York, over a change of the clock", "America/New_York", "America/New_York", 0, true},
		{"midnight elsewhere", "America/New_York", "UTC", 0, false},
		{"a job that runs after midnight", "UTC", "UTC", 10 * time.Minute, false},
		{"a job at noon", "UTC", "UTC", 12 * time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := testkit.Postgres(t)
			if err := ledger.New(db).SetSettings(t.Context(), ledger.Settings{Name: "Village", Timezone: c.ledger}); err != nil {
				t.Fatal(err)
			}
			b := ledger.Batch{Accounts: []ledger.Account{
				{Ref: "town", Kind: ledger.Government, Opened: at(t, "01-01 00:00")}, {Ref: "firm", Kind: ledger.Business, Opened: at(t, "01-01 00:00")},
			}}
			source, err := ledger.LoadZone(c.source)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 68 { // one a day from Thursday, 1 January, to Monday, 9 March
				b.Transactions = append(b.Transactions, ledger.Transaction{
					Origin: "test", Ref: fmt.Sprint(i), At: time.Date(2026, 1, 1+i, 0, 0, 0, 0, source).Add(c.hour), Source: "test",
					Postings: []ledger.Posting{{Account: "town", Amount: -1}, {Account: "firm", Amount: 1}},
				})
			}
			appendBatch(t, db, b)
			got, err := ComputeRhythm(t.Context(), db, windowAt(at(t, "03-10 12:30")), 0)
			if err != nil {
				t.Fatal(err)
			}
			if got.DatesOnly != c.want {
				t.Fatalf("dates only: %v, want %v", got.DatesOnly, c.want)
			}
			if !c.want {
				return
			}
			if d := got.ByMonth[3][0]; d != (DayRate{5, 5, 1}) { // Thursdays in January
				t.Errorf("Thursdays in January: %+v, want 5 on 5 days", d)
			}
			if d := got.ByMonth[0][2]; d != (DayRate{2, 2, 1}) { // Mondays in March, the 2nd and the 9th
				t.Errorf("Mondays in March: %+v, want 2 on 2 days", d)
			}
			if n := len(got.Table().Rows); n != 21 {
				t.Errorf("the table has %d rows, want 7 weekdays of 3 months", n)
			}
		})
	}
}
