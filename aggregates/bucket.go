package aggregates

import (
	"sort"
	"time"
)

// A bucket is the days from to last of a span, counted from its start, that
// are drawn as one.
type bucket struct {
	start    time.Time
	from, to int // the first day and the last one
	partial  bool
}

// A unit is what a bucket is as long as.
type unit struct {
	name     string
	mostDays int                       // of a span that is divided by it
	start    func(time.Time) time.Time // of the unit in which a day lies
	next     func(time.Time) time.Time // the start after a start
}

// units are what spans are divided by, so that there are never more than some
// 240 buckets of more than a day: 20 years of months, 240 of years, and 203
// decades since the year 1.
var units = []unit{
	{"week", 731, func(t time.Time) time.Time { return plus(t, -(int(t.Weekday())+6)%7) }, later(0, 0, 7)},
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

// mostDrawn is how many days are drawn one by one at most.
const mostDrawn = 90

// buckets divides the span into days, weeks from Monday, months, years or
// decades, so that there are not too many to draw. Only the first and the last
// may be partial.
func (s span) buckets() (unit string, all []bucket) { return s.divide(mostDrawn) }

// divide does the same with days as long as there are at most that many.
func (s span) divide(mostDays int) (string, []bucket) {
	n := s.days()
	u := unit{"day", mostDays, func(t time.Time) time.Time { return t }, later(0, 0, 1)}
	for i := 0; n > u.mostDays && i < len(units); i++ {
		u = units[i]
	}
	var all []bucket
	for start := u.start(s.Start); !start.After(s.Today); {
		next := u.next(start)
		all = append(all, bucket{
			start: start, from: max(0, s.index(start)), to: min(s.index(next), n) - 1, partial: start.Before(s.Start),
		})
		start = next
	}
	last := &all[len(all)-1]
	end := plus(s.Today, 1)
	whole := u.start(end).Equal(end) && !s.End.Before(end) // the bucket ends with the period
	last.partial = last.partial || !whole
	return u.name, all
}

// bucketOf is the place of the bucket in which a day lies, counted from the
// start of the span.
func bucketOf(all []bucket, day int) int {
	return sort.Search(len(all), func(i int) bool { return all[i].to >= day })
}
