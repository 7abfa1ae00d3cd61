package aggregates

import (
	"math"
	"slices"
	"strconv"
	"time"

	"exchequer/ledger"
)

// A Form is how compared numbers are shown.
type Form string

// The forms.
const (
	AsValue Form = "value"
	AsIndex Form = "index" // the first value above zero is 100
	PerHead Form = "head"  // sums over the economy divided by its holders
)

// ParseForm returns the named form, and that of values for any other name.
func ParseForm(s string) Form {
	if f := Form(s); f == AsIndex || f == PerHead {
		return f
	}
	return AsValue
}

// A SeriesUnit is what the values of a compared series are. Values of different
// units never share an axis.
type SeriesUnit string

// The units of series.
const (
	UnitMoney   SeriesUnit = "money"
	UnitPiece   SeriesUnit = "money a piece"
	UnitDay     SeriesUnit = "money a day"
	UnitHolders SeriesUnit = "holders"
	UnitGini    SeriesUnit = "Gini"
	UnitShare   SeriesUnit = "share"
	UnitIndex   SeriesUnit = "index"
	UnitHead    SeriesUnit = "money a head"
	UnitHeadDay SeriesUnit = "money a head and day"
)

const (
	whyNoIndex    = "It has no value above zero in this period."
	firstIndex    = 100
	mostReadyEach = 3 // items or sources of a ready comparison
)

// Comparison is series side by side, on the same days. Without series it has ready
// ones to begin with.
type Comparison struct {
	Basis
	As     Form              `json:"as" enum:"value,index,head" doc:"index: the first value above zero is 100. head: sums over the economy are divided by its holders."`
	Heads  Population        `json:"heads,omitempty" enum:"personal,private,all" doc:"Whose holders the heads are; only there."`
	Bucket string            `json:"bucket" enum:"day,week,month,year,decade" doc:"What a value stands for."`
	Days   []ComparedDays    `json:"days" nullable:"false" doc:"Oldest first, days that are over."`
	Series []ComparedSeries  `json:"series" nullable:"false" doc:"In the order of the address."`
	Ready  []ReadyComparison `json:"ready,omitempty" doc:"If no series is chosen: some to begin with."`
}

// ComparedDays are the days of one value of each series.
type ComparedDays struct {
	Start time.Time `json:"start" doc:"Of the day, week (from Monday), month, year or decade."`
	Day   time.Time `json:"day" doc:"The last of its days."`
}

// A ComparedSeries is one series as it is shown.
type ComparedSeries struct {
	Series     string     `json:"series" doc:"As in the address: supply, item:diamond."`
	Kind       SeriesKind `json:"kind" enum:"supply,holders,gini,top10,item,sold,source,account"`
	ID         string     `json:"id" doc:"Of the item, source or account; empty for the others."`
	Name       string     `json:"name" doc:"Of the item, source or account; empty for the others."`
	Population Population `json:"population,omitempty" enum:"personal,private,all" doc:"Of holders, Gini and share."`
	Unit       SeriesUnit `json:"unit" enum:"money,money a piece,money a day,holders,Gini,share,index,money a head,money a head and day" doc:"Money in minor units."`
	BaseDay    *time.Time `json:"baseDay,omitempty" doc:"Of an index: the day whose value is 100."`
	Why        string     `json:"why,omitempty" doc:"Why there are no values."`
	Values     []*float64 `json:"values" nullable:"false" doc:"One for each of days; null is not available."`
}

// A ReadyComparison is series that are worth comparing.
type ReadyComparison struct {
	As     Form        `json:"as" enum:"value,index,head"`
	Text   string      `json:"series" doc:"As in the address."`
	Series []SeriesRef `json:"-"`
	Names  []string    `json:"-"` // of the items and sources, empty for the others
}

// Compare puts series side by side. Heads is the series of the holders by whom sums
// are divided; it may be nil unless the form is PerHead.
func Compare(as Form, all []*Series, heads *Series) *Comparison {
	c := &Comparison{As: as, Bucket: "day", Days: []ComparedDays{}, Series: []ComparedSeries{}}
	for i, v := range all {
		if i == 0 || v.End.After(c.End) {
			c.Basis = v.Basis
		}
	}
	// Around midnight, one of two series may have a day more than the other.
	for _, v := range all {
		if len(v.Points) > 0 && (len(c.Days) == 0 || v.End.Equal(c.End)) {
			c.Bucket = v.Bucket
		}
		for _, p := range v.Points {
			at, found := slices.BinarySearchFunc(c.Days, p.Start, func(d ComparedDays, start time.Time) int { return d.Start.Compare(start) })
			switch {
			case !found:
				c.Days = slices.Insert(c.Days, at, ComparedDays{p.Start, p.Day})
			case p.Day.After(c.Days[at].Day):
				c.Days[at].Day = p.Day
			}
		}
	}
	for _, v := range all {
		c.Series = append(c.Series, c.compared(v))
	}
	switch as {
	case AsIndex:
		for i := range c.Series {
			c.index(&c.Series[i])
		}
	case PerHead:
		c.Heads = heads.Population
		counts := c.values(heads)
		for i := range c.Series {
			c.Series[i].divide(counts)
		}
	}
	return c
}

func (c *Comparison) compared(v *Series) ComparedSeries {
	of := ComparedSeries{Series: v.String(), Kind: v.Kind, ID: v.ID, Name: v.Name, Unit: seriesUnits[v.Kind], Values: c.values(v)}
	if v.Kind.ofPopulation() {
		of.Population = v.Population
	}
	return of
}

// seriesUnits are the units of the kinds of series.
var seriesUnits = map[SeriesKind]SeriesUnit{
	SeriesSupply: UnitMoney, SeriesHolders: UnitHolders, SeriesGini: UnitGini, SeriesTop10: UnitShare,
	SeriesPrice: UnitPiece, SeriesSold: UnitDay, SeriesSource: UnitDay, SeriesBalance: UnitMoney,
}

// values returns the values of a series on the days of the comparison.
func (c *Comparison) values(v *Series) []*float64 {
	values := make([]*float64, len(c.Days))
	for _, p := range v.Points {
		at, found := slices.BinarySearchFunc(c.Days, p.Start, func(d ComparedDays, start time.Time) int { return d.Start.Compare(start) })
		if found {
			values[at] = p.Value
		}
	}
	return values
}

// index divides the values by the first one above zero.
func (c *Comparison) index(of *ComparedSeries) {
	of.Unit = UnitIndex
	base := slices.IndexFunc(of.Values, func(v *float64) bool { return v != nil && *v > 0 })
	if base < 0 {
		of.Why, of.Values = whyNoIndex, make([]*float64, len(c.Days))
		return
	}
	first := *of.Values[base]
	of.BaseDay = &c.Days[base].Day
	for i, v := range of.Values {
		if v != nil {
			index := *v / first * firstIndex
			of.Values[i] = &index
		}
	}
}

// divide divides sums over the economy by the number of its holders.
func (s *ComparedSeries) divide(heads []*float64) {
	switch s.Kind {
	case SeriesSupply:
		s.Unit = UnitHead
	case SeriesSold, SeriesSource:
		s.Unit = UnitHeadDay
	default:
		return // a price, a ratio, or what one account has
	}
	for i, v := range s.Values {
		s.Values[i] = nil
		if v != nil && heads[i] != nil && *heads[i] > 0 {
			each := *v / *heads[i]
			s.Values[i] = &each
		}
	}
}

// Ends returns the index of the first value and of the last one, -1 if there is none.
func (s ComparedSeries) Ends() (first, last int) {
	first, last = -1, -1
	for i, v := range s.Values {
		if v == nil {
			continue
		}
		if last = i; first < 0 {
			first = i
		}
	}
	return first, last
}

// Extremes returns the index of the lowest value and of the highest one, -1 if there
// is none.
func (s ComparedSeries) Extremes() (low, high int) {
	low, high = -1, -1
	for i, v := range s.Values {
		if v == nil {
			continue
		}
		if low < 0 || *v < *s.Values[low] {
			low = i
		}
		if high < 0 || *v > *s.Values[high] {
			high = i
		}
	}
	return low, high
}

// Together reports whether all series have one unit, so that they may share an
// axis.
func (c *Comparison) Together() bool {
	return !slices.ContainsFunc(c.Series, func(s ComparedSeries) bool { return s.Unit != c.Series[0].Unit })
}

// Table has one row for the values of some days.
func (c *Comparison) Table() Table {
	t := Table{Columns: []Column{{"start", "First day", Day}, {"day", "Last day", Day}}}
	for _, s := range c.Series {
		t.Columns = append(t.Columns, s.column())
	}
	for i, d := range c.Days {
		row := []any{d.Start, d.Day}
		for _, s := range c.Series {
			row = append(row, s.cell(s.Values[i]))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (s ComparedSeries) column() Column {
	c := Column{Name: s.Series, Title: s.Title(), Unit: Ratio}
	switch s.Unit {
	case UnitMoney, UnitDay:
		c.Unit = Money
	case UnitHolders:
		c.Unit = Count
	case UnitShare:
		c.Unit = Percent
	case UnitPiece, UnitHead, UnitHeadDay:
		c.Title += ", minor units"
	}
	if s.Unit == UnitIndex {
		c.Title += ", index"
	}
	return c
}

// Title returns what the series is: "Money supply", "Diamond, price".
func (s ComparedSeries) Title() string {
	title := map[SeriesKind]string{
		SeriesSupply: "Money supply", SeriesHolders: "Holders", SeriesGini: "Gini", SeriesTop10: "Share of the richest tenth",
		SeriesPrice: "price", SeriesSold: "sold", SeriesSource: "moved", SeriesBalance: "balance",
	}[s.Kind]
	if s.Kind.HasRef() {
		title = s.Name + ", " + title
	}
	switch s.Unit {
	case UnitDay:
		title += " a day"
	case UnitHead:
		title += " a head"
	case UnitHeadDay:
		title += " a head and day"
	}
	return title
}

// cell returns a value as a table has it: money in whole minor units.
func (s ComparedSeries) cell(v *float64) any {
	if v == nil {
		return nil
	}
	switch s.column().Unit {
	case Money, Count:
		var sum ledger.Sum
		if err := sum.UnmarshalJSON([]byte(strconv.FormatFloat(math.Round(*v), 'f', 0, 64))); err == nil {
			return sum
		}
	}
	return *v
}

// ReadyComparisons returns three comparisons of what a ledger has, from what was
// sold and what moved in a period.
func ReadyComparisons(m *Market, f *Flow) *Comparison {
	c := &Comparison{Basis: f.Basis, As: AsValue, Bucket: "day", Days: []ComparedDays{}, Series: []ComparedSeries{}}
	add := func(as Form, refs []SeriesRef, names []string) {
		if len(refs) > 1 && len(c.Ready) < 3 {
			c.Ready = append(c.Ready, ReadyComparison{as, JoinSeries(refs), refs, names})
		}
	}
	var items, sources []SeriesRef
	var itemNames, sourceNames []string
	for _, i := range m.Top[:min(len(m.Top), mostReadyEach)] {
		items, itemNames = append(items, SeriesRef{SeriesPrice, i.ID}), append(itemNames, i.Name)
	}
	for _, s := range f.Sources {
		if s.Source != "" && len(sources) < mostReadyEach {
			sources, sourceNames = append(sources, SeriesRef{SeriesSource, s.Source}), append(sourceNames, s.Source)
		}
	}
	supply := SeriesRef{Kind: SeriesSupply}
	if len(items) > 0 {
		add(AsIndex, []SeriesRef{items[0], supply}, []string{itemNames[0], ""})
	}
	add(AsIndex, items, itemNames)
	add(AsValue, sources, sourceNames)
	add(AsIndex, []SeriesRef{supply, {Kind: SeriesHolders}}, []string{"", ""})
	add(AsValue, []SeriesRef{{Kind: SeriesGini}, {Kind: SeriesTop10}}, []string{"", ""})
	add(PerHead, []SeriesRef{supply, {Kind: SeriesHolders}}, []string{"", ""})
	return c
}
