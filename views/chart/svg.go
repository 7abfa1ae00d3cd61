// Package chart draws SVG from plain values. Each chart is drawn twice, wide and
// narrow, with text sizes of their own. The style sheet shows the one that fits
// its container. Colours are classes, so that all themes share a drawing.
//
// Nothing here fails: NaN is drawn as zero, and a chart without values as an empty
// frame with a text.
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

// em is the largest font size of the style sheet for text in a chart, in the
// drawing's own units. Widths of texts are estimated from it.
const em = 13

// A frame is the size of a drawing and the margins of its plot. The value axis is right of it.
type frame struct {
	name                     string
	width, height            float64
	top, right, bottom, left float64
}

func (f frame) plotWidth() float64  { return f.width - f.left - f.right }
func (f frame) plotHeight() float64 { return f.height - f.top - f.bottom }
func (f frame) floor() float64      { return f.height - f.bottom }

var (
	wide   = frame{name: "wide", width: 560, height: 196, top: 24, right: 48, bottom: 22}
	narrow = frame{name: "narrow", width: 320, height: 228, top: 24, right: 48, bottom: 22}
)

// both draws a chart wide and narrow.
func both(draw func(s *svg, f frame), frames ...frame) templ.Component {
	if len(frames) == 0 {
		frames = []frame{wide, narrow}
	}
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var s svg
		s.WriteString(`<div class="plot">`)
		for _, f := range frames {
			draw(&s, f)
			s.WriteString(`</svg>`)
		}
		s.WriteString(`</div>`)
		_, err := io.WriteString(w, s.String())
		return err
	})
}

// An svg is the text of drawings.
type svg struct{ strings.Builder }

// open starts a drawing that is one stop of the tab key, at which the arrow
// keys step through its tips.
func (s *svg) open(f frame, title, desc string) {
	s.start(f, `role="img" tabindex="0" data-steps`, title, desc)
}

// openGroup starts a drawing whose parts can be focused themselves.
func (s *svg) openGroup(f frame, title, desc string) {
	s.start(f, `role="group"`, title, desc)
}

func (s *svg) start(f frame, attributes, title, desc string) {
	s.put(`<svg class="chart `, f.name, `" viewBox="0 0 `, num(f.width), ` `, num(f.height), `" `, attributes, `><title>`, escape(title), `</title>`)
	if desc != "" {
		s.put(`<desc>`, escape(desc), `</desc>`)
	}
}

// part starts a focusable part with its tip.
func (s *svg) part(tip, attributes string) {
	s.put(`<g tabindex="0" role="img" aria-label="`, escape(tip), `" data-tip="`, escape(tip), `"`, attributes, `>`)
}

func (s *svg) put(parts ...string) {
	for _, p := range parts {
		s.WriteString(p)
	}
}

// text writes a label; class holds its anchor: "" start, "m" middle, "e" end,
// "b" strong.
func (s *svg) text(x, y float64, class, label string) {
	s.put(`<text`)
	if class != "" {
		s.put(` class="`, escape(class), `"`)
	}
	s.put(` x="`, num(x), `" y="`, num(y), `">`, escape(label), `</text>`)
}

func (s *svg) path(class, d string) {
	if d != "" {
		s.put(`<path class="`, escape(class), `" d="`, d, `"/>`)
	}
}

// hit writes an invisible area that has a tip.
func (s *svg) hit(x, y, w, h float64, tip string) {
	s.put(`<path d="`, box(x, y, w, h), `" data-tip="`, escape(tip), `"/>`)
}

// empty draws an empty frame with a text.
func (s *svg) empty(f frame, title, why string) {
	s.start(f, `role="img"`, title, why)
	s.text(f.width/2, f.height/2, "m", why)
}

// axis writes gridlines and the labels at the right. The zero line is strong.
func (s *svg) axis(f frame, sc scale, labels []string) {
	var grid, zero strings.Builder
	for _, t := range sc.ticks {
		if t == 0 {
			zero.WriteString(hline(f.left, f.width-f.right, sc.y(t)))
		} else {
			grid.WriteString(hline(f.left, f.width-f.right, sc.y(t)))
		}
	}
	s.path("grid", grid.String())
	s.path("zero", zero.String())
	s.put(`<g>`)
	for i, t := range sc.ticks {
		s.text(f.width-f.right+6, sc.y(t)+4, "", labels[i])
	}
	s.put(`</g>`)
}

// axisWidth returns the width of the labels of a value axis.
func axisWidth(labels []string) float64 {
	width := 24.0
	for _, l := range labels {
		width = max(width, TextWidth(l))
	}
	return width + 8
}

// num writes a coordinate with one decimal at most.
func num(v float64) string {
	v = math.Round(finite(v)*10) / 10
	if v == 0 {
		return "0" // never "-0"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func point(x, y float64) string { return num(x) + " " + num(y) }

func hline(x1, x2, y float64) string {
	return "M" + point(x1, y) + "H" + num(x2)
}

func box(x, y, w, h float64) string {
	return "M" + point(x, y) + "h" + num(w) + "v" + num(h) + "H" + num(x) + "z"
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// TextWidth returns an upper estimate of the width of a label.
func TextWidth(label string) float64 {
	return float64(len([]rune(label))) * em * 0.58
}

func escape(s string) string { return html.EscapeString(s) }
