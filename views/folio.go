package views

import (
	"slices"
	"strconv"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// A Clock holds the times of a whole page: AsOf of its oldest panel, Newest of its
// newest one, Next of the one that is due first. The new value is there within Lag
// after Next.
type Clock struct {
	AsOf, Newest, Next time.Time
	Window, Lag        time.Duration
}

// ends returns the last day of a ledger that ended, and zero if it did not.
func (p Page) ends() time.Time {
	if !p.Period.Historical {
		return time.Time{}
	}
	return p.Period.End.Add(-time.Second)
}

// then returns when the next numbers are due, which a script replaces by the
// seconds until then.
func (p Page) then() string {
	if p.past() != "" || p.Clock.Newest.IsZero() || !p.ends().IsZero() {
		return ""
	}
	return "· next " + moment(p.Clock.Next, p.Clock.Newest, p.Settings)
}

// dates returns the days of the page's period, if it has one that is chosen.
func (p Page) dates() string {
	if p.Period.Start.IsZero() || !slices.Contains(p.params(), DaysParam) {
		return ""
	}
	return dates(p.Period, p.Clock.AsOf, p.Settings)
}

// dates writes the first and the last day of a period: "23 Oct – 21 Nov". It
// leaves out years that are also the year of now.
func dates(period aggregates.Period, now time.Time, s ledger.Settings) string {
	first, last := period.Start, period.End.Add(-time.Nanosecond)
	from, to := DayMonth(first, s), DayMonth(last, s)
	switch year := local(last, s).Year(); {
	case year != local(first, s).Year():
		from, to = Date(first, s), Date(last, s)
	case year != local(now, s).Year():
		to = Date(last, s)
	}
	if Date(first, s) == Date(last, s) {
		return to
	}
	return from + " – " + to
}

// fullDate writes "Saturday 21 November 2026".
func fullDate(t time.Time, s ledger.Settings) string {
	return local(t, s).Format("Monday 2 January 2006")
}

// switches returns the parameters that are chosen in the page's head: of a page
// of several panels the period, and of one panel all that it depends on and that have options.
func (p Page) switches() []*Param {
	if p.Only != nil {
		return slices.DeleteFunc(slices.Clone(p.Only.Params), func(d *Param) bool { return d.Free || d.Quiet })
	}
	return slices.DeleteFunc(slices.Clone(p.Info.Params), func(d *Param) bool { return d != DaysParam })
}

// Milliseconds for data attributes; empty if unknown.

func unixMilli(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

func milliseconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}
