package views

import (
	"fmt"
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// sourceAmounts is what moved by a source in each column of a chart. Without a name
// it is several sources together.
type sourceAmounts struct {
	source  string
	sources int
	amounts []ledger.Sum
}

func (a sourceAmounts) name() string {
	switch {
	case a.sources > 1:
		return "other (" + Count(int64(a.sources)) + ")"
	case a.source == "":
		return "no source"
	}
	return brief(a.source, 30)
}

// A columnTime is when a column of a chart begins, and whether it is not over or the
// period begins within it.
type columnTime struct {
	start   time.Time
	partial bool
}

// sourceStacks returns columns of what came in by source, above the line, and of what
// went out, below it, a bucket each, and the sums of both.
func sourceStacks(about chart.About, bucket string, columns []columnTime, historical bool, in, out []sourceAmounts, s ledger.Settings) (c chart.Stacks, came, went ledger.Sum) {
	c = chart.Stacks{About: about, Ticks: moneyTicks(s), Least: 1, Net: true}
	var starts []time.Time
	for i, at := range columns {
		starts = append(starts, at.start)
		column := chart.Stack{Partial: at.partial}
		tip := []string{bucketName(at.start, bucket, s)}
		var sum ledger.Sum
		for _, a := range in {
			amount := a.amounts[i]
			column.Up = append(column.Up, amount.Float64())
			sum, came = sum.Plus(amount), came.Plus(amount)
			if amount.Sign() != 0 {
				tip = append(tip, a.name()+" +"+moneyTile(amount, s))
			}
		}
		for _, a := range out {
			amount := a.amounts[i]
			column.Down = append(column.Down, amount.Float64())
			sum, went = sum.Minus(amount), went.Plus(amount)
			if amount.Sign() != 0 {
				tip = append(tip, a.name()+" "+minus+moneyTile(amount, s))
			}
		}
		column.Written = bucketShort(at.start, bucket, s) + ": " + MoneyCompact(sum.Float64(), s)
		column.Tip = MoneyChange(sum, s) + "\n" + strings.Join(tip, "\n")
		if at.partial && i > 0 && !historical {
			column.Name = "so far"
		}
		c.Values = append(c.Values, column)
	}
	c.Labels = chart.DateLabels(starts, bucket)
	return c, came, went
}

// stacksKey names the shades of columns by source.
func stacksKey(in, out []sourceAmounts) (parts []keyPart) {
	for i, a := range in {
		parts = append(parts, keyPart{fmt.Sprint("u", min(i, 3)+1), a.name() + " +"})
	}
	for i, a := range out {
		parts = append(parts, keyPart{fmt.Sprint("d", min(i, 3)+1), a.name() + " " + minus})
	}
	return parts
}

// A exchangeBars shows amounts by source as bars.
type exchangeBars struct {
	class   string // gain or loss
	missing string // said if there is nothing
	amount  func(aggregates.Exchange) ledger.Sum
	address func(source string) templ.SafeURL // where a source leads; nil: nowhere
}

// draw returns the largest sources and the others together, and reports whether there
// is anything.
func (b exchangeBars) draw(p Page, sources []aggregates.SourceExchange, others aggregates.Exchange) (templ.Component, bool) {
	rest, total := b.amount(others), ledger.Sum{}
	var listed []aggregates.SourceExchange
	for _, e := range sources {
		if b.amount(e.Exchange).Sign() > 0 {
			total = total.Plus(b.amount(e.Exchange))
			listed = append(listed, e)
		}
	}
	if total = total.Plus(rest); total.Sign() <= 0 {
		return nil, false
	}
	sortBy(listed, func(e aggregates.SourceExchange) ledger.Sum { return b.amount(e.Exchange) })
	shown := listed[:min(len(listed), sourcesOfAccount)]
	for _, e := range listed[len(shown):] {
		rest = rest.Plus(b.amount(e.Exchange))
	}
	var rows []barRow
	add := func(name string, href templ.SafeURL, sum ledger.Sum) {
		share := sum.Float64() / total.Float64()
		rows = append(rows, barRow{Name: name, Href: href, Class: b.class, Bar: share, Amount: moneyTile(sum, p.Settings), Exact: Money(sum, p.Settings), Share: Percent(share)})
	}
	for _, e := range shown {
		var href templ.SafeURL
		if b.address != nil {
			href = b.address(e.Source)
		}
		add(brief(readable(e.Source), mostName), href, b.amount(e.Exchange))
	}
	if rest.Sign() > 0 {
		add("others", "", rest)
	}
	for i := range rows {
		rows[i].Bar /= max(rows[0].Bar, 1e-9)
	}
	return bars(rows, "Together", moneyTile(total, p.Settings)), true
}

// received and sent are the amounts of exchanges.
func received(e aggregates.Exchange) ledger.Sum { return e.Received }
func sent(e aggregates.Exchange) ledger.Sum     { return e.Sent }
