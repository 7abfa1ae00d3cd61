package chart

import (
	"strings"

	"github.com/a-h/templ"
)

// Spark draws the course of a number without axes, as decoration beside the number
// itself. It spans from the smallest to the largest value. A constant number is a
// level line.
func Spark(values []float64) templ.Component {
	const width, height, margin = 120.0, 24.0, 2.0
	if len(values) == 0 {
		return templ.NopComponent
	}
	low, high := finite(values[0]), finite(values[0])
	for _, v := range values {
		low, high = min(low, finite(v)), max(high, finite(v))
	}
	y := func(v float64) float64 {
		if high == low {
			return height / 2
		}
		return height - margin - (finite(v)/(high-low)-low/(high-low))*(height-2*margin)
	}
	var d strings.Builder
	for i, v := range values {
		command := "L"
		if i == 0 {
			command = "M"
		}
		d.WriteString(command + point(float64(i)*width/float64(max(len(values)-1, 1)), y(v)))
	}
	if len(values) == 1 {
		d.WriteString("H" + num(width))
	}
	return templ.Raw(`<svg class="spark" viewBox="0 0 120 24" preserveAspectRatio="none" aria-hidden="true"><path d="` + d.String() + `"/></svg>`)
}
