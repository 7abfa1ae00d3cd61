package chart

import "github.com/a-h/templ"

// Inline draws a short bar within a line of text or a row of a table, for a share
// of the largest value.
func Inline(share float64) templ.Component {
	share = min(max(finite(share), 0), 1)
	return templ.Raw(`<svg class="inbar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><path d="M0 0h` +
		num(share*100) + `v8H0z"/></svg>`)
}

// Strip draws the parts of a whole in one line, over a table that names them.
// Parts below zero are left out.
type Strip []Part

// A Part is one value of a strip. Class gives its colour.
type Part struct {
	Value float64
	Class string
	Tip   string
}

// Draw draws the strip, and nothing if no part is above zero.
func (p Strip) Draw() templ.Component {
	largest := 0.0
	for _, part := range p {
		largest = max(largest, finite(part.Value))
	}
	if largest <= 0 {
		return templ.NopComponent
	}
	return drawn(false, "", func(s *svg) {
		whole := 0.0 // in units of the largest, so that the sum is finite
		for _, part := range p {
			whole += max(finite(part.Value), 0) / largest
		}
		s.put(`<svg class="chart stripe" height="22" aria-hidden="true">`)
		x := 0.0
		for _, part := range p {
			if width := max(finite(part.Value), 0) / largest / whole * 100; width > 0 {
				s.rect("bar "+part.Class, x, 0, width, 22, part.Tip)
				x += width
			}
		}
		s.put(`</svg>`)
	})
}
