package chart

import (
	"cmp"
	"math"
	"slices"
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
	Least  float64   // smallest step between ticks: 1 for what is counted
	Zero   bool      // the axis begins at zero
	Log    bool      // the axis is logarithmic, if all values are above zero
	Beside []float64 // values of other drawings, which have the same axis
	Flags  []Flag    // events, in the order of their places
	Room   int       // places that are left free at the right, for the names
	Tall   bool      // for a panel that stands in no row
	Empty  string    // why there are no values
}

// A Series is one line. Its values are evenly spaced; NaN: not available.
type Series struct {
	Name   string // written at its end
	Class  string // its colour: "s1" to "s6"
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
	if l.Tall {
		f = tall
	}
	f.top += flagRoom(l.Flags)
	sc := l.scale(f)
	labels := l.Ticks(sc.ticks)
	if len(l.Flags) > 0 {
		l.Desc += flagKeys
	}
	s.open(f, l.About, axisRoom(labels))
	s.flags(f, l.Flags, len(l.Tips)+l.Room)
	s.axis(sc, labels)
	if !sc.log && sc.low > 0 {
		s.text(0, f.top-8, 0, "cut-off", "axis from "+labels[0])
	}
	s.put(`<svg width="100%" height="`, num(f.height), `" viewBox="0 0 1000 `, num(f.height), `" preserveAspectRatio="none">`)
	for _, series := range l.Series {
		s.put(`<path class="`, escape(strings.TrimSpace("line "+series.Class)), `" d="`, l.path(series, sc), `"/>`)
	}
	s.put(`</svg>`)
	for _, series := range l.Series {
		l.alone(s, series, sc)
	}
	l.ends(s, f, sc)
	s.labelled(func(width float64) []placed {
		var all []placed
		for _, label := range l.Labels(width * l.step() * float64(len(l.Tips)) / 100) {
			all = append(all, place(label.At*l.step(), f.height-5, width, "", label.Text))
		}
		return all
	})
	s.put(`<g class="hit">`)
	for i, tip := range l.Tips {
		top := f.top - flagRoom(l.Flags) // the numbers show the tips of their places too
		s.rect("", float64(i)*l.step(), top, l.step(), f.floor()-top, flagTip(tip, l.Flags, i, len(l.Tips)+l.Room))
	}
	s.put(`</g>`)
	s.close()
}

// step is the width of a place along x, in percent.
func (l Lines) step() float64 { return 100 / float64(max(len(l.Tips)+l.Room, 1)) }

// scale returns the scale of all lines.
func (l Lines) scale(f frame) scale {
	low, high := math.Inf(1), math.Inf(-1)
	cover := func(values []float64) {
		for _, v := range values {
			if !math.IsNaN(v) {
				low, high = min(low, finite(v)), max(high, finite(v))
			}
		}
	}
	for _, series := range l.Series {
		cover(series.Values)
	}
	cover(l.Beside)
	if low > high { // no value
		low, high = 0, 1
	}
	sc := scale{bottom: f.floor(), height: f.plotHeight(), log: l.Log && low > 0}
	if l.Zero && !sc.log {
		low, high = min(low, 0), max(high, 0)
	}
	if low == high { // a level line in the middle
		room := max(math.Abs(high)*0.1, l.Least, 1e-9)
		if sc.log {
			room = high * 0.1
		}
		low, high = low-room, high+room
	}
	if sc.log {
		sc.ticks = logTicks(low, high)
	} else {
		sc.ticks = niceTicks(low, high, 4, l.Least)
	}
	sc.low, sc.top = sc.ticks[0], sc.ticks[len(sc.ticks)-1]
	return sc
}

// path returns the line, with gaps where values are not available.
func (l Lines) path(series Series, sc scale) string {
	var d strings.Builder
	command := "M"
	for i, v := range series.Values {
		if math.IsNaN(v) {
			command = "M"
			continue
		}
		d.WriteString(command + point((float64(i)+0.5)*l.step()*10, sc.y(finite(v))))
		command = "L"
	}
	return d.String()
}

// alone draws a point for each value with a gap on both sides, of which a line
// would show nothing.
func (l Lines) alone(s *svg, series Series, sc scale) {
	none := func(i int) bool { return i < 0 || i >= len(series.Values) || math.IsNaN(series.Values[i]) }
	for i, v := range series.Values {
		if !none(i) && none(i-1) && none(i+1) {
			s.put(`<circle class="`, escape(strings.TrimSpace("dot "+series.Class)), `" cx="`, percent((float64(i)+0.5)*l.step()), `" cy="`, num(sc.y(finite(v))), `" r="1"/>`)
		}
	}
}

// nameHeight is how far apart the names of lines are.
const nameHeight = 14

// ends marks the last value of each line and writes its name over it, or beside it
// if there is room. Names that would touch are moved apart.
func (l Lines) ends(s *svg, f frame, sc scale) {
	var names []placed
	for _, series := range l.Series {
		for i := len(series.Values) - 1; i >= 0; i-- {
			v := series.Values[i]
			if math.IsNaN(v) {
				continue
			}
			x, y := (float64(i)+0.5)*l.step(), sc.y(finite(v))
			s.put(`<circle class="`, escape(strings.TrimSpace("dot "+series.Class)), `" cx="`, percent(x), `" cy="`, num(y), `" r="3"/>`)
			above := 8.0
			if l.Room > 0 {
				above = -4 // beside it
			}
			names = append(names, placed{x: 100, y: max(y-above, f.top-8), class: "e b halo", text: series.Name, from: x, to: y})
			break
		}
	}
	slices.SortStableFunc(names, func(a, b placed) int { return cmp.Compare(a.y, b.y) })
	for i := 1; i < len(names); i++ {
		names[i].y = max(names[i].y, names[i-1].y+nameHeight)
	}
	for i, below := len(names)-1, f.floor()-4; i >= 0; i-- { // none below the plot
		names[i].y = min(names[i].y, below)
		below = names[i].y - nameHeight
	}
	for _, name := range names {
		if l.Room > 0 { // a line leads from the mark to its name
			s.line("pole", name.from, name.to, name.x, name.y-4)
		}
		s.text(name.x, name.y, 0, name.class, name.text)
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
