package views

import (
	"time"

	"github.com/a-h/templ"

	"exchequer/ledger"
	"exchequer/views/chart"
)

// LegsParam is whether transactions are listed with their postings.
var LegsParam = CheckParam("legs", "with postings")

// EntriesByDay shows the sums of listed transactions by day: a chart, what it is of, and
// its table. It is nothing without sums.
func EntriesByDay(v *ledger.EntryDays, s ledger.Settings) templ.Component {
	if v == nil || len(v.Days) == 0 {
		return templ.NopComponent
	}
	c := chart.Columns{About: chart.About{ID: "sums", Title: "Moved a day"}, Ticks: moneyTicks(s), Least: 1}
	byDay := map[int]ledger.EntryDay{}
	var all ledger.EntryDay
	for _, d := range v.Days {
		byDay[ledger.DayNumber(d.Day)] = d
		all.Number, all.Volume, all.Sent = all.Number+d.Number, all.Volume.Plus(d.Volume), all.Sent.Plus(d.Sent)
	}
	var starts []time.Time
	newest := ledger.DayNumber(v.Days[0].Day)
	for number := max(newest-ledger.MostEntryDays+1, ledger.DayNumberOf(v.Since, s.Zone())); number <= newest; number++ {
		start, d := ledger.DayStart(number, s.Zone()), byDay[number]
		starts = append(starts, start)
		c.Values = append(c.Values, chart.Column{
			Value: d.Volume.Plus(d.Sent).Float64(), Tip: daySums(v, d, s) + "\n" + bucketName(start, "day", s),
			Written: bucketShort(start, "day", s) + ": " + MoneyCompact(d.Volume.Plus(d.Sent).Float64(), s),
		})
	}
	c.Labels = chart.DateLabels(starts, "day")
	c.About.Desc = daySums(v, all, s) + " together."
	return entryDays(v, c.Draw(), daySums(v, all, s)+", "+daysRead(v, s), s)
}

// daySums writes what is known of one or several days.
func daySums(v *ledger.EntryDays, d ledger.EntryDay, s ledger.Settings) string {
	switch {
	case v.OfAccount:
		return Money(d.Volume, s) + " received and " + Money(d.Sent, s) + " sent in " + Plural(d.Number, "posting", "postings")
	case v.OfFlows:
		return Money(d.Volume, s) + " moved"
	}
	return Money(d.Volume, s) + " moved by " + Plural(d.Number, "transaction", "transactions")
}

// daysRead says since when sums are, and of what they are made.
func daysRead(v *ledger.EntryDays, s ledger.Settings) string {
	since := "since " + Date(v.Since, s)
	switch {
	case v.OfAccount:
		return since + ", by the days of the account."
	case v.OfFlows:
		return since + ", by the flows of each hour."
	}
	return since + " " + Time(v.Since, s) + ", of at most " + Count(ledger.MostLooked) + " transactions that were looked at."
}

// legsLeft returns how many postings of a transaction are not listed.
func legsLeft(e ledger.Entry) int64 { return e.Postings - int64(len(e.Legs)) }
