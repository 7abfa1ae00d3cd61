package views

import (
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// The addresses of the reports.
const (
	ReportsPath = "/reports"
	ReportPath  = "/reports/{ref}"
)

// MonthName writes a month such as "2026-10" as "October 2026".
func MonthName(month string) string {
	first, ok := aggregates.ParseMonth(month)
	if !ok {
		return month
	}
	return first.Format("January 2006")
}

// reportAddress returns the address of the report of a month.
func reportAddress(month string) templ.SafeURL {
	return templ.SafeURL(PageInfo{Path: ReportPath}.at(month))
}

// ReportNote returns what stands beside the heading of a report.
func ReportNote(r *aggregates.Report, s ledger.Settings) string {
	note := "as it was on " + Date(r.MadeAt, s)
	if n := r.Earlier + int64(len(r.Errata)); n > 0 {
		note += "; " + Plural(n, "correction since", "corrections since")
	}
	return note
}

// reportSentences is how many sentences a report has at most.
const reportSentences = 3

// SayReport returns up to three sentences that the numbers of a month bear out: on the
// money, on prices, and on trade or, without it, on how the money is shared out.
func SayReport(r *aggregates.Report, s ledger.Settings) []Sentence {
	n := &r.Numbers
	in := "in " + MonthName(r.Month)
	if !n.Since.IsZero() {
		in = "from " + Date(n.Since, s) + " to the end of the month"
	}
	var words []Words
	said := 0
	for _, sentence := range [][]Words{sayReportMoney(n, in, s), sayReportPrices(n), sayReportTrade(n, in, s), sayReportWealth(n)} {
		if sentence == nil || said == reportSentences {
			continue
		}
		if said++; said > 1 {
			words = append(words, Words{Text: ". "})
		}
		words = append(words, sentence...)
	}
	if words == nil {
		return nil
	}
	return []Sentence{{Words: words}}
}

func sayReportMoney(n *aggregates.MonthNumbers, in string, s ledger.Settings) []Words {
	switch {
	case n.Closing.Sign() <= 0:
		return nil
	case n.Opening.Sign() <= 0:
		return phrase("At the end of the month there was ", moneyTile(n.Closing, s), " in circulation")
	}
	return sayGrowth(n.Closing.Float64()/n.Opening.Float64(), in)
}

// sayReportPrices says how prices moved, if most of the turnover can be compared.
func sayReportPrices(n *aggregates.MonthNumbers) []Words {
	p := n.Prices
	if p.Month == nil || p.Coverage == nil || p.Items < leastCompared || *p.Coverage < leastCoverage {
		return nil
	}
	return sayPriceChange(*p.Month, "against the month before")
}

func sayReportTrade(n *aggregates.MonthNumbers, in string, s ledger.Settings) []Words {
	if n.Turnover.Sign() <= 0 {
		return nil
	}
	return phrase("Goods worth ", moneyTile(n.Turnover, s), " were sold "+in)
}

// sayReportWealth says whether wealth became more unequal in a year, if the Gini and
// the share of the richest tenth agree on it.
func sayReportWealth(n *aggregates.MonthNumbers) []Words {
	is, was := n.Wealth, n.YearBefore
	if was == nil || is.Gini == nil || is.Top10 == nil || was.Gini == nil || was.Top10 == nil {
		return nil
	}
	gini, top := *is.Gini-*was.Gini, *is.Top10-*was.Top10
	switch {
	case gini*top <= 0 || Decimal(*is.Gini, 3) == Decimal(*was.Gini, 3):
		return nil
	case gini > 0:
		return phrase("Wealth is shared out less equally than a year before: its Gini is ", Decimal(*is.Gini, 3), ", and was "+Decimal(*was.Gini, 3))
	}
	return phrase("Wealth is shared out more equally than a year before: its Gini is ", Decimal(*is.Gini, 3), ", and was "+Decimal(*was.Gini, 3))
}

// A reportFigure is a row of the key figures of a report.
type reportFigure struct {
	Name, Now, Beside string
}

// reportFigures returns the key figures of a month.
func reportFigures(r *aggregates.Report, s ledger.Settings) []reportFigure {
	n := &r.Numbers
	rows := []reportFigure{
		{"Money supply", Money(n.Closing, s), MoneyChange(n.Closing.Minus(n.Opening), s) + " in the month"},
		{"Created", Money(aggregates.SumOfSteps(n.Created).Plus(n.Others.Created), s), ""},
		{"Destroyed", Money(aggregates.SumOfSteps(n.Destroyed).Neg().Plus(n.Others.Destroyed), s), ""},
		{"Transactions", Count(n.Transactions), ""},
		{"Transfers between holders", Money(n.Transfers, s), ""},
	}
	if n.Sales > 0 {
		prices := "cannot be compared"
		if n.Prices.Month != nil {
			prices = changed(*n.Prices.Month) + " against the month before"
		}
		rows = append(rows, reportFigure{"Value of sales", Money(n.Turnover, s), Plural(n.Sales, "sale", "sales")})
		year := ""
		if n.Prices.Year != nil {
			year = changed(*n.Prices.Year) + " against the year before"
		}
		rows = append(rows, reportFigure{"Prices", prices, year})
	}
	rows = append(rows, reportFigure{"Active holders", Count(n.Active), "of all kinds"})
	before := func(value string) string {
		if n.YearBefore == nil {
			return ""
		}
		return value + " a year before"
	}
	was := aggregates.MonthWealth{}
	if n.YearBefore != nil {
		was = *n.YearBefore
	}
	rows = append(rows,
		reportFigure{populationName(n.Population) + " holders", Count(n.Wealth.Holders), before(Count(was.Holders))},
		reportFigure{"Gini", measured3(n.Wealth.Gini), before(measured3(was.Gini))},
		reportFigure{"The richest 1 % hold", percentOr(n.Wealth.Top1), before(percentOr(was.Top1))},
		reportFigure{"The richest 10 % hold", percentOr(n.Wealth.Top10), before(percentOr(was.Top10))},
	)
	if n.Wealth.Palma != nil {
		rows = append(rows, reportFigure{"Palma", measured3(n.Wealth.Palma), before(measured3(was.Palma))})
	}
	return rows
}

func populationName(p aggregates.Population) string {
	switch p {
	case aggregates.PopulationPersonal:
		return "Personal"
	case aggregates.PopulationPrivate:
		return "Private"
	default:
		return "All"
	}
}

// changed writes a change by a ratio: "+1.8 %".
func changed(ratio float64) string { return Change(1+ratio, 1) }

func percentOr(v *float64) string {
	if v == nil {
		return "n/a"
	}
	return Percent(*v)
}

// reportBridge returns the rows of the bridge of a month.
func reportBridge(l List, r *aggregates.Report) []bridgeBar {
	n := &r.Numbers
	b := &aggregates.Bridge{Opening: n.Opening, Closing: n.Closing, Moved: n.Moved, Unexplained: n.Unexplained, Others: n.Others,
		Steps: append(append([]aggregates.BridgeStep{}, n.Created...), n.Destroyed...)}
	bars, _ := bridgeBars(l.Page, b)
	for i := range bars {
		bars[i].Href = "" // what it leads to has other numbers
	}
	return bars
}

// reportCourse draws the price index of the months up to one.
func reportCourse(p aggregates.MonthPrices) templ.Component {
	var values []float64
	for _, m := range p.Course {
		if m.Value != nil {
			values = append(values, *m.Value)
		}
	}
	return chart.Spark(values)
}

// An erratumRow is a correction as it is shown.
type erratumRow struct {
	When                string
	At                  time.Time
	What, Before, After string
}

// errata returns the rows of a report's errata.
func errata(r *aggregates.Report, s ledger.Settings) []erratumRow {
	var rows []erratumRow
	for _, e := range r.Errata {
		kind := e.Kind()
		what := orElse(kind.Title, e.What)
		if of := orElse(e.Name, e.Of); of != "" {
			what += ": " + brief(of, mostName)
		}
		write := func(text *string) string {
			switch {
			case text == nil && kind.One():
				return "n/a"
			case text == nil:
				return "not listed"
			}
			return cell(kind.Value(text), aggregates.Column{Unit: kind.Unit}, s)
		}
		rows = append(rows, erratumRow{Date(e.MadeAt, s), e.MadeAt, what, write(e.Before), write(e.After)})
	}
	return rows
}

func errataSaid(r *aggregates.Report) string {
	said := "What became known of the month after the report was made. The numbers below are those of the report"
	if r.Earlier > 0 {
		said += "; " + Plural(r.Earlier, "earlier correction is", "earlier corrections are") + " not listed"
	}
	return said
}

// A reportSide is what created money, or what destroyed it.
type reportSide struct {
	Name   string
	Steps  []aggregates.BridgeStep
	Others int64 // sources that are not listed
	Sum    ledger.Sum
}

func reportSides(r *aggregates.Report) []reportSide {
	n := &r.Numbers
	return []reportSide{
		{"Created by", n.Created, n.Others.Creating, n.Others.Created},
		{"Destroyed by", n.Destroyed, n.Others.Destroying, n.Others.Destroyed.Neg()},
	}
}

func bridgeSaid(r *aggregates.Report) string {
	if r.Numbers.Unexplained.Sign() != 0 {
		return "From the supply at the start of the month to that at its end; a part is unexplained"
	}
	return "From the supply at the start of the month to that at its end, all of it explained"
}

func pricesSaid(r *aggregates.Report) string {
	p := r.Numbers.Prices
	if p.Month == nil && p.Year == nil {
		return "Nothing that was sold in the month can be compared with another month of the year"
	}
	said := Plural(p.Items, "item is compared", "items are compared")
	if p.Coverage != nil {
		said += ", " + Percent(*p.Coverage) + " of the month's turnover"
	}
	return said + "; 100 is the first month"
}

func moversSaid(r *aggregates.Report) string {
	n := &r.Numbers
	return Plural(n.Compared, "firm price is compared", "firm prices are compared") + " with those at the end of the month before: " + Count(n.Up) + " rose, " + Count(n.Down) + " fell; a piece"
}
