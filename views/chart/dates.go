package chart

import "time"

// DateLabels returns short dates below columns that each begin at a time: days,
// Mondays, months or years, the densest that fit without touching. The month, or
// the year, is named where it changes.
func DateLabels(starts []time.Time, bucket string) func(width float64) []Label {
	return func(width float64) []Label {
		if len(starts) == 0 {
			return nil
		}
		step := width / float64(len(starts))
		for _, d := range densities(bucket) {
			if labels, fits := d.labels(starts, step, width); fits {
				return labels
			}
		}
		return []Label{{At: 0.5, Text: starts[0].Format("2 Jan 2006")}}
	}
}

// A density defines which columns have labels, and their format.
type density struct {
	at          func(i int, t, before time.Time) bool
	first, next string // with and without the larger unit
	larger      func(t time.Time) int
}

func densities(bucket string) []density {
	month := func(t time.Time) int { return t.Year()*12 + int(t.Month()) }
	year := func(t time.Time) int { return t.Year() }
	everyMonth := func(k int) func(int, time.Time, time.Time) bool {
		return func(_ int, t, before time.Time) bool {
			return month(t) != month(before) && (int(t.Month())-1)%k == 0
		}
	}
	everyYear := func(k int) func(int, time.Time, time.Time) bool {
		return func(_ int, t, before time.Time) bool { return year(t) != year(before) && year(t)%k == 0 }
	}
	var list []density
	if bucket == "day" {
		list = append(list,
			density{func(int, time.Time, time.Time) bool { return true }, "2 Jan", "2", month},
			density{func(_ int, t, _ time.Time) bool { return t.Weekday() == time.Monday }, "2 Jan", "2", month},
			density{func(_ int, t, _ time.Time) bool { return t.Weekday() == time.Monday && t.Unix()/(7*86400)%2 == 0 }, "2 Jan", "2", month},
		)
	}
	list = append(list,
		density{everyMonth(1), "Jan 2006", "Jan", year},
		density{everyMonth(2), "Jan 2006", "Jan", year},
		density{everyMonth(3), "Jan 2006", "Jan", year},
	)
	for _, k := range []int{1, 5, 20, 50, 100, 200, 500} {
		list = append(list, density{everyYear(k), "2006", "2006", year})
	}
	return list
}

// labels returns the labels of a density, and whether they fit and are at least
// two, or all.
func (d density) labels(starts []time.Time, step, width float64) ([]Label, bool) {
	var labels []Label
	end, named := -8.0, 0
	for i, t := range starts {
		before := starts[max(i-1, 0)]
		if i == 0 {
			before = t.AddDate(0, 0, -1) // a period that begins with a month has its name
		}
		if !d.at(i, t, before) {
			continue
		}
		format := d.next
		if larger := d.larger(t); larger != named {
			format, named = d.first, larger
		}
		l := Label{At: float64(i) + 0.5, Text: t.Format(format)}
		w := TextWidth(l.Text)
		x := max(l.At*step-w/2, 0)
		if x < end+8 {
			return nil, false
		}
		if x+w > width+labelBeyond && len(labels) > 0 {
			continue // it would be outside the plot
		}
		end = x + w
		labels = append(labels, l)
	}
	return labels, len(labels) >= 2 || len(labels) == len(starts)
}
