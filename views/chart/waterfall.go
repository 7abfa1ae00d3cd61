package chart

import (
	"math"

	"github.com/a-h/templ"
)

// A Waterfall draws how a sum came from one amount to another, one row a step, in
// rows of a table that name them. Lines lead from each row to the next.
type Waterfall struct{ low, high float64 }

// fallHeight is the height of a row, with the room over its bar and below it.
const (
	fallHeight = 26.0
	fallRoom   = 5.0
)

// NewWaterfall returns a waterfall through these amounts, in their order. Where
// they differ little, the scale does not begin at zero.
func NewWaterfall(levels []float64) Waterfall {
	if len(levels) == 0 {
		return Waterfall{0, 1}
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range levels {
		low, high = min(low, finite(l)), max(high, finite(l))
	}
	if begin := low - (high-low)*0.2; low <= 0 || high <= low || begin < high/4 {
		low = min(low, 0)
	} else {
		low = begin
	}
	return Waterfall{low, max(high, low+math.SmallestNonzeroFloat64, 0)}
}

// Cut returns where the scale begins, and whether that is not zero.
func (w Waterfall) Cut() (low float64, cut bool) { return w.low, w.low > 0 }

// x returns the place of an amount, leaving a little room at the right.
func (w Waterfall) x(v float64) float64 {
	at := (finite(v)/w.high - w.low/w.high) / (1 - w.low/w.high)
	if w.high <= 0 { // nothing but debts
		at = (finite(v) - w.low) / math.Max(-w.low, math.SmallestNonzeroFloat64)
	}
	return min(max(at, 0), 1) * 99.5
}

// Total draws an amount as a bar from zero. First and last say whether no row is
// before it, or after it.
func (w Waterfall) Total(amount float64, first, last bool) templ.Component {
	return drawn(false, "", func(s *svg) {
		from, to := w.x(max(w.low, 0)), w.x(amount)
		w.row(s, "bar total", from, to, to, to, first, last)
		if _, cut := w.Cut(); cut {
			s.rect("cut", 1.5, 0, 0.4, fallHeight, "")
		}
		s.put(`</svg>`)
	})
}

// Step draws the change from one amount to another. One of nothing is a line.
func (w Waterfall) Step(from, to float64) templ.Component {
	return drawn(false, "", func(s *svg) {
		class := "bar gain"
		if to < from {
			class = "bar loss"
		}
		a, b := w.x(from), w.x(to)
		w.row(s, class, a, b, a, b, false, false)
		s.put(`</svg>`)
	})
}

// row draws a bar between two places, and the lines that come from the row above
// and lead to the row below.
func (w Waterfall) row(s *svg, class string, from, to, enter, leave float64, first, last bool) {
	s.put(`<svg class="chart fall" height="`, num(fallHeight), `" aria-hidden="true">`)
	if zero := w.x(0); w.low < 0 {
		s.line("grid", zero, 0, zero, fallHeight)
	}
	width := math.Abs(to - from)
	s.rect(class, min(from, to), fallRoom, max(width, 0.2), fallHeight-2*fallRoom, "")
	if !first {
		s.line("lead", enter, 0, enter, fallRoom)
	}
	if !last {
		s.line("lead", leave, fallHeight-fallRoom, leave, fallHeight)
	}
}
