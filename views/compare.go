package views

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/views/chart"
)

// ComparePath is the address of the page on which series are compared.
const ComparePath = "/compare"

// The parameters of a comparison.
var (
	SeriesParam = &Param{
		Name: "s", Label: "Series, with ~ between them: supply, holders, gini, top10, item:REF, sold:REF, source:NAME, account:REF; at most six",
		Nearest: func(text string) string { return aggregates.JoinSeries(aggregates.ParseSeries(text)) },
	}
	FormParam = ChoiceParam("as", "Shown as", Option{"value", "values", "the numbers themselves"},
		Option{"index", "index", "the first value is 100"}, Option{"head", "per head", "sums over the economy divided by its holders"})
	AxisParam = ChoiceParam("scale", "Scale", Option{"linear", "linear", "equal differences are equally high"},
		Option{"log", "logarithmic", "equal factors are equally high"})
)

// CompareParams are the parameters of a comparison, in the order of addresses.
func CompareParams() []*Param {
	return []*Param{SeriesParam, FormParam, AxisParam, PopulationParam, DaysParam}
}

// CompareAddress returns the address of a comparison of these series, otherwise with
// the parameters of p.
func CompareAddress(p Params, refs []aggregates.SeriesRef) string {
	return ComparePath + p.Of(CompareParams()).With(CompareParams(), SeriesParam, SeriesParam.Nearest(aggregates.JoinSeries(refs))).Query()
}

// compareLink returns the address of a comparison that begins with a series, in the
// period of a page.
func (p Page) compareLink(refs ...aggregates.SeriesRef) templ.SafeURL {
	return templ.SafeURL(CompareAddress(p.Params.Of([]*Param{DaysParam}), refs))
}

// seriesOptions are the kinds of series, as a form offers them.
var seriesOptions = options(
	"item", "price of the item", "sold", "sales of the item", "source", "what moved by the source", "account", "balance of the account",
	"supply", "money supply", "holders", "number of holders", "gini", "Gini", "top10", "share of the richest tenth",
)

// A comparison is what a page draws of series.
type comparison struct {
	Page
	*aggregates.Comparison
	flags Flags // of all its charts
}

// events returns the flags of the charts.
func (c comparison) events() Flags {
	var starts []time.Time
	for _, d := range c.Days {
		starts = append(starts, d.Start)
	}
	return c.FlagsOn(starts, c.Days[len(c.Days)-1].Day.AddDate(0, 0, 1))
}

// Comparison shows series in one chart if they have one unit, else in one each.
func Comparison(p Page, c *aggregates.Comparison) Content {
	v := comparison{Page: p, Comparison: c}
	if len(c.Series) == 0 {
		return Content{Sub: "Up to six series of the economy, its items, sources and accounts", Body: compareStart(v)}
	}
	if len(c.Days) == 0 {
		return Content{Sub: "The first day is not over. Look again tomorrow", Body: compared(v)}
	}
	v.flags = v.events()
	content := Content{Sub: v.sub(), Says: v.says(), Body: compared(v), Flags: v.flags}
	content.Switches = []Switch{{Param: FormParam, After: v.base()}, {Param: AxisParam, Before: "Scale"}}
	if population := v.population(); population != "" {
		content.Switches = append(content.Switches, Switch{Param: PopulationParam, Chosen: population, Before: "Among", After: "holders"})
	}
	return content
}

// sub says what a value stands for.
func (c comparison) sub() string { return "By " + c.Bucket + ", whole days, as" }

// base says which day of an index is 100.
func (c comparison) base() string {
	var base *time.Time
	for _, s := range c.Series {
		switch {
		case s.BaseDay == nil:
		case base == nil:
			base = s.BaseDay
		case !base.Equal(*s.BaseDay):
			return "(the first value is 100)"
		}
	}
	if base == nil {
		return ""
	}
	return "(" + Date(*base, c.Settings) + " is 100)"
}

// population returns the population whose number is part of a series, if any is.
func (c comparison) population() string {
	if c.As == aggregates.PerHead {
		return c.Heads.Key()
	}
	for _, s := range c.Series {
		if s.Population != "" {
			return s.Population.Key()
		}
	}
	return ""
}

// charts returns the drawings of a wide panel and those of a narrow one, nil if they
// are the same.
func (c comparison) charts() (wide, narrow []comparedChart) {
	all := make([]int, len(c.Series))
	for i := range all {
		all[i] = i
	}
	together := c.Together()
	for _, i := range all {
		of := comparedChart{Title: c.Series[i].Title(), Class: c.class(i)}
		beside := []int{}
		if together {
			beside = all // so that the drawings can be compared
		}
		of.lines, of.Note = c.lines([]int{i}, beside)
		of.Note = c.unitNote(c.Series[i].Unit, of.Note)
		narrow = append(narrow, of)
	}
	if !together {
		return narrow, nil
	}
	one := comparedChart{}
	one.lines, one.Note = c.lines(all, nil)
	one.lines.ID, one.lines.Tall = "chart", true
	if len(all) > 1 {
		one.lines.Room = len(c.Days)/5 + 1
	}
	one.Note = c.unitNote(c.Series[0].Unit, one.Note)
	if len(all) == 1 {
		return []comparedChart{one}, nil
	}
	return []comparedChart{one}, narrow
}

// A comparedChart is one drawing, with what is said over it.
type comparedChart struct {
	Title string // empty where the list of series says it
	Class string
	Note  string // the unit, and why an axis is not as it was chosen
	lines chart.Lines
}

func (c comparison) class(i int) string { return fmt.Sprint("s", i+1) }

// unitNote says what an axis measures, as far as the title does not.
func (c comparison) unitNote(unit aggregates.SeriesUnit, note string) string {
	money := orElse(c.Settings.Symbol, "money")
	text := map[aggregates.SeriesUnit]string{
		aggregates.UnitMoney: money, aggregates.UnitPiece: money + " a piece", aggregates.UnitDay: money + " a day", aggregates.UnitHead: money + " a head",
		aggregates.UnitHeadDay: money + " a head and day", aggregates.UnitShare: "of the money",
	}[unit]
	if text != "" && note != "" {
		text += ". "
	}
	return text + note
}

// lines returns the drawing of some of the series, on an axis that is also that of
// others, and why it is not logarithmic although it was chosen to be.
func (c comparison) lines(drawn, beside []int) (l chart.Lines, note string) {
	l = chart.Lines{
		About: chart.About{Title: c.Series[drawn[0]].Title()}, Log: c.Params.Get(AxisParam) == "log",
		Ticks: c.ticks(c.Series[drawn[0]].Unit), Empty: "No values in this period.",
		Flags: c.flags.Flags,
	}
	var below []string
	cover := func(i int) []float64 {
		var values []float64
		for _, v := range c.Series[i].Values {
			values = append(values, orNaN(v))
		}
		if slices.ContainsFunc(values, func(v float64) bool { return v <= 0 }) {
			below = append(below, c.Series[i].Title())
		}
		return values
	}
	var texts []string
	for _, i := range drawn {
		s := c.Series[i]
		line := chart.Series{Name: brief(c.short(s), 24), Class: c.class(i), Values: cover(i)}
		first, last := s.Ends()
		if len(drawn) == 1 {
			line.Name = c.write(s, last)
		}
		if last >= 0 {
			texts = append(texts, s.Title()+": from "+c.write(s, first)+" to "+c.write(s, last)+".")
		}
		l.Series = append(l.Series, line)
	}
	for _, i := range beside {
		if !slices.Contains(drawn, i) {
			l.Beside = append(l.Beside, cover(i)...)
		}
	}
	if len(drawn) > 1 {
		l.Title = Plural(int64(len(drawn)), "series", "series")
	}
	l.Desc = strings.Join(texts, " ")
	var starts []time.Time
	for n, d := range c.Days {
		starts = append(starts, local(d.Start, c.Settings))
		tip := bucketName(d.Start, c.Bucket, c.Settings)
		for _, i := range drawn {
			tip += "\n"
			if len(drawn) > 1 {
				tip += c.short(c.Series[i]) + " "
			}
			tip += c.write(c.Series[i], n)
		}
		l.Tips = append(l.Tips, tip)
	}
	l.Labels = chart.DateLabels(starts, c.Bucket)
	if l.Log && len(below) > 0 {
		l.Log, note = false, "Linear: "+strings.Join(below, " and ")+" has values of zero or below, which a logarithmic scale does not have"
	}
	return l, note
}

// ticks writes the labels of an axis.
func (c comparison) ticks(unit aggregates.SeriesUnit) chart.Ticks {
	switch unit {
	case aggregates.UnitHolders, aggregates.UnitIndex:
		return countTicks
	case aggregates.UnitGini:
		return ratioTicks
	case aggregates.UnitShare:
		return percentTicks
	}
	return moneyTicks(c.Settings)
}

// short is the name of a series at the end of its line and in tips.
func (c comparison) short(s aggregates.ComparedSeries) string {
	switch s.Kind {
	case aggregates.SeriesPrice, aggregates.SeriesSource, aggregates.SeriesBalance:
		return readable(s.Name)
	case aggregates.SeriesSold:
		return readable(s.Name) + " sold"
	case aggregates.SeriesTop10:
		return "richest tenth"
	}
	return s.Title()
}

// write writes the value of a series on a day, "n/a" if it has none or the day is
// below zero.
func (c comparison) write(s aggregates.ComparedSeries, day int) string {
	if day < 0 || s.Values[day] == nil {
		return "n/a"
	}
	v := *s.Values[day]
	switch s.Unit {
	case aggregates.UnitIndex:
		return Decimal(v, 1)
	case aggregates.UnitHolders:
		return Count(int64(v))
	case aggregates.UnitGini:
		return Decimal(v, 3)
	case aggregates.UnitShare:
		return Percent(v)
	case aggregates.UnitPiece:
		return UnitPrice(v, c.Settings)
	}
	if math.Abs(v) < 1e15 {
		return moneyTile(int64(math.Round(v)), c.Settings)
	}
	return MoneyCompact(v, c.Settings)
}

// A comparedLine is a series in the list above the chart.
type comparedLine struct {
	Class, Title string
	Page         templ.SafeURL // of the thing; may be empty
	Course       string        // from what to what
	Remove       templ.SafeURL
}

// list returns the series in the list above the chart.
func (c comparison) list() []comparedLine {
	refs := aggregates.ParseSeries(c.Params.Get(SeriesParam))
	var all []comparedLine
	for i, s := range c.Series {
		line := comparedLine{Class: c.class(i), Title: readable(s.Title()), Course: s.Why, Page: c.pageOf(s)}
		if first, last := s.Ends(); last >= 0 {
			line.Course = c.write(s, last)
			switch low, high := s.Extremes(); {
			case s.Kind == aggregates.SeriesSold || s.Kind == aggregates.SeriesSource:
				// What moved on one day says nothing of another.
				line.Course = "between " + c.write(s, low) + " and " + c.write(s, high)
			case first < last:
				line.Course = c.write(s, first) + " → " + line.Course
				if change := Change(*s.Values[last], *s.Values[first]); s.Unit != aggregates.UnitGini && s.Unit != aggregates.UnitShare {
					line.Course += ", " + change
				}
			}
		}
		if c.Only == nil && i < len(refs) {
			line.Remove = templ.SafeURL(CompareAddress(c.Params, slices.Delete(slices.Clone(refs), i, i+1)))
		}
		all = append(all, line)
	}
	return all
}

// pageOf returns the address of the page of a series' thing, empty if it has none.
func (c comparison) pageOf(s aggregates.ComparedSeries) templ.SafeURL {
	switch s.Kind {
	case aggregates.SeriesPrice, aggregates.SeriesSold:
		return itemAddress(s.ID)
	case aggregates.SeriesSource:
		return sourceAddress(c.Page, s.ID, "", "")
	case aggregates.SeriesBalance:
		return accountAddress(s.ID)
	}
	return "/economy/history"
}

// carried returns the parameters that the form carries as they are.
func (c comparison) carried() []*Param {
	return slices.DeleteFunc(CompareParams(), func(d *Param) bool { return c.Params.Get(d) == d.Default })
}

// full reports whether no series can be added.
func (c comparison) full() bool { return len(c.Series) >= aggregates.MostSeries }

// ready returns links to comparisons to begin with.
func (c comparison) ready() []Choice {
	var all []Choice
	for _, r := range c.Ready {
		var names []string
		note := "money a day"
		for i, ref := range r.Series {
			name := orElse(readable(r.Names[i]), map[aggregates.SeriesKind]string{
				aggregates.SeriesSupply: "the money supply", aggregates.SeriesHolders: "the holders", aggregates.SeriesGini: "the Gini", aggregates.SeriesTop10: "the share of the richest tenth",
			}[ref.Kind])
			names = append(names, brief(name, 40))
		}
		switch {
		case r.As == aggregates.AsIndex:
			note = "index"
		case r.As == aggregates.PerHead:
			note = "per head"
		case r.Series[0].Kind != aggregates.SeriesSource:
			note = "values"
		}
		last := len(names) - 1
		params := c.Params.With(CompareParams(), FormParam, string(r.As))
		all = append(all, Choice{upperFirst(strings.Join(names[:last], ", ") + " and " + names[last]), note, CompareAddress(params, r.Series)})
	}
	return all
}

func upperFirst(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// says says how the first series went from the first day to the last one, and the
// second one, if both have values on these days. What moved or was sold on one day
// says nothing of another, and a number per head is not that of its series.
func (c comparison) says() Sentence {
	if c.As == aggregates.PerHead {
		return Sentence{}
	}
	first, last := c.Series[0].Ends()
	said := c.went(c.Series[0], first, last)
	if said == nil {
		return Sentence{}
	}
	said[0].Text = upperFirst(said[0].Text)
	said = append(said, phrase(" from "+Date(c.Days[first].Day, c.Settings)+" to "+Date(c.Days[last].Day, c.Settings))...)
	if len(c.Series) < 2 {
		return Sentence{Words: said}
	}
	if from, to := c.Series[1].Ends(); from != first || to != last {
		return Sentence{Words: said}
	}
	if more := c.went(c.Series[1], first, last); more != nil {
		return Sentence{said, append(phrase(", while "), more...)}
	}
	return Sentence{Words: said}
}

// went says how a series went from one day to another, and nothing if its values do
// not say it.
func (c comparison) went(s aggregates.ComparedSeries, first, last int) []Words {
	name := brief(readable(s.Name), mostName)
	what := map[aggregates.SeriesKind]string{
		aggregates.SeriesSupply: "the money supply", aggregates.SeriesHolders: "the number of holders", aggregates.SeriesGini: "the Gini",
		aggregates.SeriesTop10: "the share of the richest tenth", aggregates.SeriesPrice: name + "’s price", aggregates.SeriesBalance: name + "’s balance",
	}[s.Kind]
	if what == "" || last <= first || *s.Values[first] <= 0 || *s.Values[last] <= 0 {
		return nil
	}
	from, to := c.write(s, first), c.write(s, last)
	ratio := *s.Values[last] / *s.Values[first] - 1
	switch {
	case s.Unit == aggregates.UnitGini || s.Unit == aggregates.UnitShare:
		switch {
		case from == to:
			return phrase(what+" stayed at ", to)
		case ratio > 0:
			return phrase(what+" rose from ", from, " to ", to)
		}
		return phrase(what+" fell from ", from, " to ", to)
	case math.Abs(ratio) < 0.0005:
		return phrase(what + " neither rose nor fell")
	case ratio >= 1:
		return phrase(what+" grew to ", digits3(ratio+1)+" times", " as much")
	case ratio > 0:
		return phrase(what+" rose ", Percent(ratio))
	case ratio < -0.99:
		return phrase(what+" fell to ", Percent(ratio+1), " of its amount")
	}
	return phrase(what+" fell ", Percent(-ratio))
}
