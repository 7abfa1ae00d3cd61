package ledger

import (
	"fmt"
	"time"
)

// DefaultOldest is the oldest time of a batch that does not name another one.
// An older time is most often a typing error, such as a year of two or three
// digits, and a ledger forgets nothing.
func DefaultOldest() time.Time { return time.Date(1900, time.January, 1, 0, 0, 0, 0, time.UTC) }

// ParseOldest reads the oldest time that a batch may have, a date such as
// 1066-10-14. The calendar is the Gregorian one, also before there was one, as
// in Postgres. The year 1 is the first.
func ParseOldest(date string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil || t.Year() < 1 {
		return time.Time{}, fmt.Errorf("%s is not a date such as 1066-10-14, of the year 1 or later", quote(date))
	}
	if t.IsZero() {
		t = t.Add(time.Microsecond) // the zero time is no time at all
	}
	return t, nil
}
