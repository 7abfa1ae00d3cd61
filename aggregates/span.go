package aggregates

import (
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
	"exchequer/ledger"
)

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// idle is how long a ledger may be without a transaction before its periods end
// with its last day instead of now: see docs/decisions/0004-historical-ledgers.md.
const idle = 7 * day

// A span is a period of the ledger. All values of a window have the same one. A
// day is the time at which it begins, in the community's time zone, so that it
// shows its date.
type span struct {
	Start, End time.Time
	Today      time.Time // the last day: End lies in it, or is its end
	First      time.Time // the ledger's first day
	Begins     time.Time // the record; zero: with First
	Through    time.Time // the end of the last rollup hour that counts
	Historical bool
	Past       bool // its last day is one that was asked for, and is over: see AsOf
	Days       Days
}

// archivedBy returns the last moment at which an account can be archived to be so in the
// numbers of s. What happens at midnight is of the day that begins, not of the one that is
// over: snapshots and tallies of days have it so too.
func (s span) archivedBy() time.Time {
	if s.Historical { // it ends at midnight
		return s.End.Add(-time.Microsecond)
	}
	return s.End
}

// spanOf returns the period of that many days that ends with w's start. First
// and last are the ledger's first and last hours with a transaction. The days are
// those of first's time zone.
func spanOf(w cache.Window, days Days, first, last time.Time) span {
	zone := first.Location()
	s := span{Days: days, First: ledger.DayOf(first, zone)}
	if w.Start.Sub(last) > idle {
		s.Historical = true
		s.Today = ledger.DayOf(last, zone)
		s.End = plus(s.Today, 1).UTC()
		s.Through = s.End
	} else {
		s.Today = ledger.DayOf(w.Start, zone)
		s.End = w.Start
		s.Through = w.Start.Truncate(hour).Add(hour)
	}
	s.Start = s.First
	if days > 0 {
		s.Start = plus(s.Today, 1-int(days))
	}
	return s
}

// until returns the period that ends with an earlier day, at its end, and s itself if
// there is none.
func (s span) until(at Date) span {
	last, first := ledger.DayNumber(s.Today), ledger.DayNumber(s.First)
	asked, given := at.number()
	if asked = max(asked, first); !given || asked >= last {
		return s
	}
	s.Past, s.Historical = true, true
	s.Today = ledger.DayStart(asked, s.zone())
	s.End = plus(s.Today, 1).UTC()
	s.Through = s.End
	if s.Days > 0 {
		s.Start = plus(s.Today, 1-int(s.Days))
	}
	return s
}

func (s span) zone() *time.Location { return s.First.Location() }

// day returns a date, such as one of the database, as a day.
func (s span) day(date time.Time) time.Time { return ledger.DayStart(ledger.DayNumber(date), s.zone()) }

// younger returns the ledger's first day if the period begins before it, else zero.
func (s span) younger() time.Time {
	if s.First.After(s.Start) {
		return s.First
	}
	return time.Time{}
}

// archived reports whether a part of the period is archived, so that single dealings
// cannot be added up.
func (s span) archived() bool { return s.Begins.After(s.Start) && s.Begins.After(s.First) }

// previous returns the period before, of the same length up to the same time of
// day, and reports whether the ledger reaches back to its start.
func (s span) previous() (span, bool) {
	length := int(s.Days)
	p := s
	p.Start, p.Today = plus(s.Start, -length), plus(s.Today, -length)
	p.End = plus(s.End.In(s.zone()), -length).UTC()
	return p, s.Days > 0 && !p.Start.Before(s.First)
}

// earlier returns the state at the end of the day before the period, as a period
// that ends there, and reports whether the ledger has such a day.
func (s span) earlier() (span, bool) {
	return s.atEnd(plus(s.Start, -1)), s.Days > 0 && s.Start.After(s.First)
}

// lasting returns the period of that many days that ends with s.
func (s span) lasting(days Days) span {
	s.Days, s.Start = days, plus(s.Today, 1-int(days))
	return s
}

// atEnd returns the state at the end of a day, as a period that ends there.
func (s span) atEnd(day time.Time) span {
	s.Today = day
	s.End = plus(day, 1).UTC()
	s.Through = s.End
	return s
}

// days returns the number of days, the last one included.
func (s span) days() int { return s.index(s.Today) + 1 }

// index returns the index of a date, 0 for the first.
func (s span) index(date time.Time) int { return ledger.DayNumber(date) - ledger.DayNumber(s.Start) }

// partial returns how much of the last day is part of the period.
func (s span) partial() float64 {
	return float64(s.End.Sub(s.Today)) / float64(plus(s.Today, 1).Sub(s.Today))
}

// plus returns the same time of day that many days later: the first moment of
// that day at which its clock shows t's time or a later one. The start of a day
// becomes the start of the other one.
func plus(t time.Time, days int) time.Time {
	date := ledger.DayNumber(t)
	start, end := ledger.DayStart(date+days, t.Location()), ledger.DayStart(date+days+1, t.Location())
	if t.Equal(ledger.DayStart(date, t.Location())) {
		return start
	}
	clock := time.Date(t.Year(), t.Month(), t.Day()+days, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	for at := start; at.Before(end); {
		_, offset := at.Zone()
		shown := clock.Add(-time.Duration(offset) * time.Second).In(t.Location())
		if shown.Before(at) {
			shown = at
		}
		_, change := at.ZoneBounds()
		if change.IsZero() || shown.Before(change) {
			return shown
		}
		at = change
	}
	return end
}

// untilEnd returns SQL for the numeric sum of a column over the rows that satisfy a
// condition, up to the end of a period. Rollups are by hour, so the hour in
// which the period ends counts in proportion. The query needs the arguments of
// [span.args].
func untilEnd(column, condition string) string {
	return fmt.Sprintf(`(coalesce(sum(%[1]s) FILTER (WHERE hour < @whole AND %[2]s), 0)
		+ coalesce(round(sum(%[1]s) FILTER (WHERE hour >= @whole AND %[2]s) * @seconds / 3600), 0))`, column, condition)
}

// args returns the arguments of queries about s. A day may be compared with an
// hour, and as a date with the day of a rollup.
func (s span) args() pgx.NamedArgs {
	whole := s.End.Truncate(hour)
	args := ledger.LocalTimeArgs(s.zone(), s.Start, s.Through)
	maps.Copy(args, pgx.NamedArgs{
		"start": s.Start, "today": s.Today, "end": s.End, "through": s.Through,
		"whole": whole, "seconds": int64(s.End.Sub(whole) / time.Second),
	})
	return args
}

// localTime is SQL for the local time of a rollup's hour. The query needs the
// arguments of [span.args].
var localTime = ledger.LocalTime("hour")
