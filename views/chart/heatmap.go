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
	About
	Rows  []HeatRow
	Foot  []Label // under the columns, in columns from the left
	Peak  float64 // the value of the darkest shade
	Empty string  // why there are no values
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
	return drawn(len(h.Rows) == 0 || !(finite(h.Peak) > 0), h.Empty, h.draw)
}

func (h Heatmap) draw(s *svg) {
	var values []float64
	columns := 1
	for _, r := range h.Rows {
		columns = max(columns, len(r.Cells))
		for _, c := range r.Cells {
			values = append(values, c.Value)
		}
	}
	h.Peak = min(h.Peak, outliers(values)) // a few outliers must not make the rest pale
	f := ordinary
	f.top = 0
	row := math.Floor(f.plotHeight() / float64(max(len(h.Rows), 1)))
	step := 100 / float64(columns)
	s.openGroup(f, h.About, "names")
	for i, r := range h.Rows {
		s.put(`<g class="heat" tabindex="0" role="img" data-steps aria-label="`, escape(r.Tip), `" transform="translate(0 `, num(float64(i)*row), `)">`)
		s.text(0, row/2+4, -34, "", r.Name)
		for j, c := range r.Cells {
			s.rect("h"+strconv.Itoa(h.shade(c.Value)), float64(j)*step, 0, step, row, c.Tip)
		}
		s.put(`</g>`)
	}
	s.labelled(func(width float64) []placed {
		var all []placed
		for _, l := range h.Foot {
			all = append(all, place(l.At*step, f.height-5, width, "", l.Text))
		}
		return all
	})
	s.close()
}

// shade returns 0 for zero, else a level from 1 to shades.
func (h Heatmap) shade(v float64) int {
	v = finite(v)
	if v <= 0 {
		return 0
	}
	return min(max(int(math.Ceil(v/h.Peak*shades)), 1), shades)
}
