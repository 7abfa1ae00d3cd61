package views

import (
	"math"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// Activity shows the activity as columns by day.
func Activity(p Page, a *aggregates.Activity) Content {
	return Content{Sub: activitySub(a, p.Settings), Body: activityChart(a, p.Settings)}
}

// activitySub returns the sub-title: the unit of the axis, the sum of the columns.
func activitySub(a *aggregates.Activity, s ledger.Settings) string {
	sub := "Value of all transactions by " + a.Bucket
	if s.Symbol != "" {
		sub += ", " + s.Symbol
	}
	total := 0.0
	for _, b := range a.Buckets {
		total += b.Volume.Float64()
	}
	return sub + "; " + MoneyCompact(total, s) + " in all"
}

func activityChart(a *aggregates.Activity, s ledger.Settings) templ.Component {
	c := chart.Columns{
		Title: "Value of all transactions by " + a.Bucket,
		Desc:  "From " + Date(a.Start, s) + " to " + Date(a.End.Add(-time.Nanosecond), s) + ".",
		Ticks: moneyTicks(s), Least: 1,
		Empty: "no transactions in this period",
	}
	var starts []time.Time
	var sum float64
	for i, b := range a.Buckets {
		starts = append(starts, b.Start)
		column := chart.Column{
			Value:   b.Volume.Float64(),
			Tip:     bucketName(b.Start, a.Bucket, s) + ": " + Money(b.Volume, s) + " in " + Plural(b.Transactions, "transaction", "transactions"),
			Written: bucketShort(b.Start, a.Bucket, s) + ": " + MoneyCompact(b.Volume.Float64(), s),
		}
		if b.Partial {
			column.Name = partialName(a, i)
			column.Tip += ", " + column.Name
		}
		sum += math.Abs(b.Volume.Float64())
		c.Values = append(c.Values, column)
	}
	if sum == 0 {
		c.Values = nil
	}
	c.Labels = chart.DateLabels(starts, a.Bucket)
	return c.Draw()
}

// partialName returns the name of a bucket that is incomplete: the first if the
// period starts within it, the last if it has not ended.
func partialName(a *aggregates.Activity, i int) string {
	switch {
	case i == 0 && len(a.Buckets) > 1, a.Historical:
		return "part of the " + a.Bucket
	case a.Bucket == "day":
		return "today, so far"
	default:
		return "this " + a.Bucket + ", so far"
	}
}

func bucketName(start time.Time, bucket string, s ledger.Settings) string {
	switch bucket {
	case "week":
		return "Week of " + Date(start, s)
	case "month":
		return local(start, s).Format("January 2006")
	case "year", "decade":
		return bucketShort(start, bucket, s)
	default:
		return local(start, s).Format("Mon 2 Jan 2006")
	}
}

// bucketShort returns the short name of a column, to stand over it.
func bucketShort(start time.Time, bucket string, s ledger.Settings) string {
	switch bucket {
	case "month":
		return local(start, s).Format("Jan 2006")
	case "year":
		return strconv.Itoa(local(start, s).Year())
	case "decade":
		return strconv.Itoa(local(start, s).Year()) + "s"
	}
	return DayMonth(start, s)
}

// moneyTicks returns the labels of a money axis, all in one unit, without the
// symbol, which the sub-title has.
func moneyTicks(s ledger.Settings) chart.Ticks {
	return func(values []float64) []string {
		unit := math.Pow10(s.Decimals)
		major := make([]float64, len(values))
		for i, v := range values {
			major[i] = v / unit
		}
		return countTicks(major)
	}
}

func countTicks(values []float64) []string {
	top, step := 0.0, math.Inf(1)
	for i, v := range values {
		top = max(top, math.Abs(v))
		if i > 0 {
			step = min(step, math.Abs(v-values[i-1]))
		}
	}
	size, name := 1.0, ""
	for _, m := range magnitudes {
		if top >= m.size*0.9999 {
			size, name = m.size, nbsp+m.name
			break
		}
	}
	decimals := 0
	for decimals < 6 && math.Abs(step/size*math.Pow10(decimals)-math.Round(step/size*math.Pow10(decimals))) > 1e-6 {
		decimals++
	}
	labels := make([]string, len(values))
	for i, v := range values {
		labels[i] = Decimal(v/size, decimals) + name
		if v == 0 {
			labels[i] = "0"
		}
	}
	return labels
}
