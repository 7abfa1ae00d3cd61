package views

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// Activity shows the activity as columns by day.
func Activity(p Page, a *aggregates.Activity) Content {
	var starts []time.Time
	for _, b := range a.Buckets {
		starts = append(starts, b.Start)
	}
	flags := p.FlagsOn(starts, a.End)
	return Content{Sub: activitySub(a, p.Settings), Body: activityChart(a, starts, flags, p.Settings), Flags: flags, Example: activityExample(a, p.Settings)}
}

// activitySub returns the sub-title: the unit and the sum of the columns.
func activitySub(a *aggregates.Activity, s ledger.Settings) string {
	total := 0.0
	for _, b := range a.Buckets {
		total += b.Volume.Float64()
	}
	return "Value of transactions a " + a.Bucket + ". Together " + MoneyCompact(total, s)
}

func activityChart(a *aggregates.Activity, starts []time.Time, flags Flags, s ledger.Settings) templ.Component {
	c := chart.Columns{
		About: chart.About{ID: "activity", Title: "Value of transactions a " + a.Bucket, Desc: activityDesc(a, s)},
		Ticks: moneyTicks(s), Least: 1, Flags: flags.Flags,
		Empty: "No transactions in this period.",
	}
	var sum float64
	for i, b := range a.Buckets {
		column := chart.Column{
			Value:   b.Volume.Float64(),
			Tip:     Money(b.Volume, s) + "\n" + bucketName(b.Start, a.Bucket, s) + ", " + Plural(b.Transactions, "transaction", "transactions"),
			Partial: b.Partial,
			Written: bucketShort(b.Start, a.Bucket, s) + ": " + MoneyCompact(b.Volume.Float64(), s),
		}
		if b.Partial {
			name := partialName(a, i)
			column.Tip += ", " + name
			if i > 0 && !a.Historical {
				column.Name = strings.TrimSuffix(name, " so far")
			}
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

// activityDesc describes the whole buckets: highest, lowest, mean and last.
func activityDesc(a *aggregates.Activity, s ledger.Settings) string {
	var whole []aggregates.ActivityBucket
	sum := 0.0
	for _, b := range a.Buckets {
		if !b.Partial {
			whole = append(whole, b)
			sum += b.Volume.Float64()
		}
	}
	if len(whole) == 0 {
		return ""
	}
	byVolume := func(x, y aggregates.ActivityBucket) int { return x.Volume.Compare(y.Volume) }
	of := func(b aggregates.ActivityBucket) string {
		return MoneyCompact(b.Volume.Float64(), s) + " (" + bucketName(b.Start, a.Bucket, s) + ")"
	}
	return "Highest " + of(slices.MaxFunc(whole, byVolume)) + ", lowest " + of(slices.MinFunc(whole, byVolume)) +
		", on average " + MoneyCompact(sum/float64(len(whole)), s) + " a " + a.Bucket + ", last " + of(whole[len(whole)-1]) + "."
}

// partialName returns the name of a bucket that is incomplete: the first if the
// period starts within it, the last if it has not ended.
func partialName(a *aggregates.Activity, i int) string {
	switch {
	case i == 0 && len(a.Buckets) > 1, a.Historical:
		return "part of the " + a.Bucket
	case a.Bucket == "day":
		return "today so far"
	default:
		return "this " + a.Bucket + " so far"
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

// countTicks returns the labels of an axis, all in one unit. Numbers below 10,000
// are written in full.
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
		if top >= max(m.size*0.9999, 10_000) {
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
