package chart

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// Course is a chart of lines over the same days. Its value axis has the values and
// need not contain zero.
type Course struct {
	About
	Lines  []Line
	Tips   []string                    // by day
	Labels func(width float64) []Label // below the plot, for its width in pixels
	Ticks  Ticks
	Empty  string // why there are no values
}

// A Line is one value a day. Its name stands at its end.
type Line struct {
	Name   string
	Values []float64
}

// Draw draws the lines.
func (c Course) Draw() templ.Component {
	return drawn(len(c.Lines) == 0 || len(c.Tips) == 0, c.Empty, c.draw)
}

func (c Course) draw(s *svg) {
	low, high := finite(c.Lines[0].Values[0]), finite(c.Lines[0].Values[0])
	for _, l := range c.Lines {
		for _, v := range l.Values {
			low, high = min(low, finite(v)), max(high, finite(v))
		}
	}
	f := ordinary
	ticks := []float64{low - 1, low, low + 1}
	if high > low {
		ticks = niceTicks(low, high, 4, 0)
	}
	sc := scale{ticks: ticks, low: ticks[0], top: ticks[len(ticks)-1], bottom: f.floor(), height: f.plotHeight()}
	labels := c.Ticks(ticks)
	s.open(f, c.About, axisRoom(labels))
	s.axis(sc, labels)
	step := 100 / float64(len(c.Tips))
	var ends []placed
	for i, l := range c.Lines {
		var path strings.Builder
		command := "M"
		for j, v := range l.Values {
			path.WriteString(command + point((float64(j)+0.5)*step*10, sc.y(finite(v))))
			command = "L"
		}
		s.put(`<svg width="100%" height="`, num(f.height), `" viewBox="0 0 1000 `, num(f.height), `" preserveAspectRatio="none">`,
			`<path class="line l`, strconv.Itoa(i+1), `" d="`, path.String(), `"/></svg>`)
		last := sc.y(finite(l.Values[len(l.Values)-1]))
		s.put(`<circle class="dot" cx="`, percent(100-step/2), `" cy="`, num(last), `" r="3"/>`)
		y := last - 9
		if y < f.top {
			y = last + 18
		}
		ends = append(ends, placed{x: 100, y: y, class: "e b halo", text: l.Name})
	}
	s.labels("", ends)
	s.labelled(func(width float64) []placed {
		return Columns{Labels: c.Labels, Values: make([]Column, len(c.Tips))}.foot(f, width)
	})
	s.put(`<g class="hit">`)
	for i, tip := range c.Tips {
		s.rect("", float64(i)*step, f.top, step, f.plotHeight(), tip)
	}
	s.put(`</g>`)
	s.close()
}
