package views

import (
	"math"
	"strings"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/views/chart"
)

// askedInfo is the panel of what all offers of an item ask, beside those that were
// found.
var askedInfo = PanelInfo{
	Name: "asked",
	How: How{
		Meaning: "What a piece of the item costs everywhere, or brings: how far the best offers are from the others, and from what is usually paid.",
		Formula: "None: a ring is an offer, at the price of a piece. The median is of the offers, each counted once; the usual price is that of the item's own page, from its sales.",
		Counted: "All offers for money that stand, however far away and for whatever amount; with an owner, theirs. At most the " + Count(aggregates.MostFound) + " best by price.",
		LeftOut: "Barter; what is sold out or full. Offers above three times the median are counted at the right, not drawn.",
	},
}

// leastAsked is how many offers make a drawing.
const leastAsked = 2

// asked reports whether there is anything to draw of what all offers ask.
func (f Finder) asked() bool { return f.Found.Item != nil && len(f.Found.Standing) >= leastAsked }

// askedTitle is the title of that drawing.
func (f Finder) askedTitle() string {
	n := Plural(int64(len(f.Found.Standing)), "offer", "offers")
	switch {
	case f.Found.Cut && f.Found.Query.Sell:
		return "What the " + n + " read pay"
	case f.Found.Cut:
		return "What the " + n + " read ask"
	case f.Found.Query.Sell:
		return "What all " + n + " pay"
	}
	return "What all " + n + " ask"
}

func (f Finder) askedSub() string {
	sub := f.Settings.Symbol + " a piece; each ring is an offer that stands, near or far, the filled one the best"
	if f.Found.Query.Owner != "" {
		sub = f.Settings.Symbol + " a piece; each ring is an offer of this owner that stands, the filled one the best"
	}
	return strings.TrimSpace(sub)
}

// askedList returns the address of these offers as rows, on the page or in a file.
func (f Finder) askedList(path string) templ.SafeURL {
	declared := f.Info.Params
	p := f.Page.Params.With(declared, f.After, "").With(declared, WithinParam, WithinParam.Default)
	return templ.SafeURL(path + p.With(declared, StockParam, StockParam.Default).With(declared, SortParam, SortParam.Default).Query())
}

// askedChart draws what all offers ask.
func (f Finder) askedChart() templ.Component {
	found, s := f.Found, f.Settings
	major := func(minor float64) float64 { return minor / math.Pow10(s.Decimals) }
	write := func(minor float64) string { return UnitPrice(minor, s) }
	all := found.Standing
	d := chart.Dots{
		Ticks: countTicks,
		Write: func(v float64) string { return write(v * math.Pow10(s.Decimals)) },
		Each:  func(n int) string { return "a ring is up to " + Count(n) + " offers" },
		Beyond: func(n int, than string) string {
			return Count(n) + " more above " + than
		},
		Tip: func(from, to int) string { return askedTip(all[from:to], write) },
	}
	for _, a := range all {
		d.Values = append(d.Values, major(a.Piece))
	}
	if found.Query.Sell {
		d.First = len(all) - 1
	}
	d.About = chart.About{ID: askedInfo.Name, Title: f.askedTitle(), Desc: "From " + write(all[0].Piece) + " to " + write(all[len(all)-1].Piece) + "."}
	if found.Middle != nil {
		text := "median of offers " + write(*found.Middle)
		d.Marks = append(d.Marks, chart.DotMark{Value: major(*found.Middle), Text: text})
		d.Desc += " The " + text + "."
	}
	if f.Usual != nil {
		text := "usually sold at " + write(*f.Usual)
		d.Marks = append(d.Marks, chart.DotMark{Value: major(*f.Usual), Text: text})
		d.Desc += " It is " + text + "."
	}
	return d.Draw()
}

// inTip is how many offers a tip names.
const inTip = 4

// askedTip lists offers, the first by its price.
func askedTip(offers []aggregates.AskedPrice, write func(float64) string) string {
	var lines []string
	for _, o := range offers[:min(len(offers), inTip)] {
		lines = append(lines, write(o.Piece)+"  "+brief(strings.Join(strings.Fields(o.OwnerName), " "), mostName))
	}
	if more := len(offers) - len(lines); more > 0 {
		text := "and " + Count(more) + " more"
		if last := offers[len(offers)-1].Piece; last > offers[inTip-1].Piece {
			text += ", up to " + write(last)
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}
