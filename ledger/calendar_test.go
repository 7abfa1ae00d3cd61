package ledger

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// The zones change at midnight, at a minute past it, by more or less than an hour,
// over the date line, and never.
func zonesOfAllSorts() []string {
	return []string{"UTC", "America/New_York", "Australia/Sydney", "Europe/London", "America/Sao_Paulo", "America/Moncton",
		"Asia/Beirut", "Asia/Gaza", "Africa/Casablanca", "Antarctica/Troll", "America/Scoresbysund", "Pacific/Apia",
		"Pacific/Kwajalein", "America/Caracas", "Asia/Pyongyang", "Africa/Nairobi"}
}

func TestEveryHourBelongsToTheDayThatItShows(t *testing.T) {
	for _, name := range zonesOfAllSorts() {
		zone := zone(t, name)
		changes, _ := Offsets(zone, time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC))
		for _, change := range append(changes, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) {
			at := change.Add(-60 * time.Hour)
			day := DayOf(at, zone)
			for ; at.Before(change.Add(60 * time.Hour)); at = at.Add(time.Hour) {
				next := DayOf(at, zone)
				switch {
				case at.Before(next) || at.Sub(next) >= 48*time.Hour:
					t.Fatalf("%s: %s belongs to the day that begins at %s", name, at, next)
				case DayNumber(next) != DayNumber(at.In(zone)):
					t.Fatalf("%s: %s, there %s, belongs to %s", name, at, at.In(zone), next)
				case next.Before(day) || next.After(day) && !next.Equal(at):
					t.Fatalf("%s: the day of %s begins at %s, after the day of %s", name, at, next, day)
				}
				day = next
			}
		}
	}
}

func TestDaysHaveAsManyHoursAsTheClockShows(t *testing.T) {
	for _, c := range []struct {
		zone, date, start string
		hours             int
	}{
		{"UTC", "2026-03-29", "2026-03-29T00:00:00Z", 24},
		{"Europe/Berlin", "2026-03-28", "2026-03-27T23:00:00Z", 24},
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23},
		{"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25},
		{"America/New_York", "2026-03-08", "2026-03-08T05:00:00Z", 23},
		{"America/New_York", "2026-11-01", "2026-11-01T04:00:00Z", 25},
		{"Australia/Sydney", "2026-04-05", "2026-04-04T13:00:00Z", 25},
		{"Australia/Sydney", "2026-10-04", "2026-10-03T14:00:00Z", 23},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23}, // without a midnight
		{"America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00Z", 25},
		{"Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", 24},
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0}, // left out
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", 24},
	} {
		date, err := time.Parse(time.DateOnly, c.date)
		if err != nil {
			t.Fatal(err)
		}
		number := DayNumber(date)
		start, end := DayStart(number, zone(t, c.zone)), DayStart(number+1, zone(t, c.zone))
		if got := start.UTC().Format(time.RFC3339); got != c.start || end.Sub(start) != time.Duration(c.hours)*time.Hour {
			t.Errorf("%s in %s begins at %s and has %s, want %s and %d hours", c.date, c.zone, got, end.Sub(start), c.start, c.hours)
		}
	}
}

func TestDaysAreNumberedWithoutGaps(t *testing.T) {
	for _, name := range []string{"UTC", "America/New_York", "Pacific/Auckland"} {
		zone := zone(t, name)
		rapid.Check(t, func(t *rapid.T) {
			number := rapid.IntRange(-719_000, 800_000).Draw(t, "number")
			start := DayStart(number, zone)
			if got := DayNumber(start); got != number {
				t.Errorf("%s: day %d begins at %s, which is day %d", name, number, start, got)
			}
			// Before there were time zones, clocks were not whole hours apart.
			if got := DayStart(number+1, zone); number > 0 && DayNumber(got.Add(-time.Nanosecond)) != number {
				t.Errorf("%s: the day before %s is not %d", name, got, number)
			}
		})
	}
}

func TestUnknownZonesAreRefused(t *testing.T) {
	for _, name := range []string{"Local", "localtime", "Berlin", "europe/berlin", "right/Europe/Berlin", "posixrules", "../UTC", "/etc/localtime", "UTC+1", "Europe/Berlin\x00"} {
		if zone, err := LoadZone(name); err == nil {
			t.Errorf("LoadZone(%q) = %s", name, zone)
		}
	}
	for _, name := range zonesOfAllSorts() {
		if got := zone(t, name); got.String() != name {
			t.Errorf("LoadZone(%q) = %s", name, got)
		}
	}
}

func TestZonesBetweenTheHoursAreRefused(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, name := range []string{"Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham"} {
		if err := checkZone(zone(t, name), now); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	for _, name := range zonesOfAllSorts() {
		if err := checkZone(zone(t, name), now); err != nil {
			t.Error(err)
		}
	}
}
