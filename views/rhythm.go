package views

import (
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

var weekdays = [7]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

// Rhythm shows the activity by hour of the week.
func Rhythm(p Page, r *aggregates.Rhythm) Content {
	c := Content{Sub: rhythmSub(r, p.Settings), Body: rhythmChart(r), Example: rhythmExample(r)}
	switch {
	case r.DatesOnly && byMonth(r):
		c.Retitled = "Days of the year"
	case r.DatesOnly:
		c.Retitled = "Days of the week"
	}
	return c
}

// calendarDays is the length of a period from which a record without times is
// drawn by month; below it, by weekday only.
const calendarDays = 180

func byMonth(r *aggregates.Rhythm) bool {
	return r.Start.AddDate(0, 0, calendarDays).Before(r.End)
}

func rhythmSub(r *aggregates.Rhythm, s ledger.Settings) string {
	if r.DatesOnly {
		return "Transactions a day. The ledger has dates without times"
	}
	sub := "Transactions an hour (" + s.Zone().String() + ")"
	if weekday, hour, found := busiest(r); found {
		sub += fmt.Sprintf(". Busiest: %s %02d:00, %s", weekdays[weekday], hour, Compact(r.Peak))
	}
	return sub
}

// busiest returns the hour of the week with the most transactions.
func busiest(r *aggregates.Rhythm) (weekday, hour int, found bool) {
	for d, cells := range r.Cells {
		for h, mean := range cells {
			if mean > 0 && mean == r.Peak {
				return d, h, true
			}
		}
	}
	return 0, 0, false
}

func rhythmChart(r *aggregates.Rhythm) templ.Component {
	switch {
	case r.DatesOnly && byMonth(r):
		return calendarChart(r)
	case r.DatesOnly:
		return weekdayChart(r)
	}
	return hoursChart(r)
}

const noTransactions = "No transactions in this period."

func hoursChart(r *aggregates.Rhythm) templ.Component {
	h := chart.Heatmap{
		About: chart.About{ID: "rhythm", Title: "Transactions by hour and weekday"},
		Peak:  r.Peak,
		Foot:  []chart.Label{{At: 0, Text: "00:00"}, {At: 6, Text: "06:00"}, {At: 12, Text: "12:00"}, {At: 18, Text: "18:00"}},
		Empty: noTransactions,
	}
	quiet := [2]int{}
	for d, cells := range r.Cells {
		row := chart.HeatRow{Name: weekdays[d][:3]}
		var total int64
		most := 0
		for hour, mean := range cells {
			total += r.Total[d][hour]
			if mean > cells[most] {
				most = hour
			}
			if mean < r.Cells[quiet[0]][quiet[1]] {
				quiet = [2]int{d, hour}
			}
			row.Cells = append(row.Cells, chart.HeatCell{
				Value: mean,
				Tip:   fmt.Sprintf("%s\n%s %02d:00", Compact(mean), weekdays[d][:3], hour),
			})
		}
		row.Tip = fmt.Sprintf("%s: %s, most at %02d:00", weekdays[d], Plural(total, "transaction", "transactions"), most)
		if total == 0 {
			row.Tip = weekdays[d] + ": no transactions"
		}
		h.Rows = append(h.Rows, row)
	}
	if weekday, hour, found := busiest(r); found {
		h.Desc = fmt.Sprintf("Busiest: %s %02d:00 with %s an hour. Quietest: %s %02d:00 with %s.",
			weekdays[weekday], hour, Compact(r.Peak), weekdays[quiet[0]], quiet[1], Compact(r.Cells[quiet[0]][quiet[1]]))
	}
	return h.Draw()
}

// weekdayRates sums the months of each weekday.
func weekdayRates(r *aggregates.Rhythm) (rates [7]aggregates.DayRate) {
	for d, months := range r.ByMonth {
		for _, m := range months {
			rates[d].Transactions += m.Transactions
			rates[d].Days += m.Days
		}
		if rates[d].Days > 0 {
			rates[d].Mean = float64(rates[d].Transactions) / float64(rates[d].Days)
		}
	}
	return rates
}

// weekdayChart has a column a weekday.
func weekdayChart(r *aggregates.Rhythm) templ.Component {
	c := chart.Columns{
		About: chart.About{ID: "rhythm", Title: "Transactions by weekday"},
		Ticks: countTicks, Least: 1,
		Labels: func(float64) []chart.Label { return nil },
		Empty:  noTransactions,
	}
	var parts []string
	sum := 0.0
	for d, rate := range weekdayRates(r) {
		sum += rate.Mean
		c.Values = append(c.Values, chart.Column{
			Value: rate.Mean, Name: weekdays[d][:3],
			Tip: Compact(rate.Mean) + "\na " + weekdays[d] + ", " + Plural(rate.Transactions, "transaction", "transactions") + " on " + Plural(rate.Days, "day", "days"),
		})
		parts = append(parts, weekdays[d]+" "+Compact(rate.Mean))
	}
	c.Desc = strings.Join(parts, ", ") + "."
	if sum == 0 {
		c.Values = nil
	}
	return c.Draw()
}

// calendarChart has a row a weekday and a column a month.
func calendarChart(r *aggregates.Rhythm) templ.Component {
	h := chart.Heatmap{About: chart.About{ID: "rhythm", Title: "Transactions by weekday and month"}, Empty: noTransactions}
	for d, months := range r.ByMonth {
		rate := weekdayRates(r)[d]
		row := chart.HeatRow{
			Name: weekdays[d][:3],
			Tip:  weekdays[d] + ": " + Plural(rate.Transactions, "transaction", "transactions") + ", on average " + Compact(rate.Mean),
		}
		for m, rate := range months {
			tip := Compact(rate.Mean) + "\na " + weekdays[d] + " in " + monthNames[m]
			if rate.Days == 0 {
				tip = "None\nno " + weekdays[d] + " in " + monthNames[m] + " in this period"
			}
			if rate.Mean > h.Peak {
				h.Peak = rate.Mean
				h.Desc = "Busiest: a " + weekdays[d] + " in " + monthNames[m] + " with " + Compact(rate.Mean) + " on average."
			}
			row.Cells = append(row.Cells, chart.HeatCell{Value: rate.Mean, Tip: tip})
		}
		h.Rows = append(h.Rows, row)
	}
	for m, name := range monthNames {
		h.Foot = append(h.Foot, chart.Label{At: float64(m) + 0.5, Text: name[:1]})
	}
	return h.Draw()
}

var monthNames = [12]string{
	"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
}
