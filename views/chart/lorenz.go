package chart

import (
	"math"
	"strings"

	"github.com/a-h/templ"
)

// Lorenz is the curve of shares: the poorest X of the holders have Y of the
// wealth. Points run from (0, 0) to (1, 1); Y may dip below zero.
type Lorenz struct {
	About
	Points []Point
	Tip    func(p Point) string
	Top    *Top
	Empty  string // why there is no curve
}

// A Point of a curve.
type Point struct{ X, Y float64 }

// Top is a point on the curve with its text.
type Top struct {
	At   float64
	Text string
}

// shallow is the dip below zero that is not worth a part of the plot.
const shallow = 0.02

// Draw draws the curve.
func (l Lorenz) Draw() templ.Component {
	return drawn(len(l.Points) < 2, l.Empty, l.draw)
}

func (l Lorenz) draw(s *svg) {
	ys := []float64{1}
	for _, p := range l.Points {
		if p.Y < -shallow || p.Y > 0 {
			ys = append(ys, p.Y)
		}
	}
	f := ordinary
	f.top = 10
	sc := newScale(f, ys, 4, 0)
	labels := make([]string, len(sc.ticks))
	for i, t := range sc.ticks {
		labels[i] = strings.ReplaceAll(num(t*100), "-", "\u2212") + "\u00a0%"
	}
	s.open(f, l.About, axisRoom(labels))
	s.axis(sc, labels)

	const across = 1000 // units of the inner drawing, which is stretched to the width
	x := func(v float64) float64 { return min(max(finite(v), 0), 1) }
	var curve strings.Builder
	for i, p := range l.Points {
		if i == 0 {
			curve.WriteString("M")
		} else {
			curve.WriteString("L")
		}
		curve.WriteString(point(x(p.X)*across, sc.y(finite(p.Y))))
	}
	s.put(`<svg width="100%" height="`, num(f.height), `" viewBox="0 0 1000 `, num(f.height), `" preserveAspectRatio="none">`,
		`<path class="area" d="`, curve.String(), `z"/>`,
		`<path class="line" d="`, curve.String(), `"/></svg>`)
	s.line("equal", 0, sc.y(0), 100, sc.y(1))
	if l.Top != nil {
		l.top(s, f, sc, x(l.Top.At)*100)
	}
	foot := f.height - 5
	s.text(0, foot, 0, "", "poorest")
	s.text(50, foot, 0, "m", "half")
	s.text(100, foot, 0, "e", "richest")
	s.put(`<g class="hit">`)
	for i := range 20 {
		at := float64(i+1) / 20
		s.rect("", at*100-5, f.top, 5, f.plotHeight(), l.Tip(Point{at, l.at(at)}))
	}
	s.put(`</g>`)
	s.close()
}

// top writes its text in the upper left, which every curve leaves free, with a
// line from there to the point on the curve.
func (l Lorenz) top(s *svg, f frame, sc scale, x float64) {
	over := f.top + 22.5
	y := sc.y(l.at(l.Top.At))
	s.line("lead", 0, over, x, over)
	s.line("lead", x, over, x, max(y-4, over))
	s.put(`<circle class="dot" cx="`, percent(x), `" cy="`, num(y), `" r="4"/>`)
	s.text(0, over-6, 0, "b halo", l.Top.Text)
}

// at returns the height of the curve, linear between its points.
func (l Lorenz) at(x float64) float64 {
	for i := 1; i < len(l.Points); i++ {
		a, b := l.Points[i-1], l.Points[i]
		if x > b.X {
			continue
		}
		if b.X <= a.X {
			return finite(b.Y)
		}
		return finite(a.Y + (b.Y-a.Y)*math.Max(0, (x-a.X)/(b.X-a.X)))
	}
	return finite(l.Points[len(l.Points)-1].Y)
}
