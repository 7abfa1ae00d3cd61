package aggregates

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
)

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// idle is how long a ledger may be without a transaction before its periods end
// with its last day instead of now: see docs/decisions/0004-historical-ledgers.md.
const idle = 7 * day

// A span is a period of the ledger. All values of a window have the same one.
type span struct {
	Start, End time.Time
	Today      time.Time // the last day: End lies in it, or is its end
	First      time.Time // the ledger's first day
	Through    time.Time // the end of the last rollup hour that counts
	Historical bool
	Days       Days
}

// spanOf returns the period of that many days that ends with w's start. First
// and last are the ledger's first and last hours with a transaction.
func spanOf(w cache.Window, days Days, first, last time.Time) span {
	s := span{Days: days, First: first.Truncate(day)}
	if w.Start.Sub(last) > idle {
		s.Historical = true
		s.Today = last.Truncate(day)
		s.End = s.Today.Add(day)
		s.Through = s.End
	} else {
		s.Today = w.Start.Truncate(day)
		s.End = w.Start
		s.Through = w.Start.Truncate(hour).Add(hour)
	}
	s.Start = s.First
	if days > 0 {
		s.Start = plus(s.Today, 1-int(days))
	}
	return s
}

// previous returns the period before, of the same length up to the same time of
// day, and reports whether the ledger reaches back to its start.
func (s span) previous() (span, bool) {
	length := int(s.Days)
	p := s
	p.Start, p.End, p.Today = plus(s.Start, -length), plus(s.End, -length), plus(s.Today, -length)
	return p, s.Days > 0 && !p.Start.Before(s.First)
}

// days returns the number of days, the last one included.
func (s span) days() int { return s.index(s.Today) + 1 }

// index returns the index of a day, 0 for the first.
func (s span) index(t time.Time) int { return dayNumber(t) - dayNumber(s.Start) }

// partial returns how much of the last day is part of the period.
func (s span) partial() float64 { return float64(s.End.Sub(s.Today)) / float64(day) }

// dayNumber returns the number of the UTC day, below zero before 1970. Days are
// counted by it, since a time.Duration ends after 292 years.
func dayNumber(t time.Time) int {
	const seconds = 24 * 60 * 60
	n := t.Unix()
	if n < 0 {
		n -= seconds - 1
	}
	return int(n / seconds)
}

// plus returns the same time of day that many days later.
func plus(t time.Time, days int) time.Time { return t.UTC().AddDate(0, 0, days) }

// untilEnd returns SQL for the numeric sum of a column over the rows that satisfy a
// condition, up to the end of a period. Rollups are by hour, so the hour in
// which the period ends counts in proportion. The query needs the arguments of
// [span.args].
func untilEnd(column, condition string) string {
	return fmt.Sprintf(`(coalesce(sum(%[1]s) FILTER (WHERE hour < @whole AND %[2]s), 0)
		+ coalesce(round(sum(%[1]s) FILTER (WHERE hour >= @whole AND %[2]s) * @seconds / 3600), 0))`, column, condition)
}

// args returns the arguments of queries about s.
func (s span) args() pgx.NamedArgs {
	whole := s.End.Truncate(hour)
	return pgx.NamedArgs{
		"start": s.Start, "today": s.Today, "end": s.End, "through": s.Through,
		"whole": whole, "seconds": int64(s.End.Sub(whole) / time.Second),
	}
}
