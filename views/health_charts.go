package views

import (
	"fmt"
	"math"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// A keyPart names a shade of a chart.
type keyPart struct{ Class, Text string }

// Created shows what was created and destroyed by week.
func Created(p Page, v *aggregates.Soundness) Content {
	s := p.Settings
	sub := "By week"
	if s.Symbol != "" {
		sub += ", " + s.Symbol
	}
	if len(v.Created)+len(v.Destroyed) == 0 {
		return Content{Missing: "No money was created or destroyed in these weeks."}
	}
	var weeks []columnTime
	var starts []time.Time
	for _, w := range v.Weeks {
		weeks, starts = append(weeks, columnTime{w.Start, w.Partial}), append(starts, w.Start)
	}
	in, out := weekly(v.Created), weekly(v.Destroyed)
	c, created, destroyed := sourceStacks(chart.About{ID: "created", Title: "Money created and destroyed by week"}, "week", weeks, v.Historical, in, out, s)
	c.Desc = fmt.Sprintf("Created %s, destroyed %s in %d weeks.", MoneyCompact(created.Float64(), s), MoneyCompact(destroyed.Float64(), s), len(v.Weeks))
	if len(starts) <= 13 {
		c.Labels = weekLabels(starts)
	}
	return Content{Sub: sub + "; the line is what was added", Body: keyed(stacksKey(in, out), c.Draw())}
}

func weekly(sources []aggregates.SourceWeeks) (all []sourceAmounts) {
	for _, s := range sources {
		all = append(all, sourceAmounts{s.Source, s.Sources, s.Weeks})
	}
	return all
}

// weekLabels are the dates of the Mondays, as many as fit.
func weekLabels(starts []time.Time) func(width float64) []chart.Label {
	return func(width float64) []chart.Label {
		every := 1
		for float64(every)*width/float64(len(starts)) < 54 && every < len(starts) {
			every++
		}
		var labels []chart.Label
		for i := 0; i < len(starts); i += every {
			labels = append(labels, chart.Label{At: float64(i) + 0.5, Text: starts[i].Format("2 Jan")})
		}
		return labels
	}
}

// MoneyCourse shows the money of 90 days, where that of the first is 100.
func MoneyCourse(p Page, v *aggregates.Soundness) Content {
	s := p.Settings
	c := chart.Lines{About: chart.About{ID: "money", Title: "Money in circulation, the first day is 100"}, Ticks: countTicks}
	line := chart.Series{}
	var starts []time.Time
	for _, d := range v.Days {
		index := v.Index(d)
		if index == nil {
			return Content{Missing: "There was no money on the first of these days."}
		}
		starts = append(starts, d.Day)
		line.Values = append(line.Values, *index)
		c.Tips = append(c.Tips, Decimal(*index, 1)+"\n"+MoneyShort(d.Supply, s)+" on "+bucketName(d.Day, "day", s))
	}
	if len(v.Days) < 2 {
		return Content{Missing: "The ledger has only one day yet."}
	}
	last := line.Values[len(line.Values)-1]
	line.Name = "money " + Decimal(last, 1)
	c.Series = []chart.Series{line}
	c.Desc = "Money went from 100 to " + Decimal(last, 1) + "."
	c.Labels = chart.DateLabels(starts, "day")
	return Content{Sub: Date(v.Days[0].Day, s) + " = 100", Body: c.Draw()}
}

// HolderDays shows how many holders were active by day, and how many were new.
func HolderDays(p Page, v *aggregates.Soundness) Content {
	s := p.Settings
	c := chart.Stacks{About: chart.About{ID: "holders", Title: "Active and new holders by day"}, Ticks: countTicks, Least: 1}
	var starts []time.Time
	var joined, most int64
	busiest := v.Days[0]
	for i, d := range v.Days {
		starts = append(starts, d.Day)
		joined += d.New
		if d.Active > most {
			most, busiest = d.Active, d
		}
		column := chart.Stack{
			Up:  []float64{float64(d.New), float64(d.Active - d.New)},
			Tip: Plural(d.Active, "holder", "holders") + " active\n" + Count(d.New) + " of them new, " + bucketName(d.Day, "day", s),
		}
		if i == len(v.Days)-1 && !v.Historical {
			column.Partial, column.Name = true, "today"
			column.Tip += ", today so far"
		}
		c.Values = append(c.Values, column)
	}
	if most == 0 {
		return Content{Missing: "Nobody was active on these days."}
	}
	c.Desc = "Most on " + bucketName(busiest.Day, "day", s) + ": " + Count(most) + ". New in all: " + Count(joined) + "."
	c.Labels = chart.DateLabels(starts, "day")
	return Content{
		Sub:  "By day. " + Plural(joined, "new holder", "new holders") + " in " + Plural(int64(len(v.Days)), "day", "days"),
		Body: keyed([]keyPart{{"u1", "new"}, {"u2", "had a posting before"}}, c.Draw()),
	}
}

// Cohorts shows how many of those who joined together are still active, and what
// they have.
func Cohorts(p Page, c *aggregates.Cohorts) Content {
	sub := "Of those who joined in a " + c.Unit + ", percent active in the " + c.Unit + "s since"
	if c.Earlier > 0 {
		sub += ". " + Plural(c.Earlier, "holder", "holders") + " joined earlier"
	}
	return Content{Sub: sub, Body: cohorts(c, p.Settings)}
}

func cohortName(start time.Time, unit string, s ledger.Settings) string {
	at := local(start, s)
	switch unit {
	case "quarter":
		return fmt.Sprintf("Q%d %d", (int(at.Month())+2)/3, at.Year())
	case "year":
		return fmt.Sprint(at.Year())
	}
	return at.Format("Jan 2006")
}

func cohortColumn(c *aggregates.Cohorts, i int) string {
	if i == 0 {
		return "first"
	}
	return fmt.Sprint("+", i)
}

func retention(of aggregates.Cohort, j int) float64 {
	return float64(of.Active[j]) / float64(max(of.Holders, 1))
}

func cohortCell(of aggregates.Cohort, j int) string {
	if of.Holders == 0 {
		return ""
	}
	return Decimal(retention(of, j)*100, 0)
}

func cohortShade(of aggregates.Cohort, j int) string {
	return fmt.Sprint("k", int(math.Ceil(retention(of, j)*8)))
}

// partialCell reports whether the month of a cell is not over.
func partialCell(c *aggregates.Cohorts, i, j int) bool {
	return c.Partial && j == len(c.Cohorts[i].Active)-1
}

func cohortTip(c *aggregates.Cohorts, of aggregates.Cohort, i, j int) string {
	tip := Count(of.Active[j]) + " of " + Plural(of.Holders, "holder", "holders")
	if partialCell(c, i, j) {
		tip += ", this " + c.Unit + " so far"
	}
	return tip
}

// Cache shows how the cache does, for operators.
func Cache(p Page, c *aggregates.CacheState) Content {
	content := Content{Sub: "As one process has it. Shared by " + c.Shared, Body: cacheState(c, p.Only != nil)}
	switch {
	case c.Down:
		content.Alarm = "Redis is down; the process goes on alone"
	case c.Status != "ok":
		content.Alarm = "degraded"
	}
	return content
}

// memosLine says how many memos there are, and how many of them are not as they
// should be.
func memosLine(c *aggregates.CacheState) string {
	bad := int64(0)
	for _, m := range c.Memos {
		if memoMark(m).Class != "good" {
			bad++
		}
	}
	line := Plural(int64(len(c.Memos)), "memo", "memos")
	if bad > 0 {
		return line + ", " + Count(bad) + " not fresh"
	}
	return line + ", all fresh"
}

func memoMark(m aggregates.MemoState) stateMark {
	switch {
	case m.Circuit == "open":
		return stateMark{"■", "paused", "bad"}
	case m.Degraded > 0 || m.Circuit != "closed":
		return stateMark{"▲", "failing", "watch"}
	case m.Keys == 0:
		return stateMark{"○", "not asked for", "none"}
	}
	return stateMark{"●", "good", "good"}
}

func seconds(v *float64) string {
	if v == nil {
		return "–"
	}
	return Duration(time.Duration(*v * float64(time.Second)))
}
