package chart

import (
	"math"
	"strings"

	"github.com/a-h/templ"
)

// Lorenz is the curve of shares: the poorest X of the holders have Y of the
// wealth. Points run from (0, 0) to (1, 1); Y may dip below zero.
type Lorenz struct {
	Title, Desc string
	Points      []Point
	Tip         func(p Point) string
	Name        string // beside the area: "Gini 0.642"
	Top         *Top
	Empty       string
}

// A Point of a curve.
type Point struct{ X, Y float64 }

// Top is a point on the curve with its text.
type Top struct {
	At   float64
	Text string
}

// Draw draws the curve.
func (l Lorenz) Draw() templ.Component {
	tall := wide
	tall.height, tall.top = 400, 12
	small := narrow
	small.top = 12
	return both(l.draw, tall, small)
}

func (l Lorenz) draw(s *svg, f frame) {
	if len(l.Points) < 2 {
		s.empty(f, l.Title, l.Empty)
		return
	}
	ys := []float64{1}
	for _, p := range l.Points {
		ys = append(ys, p.Y)
	}
	sc := newScale(f, ys, 4, 0)
	labels := make([]string, len(sc.ticks))
	for i, t := range sc.ticks {
		labels[i] = strings.ReplaceAll(num(t*100), "-", "\u2212") + "\u00a0%"
	}
	f.right = axisWidth(labels)
	x := func(v float64) float64 { return f.left + min(max(finite(v), 0), 1)*f.plotWidth() }

	s.open(f, l.Title, l.Desc)
	s.axis(f, sc, labels)
	var curve strings.Builder
	for i, p := range l.Points {
		if i == 0 {
			curve.WriteString("M")
		} else {
			curve.WriteString("L")
		}
		curve.WriteString(point(x(p.X), sc.y(finite(p.Y))))
	}
	s.path("area", curve.String()+"z")
	s.path("equal", "M"+point(x(0), sc.y(0))+"L"+point(x(1), sc.y(1)))
	s.path("line", curve.String())
	l.name(s, f, sc, x)
	l.top(s, f, sc, x)
	foot := f.height - 5
	s.text(f.left, foot, "", "poorest")
	s.text(x(0.5), foot, "m", "half of them")
	s.text(x(1), foot, "e", "richest")
	s.put(`<g class="hit">`)
	for i := range 20 {
		at := float64(i+1) / 20
		s.hit(x(at-0.05), f.top, f.plotWidth()/20, f.plotHeight(), l.Tip(Point{at, l.at(at)}))
	}
	s.put(`</g>`)
}

// name writes the measure between equality and the curve if there is room, else
// at the lower right, which a flat curve leaves free.
func (l Lorenz) name(s *svg, f frame, sc scale, x func(float64) float64) {
	if l.Name == "" {
		return
	}
	half := TextWidth(l.Name) / 2 / f.plotWidth()
	at := 0.6
	top, low := sc.y(at-half)+16, sc.y(l.at(at+half))-8
	if low-top > 6 {
		s.text(x(at), (top+low)/2+4, "m b", l.Name)
		return
	}
	s.text(x(1)-8, sc.y(0)-10, "e b", l.Name)
}

// top writes its text in the upper left, which every curve leaves free, with a
// line from there to the point on the curve.
func (l Lorenz) top(s *svg, f frame, sc scale, x func(float64) float64) {
	if l.Top == nil {
		return
	}
	y := f.top + 16
	s.text(f.left, y, "b", l.Top.Text)
	px, py := x(l.Top.At), sc.y(l.at(l.Top.At))
	s.path("lead", "M"+point(f.left, y+6)+"H"+num(px)+"V"+num(max(py-4, y+6)))
	s.put(`<circle class="dot" cx="`, num(px), `" cy="`, num(py), `" r="4"/>`)
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
