package aggregates

import (
	"sort"
	"time"
)

// A bucket is days of a span that are drawn as one, counted from its start.
type bucket struct {
	start    time.Time
	from, to int // the first day and the last one
	partial  bool
}

// A unit is the length of a bucket.
type unit struct {
	name     string
	mostDays int                       // the longest span that is divided by it
	start    func(time.Time) time.Time // of the unit in which a date lies
	next     func(time.Time) time.Time // the start after a start
}

// units are the units longer than a day. A span has at most some 240 of them: 20
// years of months, 240 years, or 203 decades since the year 1.
var units = []unit{
	{"week", 731, func(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }, later(0, 0, 7)},
	{"month", 20 * 366, func(t time.Time) time.Time { return date(t.Year(), t.Month()) }, later(0, 1, 0)},
	{"year", 240 * 366, func(t time.Time) time.Time { return date(t.Year(), time.January) }, later(1, 0, 0)},
	{"decade", 0, func(t time.Time) time.Time { return date(t.Year()/10*10, time.January) }, later(10, 0, 0)},
}

func date(year int, month time.Month) time.Time {
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}

func later(years, months, days int) func(time.Time) time.Time {
	return func(t time.Time) time.Time { return t.AddDate(years, months, days) }
}

// mostDrawn is the length of the longest span that is drawn day by day.
const mostDrawn = 90

// buckets divides the span into few enough buckets to be drawn.
func (s span) buckets() (unit string, all []bucket) { return s.divide(mostDrawn) }

// divide divides the span into days if there are at most mostDays of them, and
// otherwise into weeks from Monday, months, years or decades. Only the first and
// the last bucket may be partial.
func (s span) divide(mostDays int) (unitName string, all []bucket) {
	n := s.days()
	u := unit{"day", mostDays, func(t time.Time) time.Time { return t }, later(0, 0, 1)}
	for i := 0; n > u.mostDays && i < len(units); i++ {
		u = units[i]
	}
	return u.name, s.divideBy(u)
}

// divideBy divides the span into units. Only the first and the last may be partial.
func (s span) divideBy(u unit) (all []bucket) {
	n := s.days()
	first, today := dateOf(s.Start), dateOf(s.Today)
	for start := u.start(first); !start.After(today); {
		next := u.next(start)
		all = append(all, bucket{
			start: s.day(start), from: max(0, s.index(start)), to: min(s.index(next), n) - 1, partial: start.Before(first),
		})
		start = next
	}
	last := &all[len(all)-1]
	end := today.AddDate(0, 0, 1)
	whole := u.start(end).Equal(end) && !s.End.Before(plus(s.Today, 1)) // the bucket ends with the period
	last.partial = last.partial || !whole
	return all
}

// dateOf returns the date that t shows, in UTC, where each has a midnight.
func dateOf(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// bucketOf returns the index of the bucket that contains a day of the span.
func bucketOf(all []bucket, day int) int {
	return sort.Search(len(all), func(i int) bool { return all[i].to >= day })
}
