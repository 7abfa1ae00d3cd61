package views

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// Lorenz shows what share of the wealth each share of the holders has.
func Lorenz(p Page, v *aggregates.Inequality) Content {
	return Content{Sub: lorenzSub(v), Missing: nothingMeasured(v), Body: lorenzChart(v), Example: lorenzExample(v, p.Settings)}
}

// Distribution shows how many holders have how much.
func Distribution(p Page, v *aggregates.Inequality) Content {
	return Content{Sub: distributionSub(v, p.Settings), Missing: nothingMeasured(v), Body: distributionChart(v, p.Settings), Example: distributionExample(v, p.Settings)}
}

func lorenzSub(v *aggregates.Inequality) string {
	sub := "Share of " + v.Population.Key() + " wealth" + ofCounted(v.Counted)
	if v.Gini.Value != nil {
		sub += "; Gini " + Decimal(*v.Gini.Value, 3)
	}
	return sub
}

// nothingMeasured returns why a distribution cannot be drawn, empty if it can.
func nothingMeasured(v *aggregates.Inequality) string {
	if v.Holders == 0 {
		return orElse(v.Gini.Why, "Not available.")
	}
	return ""
}

func lorenzChart(v *aggregates.Inequality) templ.Component {
	l := chart.Lorenz{
		About: chart.About{ID: "lorenz", Title: "Lorenz curve", Desc: lorenzDesc(v)},
		Tip: func(p chart.Point) string {
			return Percent(p.Y) + "\nheld by the poorest " + strconv.Itoa(int(math.Round(p.X*100))) + nbsp + "%"
		},
		Empty: orElse(v.Gini.Why, "Not available."),
	}
	for _, p := range v.Lorenz {
		l.Points = append(l.Points, chart.Point{X: p.Holders, Y: p.Wealth})
	}
	if v.Top10.Value != nil {
		l.Top = &chart.Top{At: 0.9, Text: "richest tenth hold " + Percent(*v.Top10.Value)}
	}
	return l.Draw()
}

// lorenzDesc says who holds how much.
func lorenzDesc(v *aggregates.Inequality) string {
	var parts []string
	for _, m := range []struct {
		name string
		aggregates.Measure
	}{{"The poorest half of the holders have ", v.Bottom50}, {"the richest tenth ", v.Top10}, {"the richest hundredth ", v.Top1}} {
		if m.Value != nil {
			parts = append(parts, m.name+Percent(*m.Value))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	desc := strings.Join(parts, ", ") + " of the wealth."
	if v.Gini.Value != nil {
		desc += " Gini " + Decimal(*v.Gini.Value, 3) + "."
	}
	return desc
}

func distributionSub(v *aggregates.Inequality, s ledger.Settings) string {
	sub := "Holders" + ofCounted(v.Counted) + " by balance"
	if s.Symbol != "" {
		sub += ", " + s.Symbol
	}
	return sub + ". " + atZero(v.Zero)
}

func atZero(holders int64) string {
	if holders == 0 {
		return "Nobody at zero"
	}
	return Count(holders) + " at zero"
}

func distributionChart(v *aggregates.Inequality, s ledger.Settings) templ.Component {
	c := chart.Columns{
		About: chart.About{ID: "distribution", Title: "Holders by balance", Desc: distributionDesc(v, s)},
		Ticks: countTicks, Least: 1, Joined: true,
		Labels: func(width float64) []chart.Label { return binLabels(v.Bins, s, width) },
		Empty:  orElse(v.Gini.Why, "Not available."),
	}
	for _, b := range v.Bins {
		c.Values = append(c.Values, chart.Column{
			Value:   float64(b.Holders),
			Tip:     Plural(b.Holders, "holder", "holders") + "\n" + binName(b, s) + ", together " + Money(b.Total, s),
			Written: Count(b.Holders),
		})
	}
	if at, ok := place(v.Bins, v.Median); ok {
		c.Mark = &chart.Mark{At: at, Text: "median " + moneyTile(int64(math.Round(v.Median)), s)}
	}
	return c.Draw()
}

// distributionDesc says where most holders are, and the middle.
func distributionDesc(v *aggregates.Inequality, s ledger.Settings) string {
	if len(v.Bins) == 0 {
		return ""
	}
	most := slices.MaxFunc(v.Bins, func(a, b aggregates.Bin) int { return cmp.Compare(a.Holders, b.Holders) })
	return "The largest group, " + Plural(most.Holders, "holder", "holders") + ": " + binName(most, s) +
		". Median " + MoneyShort(int64(math.Round(v.Median)), s) + ", mean " + MoneyShort(int64(math.Round(v.Mean)), s) + ", " + atZero(v.Zero) + "."
}

func binName(b aggregates.Bin, s ledger.Settings) string {
	switch {
	case b.Low == 0 && b.High == 1:
		return "Zero"
	case b.High <= 0:
		return "In debt by up to " + Money(-max(b.Low, -math.MaxInt64), s)
	default:
		return Money(b.Low, s) + " to " + Money(b.High, s)
	}
}

// place returns the position of a balance among the bins, in columns from the
// left.
func place(bins []aggregates.Bin, balance float64) (at float64, ok bool) {
	for i, b := range bins {
		if balance < float64(b.Low) || balance >= float64(b.High) {
			continue
		}
		low, high := float64(b.Low), float64(b.High)
		if b.Low > 0 {
			return float64(i) + math.Log(balance/low)/math.Log(high/low), true
		}
		return float64(i) + (balance-low)/(high-low), true
	}
	return 0, false
}

// binLabels returns the lower bounds of bins, as many as fit without touching.
// The bins of debts and of zero have their names in their middle.
func binLabels(bins []aggregates.Bin, s ledger.Settings, width float64) []chart.Label {
	plain := ledger.Settings{Decimals: s.Decimals}
	step := width / float64(max(len(bins), 1))
	end := -8.0
	var labels []chart.Label
	for i, b := range bins {
		l := chart.Label{At: float64(i), Text: MoneyCompact(float64(b.Low), plain)}
		switch {
		case b.High <= 0:
			l.At, l.Text = float64(i)+0.5, "debt"
		case b.Low == 0 && b.High == 1:
			l.At, l.Text = float64(i)+0.5, "0"
		}
		half := chart.TextWidth(l.Text) / 2
		x := max(l.At*step, half)
		if x-half < end+8 {
			continue
		}
		end = x + half
		labels = append(labels, l)
	}
	return labels
}
