package chart

import (
	"math"
	"slices"

	"github.com/a-h/templ"
)

// Columns is a column chart with one column a value, from the zero line.
type Columns struct {
	About
	Values []Column
	Labels func(width float64) []Label // below the plot, for its width in pixels
	Ticks  Ticks
	Least  float64 // smallest step between ticks: 1 for what is counted
	Mark   *Mark   // a line that names a place
	Flags  []Flag  // events, in the order of their columns
	Shade  *Shade  // a range behind the columns
	Joined bool    // columns touch, as in a histogram
	Empty  string  // why there are no values
}

// A Column is one value. A partial one is pale; a broken one has its value over
// it.
type Column struct {
	Value   float64
	Tip     string // the exact value, then, on a line of its own, of what
	Partial bool
	Name    string // below the column, instead of its date: "today"
	Written string // the value, written over the column where it is broken
}

// A Label is a text below the plot, at a distance from the left in columns.
type Label struct {
	At   float64
	Text string
}

// A Shade is a range from one place to another, in columns from the left.
type Shade struct{ From, To float64 }

// A Mark is a vertical line with a name.
type Mark struct {
	At   float64
	Text string
}

// Draw draws the columns.
func (c Columns) Draw() templ.Component {
	return drawn(len(c.Values) == 0, c.Empty, c.draw)
}

func (c Columns) draw(s *svg) {
	values := make([]float64, len(c.Values))
	for i, v := range c.Values {
		values[i] = finite(v.Value)
	}
	limit := outliers(values)
	toScale := make([]float64, len(values))
	for i, v := range values {
		// What is broken is as tall as the plot.
		toScale[i] = min(max(v, -limit*1.15), limit*1.15)
	}
	f := ordinary
	f.top = c.notesHeight(values, limit)
	sc := newScale(f, toScale, 4, c.Least)
	labels := c.Ticks(sc.ticks)
	if len(c.Flags) > 0 {
		c.Desc += flagKeys
	}
	s.open(f, c.About, axisRoom(labels))
	s.flags(f, c.Flags, len(c.Values))
	if c.Shade != nil {
		s.rect("shade", c.Shade.From*c.step(), f.top, max(c.Shade.To-c.Shade.From, 0.02)*c.step(), f.plotHeight(), "")
	}
	s.axis(sc, labels)
	c.columns(s, f, sc, values, limit)
	if c.Mark != nil {
		at := c.Mark.At * c.step()
		s.line("median", at, ordinary.top-4+flagRoom(c.Flags), at, f.floor())
	}
	s.labelled(func(width float64) []placed { return c.notes(width, values, limit) })
	s.labelled(func(width float64) []placed { return c.foot(f, width) })
	s.put(`<g class="hit">`)
	for i, v := range c.Values {
		top := f.top
		if len(c.Flags) > 0 {
			top = 0 // the numbers show the tips of their columns too
		}
		s.rect("", float64(i)*c.step(), top, c.step(), f.floor()-top, flagTip(v.Tip, c.Flags, i, len(c.Values)))
	}
	s.put(`</g>`)
	s.close()
}

// step returns the width of a column and its gap.
func (c Columns) step() float64 { return 100 / float64(len(c.Values)) }

func (c Columns) columns(s *svg, f frame, sc scale, values []float64, limit float64) {
	step := c.step()
	width := min(step*0.84, 12)
	if c.Joined {
		width = step * 0.94
	}
	zero := sc.y(0)
	for i, v := range values {
		if v == 0 {
			continue
		}
		x := float64(i)*step + (step-width)/2
		y, broken := sc.y(v), math.Abs(v) > limit
		if broken {
			y = f.top
			if v < 0 {
				y = f.floor()
			}
		}
		height := max(math.Abs(zero-y), 1)
		top := zero
		if v > 0 {
			top = zero - height
		}
		class := "bar"
		if c.Values[i].Partial {
			class = "bar part"
		}
		s.rect(class, x, top, width, height, "")
		if broken {
			at := y + 14
			if v < 0 {
				at = y - 18
			}
			s.rect("cut", x, at, width, 4, "")
		}
	}
}

// line is the height of a line of notes.
const line = 15

// notesHeight returns the room above the plot that the notes need, in a narrow
// plot and in a wide one.
func (c Columns) notesHeight(values []float64, limit float64) float64 {
	top := ordinary.top + flagRoom(c.Flags)
	for _, width := range []float64{narrow, wide} {
		for _, n := range c.notes(width, values, limit) {
			top = max(top, n.y+8)
		}
	}
	return top
}

// notes returns the name of the mark and the values of broken columns. One that
// would touch another is on a line of its own.
func (c Columns) notes(width float64, values []float64, limit float64) []placed {
	var notes []placed
	add := func(at float64, text string) {
		n := place(at*c.step(), ordinary.top-8+flagRoom(c.Flags), width, "b halo", text)
		for slices.ContainsFunc(notes, n.touches) {
			n.y += line
		}
		notes = append(notes, n)
	}
	if c.Mark != nil {
		add(c.Mark.At, c.Mark.Text)
	}
	for i, v := range values {
		if math.Abs(v) > limit {
			add(float64(i)+0.5, c.Values[i].Written)
		}
	}
	return notes
}

// foot returns the labels below the plot. The name of a column replaces the
// labels that it would touch.
func (c Columns) foot(f frame, width float64) []placed {
	y := f.height - 5
	var all []placed
	for i, v := range c.Values {
		if v.Name != "" {
			all = append(all, place((float64(i)+0.5)*c.step(), y, width, "", v.Name))
		}
	}
	for _, l := range c.Labels(width) {
		if p := place(l.At*c.step(), y, width, "", l.Text); !slices.ContainsFunc(all, p.touches) {
			all = append(all, p)
		}
	}
	return all
}
