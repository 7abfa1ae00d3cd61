package aggregates

import (
	"testing"
	"time"

	"exchequer/ledger"
)

func TestAnyPeriodIsSentToTheNearestThatExists(t *testing.T) {
	for given, want := range map[string]Days{
		"7": 7, "30": 30, "90": 90, "365": 365, "all": 0,
		"": 30, "abc": 30, "29": 30, "8": 7, "0": 7, "-5": 7, "61": 90, "1000000": 365, "NaN": 30,
		"-9223372036854775808": 7, "9223372036854775807": 365, "99999999999999999999999": 365, "-99999999999999999999999": 7,
	} {
		if got := ParseDays(given); got != want {
			t.Errorf("ParseDays(%q) = %d, want %d", given, got, want)
		}
	}
}

func TestPeriodsAreDaysOfTheCommunityUpToTheSameTimeOfDay(t *testing.T) {
	for name, c := range map[string]struct{ zone, now, start, today, before, beforeEnd string }{
		"UTC":                        {"UTC", "2026-03-08T14:30:00Z", "2026-03-02T00:00:00Z", "2026-03-08T00:00:00Z", "2026-02-23T00:00:00Z", "2026-03-01T14:30:00Z"},
		"no change":                  {"Europe/Berlin", "2026-03-20T23:10:00Z", "2026-03-14T23:00:00Z", "2026-03-20T23:00:00Z", "2026-03-07T23:00:00Z", "2026-03-13T23:10:00Z"},
		"a day of 23 hours":          {"America/New_York", "2026-03-08T14:30:00Z", "2026-03-02T05:00:00Z", "2026-03-08T05:00:00Z", "2026-02-23T05:00:00Z", "2026-03-01T15:30:00Z"},
		"a week after it":            {"America/New_York", "2026-03-15T14:30:00Z", "2026-03-09T04:00:00Z", "2026-03-15T04:00:00Z", "2026-03-02T05:00:00Z", "2026-03-08T14:30:00Z"},
		"a time that did not occur":  {"America/New_York", "2026-03-15T06:30:00Z", "2026-03-09T04:00:00Z", "2026-03-15T04:00:00Z", "2026-03-02T05:00:00Z", "2026-03-08T07:00:00Z"},
		"the first of equal times":   {"America/New_York", "2026-11-01T05:30:00Z", "2026-10-26T04:00:00Z", "2026-11-01T04:00:00Z", "2026-10-19T04:00:00Z", "2026-10-25T05:30:00Z"},
		"the second of equal times":  {"America/New_York", "2026-11-01T06:30:00Z", "2026-10-26T04:00:00Z", "2026-11-01T04:00:00Z", "2026-10-19T04:00:00Z", "2026-10-25T05:30:00Z"},
		"a time that occurred twice": {"America/New_York", "2026-11-08T06:30:00Z", "2026-11-02T05:00:00Z", "2026-11-08T05:00:00Z", "2026-10-26T04:00:00Z", "2026-11-01T05:30:00Z"},
		"the start of a day":         {"Australia/Sydney", "2026-04-05T14:00:00Z", "2026-03-30T13:00:00Z", "2026-04-05T14:00:00Z", "2026-03-23T13:00:00Z", "2026-03-29T13:00:00Z"},
		"a day without a midnight":   {"America/Sao_Paulo", "2018-11-11T02:00:00Z", "2018-11-05T02:00:00Z", "2018-11-11T02:00:00Z", "2018-10-29T03:00:00Z", "2018-11-04T03:00:00Z"},
	} {
		zone, err := ledger.LoadZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		read := func(text string) time.Time {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		s := spanOf(windowAt(read(c.now)), 7, read("2018-01-15T12:00:00Z").In(zone), read(c.now))
		before, reaches := s.previous()
		got := [4]time.Time{s.Start, s.Today, before.Start, before.End}
		for i, want := range []string{c.start, c.today, c.before, c.beforeEnd} {
			if !got[i].Equal(read(want)) {
				t.Errorf("%s: at %s the %s is %s, want %s", name, c.now, []string{"start", "last day", "start before", "end before"}[i],
					got[i].UTC().Format(time.RFC3339), want)
			}
		}
		if !reaches || s.days() != 7 || before.days() != 7 {
			t.Errorf("%s: %d days and %d before, %v", name, s.days(), before.days(), reaches)
		}
	}
}

func TestTheLastDayOfAnEndedLedgerIsWholeInItsZone(t *testing.T) {
	zone, err := ledger.LoadZone("Australia/Sydney")
	if err != nil {
		t.Fatal(err)
	}
	last := time.Date(2026, 4, 4, 20, 0, 0, 0, time.UTC) // 5 April in Sydney, a day of 25 hours
	s := spanOf(windowAt(last.AddDate(0, 1, 0)), 30, last.AddDate(-1, 0, 0).In(zone), last)
	if want := time.Date(2026, 4, 5, 14, 0, 0, 0, time.UTC); !s.Historical || !s.End.Equal(want) || s.partial() != 1 {
		t.Errorf("it ends at %s with %v of its day, want %s", s.End, s.partial(), want)
	}
	before, _ := s.previous()
	if want := time.Date(2026, 3, 6, 13, 0, 0, 0, time.UTC); !before.End.Equal(want) || before.partial() != 1 {
		t.Errorf("the period before ends at %s with %v of its day, want %s", before.End, before.partial(), want)
	}
}

func TestDaysOfALocalPeriodAreDividedByTheirDates(t *testing.T) {
	zone, err := ledger.LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 10, 3, 0, 0, 0, time.UTC) // Monday the 9th in New York
	for _, c := range []struct {
		days    Days
		unit    string
		buckets int
		first   string
		last    string
	}{
		{30, "day", 30, "2026-10-11", "2026-11-09"},
		{365, "week", 53, "2025-11-10", "2026-11-09"},
		{0, "month", 35, "2024-01-01", "2026-11-01"},
	} {
		s := spanOf(windowAt(now), c.days, time.Date(2024, 1, 15, 12, 0, 0, 0, zone), now)
		unit, all := s.buckets()
		n := len(all)
		if unit != c.unit || n != c.buckets || all[0].start.Format(time.DateOnly) != c.first || all[n-1].start.Format(time.DateOnly) != c.last {
			t.Errorf("%d days: %d %ss from %s to %s, want %d %ss from %s to %s", c.days, n, unit, all[0].start, all[n-1].start, c.buckets, c.unit, c.first, c.last)
		}
		for i, b := range all {
			if b.start.Hour() != 0 || i > 0 && b.from != all[i-1].to+1 {
				t.Errorf("%d days: %s %d begins at %s with day %d", c.days, unit, i, b.start, b.from)
			}
		}
	}
}

func TestAPeriodLongerThanTheLedgerSaysWhenThatBegan(t *testing.T) {
	db, w := village(t)
	for days, want := range map[Days]time.Time{365: at(t, "02-01 00:00"), 7: {}, 0: {}} {
		a, err := ComputeActivity(t.Context(), db, w, days)
		if err != nil {
			t.Fatal(err)
		}
		if !a.Since.Equal(want) {
			t.Errorf("%s days: since %v, want %v", days.Key(), a.Since, want)
		}
	}
}
