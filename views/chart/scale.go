package chart

import (
	"cmp"
	"math"
	"slices"
)

// Ticks formats the labels of a value axis, all in one unit.
type Ticks func(values []float64) []string

// A scale maps values to heights. Its ticks cover all values.
type scale struct {
	ticks    []float64
	low, top float64
	bottom   float64 // the height of low
	height   float64
	log      bool // equal factors are equally high; all ticks are above zero
}

// y returns the height of a value. A value beyond the ticks is at their end.
func (s scale) y(v float64) float64 {
	v = min(max(v, s.low), s.top)
	if s.log {
		return s.bottom - math.Log(v/s.low)/math.Log(s.top/s.low)*s.height
	}
	return s.bottom - (v/(s.top-s.low)-s.low/(s.top-s.low))*s.height
}

// mostTicks is how many ticks a logarithmic axis has at most.
const mostTicks = 7

// logTicks returns ticks above zero that cover the values from low to high: equal
// steps where they differ little, else 1, 2 and 5 times powers of ten, or the powers
// alone, or some of them. It returns nil unless low is above zero.
func logTicks(low, high float64) []float64 {
	if low <= 0 {
		return nil
	}
	if high < 5*low {
		if ticks := niceTicks(low, high, 4, 0); ticks[0] > 0 {
			return ticks
		}
	}
	first, last := int(math.Floor(math.Log10(low))), int(math.Floor(math.Log10(high)))
	for _, steps := range [][]float64{{1, 2, 5}, {1}} {
		var ticks []float64
		for power := first; power <= last+1 && len(ticks) <= 2*mostTicks; power++ {
			for _, step := range steps {
				ticks = append(ticks, step*math.Pow10(power))
			}
		}
		for len(ticks) > 2 && ticks[1] <= low {
			ticks = ticks[1:]
		}
		for len(ticks) > 2 && ticks[len(ticks)-2] >= high {
			ticks = ticks[:len(ticks)-1]
		}
		if len(ticks) <= mostTicks {
			return ticks
		}
	}
	every := (last + 1 - first + mostTicks - 2) / (mostTicks - 1)
	var ticks []float64
	for power := first; ; power += every {
		ticks = append(ticks, math.Pow10(power))
		if power > last {
			return ticks
		}
	}
}

// newScale returns a scale that covers zero and all values with about n steps of
// 1, 2, 2.5 or 5 times a power of ten, not smaller than least.
func newScale(f frame, values []float64, n int, least float64) scale {
	low, high := 0.0, 0.0
	for _, v := range values {
		low, high = min(low, finite(v)), max(high, finite(v))
	}
	ticks := niceTicks(low, high, n, least)
	return scale{ticks: ticks, low: ticks[0], top: ticks[len(ticks)-1], bottom: f.floor(), height: f.plotHeight()}
}

func niceTicks(low, high float64, n int, least float64) []float64 {
	if low == 0 && high == 0 {
		return []float64{0, max(least, 1)}
	}
	step := niceStep(low, high, n, least)
	first, last := math.Floor(low/step), math.Ceil(high/step)
	ticks := make([]float64, 0, int(last-first)+1)
	for i := first; i <= last; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}

// niceStep returns the step whose ticks extend least beyond the values; among
// equals, the one whose number of steps is nearest to n.
func niceStep(low, high float64, n int, least float64) float64 {
	rough := max(high/float64(n)-low/float64(n), least)
	magnitude := math.Pow(10, math.Floor(math.Log10(rough)))
	best, bestCost := 0.0, math.Inf(1)
	for _, nice := range []float64{0.5, 1, 2, 2.5, 5, 10} {
		step := nice * magnitude
		if least > 0 && (step < least || math.Mod(step, least) != 0) {
			continue
		}
		steps := math.Ceil(high/step) - math.Floor(low/step)
		if steps > float64(n)+2 {
			continue
		}
		beyond := steps / (high/step - low/step)
		if cost := beyond + 0.12*math.Abs(steps-float64(n)); cost < bestCost {
			best, bestCost = step, cost
		}
	}
	if best == 0 {
		return magnitude * 10
	}
	return best
}

// outliers returns the largest magnitude that is drawn to scale. A few values,
// about a tenth and at most three, more than two and a half times above all others
// are beyond it: their columns are broken. Zeros do not count. Of four to nine values
// only one can be beyond, more than ten times above all others, and of fewer none:
// there is no rest from which it could stand out.
func outliers(values []float64) (limit float64) {
	var sorted []float64
	for _, v := range values {
		if v = math.Abs(finite(v)); v != 0 {
			sorted = append(sorted, v)
		}
	}
	slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(b, a) })
	limit = math.Inf(1)
	switch {
	case len(sorted) < 4:
		return limit
	case len(sorted) < 10:
		if sorted[0] > 10*sorted[1] {
			return sorted[1]
		}
		return limit
	}
	for k := 1; k <= min(3, (len(sorted)+5)/10); k++ {
		if rest := sorted[k]; sorted[k-1] > 2.5*rest {
			limit = rest
		}
	}
	return limit
}
