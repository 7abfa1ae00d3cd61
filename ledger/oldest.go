package ledger

import (
	"fmt"
	"time"
)

// DefaultOldest returns the oldest time that a batch may have by default. An older
// time is most often a mistake, such as a year of two or three digits, and nothing
// can be removed from a ledger.
func DefaultOldest() time.Time { return time.Date(1900, time.January, 1, 0, 0, 0, 0, time.UTC) }

// ParseOldest parses the oldest time that a batch may have, a date such as
// 1066-10-14, of the year 1 or later. As in Postgres, all dates are of the
// Gregorian calendar, those before its introduction too.
func ParseOldest(date string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil || t.Year() < 1 {
		return time.Time{}, fmt.Errorf("%s is not a date such as 1066-10-14, of the year 1 or later", quote(date))
	}
	if t.IsZero() {
		t = t.Add(time.Microsecond) // the zero time means none
	}
	return t, nil
}
