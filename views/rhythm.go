package views

import (
	"fmt"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

var weekdays = [7]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

// Rhythm shows the activity by hour of the week.
func Rhythm(p Page, r *aggregates.Rhythm) Content {
	return Content{Sub: rhythmSub(r, p.Settings), Body: rhythmChart(r)}
}

func rhythmSub(r *aggregates.Rhythm, s ledger.Settings) string {
	sub := "Mean transactions an hour, " + s.Zone().String()
	if r.Peak <= 0 {
		return sub
	}
	return sub + ", at most " + Compact(r.Peak)
}

func rhythmChart(r *aggregates.Rhythm) templ.Component {
	h := chart.Heatmap{
		Title: "Transactions by hour and weekday",
		Peak:  r.Peak,
		Foot:  []chart.Label{{At: 0, Text: "00:00"}, {At: 6, Text: "06:00"}, {At: 12, Text: "12:00"}, {At: 18, Text: "18:00"}},
		Empty: "no transactions in this period",
	}
	for d, cells := range r.Cells {
		row := chart.HeatRow{Name: weekdays[d][:3]}
		var total int64
		busiest := 0
		for hour, mean := range cells {
			total += r.Total[d][hour]
			if mean > cells[busiest] {
				busiest = hour
			}
			if mean == r.Peak {
				h.Desc = fmt.Sprintf("Busiest: %s %02d:00 with %s on average.", weekdays[d], hour, Compact(mean))
			}
			row.Cells = append(row.Cells, chart.HeatCell{
				Value: mean,
				Tip:   fmt.Sprintf("%s %02d:00: %s", weekdays[d][:3], hour, Compact(mean)),
			})
		}
		row.Tip = fmt.Sprintf("%s: %s, most at %02d:00", weekdays[d], Plural(total, "transaction", "transactions"), busiest)
		if total == 0 {
			row.Tip = weekdays[d] + ": no transactions"
		}
		h.Rows = append(h.Rows, row)
	}
	return h.Draw()
}
