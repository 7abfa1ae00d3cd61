package views

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// mostFlags is how many events a chart shows.
const mostFlags = 12

// Flags are the events of a chart along time: what it draws, and what the list
// below it says.
type Flags struct {
	Flags  []chart.Flag
	Events []aggregates.Event // as many, in the same order
	More   int                // events of these times that are not shown
	end    time.Time          // of the chart
}

// FlagsOn returns the flags of a chart whose columns begin at starts, and whose last
// one ends at end. A panel whose declaration names no events has none.
func (p Page) FlagsOn(starts []time.Time, end time.Time) Flags {
	f := Flags{end: end}
	if p.Events == nil || len(starts) == 0 {
		return f
	}
	for _, e := range p.Events.Events {
		if e.At.Before(end) && (lasts(e) && e.Until.After(starts[0]) || !e.At.Before(starts[0])) {
			f.Events = append(f.Events, e)
		}
	}
	if f.More = len(f.Events) - mostFlags; f.More > 0 {
		slices.SortStableFunc(f.Events, func(a, b aggregates.Event) int {
			return cmp.Or(-cmp.Compare(duration(a), duration(b)), -a.At.Compare(b.At))
		})
		f.Events = f.Events[:mostFlags]
	}
	f.More = max(f.More, 0)
	slices.SortStableFunc(f.Events, func(a, b aggregates.Event) int { return a.At.Compare(b.At) })
	column := func(t time.Time) int { // that contains t
		return max(sort.Search(len(starts), func(i int) bool { return starts[i].After(t) })-1, 0)
	}
	for i, e := range f.Events {
		flag := chart.Flag{Number: i + 1, First: column(e.At), Title: brief(e.Title, mostName), Lasts: lasts(e)}
		flag.Last = flag.First
		if flag.Lasts {
			flag.Last = column(e.Until.Add(-time.Nanosecond))
		}
		f.Flags = append(f.Flags, flag)
	}
	return f
}

func lasts(e aggregates.Event) bool { return e.Until != nil && e.Until.After(e.At) }

func duration(e aggregates.Event) time.Duration {
	if !lasts(e) {
		return 0
	}
	return e.Until.Sub(e.At)
}

// when writes the day of an event, or its first and its last day.
func (f Flags) when(e aggregates.Event, s ledger.Settings) string {
	p := aggregates.Period{Start: e.At, End: e.At.Add(time.Nanosecond)}
	if lasts(e) {
		p.End = *e.Until
	}
	return dates(p, f.end.Add(-time.Nanosecond), s)
}

// left says how many events of these times are not shown.
func (f Flags) left() string {
	if f.More == 1 {
		return "One more event is not shown."
	}
	return strconv.Itoa(f.More) + " more events are not shown."
}
