package chart

import (
	"slices"
	"strconv"

	"github.com/a-h/templ"
)

// Dots draws each of some numbers as a ring over the axis on which it lies. Rings
// that would touch are stacked over the least of them.
type Dots struct {
	About
	Values []float64 // rising
	First  int       // the index of the one that is filled
	Marks  []DotMark
	Ticks  Ticks
	Write  func(float64) string            // a value over the plot
	Tip    func(from, to int) string       // what rings of these values show
	Each   func(n int) string              // what is said where a ring stands for up to n values
	Beyond func(n int, than string) string // what is said of n values beyond the axis
	Empty  string
}

// A DotMark is a value that is marked across the rings.
type DotMark struct {
	Value float64
	Text  string
}

const (
	dotSize    = 9.0 // pixels between the middles of rings
	dotRadius  = 3.5
	mostDots   = 8 // in a stack; with more, a ring stands for several values
	dotRow     = 15.0
	dotFoot    = 20.0
	dotMargin  = 2.0 // at both ends of the axis, in percent, for half a ring
	dotsBeyond = 3   // times the median: values above are not drawn to scale
)

// Draw draws the rings.
func (d Dots) Draw() templ.Component { return drawn(len(d.Values) == 0, d.Empty, d.draw) }

// A heap is the values from one index to before another, as rings over a place in
// percent.
type heap struct {
	at       float64
	from, to int
}

func (d Dots) draw(s *svg) {
	drawn := d.within()
	ticks := d.ticks(drawn)
	low, high := ticks[0], ticks[len(ticks)-1]
	place100 := func(v float64) float64 { return dotMargin + (v-low)/(high-low)*(100-2*dotMargin) }
	small, large := heaps(d.Values[:drawn], place100, narrow), heaps(d.Values[:drawn], place100, wide)
	eachSmall, eachLarge := perDot(small), perDot(large)
	rows, notes := 2, 0.0
	for _, l := range []struct {
		all  []heap
		each int
	}{{small, eachSmall}, {large, eachLarge}} {
		for _, st := range l.all {
			rows = max(rows, (st.to-st.from+l.each-1)/l.each)
		}
	}
	left := len(d.Values) - drawn
	if left > 0 || max(eachSmall, eachLarge) > 1 {
		notes = dotRow
	}
	top := notes + dotRow*float64(len(d.Marks)) + 4
	f := frame{height: top + float64(rows)*dotSize + 4 + dotFoot, top: top, bottom: dotFoot}
	s.open(f, d.About, axisRoom(nil))
	floor := f.floor() + 0.5
	s.line("zero", 0, floor, 100, floor)
	for i, m := range d.Marks {
		y := notes + dotRow*float64(i+1) - 4
		at := min(max(place100(m.Value), 0), 100)
		s.line("median", at, y+3, at, f.floor())
		s.labelled(func(width float64) []placed { return []placed{place(at, y, width, "b halo", m.Text)} })
	}
	if left > 0 {
		s.text(100, dotRow-4, 0, "e cut-off", d.Beyond(left, d.Write(d.Values[drawn-1])))
	}
	d.layout(s, f, small, eachSmall, "if-narrow")
	d.layout(s, f, large, eachLarge, "if-wide")
	s.labelled(func(width float64) []placed { return tickLabels(ticks, d.Ticks(ticks), place100, f.height-5, width) })
	s.put(`<g class="hit">`)
	size := dotSize / wide * 100
	for _, st := range large {
		s.rect("", st.at-size/2, notes, size, f.floor()-notes, d.Tip(st.from, st.to))
	}
	if left > 0 {
		s.rect("", 70, 0, 30, dotRow, d.Tip(drawn, len(d.Values)))
	}
	s.put(`</g>`)
	s.close()
}

// within returns how many values are drawn to scale: a few far above all others must
// not push these together.
func (d Dots) within() int {
	limit := d.Values[len(d.Values)/2] * dotsBeyond
	n := slices.IndexFunc(d.Values, func(v float64) bool { return v > limit })
	if n < 1 {
		return len(d.Values)
	}
	return n
}

// ticks returns the ticks of an axis that covers the first values and the marks,
// unless a mark is as far away as a value that is left out.
func (d Dots) ticks(drawn int) []float64 {
	low, high := finite(d.Values[0]), finite(d.Values[drawn-1])
	limit := d.Values[len(d.Values)/2] * dotsBeyond
	for _, m := range d.Marks {
		if m.Value <= limit {
			low, high = min(low, m.Value), max(high, m.Value)
		}
	}
	if low == high {
		low, high = low*0.9, high*1.1
	}
	if ticks := niceTicks(low, high, 5, 0); len(ticks) > 1 {
		return ticks
	}
	return []float64{low, low + 1}
}

// heaps returns the stacks of rings on a plot of a width in pixels.
func heaps(values []float64, at func(float64) float64, width float64) []heap {
	size := dotSize / width * 100
	var all []heap
	for i, v := range values {
		if x := at(v); len(all) == 0 || x-all[len(all)-1].at >= size {
			all = append(all, heap{at: x, from: i})
		}
		all[len(all)-1].to = i + 1
	}
	return all
}

// perDot returns for how many values a ring stands, so that no stack is too tall.
func perDot(all []heap) int {
	each := 1
	for _, st := range all {
		each = max(each, (st.to-st.from+mostDots-1)/mostDots)
	}
	return each
}

// layout writes the rings for one width.
func (d Dots) layout(s *svg, f frame, all []heap, each int, class string) {
	s.put(`<g class="`, class, `">`)
	if each > 1 {
		s.text(0, dotRow-4, 0, "cut-off", d.Each(each))
	}
	for _, st := range all {
		for i := 0; i*each < st.to-st.from; i++ {
			ring := "dot"
			if from := st.from + i*each; from <= d.First && d.First < from+each && d.First < st.to {
				ring = "dot full"
			}
			y := f.floor() - dotSize*float64(i) - dotSize/2 - 1
			s.put(`<circle class="`, ring, `" cx="`, percent(st.at), `" cy="`, num(y), `" r="`, strconv.FormatFloat(dotRadius, 'g', -1, 64), `"/>`)
		}
	}
	s.put(`</g>`)
}

// tickLabels returns the labels of ticks along x, without those that touch the one
// before.
func tickLabels(ticks []float64, labels []string, at func(float64) float64, y, width float64) []placed {
	var all []placed
	for i, t := range ticks {
		if p := place(at(t), y, width, "", labels[i]); len(all) == 0 || !p.touches(all[len(all)-1]) {
			all = append(all, p)
		}
	}
	return all
}
