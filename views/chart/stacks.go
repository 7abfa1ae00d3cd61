package chart

import (
	"math"
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// Stacks is a column chart whose columns are made of parts, some above the zero
// line and some below it. A column far beyond the others is broken.
type Stacks struct {
	About
	Values []Stack
	Labels func(width float64) []Label // below the plot, for its width in pixels
	Ticks  Ticks
	Least  float64 // smallest step between ticks: 1 for what is counted
	Net    bool    // a line joins what the parts of each column add up to
	Empty  string  // why there are no values
}

// A Stack is one column. Its parts are not negative, and are drawn from the zero
// line outward.
type Stack struct {
	Up, Down []float64
	Tip      string // the value, then, on lines of their own, of what
	Partial  bool
	Name     string // below the column, instead of its date: "today"
	Written  string // the value, written over the column where it is broken
}

// Draw draws the columns.
func (c Stacks) Draw() templ.Component {
	return drawn(len(c.Values) == 0, c.Empty, c.draw)
}

func (c Stacks) draw(s *svg) {
	var ups, downs, ends []float64
	for _, v := range c.Values {
		ups, downs = append(ups, total(v.Up)), append(downs, total(v.Down))
	}
	most, least := outliers(ups), outliers(downs)
	for i := range ups {
		ends = append(ends, min(ups[i], most*1.15), -min(downs[i], least*1.15))
	}
	f := ordinary
	sc := newScale(f, ends, 4, c.Least)
	labels := c.Ticks(sc.ticks)
	s.open(f, c.About, axisRoom(labels))
	s.axis(sc, labels)
	step := 100 / float64(len(c.Values))
	width := min(step*0.84, 12)
	for i, v := range c.Values {
		x := float64(i)*step + (step-width)/2
		c.stack(s, sc, x, width, v, "u", v.Up, 1)
		c.stack(s, sc, x, width, v, "d", v.Down, -1)
		if ups[i] > most {
			s.rect("cut", x, sc.y(sc.top)+14, width, 4, "")
		}
		if downs[i] > least {
			s.rect("cut", x, sc.y(sc.low)-18, width, 4, "")
		}
	}
	if c.Net {
		c.net(s, f, sc, step)
	}
	s.labelled(func(width float64) (notes []placed) {
		for i, v := range c.Values {
			if ups[i] > most || downs[i] > least {
				notes = append(notes, place((float64(i)+0.5)*step, f.top-8, width, "b halo", v.Written))
			}
		}
		return notes
	})
	s.labelled(func(width float64) []placed {
		columns := Columns{Labels: c.Labels}
		for _, v := range c.Values {
			columns.Values = append(columns.Values, Column{Name: v.Name})
		}
		return columns.foot(f, width)
	})
	s.put(`<g class="hit">`)
	for i, v := range c.Values {
		s.rect("", float64(i)*step, f.top, step, f.plotHeight(), v.Tip)
	}
	s.put(`</g>`)
	s.close()
}

// shadesOf is how many parts have a shade of their own.
const shadesOf = 4

func (c Stacks) stack(s *svg, sc scale, x, width float64, v Stack, side string, parts []float64, sign float64) {
	sum := 0.0
	for i, part := range parts {
		if part = max(finite(part), 0); part == 0 {
			continue
		}
		from, to := sc.y(sign*sum), sc.y(sign*(sum+part))
		sum += part
		class := "bar " + side + strconv.Itoa(min(i, shadesOf-1)+1)
		if v.Partial {
			class += " part"
		}
		s.rect(class, x, min(from, to), width, math.Abs(from-to), "")
	}
}

// net joins the sums of the columns. The line is stretched, its points are not.
func (c Stacks) net(s *svg, f frame, sc scale, step float64) {
	var path, dots strings.Builder
	command := "M"
	for i, v := range c.Values {
		y := sc.y(total(v.Up) - total(v.Down))
		at := (float64(i) + 0.5) * step
		path.WriteString(command + point(at*10, y))
		dots.WriteString(`<circle class="net" cx="` + percent(at) + `" cy="` + num(y) + `" r="2.5"/>`)
		command = "L"
	}
	s.put(`<svg width="100%" height="`, num(f.height), `" viewBox="0 0 1000 `, num(f.height), `" preserveAspectRatio="none">`,
		`<path class="line net" d="`, path.String(), `"/></svg>`, dots.String())
}

func total(parts []float64) (sum float64) {
	for _, p := range parts {
		sum += max(finite(p), 0)
	}
	return finite(sum)
}
