package chart

import (
	"math"
	"strings"

	"github.com/a-h/templ"
)

// Columns is a column chart with one column a value, from the zero line.
type Columns struct {
	Title, Desc string
	Values      []Column
	Labels      func(width float64) []Label // below the plot, for its width
	Ticks       Ticks
	Least       float64 // smallest step between ticks: 1 for what is counted
	Mark        *Mark   // a line that names a place
	Joined      bool    // columns touch, as in a histogram
	Empty       string  // text if there are no values
}

// A Column is one value. A partial or broken one is pale and has a name.
type Column struct {
	Value   float64
	Tip     string // the exact value, for people
	Name    string // of a partial column: "today, so far"
	Written string // the value, written over the column where it is broken
}

// A Label is a text below the plot, at a distance from the left in columns.
type Label struct {
	At     float64
	Text   string
	Anchor string // "", "m" or "e"
}

// A Mark is a vertical line with a name.
type Mark struct {
	At   float64
	Text string
}

// Draw draws the columns.
func (c Columns) Draw() templ.Component {
	return both(c.draw)
}

func (c Columns) draw(s *svg, f frame) {
	if len(c.Values) == 0 {
		s.empty(f, c.Title, c.Empty)
		return
	}
	values := make([]float64, len(c.Values))
	for i, v := range c.Values {
		values[i] = finite(v.Value)
	}
	limit := outliers(values)
	var drawn []float64
	for _, v := range values {
		if math.Abs(v) <= limit {
			drawn = append(drawn, v)
		} else if v > 0 {
			drawn = append(drawn, limit*1.15)
		} else {
			drawn = append(drawn, -limit*1.15)
		}
	}
	labels := c.Ticks(newScale(f, drawn, 4, c.Least).ticks)
	f.right = axisWidth(labels)
	notes := c.notes(f, values, limit)
	for _, n := range notes {
		f.top = max(f.top, n.y+8) // room for a second line of notes
	}
	sc := newScale(f, drawn, 4, c.Least)
	s.open(f, c.Title, c.Desc)
	s.axis(f, sc, labels)
	c.columns(s, f, sc, values, limit)
	for _, n := range notes {
		s.text(n.x, n.y, n.class, n.text)
	}
	if c.Mark != nil {
		c.mark(s, f)
	}
	s.put(`<g>`)
	for _, l := range c.Labels(f.plotWidth()) {
		x := f.left + l.At*f.plotWidth()/float64(len(values))
		s.text(x, f.height-5, l.Anchor, l.Text)
	}
	s.put(`</g><g class="hit">`)
	for i, v := range c.Values {
		step := f.plotWidth() / float64(len(values))
		s.hit(f.left+float64(i)*step, f.top, step, f.plotHeight(), v.Tip)
	}
	s.put(`</g>`)
}

func (c Columns) columns(s *svg, f frame, sc scale, values []float64, limit float64) {
	step := f.plotWidth() / float64(len(values))
	width := min(step*0.84, 64)
	if c.Joined {
		width = max(step-1, step*0.9)
	}
	var full, partial, breaks strings.Builder
	for i, v := range values {
		x := f.left + float64(i)*step + (step-width)/2
		b := &full
		if c.Values[i].Name != "" {
			b = &partial
		}
		y, zero := sc.y(v), sc.y(0)
		broken := math.Abs(v) > limit
		if broken {
			y = f.top
			if v < 0 {
				y = f.floor()
			}
		}
		if v != 0 {
			top, height := min(y, zero), max(math.Abs(zero-y), 0.8)
			if v > 0 {
				top = zero - height
			}
			b.WriteString(box(x, top, width, height))
		}
		if broken {
			at := y + 14
			if v < 0 {
				at = y - 18
			}
			breaks.WriteString("M" + point(x-1, at+4) + "l" + point(width+2, -4) + "v4l" + point(-width-2, 4) + "z")
		}
	}
	s.path("bar", full.String())
	s.path("bar part", partial.String())
	s.path("cut", breaks.String())
}

// A note is a label over the plot, with its extent.
type note struct {
	x, y     float64
	class    string
	text     string
	from, to float64
}

// notes returns the names of broken and partial columns, side by side. A name that
// would touch its neighbour goes to a second line.
func (c Columns) notes(f frame, values []float64, limit float64) []note {
	step := f.plotWidth() / float64(len(values))
	var notes []note
	add := func(at float64, class, text string, before bool) {
		w := TextWidth(text)
		from := min(max(at-w/2, 0), f.width-w)
		if before {
			from = max(at-w, 0)
		}
		y := f.top - 8
		for _, n := range notes {
			if n.y == y && from < n.to+10 && n.from-10 < from+w {
				if from = n.to + 10; before || from+w > f.width {
					from, y = min(max(at-w/2, 0), f.width-w), y+15
				}
			}
		}
		n := note{x: from + w/2, y: y, class: class + " m", text: text, from: from, to: from + w}
		if before {
			n.x, n.class = n.to, class+" e"
		}
		notes = append(notes, n)
	}
	for i, v := range values {
		if math.Abs(v) > limit {
			add(f.left+(float64(i)+0.5)*step, "note b", c.Values[i].Written, false)
		}
	}
	for i, v := range c.Values {
		if v.Name != "" && (i > 0 || len(values) == 1) {
			add(f.left+float64(i+1)*step, "note", v.Name, true)
		}
	}
	return notes
}

func (c Columns) mark(s *svg, f frame) {
	x := f.left + c.Mark.At*f.plotWidth()/float64(len(c.Values))
	s.path("median", "M"+point(x, f.top-4)+"V"+num(f.floor()))
	w := TextWidth(c.Mark.Text)
	at := min(max(x-w/2, 0), f.width-w) + w/2
	s.text(at, f.top-8, "m b", c.Mark.Text)
}
