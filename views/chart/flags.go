package chart

import (
	"strconv"
	"strings"
)

// A Flag marks an event on a chart along time: by its number in the list that
// belongs to the chart, over the columns from First to Last. Any chart with as
// many steps along x as there are columns can have flags: it leaves flagRoom above
// its plot, calls svg.flags before it draws its values, and adds flagTip to the
// tips of its columns.
type Flag struct {
	Number      int
	First, Last int    // columns, counted from 0
	Lasts       bool   // it has a duration: its columns are shaded
	Title       string // for the tips of its columns
}

const (
	flagRow  = 17 // the height of the row of numbers
	flagPad  = 4  // beside a number in its box
	flagTips = 3  // titles in one tip at most
)

// flagRoom returns the height that flags take above a plot.
func flagRoom(flags []Flag) float64 {
	if len(flags) == 0 {
		return 0
	}
	return flagRow
}

// within returns the flag within a number of columns.
func (g Flag) within(columns int) Flag {
	g.First = min(max(g.First, 0), columns-1)
	g.Last = min(max(g.Last, g.First), columns-1)
	return g
}

// flags writes the shade of what lasts, a pole under each number, and the numbers.
// The flags are in the order of their columns.
func (s *svg) flags(f frame, flags []Flag, columns int) {
	if len(flags) == 0 || columns == 0 {
		return
	}
	step := 100 / float64(columns)
	for _, g := range flags {
		if g = g.within(columns); g.Lasts {
			s.rect("span", float64(g.First)*step, flagRow, float64(g.Last-g.First+1)*step, f.floor()-flagRow, "")
		}
	}
	for i, g := range flags {
		if g = g.within(columns); i > 0 && flags[i-1].within(columns).First == g.First {
			continue
		}
		at := (float64(g.First) + 0.5) * step
		s.line("pole", at, flagRow-2, at, f.floor())
	}
	small, large := flagBoxes(flags, columns, narrow), flagBoxes(flags, columns, wide)
	if equal(small, large) {
		s.boxes("", large)
		return
	}
	s.boxes("if-narrow", small)
	s.boxes("if-wide", large)
}

// flagBoxes returns the numbers over a plot of a width. Those that would touch
// stand together: "2–4".
func flagBoxes(flags []Flag, columns int, width float64) []placed {
	type group struct {
		first, last int     // numbers
		from, to    float64 // places
		box         placed
	}
	box := func(g group) group {
		text := strconv.Itoa(g.first)
		if g.last != g.first {
			text += "–" + strconv.Itoa(g.last)
		}
		g.box = placeBox((g.from+g.to)/2, width, text)
		return g
	}
	var all []group
	for _, flag := range flags {
		at := (float64(flag.within(columns).First) + 0.5) * 100 / float64(columns)
		next := box(group{first: flag.Number, last: flag.Number, from: at, to: at})
		for len(all) > 0 && all[len(all)-1].box.to+2 > next.box.from {
			before := all[len(all)-1]
			all = all[:len(all)-1]
			next = box(group{before.first, next.last, before.from, next.to, placed{}})
		}
		all = append(all, next)
	}
	boxes := make([]placed, len(all))
	for i, g := range all {
		boxes[i] = g.box
	}
	return boxes
}

// placeBox returns a number in a box around a place, within a plot of a width.
func placeBox(at, width float64, text string) placed {
	x, w := at/100*width, TextWidth(text)+2*flagPad
	p := placed{x: at, y: flagRow - 5, class: "m b", text: text, from: x - w/2, to: x + w/2}
	switch {
	case x < w/2:
		p.x, p.class, p.from, p.to = 0, "b", 0, w
	case x+w/2 > width:
		p.x, p.class, p.from, p.to = 100, "e b", width-w, width
	}
	return p
}

// boxes writes numbers in boxes.
func (s *svg) boxes(class string, all []placed) {
	s.put(`<g`)
	if class != "" {
		s.put(` class="`, class, `"`)
	}
	s.put(`>`)
	for _, p := range all {
		w := p.to - p.from
		left, dx := -w/2, 0.0
		switch p.class {
		case "b":
			left, dx = 0, flagPad
		case "e b":
			left, dx = -w, -flagPad
		}
		s.put(`<rect class="nr" x="`, percent(p.x), `" y="0.5" width="`, num(w), `" height="`, num(flagRow-2), `"`)
		if left != 0 {
			s.put(` transform="translate(`, num(left), ` 0)"`)
		}
		s.put(`/>`)
		s.text(p.x, p.y, dx, p.class, p.text)
	}
	s.put(`</g>`)
}

// flagTip adds the events of a column to its tip, a line each.
func flagTip(tip string, flags []Flag, column, columns int) string {
	var lines []string
	for _, g := range flags {
		if g = g.within(columns); g.First <= column && column <= g.Last {
			lines = append(lines, strconv.Itoa(g.Number)+" "+strings.Join(strings.Fields(g.Title), " "))
		}
	}
	if more := len(lines) - flagTips; more > 0 {
		lines = append(lines[:flagTips], "and "+strconv.Itoa(more)+" more")
	}
	if tip != "" {
		lines = append([]string{tip}, lines...)
	}
	return strings.Join(lines, "\n")
}

// flagKeys is what a description says of flags.
const flagKeys = " The numbers above the plot are events; the list below it names them."
