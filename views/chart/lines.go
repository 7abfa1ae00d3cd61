package chart

import (
	"math"
	"strings"

	"github.com/a-h/templ"
)

// Lines draws the course of numbers over time. The axis spans what they span,
// unless it is to begin at zero.
type Lines struct {
	About
	Series []Series
	Tips   []string                    // one a place along x
	Labels func(width float64) []Label // below the plot, for its width in pixels
	Ticks  Ticks
	Least  float64 // smallest step between ticks: 1 for what is counted
	Zero   bool    // the axis begins at zero
	Empty  string  // why there are no values
}

// A Series is one line. Its values are evenly spaced; NaN: not available.
type Series struct {
	Name   string // written at its end
	Class  string // its colour
	Values []float64
}

// Draw draws the lines.
func (l Lines) Draw() templ.Component {
	none := true
	for _, series := range l.Series {
		for _, v := range series.Values {
			none = none && math.IsNaN(v)
		}
	}
	return drawn(none, l.Empty, l.draw)
}

func (l Lines) draw(s *svg) {
	f := ordinary
	sc := l.scale(f)
	labels := l.Ticks(sc.ticks)
	s.open(f, l.About, axisRoom(labels))
	s.axis(sc, labels)
	s.put(`<svg width="100%" height="`, num(f.height), `" viewBox="0 0 1000 `, num(f.height), `" preserveAspectRatio="none">`)
	for _, series := range l.Series {
		s.put(`<path class="line `, escape(series.Class), `" d="`, l.path(series, sc), `"/>`)
	}
	s.put(`</svg>`)
	for _, series := range l.Series {
		l.end(s, f, sc, series)
	}
	s.labelled(func(width float64) []placed {
		var all []placed
		for _, label := range l.Labels(width) {
			all = append(all, place(label.At*l.step(), f.height-5, width, "", label.Text))
		}
		return all
	})
	s.put(`<g class="hit">`)
	for i, tip := range l.Tips {
		s.rect("", float64(i)*l.step(), f.top, l.step(), f.plotHeight(), tip)
	}
	s.put(`</g>`)
	s.close()
}

// step is the width of a place along x, in percent.
func (l Lines) step() float64 { return 100 / float64(max(len(l.Tips), 1)) }

// scale returns the scale of all lines.
func (l Lines) scale(f frame) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, series := range l.Series {
		for _, v := range series.Values {
			if !math.IsNaN(v) {
				low, high = min(low, finite(v)), max(high, finite(v))
			}
		}
	}
	if l.Zero {
		low, high = min(low, 0), max(high, 0)
	}
	if low == high { // a level line in the middle
		room := max(math.Abs(high)*0.1, l.Least, 1e-9)
		low, high = low-room, high+room
	}
	ticks := niceTicks(low, high, 4, l.Least)
	return scale{ticks: ticks, low: ticks[0], top: ticks[len(ticks)-1], bottom: f.floor(), height: f.plotHeight()}
}

// path returns the line, with gaps where values are not available. A value with a
// gap on both sides is a short line.
func (l Lines) path(series Series, sc scale) string {
	var d strings.Builder
	on := false
	for i, v := range series.Values {
		if math.IsNaN(v) {
			on = false
			continue
		}
		x := (float64(i) + 0.5) * l.step() * 10
		if on {
			d.WriteString("L" + point(x, sc.y(finite(v))))
		} else {
			d.WriteString("M" + point(x, sc.y(finite(v))))
			if i+1 == len(series.Values) || math.IsNaN(series.Values[i+1]) {
				d.WriteString("h2")
			}
		}
		on = true
	}
	return d.String()
}

// end marks the last value and writes the name of the line over it.
func (l Lines) end(s *svg, f frame, sc scale, series Series) {
	for i := len(series.Values) - 1; i >= 0; i-- {
		v := series.Values[i]
		if math.IsNaN(v) {
			continue
		}
		x, y := (float64(i)+0.5)*l.step(), sc.y(finite(v))
		s.put(`<circle class="dot `, escape(series.Class), `" cx="`, percent(x), `" cy="`, num(y), `" r="3"/>`)
		s.text(100, max(y-8, f.top-8), 0, "e b halo", series.Name)
		return
	}
}

// SmallLorenz draws a Lorenz curve as one of many, without axes. The text beside
// it says what it shows. Debts are drawn at the bottom.
func SmallLorenz(points []Point) templ.Component {
	return drawn(false, "", func(s *svg) {
		const size, room = 100.0, 6.0
		var d strings.Builder
		for i, p := range points {
			command := "L"
			if i == 0 {
				command = "M"
			}
			x, y := min(max(finite(p.X), 0), 1), min(max(finite(p.Y), -room/size), 1)
			d.WriteString(command + point(x*size, size-y*size))
		}
		s.put(`<svg class="chart small" viewBox="0 0 100 106" aria-hidden="true"><path class="area" d="`, d.String(),
			`z"/><path class="equal" d="M0 100L100 0"/><path class="zero" d="M0 100h100"/><path class="line" d="`, d.String(), `"/></svg>`)
	})
}
