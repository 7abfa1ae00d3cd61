package chart

import (
	"math"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// Candles is the course of a price: a candle a time over the band between what it
// was offered and asked for, and below it what was sold and what was in stock.
type Candles struct {
	About
	Values []Candle
	Labels func(width float64) []Label // below the plots
	Ticks  Ticks                       // of prices
	Counts Ticks                       // of pieces
	Write  func(price float64) string  // a price over the plot
	Sold   string                      // the name of the plot of what was sold
	Stock  string                      // the name of the plot of what was in stock
	Flags  []Flag                      // events, in the order of their candles
	Empty  string                      // why there is nothing to draw
}

// A Candle is one time. Without a sale it has no prices.
type Candle struct {
	Traded                 bool
	Open, High, Low, Close float64
	Middle                 *float64 // the median or the mean, which are joined by a line
	Ask, Bid               *float64 // what stood at its end
	Pieces                 float64
	Stock                  *float64 // at its end; nil before there was any offer
	Thin, Partial          bool
	Tip                    string
	Name                   string // below the candle, instead of its date: "today"
}

// The plots, in pixels from the top.
const (
	candlesTop    = 30.0 // leaves room for names
	candlesFloor  = 250.0
	soldTop       = 276.0
	soldFloor     = 332.0
	stockTop      = 358.0
	stockFloor    = 398.0
	footHeight    = 24.0
	candlesAcross = 1000.0 // units of the inner drawing, which is stretched to the width
)

// Draw draws the candles.
func (c Candles) Draw() templ.Component { return drawn(!c.any(), c.Empty, c.draw) }

// any reports whether there is anything to draw.
func (c Candles) any() bool {
	for _, v := range c.Values {
		if v.Traded || v.Ask != nil || v.Bid != nil {
			return true
		}
	}
	return false
}

func (c Candles) stocked() bool {
	for _, v := range c.Values {
		if v.Stock != nil {
			return true
		}
	}
	return false
}

func (c Candles) draw(s *svg) {
	floor := soldFloor
	if c.stocked() {
		floor = stockFloor
	}
	f := frame{height: floor + footHeight, top: c.top(), bottom: footHeight}
	low, high := c.limits()
	prices := c.priceScale(low, high)
	labels := c.Ticks(prices.ticks)
	var pieces, stock []float64
	for _, v := range c.Values {
		pieces = append(pieces, finite(v.Pieces))
		if v.Stock != nil {
			stock = append(stock, finite(*v.Stock))
		}
	}
	most := outliers(pieces)
	sold := plotScale(soldTop, soldFloor, pieces, most)
	stocks := plotScale(stockTop, stockFloor, stock, math.Inf(1))
	if len(c.Flags) > 0 {
		c.Desc += flagKeys
	}
	s.open(f, c.About, axisRoom(append(append(c.Counts(sold.ticks), c.Counts(stocks.ticks)...), labels...)))
	s.flags(f, c.Flags, len(c.Values))
	for i, t := range prices.ticks {
		class := "grid"
		if i == 0 {
			class = "zero"
		}
		y := math.Round(prices.y(t)) + 0.5
		s.line(class, 0, y, 100, y)
		s.text(100, y+4, 7, "", labels[i])
	}
	if prices.low > 0 {
		s.text(0, f.top-20, 0, "cut-off", "axis from "+labels[0]) // above the prices that are cut
	}
	s.put(`<svg width="100%" height="`, num(f.height), `" viewBox="0 0 1000 `, num(f.height), `" preserveAspectRatio="none">`)
	c.band(s, prices)
	s.put(`</svg>`)
	c.bodies(s, prices, high)
	s.put(`<svg width="100%" height="`, num(f.height), `" viewBox="0 0 1000 `, num(f.height), `" preserveAspectRatio="none"><path class="course" d="`, c.middles(prices), `"/></svg>`)
	s.labelled(func(width float64) []placed { return c.notes(width, prices, low, high) })
	s.axis(sold, c.Counts(sold.ticks))
	s.text(0, soldTop-8, 0, "b halo", c.Sold)
	c.pieces(s, sold, most)
	if c.stocked() {
		s.axis(stocks, c.Counts(stocks.ticks))
		s.text(0, stockTop-8, 0, "b halo", c.Stock)
		s.put(`<svg width="100%" height="`, num(f.height), `" viewBox="0 0 1000 `, num(f.height), `" preserveAspectRatio="none">`)
		c.stocks(s, stocks)
		s.put(`</svg>`)
	}
	s.labelled(func(width float64) []placed { return c.columns().foot(f, width) })
	s.put(`<g class="hit">`)
	top := c.top()
	if len(c.Flags) > 0 {
		top = 0 // the numbers show the tips of their candles too
	}
	for i, v := range c.Values {
		s.rect("", float64(i)*c.step(), top, c.step(), floor-top, flagTip(v.Tip, c.Flags, i, len(c.Values)))
	}
	s.put(`</g>`)
	s.close()
}

// top returns where the plot of prices begins: flags are above it.
func (c Candles) top() float64 { return candlesTop + flagRoom(c.Flags) }

// step returns the width of a candle and its gap.
func (c Candles) step() float64 { return 100 / float64(len(c.Values)) }

// columns returns the candles as columns, which have the same labels below.
func (c Candles) columns() Columns {
	of := Columns{Labels: c.Labels}
	for _, v := range c.Values {
		of.Values = append(of.Values, Column{Name: v.Name})
	}
	return of
}

// limits returns the lowest and the highest price that are drawn to scale. A few
// prices far from all others are not: one sale must not flatten the rest.
func (c Candles) limits() (low, high float64) {
	var highs, inverse []float64
	for _, v := range c.Values {
		if v.Traded && v.Low > 0 {
			highs, inverse = append(highs, v.High), append(inverse, 1/v.Low)
		}
	}
	return 1 / outliers(inverse), outliers(highs)
}

// priceScale returns the scale of all prices that were paid, and of what stood
// unless that is far from them.
func (c Candles) priceScale(low, high float64) scale {
	from, to := math.Inf(1), math.Inf(-1)
	for _, v := range c.Values {
		if v.Traded {
			from, to = min(from, max(finite(v.Low), low)), max(to, min(finite(v.High), high))
		}
	}
	paid, lowest, highest := to >= from, from/1.5, to*1.5
	for _, v := range c.Values {
		for _, p := range []*float64{v.Ask, v.Bid} {
			if p != nil && (!paid || *p >= lowest && *p <= highest) {
				from, to = min(from, finite(*p)), max(to, finite(*p))
			}
		}
	}
	room := max((to-from)*0.06, math.Abs(to)*0.005, 1e-6)
	from, to = max(0, from-room), to+room
	ticks := niceTicks(from, to, 4, 0)
	return scale{ticks: ticks, low: ticks[0], top: ticks[len(ticks)-1], bottom: candlesFloor, height: candlesFloor - c.top()}
}

// plotScale returns the scale of a plot below the candles. What is above most is as
// tall as the plot.
func plotScale(top, floor float64, values []float64, most float64) scale {
	toScale := make([]float64, len(values))
	for i, v := range values {
		toScale[i] = min(v, most*1.15)
	}
	return newScale(frame{height: floor, top: top}, toScale, 2, 1)
}

// band draws what stood: the area between the best offers to sell and to buy, and
// the line of each.
func (c Candles) band(s *svg, sc scale) {
	x := func(i int) float64 { return float64(i) * c.step() / 100 * candlesAcross }
	var area, asks, bids strings.Builder
	for i, v := range c.Values {
		span := func(b *strings.Builder, p *float64, joined bool) {
			if p == nil {
				return
			}
			command := "M"
			if joined {
				command = "L"
			}
			b.WriteString(command + point(x(i), sc.y(finite(*p))) + "L" + point(x(i+1), sc.y(finite(*p))))
		}
		before := Candle{}
		if i > 0 {
			before = c.Values[i-1]
		}
		span(&asks, v.Ask, before.Ask != nil)
		span(&bids, v.Bid, before.Bid != nil)
		if v.Ask != nil && v.Bid != nil {
			ask, bid := sc.y(finite(*v.Ask)), sc.y(finite(*v.Bid))
			area.WriteString("M" + point(x(i), ask) + "H" + num(x(i+1)) + "V" + num(bid) + "H" + num(x(i)) + "z")
		}
	}
	for _, path := range []struct{ class, d string }{{"band", area.String()}, {"stood", asks.String()}, {"stood", bids.String()}} {
		if path.d != "" {
			s.put(`<path class="`, path.class, `" d="`, path.d, `"/>`)
		}
	}
}

// bodies draws the candles: outlined where the price rose, filled where it fell,
// dotted where it says little. A wick beyond the scale is cut.
func (c Candles) bodies(s *svg, sc scale, high float64) {
	step := c.step()
	width := min(step*0.6, 3)
	for i, v := range c.Values {
		if !v.Traded {
			continue
		}
		mid := (float64(i) + 0.5) * step
		wick, body := "wick", "rose"
		if v.Close < v.Open {
			wick, body = "wick fall", "fell"
		}
		if v.Thin {
			wick, body = "wick few", "few"
		}
		if v.Partial {
			wick, body = wick+" part", body+" part"
		}
		top := sc.y(finite(v.High))
		s.line(wick, mid, top, mid, sc.y(finite(v.Low)))
		y := sc.y(finite(max(v.Open, v.Close)))
		s.rect(body, mid-width/2, y, width, max(sc.y(finite(min(v.Open, v.Close)))-y, 1.5), "")
		if v.High > high {
			s.rect("cut", mid-width/2, top+10, width, 4, "")
		}
	}
}

// middles returns the path through the middle prices.
func (c Candles) middles(sc scale) string {
	var d strings.Builder
	command := "M"
	for i, v := range c.Values {
		if v.Middle != nil {
			d.WriteString(command + point((float64(i)+0.5)*c.step()/100*candlesAcross, sc.y(finite(*v.Middle))))
			command = "L"
		}
	}
	return d.String()
}

// notes returns the highest and the lowest price at their places, and those that are
// cut, over the plot.
func (c Candles) notes(width float64, sc scale, low, high float64) []placed {
	highest, lowest := -1, -1
	var notes []placed
	for i, v := range c.Values {
		switch {
		case !v.Traded:
			continue
		case v.High > high:
			n := place((float64(i)+0.5)*c.step(), c.top()-6, width, "b halo", c.Write(v.High))
			if len(notes) == 0 || !n.touches(notes[len(notes)-1]) {
				notes = append(notes, n)
			}
		case highest < 0 || v.High > c.Values[highest].High:
			highest = i
		}
		if v.Low >= low && (lowest < 0 || v.Low < c.Values[lowest].Low) {
			lowest = i
		}
	}
	if highest >= 0 {
		v := c.Values[highest].High
		notes = append(notes, place((float64(highest)+0.5)*c.step(), max(sc.y(v)-6, c.top()+8), width, "b halo", c.Write(v)))
	}
	if lowest >= 0 && highest >= 0 && c.Values[lowest].Low < c.Values[highest].High {
		v := c.Values[lowest].Low
		notes = append(notes, place((float64(lowest)+0.5)*c.step(), min(sc.y(v)+16, candlesFloor-4), width, "b halo", c.Write(v)))
	}
	return notes
}

// pieces draws what was sold.
func (c Candles) pieces(s *svg, sc scale, most float64) {
	step := c.step()
	width := min(step*0.7, 3.5)
	for i, v := range c.Values {
		if finite(v.Pieces) <= 0 {
			continue
		}
		class := "bar"
		if v.Partial {
			class = "bar part"
		}
		x, y := (float64(i)+0.5)*step-width/2, sc.y(finite(v.Pieces))
		if v.Pieces > most {
			y = soldTop
		}
		s.rect(class, x, y, width, max(soldFloor-y, 1), "")
		if v.Pieces > most {
			s.rect("cut", x, y+8, width, 4, "")
		}
	}
}

// stocks draws what was in stock, as steps.
func (c Candles) stocks(s *svg, sc scale) {
	var d strings.Builder
	x := func(i int) string { return num(float64(i) * c.step() / 100 * candlesAcross) }
	open := false
	for i, v := range c.Values {
		if v.Stock == nil {
			continue
		}
		if !open {
			d.WriteString("M" + x(i) + " " + num(stockFloor))
			open = true
		}
		d.WriteString("V" + num(sc.y(finite(*v.Stock))) + "H" + x(i+1))
	}
	s.put(`<path class="area" d="`, d.String(), `V`, num(stockFloor), `z"/>`)
}

// HourLabels returns the dates below columns that each begin at an hour of a day.
func HourLabels(starts []time.Time) func(width float64) []Label {
	var days []time.Time
	var first []int // the columns with which they begin
	for i, t := range starts {
		if i == 0 || t.YearDay() != starts[i-1].YearDay() || t.Year() != starts[i-1].Year() {
			days, first = append(days, t), append(first, i)
		}
	}
	return func(width float64) []Label {
		const room = 52 // of a date, in pixels
		var labels []Label
		for every := max(1, int(math.Ceil(room*float64(len(days))/width))); len(labels)*every < len(days); {
			d := len(labels) * every
			end := len(starts)
			if d+1 < len(first) {
				end = first[d+1]
			}
			format := "2"
			if d == 0 || days[d].Month() != days[d-every].Month() {
				format = "2 Jan"
			}
			labels = append(labels, Label{At: float64(first[d]+end) / 2, Text: days[d].Format(format)})
		}
		return labels
	}
}
