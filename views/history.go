package views

import (
	"math"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

const whyNoHistory = "The first day is not over, or the past is still being computed. Look again later."

// historyLines returns the frame of a chart of the history, with a tip a point.
func historyLines(h *aggregates.History, s ledger.Settings, id, title string, tip func(aggregates.HistoryPoint) string) chart.Lines {
	l := chart.Lines{About: chart.About{ID: id, Title: title}, Empty: "Not available."}
	var starts []time.Time
	for _, p := range h.Points {
		starts = append(starts, p.Start)
		l.Tips = append(l.Tips, tip(p)+"\nat the end of "+Date(p.Day, s))
	}
	l.Labels = chart.DateLabels(starts, h.Bucket)
	return l
}

// seriesOf returns the values of a line.
func seriesOf(h *aggregates.History, pick func(aggregates.HistoryPoint) *float64) []float64 {
	var values []float64
	for _, p := range h.Points {
		if v := pick(p); v != nil {
			values = append(values, *v)
		} else {
			values = append(values, math.NaN())
		}
	}
	return values
}

// desc says from what to what a number went.
func desc(h *aggregates.History, s ledger.Settings, write func(aggregates.HistoryPoint) string) string {
	first, last := h.Points[0], h.Points[len(h.Points)-1]
	return "From " + write(first) + " (" + Date(first.Day, s) + ") to " + write(last) + " (" + Date(last.Day, s) + ")."
}

func ptrTo(v float64) *float64 { return &v }

// HistoryOfMoney shows the supply over the whole ledger.
func HistoryOfMoney(p Page, h *aggregates.History) Content {
	if len(h.Points) == 0 {
		return Content{Missing: whyNoHistory}
	}
	write := func(at aggregates.HistoryPoint) string { return Money(at.Supply, p.Settings) }
	l := historyLines(h, p.Settings, "supply", "Money supply", write)
	l.Desc, l.Ticks, l.Zero, l.Least = desc(h, p.Settings, write), moneyTicks(p.Settings), true, 1
	last := h.Points[len(h.Points)-1]
	l.Series = []chart.Series{{Name: moneyTile(last.Supply, p.Settings), Values: seriesOf(h, func(at aggregates.HistoryPoint) *float64 { return ptrTo(at.Supply.Float64()) })}}
	return Content{Sub: "At the end of each " + h.Bucket + symbolNote(p.Settings), Says: sayHistory(h, p.Settings), Body: compareWith(l.Draw(), p.compareLink(aggregates.SeriesRef{Kind: aggregates.SeriesSupply}), "the money supply", "")}
}

// HistoryOfHolders shows the number of holders of a population.
func HistoryOfHolders(p Page, h *aggregates.History) Content {
	if len(h.Points) == 0 {
		return Content{Missing: whyNoHistory}
	}
	write := func(at aggregates.HistoryPoint) string { return Plural(at.Holders, "holder", "holders") }
	l := historyLines(h, p.Settings, "holders", "Holders", write)
	l.Desc, l.Ticks, l.Zero, l.Least = desc(h, p.Settings, write), countTicks, true, 1
	l.Series = []chart.Series{{Name: Count(h.Points[len(h.Points)-1].Holders), Values: seriesOf(h, func(at aggregates.HistoryPoint) *float64 { return ptrTo(float64(at.Holders)) })}}
	return historyContent(h, "Holders among", l)
}

// HistoryOfGini shows the Gini coefficient of a population.
func HistoryOfGini(p Page, h *aggregates.History) Content {
	if len(h.Points) == 0 {
		return Content{Missing: whyNoHistory}
	}
	write := func(at aggregates.HistoryPoint) string { return measured3(at.Gini) }
	l := historyLines(h, p.Settings, "gini", "Gini", write)
	l.Desc, l.Ticks = desc(h, p.Settings, write), ratioTicks
	l.Series = []chart.Series{{Name: measured3(h.Points[len(h.Points)-1].Gini), Values: seriesOf(h, func(at aggregates.HistoryPoint) *float64 { return at.Gini })}}
	return historyContent(h, "Gini among", l)
}

// HistoryOfTop shows what the richest of a population hold.
func HistoryOfTop(p Page, h *aggregates.History) Content {
	if len(h.Points) == 0 {
		return Content{Missing: whyNoHistory}
	}
	share := func(v *float64) string {
		if v == nil {
			return "n/a"
		}
		return Percent(*v)
	}
	write := func(at aggregates.HistoryPoint) string { return share(at.Top1) + ", " + share(at.Top10) }
	l := historyLines(h, p.Settings, "top", "Top shares", func(at aggregates.HistoryPoint) string {
		return share(at.Top10) + " top 10" + nbsp + "%, " + share(at.Top1) + " top 1" + nbsp + "%"
	})
	l.Desc, l.Ticks, l.Zero = "Top 1 %, top 10 %: "+desc(h, p.Settings, write), percentTicks, true
	l.Series = []chart.Series{
		{Name: "top 10" + nbsp + "%", Values: seriesOf(h, func(at aggregates.HistoryPoint) *float64 { return at.Top10 })},
		{Name: "top 1" + nbsp + "%", Class: "s2", Values: seriesOf(h, func(at aggregates.HistoryPoint) *float64 { return at.Top1 })},
	}
	return historyContent(h, "Share of the money among", l)
}

// historyContent is a chart of a population, with the links to the others.
func historyContent(h *aggregates.History, of string, l chart.Lines) Content {
	return Content{Sub: of, Switches: []Switch{{Param: PopulationParam, Chosen: h.Population.Key(), After: "holders"}}, Body: l.Draw()}
}

func measured3(v *float64) string {
	if v == nil {
		return "n/a"
	}
	return Decimal(*v, 3)
}

// ratioTicks writes the labels of an axis of ratios, with as many decimals as they
// need.
func ratioTicks(values []float64) []string {
	for decimals := 1; ; decimals++ {
		var labels []string
		exact := true
		for _, v := range values {
			labels = append(labels, Decimal(v, decimals))
			scaled := v * math.Pow10(decimals)
			exact = exact && math.Abs(scaled-math.Round(scaled)) < 1e-6
		}
		if exact || decimals == 4 {
			return labels
		}
	}
}

// percentTicks writes the labels of an axis of shares.
func percentTicks(values []float64) []string {
	scaled := make([]float64, len(values))
	for i, v := range values {
		scaled[i] = v * 100
	}
	labels := countTicks(scaled)
	for i := range labels {
		labels[i] += nbsp + "%"
	}
	return labels
}

// sayHistory says how much more or less money there is than in the beginning.
func sayHistory(h *aggregates.History, s ledger.Settings) Sentence {
	first, last := h.Points[0], h.Points[len(h.Points)-1]
	if len(h.Points) < 2 || first.Supply.Sign() <= 0 || last.Supply.Sign() <= 0 {
		return Sentence{}
	}
	said := sayGrowth(last.Supply.Float64()/first.Supply.Float64(), "from "+Date(first.Day, s)+" to "+Date(last.Day, s))
	if first.Gini == nil || last.Gini == nil {
		return Sentence{Words: said}
	}
	verb := "; the Gini rose from "
	switch change := math.Round(*last.Gini*1000) - math.Round(*first.Gini*1000); {
	case change == 0:
		return Sentence{Words: said, More: phrase("; the Gini is ", measured3(last.Gini), " as then")}
	case change < 0:
		verb = "; the Gini fell from "
	}
	return Sentence{Words: said, More: phrase(verb, measured3(first.Gini), " to ", measured3(last.Gini))}
}

// Replay shows the Lorenz curves of the past beside each other.
func Replay(p Page, h *aggregates.History) Content {
	if len(h.Curves) == 0 {
		return Content{Missing: whyNoHistory}
	}
	return Content{Sub: "At the end of each " + h.CurveEvery + ", among", Switches: []Switch{{Param: PopulationParam, Chosen: h.Population.Key(), After: "holders"}}, Body: replay(h, p.Settings)}
}

// curveName is what a curve is called: "2019", "Mar 2026", "16 Nov".
func curveName(c aggregates.HistoryCurve, every string, s ledger.Settings) string {
	if every == "day" || every == "week" {
		return DayMonth(c.Day, s)
	}
	return bucketShort(c.Start, every, s)
}

func smallLorenz(c aggregates.HistoryCurve) templ.Component {
	var points []chart.Point
	for _, p := range c.Points {
		points = append(points, chart.Point{X: p.Holders, Y: p.Wealth})
	}
	return chart.SmallLorenz(points)
}

// half is the share of the poorer half of the holders.
func half(c aggregates.HistoryCurve) string {
	for _, p := range c.Points {
		if p.Holders == 0.5 {
			return Percent(p.Wealth)
		}
	}
	return "n/a"
}
