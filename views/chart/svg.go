// Package chart draws SVG from plain values. A place along x is a percentage of
// the plot's width and a height is in pixels, so one drawing fits every width,
// and its text and hairlines keep their size. What depends on the width, such as
// how many dates fit, is written for a narrow plot and for a wide one; the style
// sheet shows one of them. Colours are classes, so that all themes share a
// drawing.
//
// Nothing here fails: NaN is drawn as zero, and a chart without values is a
// paragraph that says why.
package chart

import (
	"context"
	"html"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

const (
	// em is the size of text in a chart, from which the widths of texts are
	// estimated.
	em = 12

	// narrow and wide are the plot widths, in pixels, for which labels are laid
	// out: the least on a screen of 320 px, and the least that the style sheet
	// takes for wide.
	narrow, wide = 236.0, 440.0
)

// A frame is the height of a drawing and the margins of its plot. The value axis
// is right of it.
type frame struct{ height, top, bottom float64 }

func (f frame) plotHeight() float64 { return f.height - f.top - f.bottom }
func (f frame) floor() float64      { return f.height - f.bottom }

// ordinary is the frame of all charts in rows, so that these end level.
var ordinary = frame{height: 210, top: 22, bottom: 22}

// tall is the frame of a chart that stands in no row.
var tall = frame{height: 320, top: 22, bottom: 22}

// drawn returns the component that writes what draw does, or, if there is
// nothing to draw, the reason.
func drawn(nothing bool, why string, draw func(s *svg)) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var s svg
		if nothing {
			s.put(`<p class="nothing">`, escape(why), `</p>`)
		} else {
			draw(&s)
		}
		_, err := io.WriteString(w, s.String())
		return err
	})
}

// An svg is the text of a drawing.
type svg struct{ strings.Builder }

// About is what a drawing is called, and what it shows in words. ID is the name of
// its panel, whose table describes the drawing too; without it nothing is linked to
// the drawing.
type About struct{ ID, Title, Desc string }

// open starts a drawing that is one stop of the tab key, at which the arrow
// keys step through its tips. Room is the class that leaves room beside it.
func (s *svg) open(f frame, a About, room string) {
	s.start(f, a, room, `role="img" tabindex="0" data-steps`)
}

// openGroup starts a drawing whose parts can be focused themselves.
func (s *svg) openGroup(f frame, a About, room string) {
	s.start(f, a, room, `role="group"`)
}

// keys is the end of every description.
const keys = "Arrow keys step through the values; the table has all of them."

func (s *svg) start(f frame, a About, room, attributes string) {
	s.put(`<div class="plot `, room, `"><svg class="chart" height="`, num(f.height), `" `, attributes, ` aria-label="`, escape(a.Title), `"`)
	id := ""
	if a.ID != "" {
		id = a.ID + "-desc"
		s.put(` aria-describedby="`, escape(id+" "+a.ID+"-table"), `"`)
		id = ` id="` + escape(id) + `"`
	}
	s.put(`><desc`, id, `>`, escape(strings.TrimSpace(a.Desc+" "+keys)), `</desc>`)
}

func (s *svg) close() { s.put(`</svg></div>`) }

func (s *svg) put(parts ...string) {
	for _, p := range parts {
		s.WriteString(p)
	}
}

// text writes a label; class holds its anchor: "" start, "m" middle, "e" end,
// "b" strong. It is shifted by dx pixels.
func (s *svg) text(x, y, dx float64, class, label string) {
	s.put(`<text`)
	if class = strings.TrimSpace(class); class != "" {
		s.put(` class="`, escape(class), `"`)
	}
	s.put(` x="`, percent(x), `" y="`, num(y), `"`)
	if dx != 0 {
		s.put(` dx="`, num(dx), `"`)
	}
	s.put(`>`, escape(label), `</text>`)
}

// line writes a line between two points.
func (s *svg) line(class string, x1, y1, x2, y2 float64) {
	s.put(`<line class="`, class, `" x1="`, percent(x1), `" x2="`, percent(x2), `" y1="`, num(y1), `" y2="`, num(y2), `"/>`)
}

// rect writes a rectangle. One with a tip shows it.
func (s *svg) rect(class string, x, y, width, height float64, tip string) {
	s.put(`<rect`)
	if class != "" {
		s.put(` class="`, escape(class), `"`)
	}
	s.put(` x="`, percent(x), `" width="`, percent(width), `"`)
	if y != 0 {
		s.put(` y="`, num(y), `"`)
	}
	s.put(` height="`, num(height), `"`)
	if tip != "" {
		s.put(` data-tip="`, escape(tip), `"`)
	}
	s.put(`/>`)
}

// axis writes gridlines and the labels at the right. The zero line is strong.
func (s *svg) axis(sc scale, labels []string) {
	for i, t := range sc.ticks {
		class, y := "grid", math.Round(sc.y(t))+0.5 // hairlines lie on pixels
		if t == 0 {
			class = "zero"
		}
		s.line(class, 0, y, 100, y)
		s.text(100, sc.y(t)+4, 7, "", labels[i])
	}
}

// labelled writes labels for a narrow plot and for a wide one, once if they are
// equal.
func (s *svg) labelled(at func(width float64) []placed) {
	small, large := at(narrow), at(wide)
	if equal(small, large) {
		s.labels("", large)
		return
	}
	s.labels("if-narrow", small)
	s.labels("if-wide", large)
}

func (s *svg) labels(class string, all []placed) {
	if len(all) == 0 {
		return
	}
	s.put(`<g`)
	if class != "" {
		s.put(` class="`, class, `"`)
	}
	s.put(`>`)
	for _, p := range all {
		s.text(p.x, p.y, 0, p.class, p.text)
	}
	s.put(`</g>`)
}

// A placed label is a text at its place, with its extent in pixels.
type placed struct {
	x, y     float64
	class    string
	text     string
	from, to float64
}

// place returns a label around a place, within a plot of a width in pixels.
func place(at, y, width float64, class, text string) placed {
	x, w := at/100*width, TextWidth(text)
	switch {
	case w >= width || x < w/2:
		return placed{0, y, class, text, 0, w}
	case x+w/2 > width+labelBeyond:
		return placed{100, y, strings.TrimSpace("e " + class), text, width - w, width}
	}
	return placed{at, y, strings.TrimSpace("m " + class), text, x - w/2, x + w/2}
}

// labelBeyond is how far a label may reach into the room of the value axis.
const labelBeyond = 24

func (p placed) touches(other placed) bool {
	return p.y == other.y && p.from < other.to+8 && other.from < p.to+8
}

func equal(a, b []placed) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].x != b[i].x || a[i].y != b[i].y || a[i].class != b[i].class || a[i].text != b[i].text {
			return false
		}
	}
	return true
}

// axisRoom returns the class that leaves room for the labels of a value axis, in
// steps of 8 px from 32 to 96.
func axisRoom(labels []string) string {
	width := 0.0
	for _, l := range labels {
		width = max(width, TextWidth(l))
	}
	return "w" + strconv.Itoa(min(max(int(math.Ceil((width+8)/8))*8, 32), 96))
}

// num writes a number of pixels with one decimal at most.
func num(v float64) string { return decimal(v, 10) }

// percent writes a place along x.
func percent(v float64) string {
	if v = finite(v); v == 0 {
		return "0"
	}
	return decimal(v, 100) + "%"
}

func decimal(v, precision float64) string {
	v = math.Round(finite(v)*precision) / precision
	if v == 0 {
		return "0" // never "-0"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func point(x, y float64) string { return num(x) + " " + num(y) }

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// TextWidth returns an upper estimate of the width of a label in pixels.
func TextWidth(label string) float64 {
	return float64(len([]rune(label))) * em * 0.58
}

func escape(s string) string { return html.EscapeString(s) }
