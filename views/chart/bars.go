package chart

import (
	"math"
	"strings"

	"github.com/a-h/templ"
)

// Bars are horizontal bars, each under a line with its name and its value.
type Bars struct {
	Title, Desc string
	Bars        []Bar
	Empty       string
}

// A Bar is one value. Class gives its colour.
type Bar struct {
	Name    string
	Note    string // after the name, less prominent
	Written string // the value, for people
	Value   float64
	Class   string
	Tip     string
}

// Draw draws the bars.
func (b Bars) Draw() templ.Component {
	return both(b.draw)
}

func (b Bars) draw(s *svg, f frame) {
	if len(b.Bars) == 0 {
		s.empty(f, b.Title, b.Empty)
		return
	}
	f.left, f.right = 0, 1
	low, high := 0.0, 0.0
	for _, bar := range b.Bars {
		low, high = min(low, finite(bar.Value)), max(high, finite(bar.Value))
	}
	if low == high {
		high = 1
	}
	x := func(v float64) float64 { return (finite(v)/(high-low) - low/(high-low)) * f.plotWidth() }
	row := max(min(f.height/float64(len(b.Bars)), 76), 40)
	f.height = max(f.height, row*float64(len(b.Bars)))
	thick := row - 36
	var zero strings.Builder
	s.openGroup(f, b.Title, b.Desc)
	for i, bar := range b.Bars {
		y := float64(i) * row
		s.part(bar.Tip, "")
		s.put(`<text y="`, num(y+16), `"><tspan class="b">`, escape(bar.Name), `</tspan>`)
		if bar.Note != "" && TextWidth(bar.Name+bar.Note+bar.Written)*1.1+24 < f.width {
			s.put(`<tspan dx="8">`, escape(bar.Note), `</tspan>`)
		}
		s.put(`</text>`)
		s.text(f.width, y+16, "e b", bar.Written)
		from, to := x(math.Min(bar.Value, 0)), x(math.Max(bar.Value, 0))
		if bar.Value != 0 {
			s.path("bar "+bar.Class, box(from, y+23, math.Max(to-from, 1), thick))
		}
		s.path("hit", box(0, y, f.width, row))
		zero.WriteString("M" + point(math.Max(x(0), 0.5), y+20) + "v" + num(thick+6))
		s.put(`</g>`)
	}
	s.path("zero", zero.String())
}

// Inline draws a short bar within a line of text or a row of a table, for a share
// of the largest value.
func Inline(share float64) templ.Component {
	share = min(max(finite(share), 0), 1)
	return templ.Raw(`<svg class="inbar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><path d="` +
		box(0, 0, share*100, 8) + `"/></svg>`)
}
