package chart

import (
	"math"
	"strconv"

	"github.com/a-h/templ"
)

// shades is the number of levels of a heatmap above zero.
const shades = 8

// Heatmap is a grid of shades, whose rows have names.
type Heatmap struct {
	Title, Desc string
	Rows        []HeatRow
	Foot        []Label // under the columns, in columns from the left
	Peak        float64 // the value of the darkest shade
	Empty       string
}

// A HeatRow is one row; Tip sums it up, Cells have tips of their own.
type HeatRow struct {
	Name, Tip string
	Cells     []HeatCell
}

// A HeatCell is one value.
type HeatCell struct {
	Value float64
	Tip   string
}

// Draw draws the grid.
func (h Heatmap) Draw() templ.Component {
	return both(h.draw)
}

func (h Heatmap) draw(s *svg, f frame) {
	if len(h.Rows) == 0 || !(finite(h.Peak) > 0) {
		s.empty(f, h.Title, h.Empty)
		return
	}
	var values []float64
	for _, r := range h.Rows {
		for _, c := range r.Cells {
			values = append(values, c.Value)
		}
	}
	h.Peak = min(h.Peak, outliers(values)) // a few outliers must not make the rest pale
	f.left, f.right, f.top, f.bottom = 34, 0, 2, 22
	row := f.plotHeight() / float64(len(h.Rows))
	s.openGroup(f, h.Title, h.Desc)
	for i, r := range h.Rows {
		y := f.top + float64(i)*row
		s.part(r.Tip, " data-steps")
		s.text(0, y+row/2+4.5, "", r.Name)
		step := f.plotWidth() / float64(max(len(r.Cells), 1))
		for j, c := range r.Cells {
			s.put(`<path class="h`, strconv.Itoa(h.shade(c.Value)), `" d="`,
				box(f.left+float64(j)*step, y, step-1, row-1), `" data-tip="`, escape(c.Tip), `"/>`)
		}
		s.put(`</g>`)
	}
	s.put(`<g>`)
	for _, l := range h.Foot {
		s.text(f.left+l.At*f.plotWidth()/24, f.height-5, l.Anchor, l.Text)
	}
	s.put(`</g>`)
}

// shade returns 0 for zero, else a level from 1 to shades.
func (h Heatmap) shade(v float64) int {
	v = finite(v)
	if v <= 0 {
		return 0
	}
	return min(max(int(math.Ceil(v/h.Peak*shades)), 1), shades)
}
