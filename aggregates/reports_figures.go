package aggregates

import (
	"math"
	"slices"
	"strconv"

	"exchequer/ledger"
)

// A figureThing is what a report has a figure of each of.
type figureThing int

const (
	single figureThing = iota
	eachSource
	eachItem
	eachHolder
)

// A FigureKind is a number that reports have, some of them of each of a few things.
type FigureKind struct {
	Name  string // in files and errata: "closing"
	Title string
	Unit  Unit
	of    figureThing
}

// figureKinds are all figures of a report, in the order in which they are listed.
var figureKinds = []FigureKind{
	{"opening", "Opening supply", Money, single},
	{"created", "Created", Money, eachSource},
	{"created.others", "Created by other sources", Money, single},
	{"destroyed", "Destroyed", Money, eachSource},
	{"destroyed.others", "Destroyed by other sources", Money, single},
	{"moved", "Moved in or out", Money, single},
	{"unexplained", "Unexplained", Money, single},
	{"closing", "Closing supply", Money, single},
	{"transactions", "Transactions", Count, single},
	{"transfers", "Transfers between holders", Money, single},
	{"sales", "Sales", Count, single},
	{"turnover", "Value of sales", Money, single},
	{"prices.month", "Prices against the month before", Percent, single},
	{"prices.year", "Prices against the year before", Percent, single},
	{"prices.coverage", "Share of the turnover that is compared", Percent, single},
	{"prices.items", "Items that are compared", Count, single},
	{"rose", "Rose in price", Percent, eachItem},
	{"fell", "Fell in price", Percent, eachItem},
	{"firm", "Turnover of the firm", Money, eachHolder},
	{"holders", "Holders", Count, single},
	{"active", "Active holders", Count, single},
	{"gini", "Gini", Ratio, single},
	{"top1", "Share of the richest 1 %", Percent, single},
	{"top10", "Share of the richest 10 %", Percent, single},
	{"palma", "Palma", Ratio, single},
	{"before.holders", "Holders a year before", Count, single},
	{"before.gini", "Gini a year before", Ratio, single},
	{"before.top1", "Share of the richest 1 % a year before", Percent, single},
	{"before.top10", "Share of the richest 10 % a year before", Percent, single},
	{"before.palma", "Palma a year before", Ratio, single},
}

// figureOf returns the kind of a figure by its name, one without a title if there is
// none.
func figureOf(name string) FigureKind {
	if i := slices.IndexFunc(figureKinds, func(k FigureKind) bool { return k.Name == name }); i >= 0 {
		return figureKinds[i]
	}
	return FigureKind{Name: name}
}

// One reports whether there is one such figure a month, and not one of each of a few
// things.
func (k FigureKind) One() bool { return k.of == single }

// Kind returns what the figure is.
func (e Erratum) Kind() FigureKind { return figureOf(e.What) }

// Value returns a figure as it stands in an erratum: an int64, a ledger.Sum, a float64,
// or nil if there is none.
func (k FigureKind) Value(text *string) any {
	if text == nil {
		return nil
	}
	switch k.Unit {
	case Money:
		var sum ledger.Sum
		if sum.UnmarshalJSON([]byte(*text)) == nil {
			return sum
		}
	case Count:
		if n, err := strconv.ParseInt(*text, 10, 64); err == nil {
			return n
		}
	case Ratio, Percent:
		if v, err := strconv.ParseFloat(*text, 64); err == nil {
			return v
		}
	case Text, Day, Instant:
	}
	return *text
}

// A figure is one number of a report.
type figure struct {
	FigureKind
	thing string // of which it is: a source, or the ref of an item or a holder
	name  string // of the thing
	value any    // as in a Table
}

// text returns the value as errata have it.
func (f figure) text() *string {
	text := ""
	switch v := f.value.(type) {
	case ledger.Sum:
		text = v.String()
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'g', 12, 64)
	default:
		return nil
	}
	return &text
}

// figures returns the numbers in the order of figureKinds, those that are not available
// with no value.
func (n *MonthNumbers) figures() []figure {
	var all []figure
	one := func(name string, value any) { all = append(all, figure{figureOf(name), "", "", value}) }
	of := func(name, thing, called string, value any) {
		all = append(all, figure{figureOf(name), thing, called, value})
	}
	one("opening", n.Opening)
	for _, s := range n.Created {
		of("created", s.Source, s.Source, s.Change)
	}
	one("created.others", n.Others.Created)
	for _, s := range n.Destroyed {
		of("destroyed", s.Source, s.Source, s.Change)
	}
	one("destroyed.others", n.Others.Destroyed.Neg())
	one("moved", n.Moved)
	one("unexplained", n.Unexplained)
	one("closing", n.Closing)
	one("transactions", n.Transactions)
	one("transfers", n.Transfers)
	one("sales", n.Sales)
	one("turnover", n.Turnover)
	one("prices.month", orNil(n.Prices.Month))
	one("prices.year", orNil(n.Prices.Year))
	one("prices.coverage", orNil(n.Prices.Coverage))
	one("prices.items", n.Prices.Items)
	for _, m := range n.Rose {
		of("rose", m.ID, m.Name, m.Change)
	}
	for _, m := range n.Fell {
		of("fell", m.ID, m.Name, m.Change)
	}
	for _, f := range n.Firms {
		of("firm", f.ID, f.Name, f.Turnover)
	}
	one("holders", n.Wealth.Holders)
	one("active", n.Active)
	n.Wealth.figures("", one)
	if n.YearBefore != nil {
		one("before.holders", n.YearBefore.Holders)
		n.YearBefore.figures("before.", one)
	}
	return all
}

func (w MonthWealth) figures(prefix string, add func(string, any)) {
	add(prefix+"gini", orNil(w.Gini))
	add(prefix+"top1", orNil(w.Top1))
	add(prefix+"top10", orNil(w.Top10))
	add(prefix+"palma", orNil(w.Palma))
}

// knownFigures is the figures of a month as they were last read. They are kept apart
// from the shape of a report, so that a program with more figures, or other ones, does
// not take what it did not know before for a correction.
type knownFigures struct {
	Kinds   []string      `json:"kinds"` // all that were read
	Figures []knownFigure `json:"figures"`
}

// A knownFigure is a figure, without a value if it was not available.
type knownFigure struct {
	What  string  `json:"what"`
	Of    string  `json:"of,omitempty"`
	Value *string `json:"value"`
}

// known returns the figures as they are kept.
func (n *MonthNumbers) known() (k knownFigures) {
	for _, kind := range figureKinds {
		k.Kinds = append(k.Kinds, kind.Name)
	}
	for _, f := range n.figures() {
		k.Figures = append(k.Figures, knownFigure{f.Name, f.thing, f.text()})
	}
	return k
}

// errata returns what is another value now, in the order of the figures, of the kinds
// of which both know.
func (k knownFigures) errata(now knownFigures) []Erratum {
	type key struct{ what, of string }
	before, after := map[key]*string{}, map[key]*string{}
	var keys []key
	for _, side := range []struct {
		of   knownFigures
		into map[key]*string
	}{{k, before}, {now, after}} {
		for _, f := range side.of.Figures {
			of := key{f.What, f.Of}
			if !slices.Contains(keys, of) {
				keys = append(keys, of)
			}
			side.into[of] = f.Value
		}
	}
	place := func(k key) int {
		return slices.IndexFunc(figureKinds, func(kind FigureKind) bool { return kind.Name == k.what })
	}
	slices.SortStableFunc(keys, func(a, b key) int { return place(a) - place(b) })
	var all []Erratum
	for _, of := range keys {
		both := slices.Contains(k.Kinds, of.what) && slices.Contains(now.Kinds, of.what)
		if both && !figureOf(of.what).same(before[of], after[of]) {
			all = append(all, Erratum{What: of.what, Of: of.of, Before: before[of], After: after[of]})
		}
	}
	return all
}

// sameRatio is how far ratios may differ that are the same: the order of additions may
// change their last digits.
const sameRatio = 1e-9

// same reports whether two figures of the kind are the same value.
func (k FigureKind) same(a, b *string) bool {
	was, is := k.Value(a), k.Value(b)
	x, isRatio := was.(float64)
	y, both := is.(float64)
	if isRatio && both {
		return math.Abs(x-y) <= sameRatio*max(math.Abs(x), math.Abs(y), sameRatio)
	}
	return was == is
}

// Table has one row a figure, its value in the column of its unit.
func (r *Report) Table() Table {
	t := Table{Columns: []Column{
		{"figure", "Figure", Text}, {"title", "What it is", Text}, {"of", "Of", Text}, {"id", "Id of the item or holder", Text},
		{"amount", "Amount", Money}, {"count", "Count", Count}, {"ratio", "Ratio", Ratio},
	}}
	for _, f := range r.Numbers.figures() {
		row := []any{f.Name, f.Title, f.name, "", nil, nil, nil}
		if f.of == eachItem || f.of == eachHolder {
			row[3] = f.thing
		}
		switch f.Unit {
		case Money:
			row[4] = f.value
		case Count:
			row[5] = f.value
		default:
			row[6] = f.value
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
