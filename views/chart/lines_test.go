package chart

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func lines(log bool, all ...[]float64) Lines {
	l := Lines{About: About{Title: "Lines"}, Ticks: numbers, Labels: func(float64) []Label { return nil }, Log: log, Empty: "nothing"}
	for i, values := range all {
		l.Series = append(l.Series, Series{Name: fmt.Sprint("line ", i), Class: fmt.Sprint("s", i+1), Values: values})
		for len(l.Tips) < len(values) {
			l.Tips = append(l.Tips, "tip")
		}
	}
	return l
}

func TestAnyLinesAreDrawnWithinTheFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		var all [][]float64
		for range rapid.IntRange(0, 6).Draw(t, "lines") {
			all = append(all, rapid.SliceOfN(value(), n, n).Draw(t, "values"))
		}
		l := lines(rapid.Bool().Draw(t, "log"), all...)
		l.Room, l.Tall = rapid.IntRange(0, 6).Draw(t, "room"), rapid.Bool().Draw(t, "tall")
		l.Zero, l.Beside = rapid.Bool().Draw(t, "zero"), rapid.SliceOfN(value(), 0, 3).Draw(t, "beside")
		drawn := draw(t, l.Draw())
		if bad := faults(drawn); bad != "" {
			t.Fatalf("%s in %s", bad, drawn)
		}
		if l.Log && n > 0 && len(all) > 0 && !l.scale(ordinary).log && !slices.ContainsFunc(append(all, l.Beside), func(values []float64) bool {
			return slices.ContainsFunc(values, func(v float64) bool { return !(v > 0) || math.IsInf(v, 0) })
		}) {
			t.Fatalf("values above zero have no logarithmic axis: %v", all)
		}
	})
}

func TestLogarithmicTicksCoverTheValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := math.Pow(10, rapid.Float64Range(-9, 18).Draw(t, "low"))
		high := low * math.Pow(10, rapid.Float64Range(0.01, 30).Draw(t, "decades"))
		ticks := logTicks(low, high)
		n := len(ticks)
		if n < 2 || n > 9 || ticks[0] > low*(1+1e-9) || ticks[n-1] < high*(1-1e-9) || ticks[0] <= 0 || !slices.IsSorted(ticks) {
			t.Fatalf("ticks from %v to %v: %v", low, high, ticks)
		}
	})
	for _, c := range []struct {
		low, high float64
		want      []float64
	}{
		{90, 130, []float64{90, 100, 110, 120, 130}},
		{3, 60, []float64{2, 5, 10, 20, 50, 100}},
		{2, 90_000, []float64{1, 10, 100, 1000, 10_000, 100_000}},
		{1, 9e11, []float64{1, 100, 10_000, 1e6, 1e8, 1e10, 1e12}},
		{-1, 5, nil},
	} {
		if diff := cmp.Diff(c.want, logTicks(c.low, c.high)); diff != "" {
			t.Errorf("from %v to %v: %s", c.low, c.high, diff)
		}
	}
}

// Equal factors are equally high.
func TestALogarithmicAxisShowsFactors(t *testing.T) {
	sc := lines(true, []float64{1, 10, 100, 1000}).scale(ordinary)
	if a, b := sc.y(1)-sc.y(10), sc.y(100)-sc.y(1000); math.Abs(a-b) > 1e-9 || a <= 0 {
		t.Errorf("from 1 to 10 are %v px, from 100 to 1000 %v px", a, b)
	}
	if lines(true, []float64{0, 10}).scale(ordinary).log {
		t.Error("zero is on a logarithmic axis")
	}
}

var endNames = regexp.MustCompile(`class="e b halo" x="100%" y="([0-9.]+)"`)

func TestNamesOfLinesDoNotTouch(t *testing.T) {
	for _, ends := range [][]float64{{5, 5, 5, 5, 5, 5}, {0, 0.1, 0.2, 10, 9.9, 10}, {0, 0, 0, 0, 0, 10}} {
		var all [][]float64
		for _, end := range ends {
			all = append(all, []float64{1, end})
		}
		var heights []float64
		for _, match := range endNames.FindAllStringSubmatch(draw(t, lines(false, all...).Draw()), -1) {
			y, err := strconv.ParseFloat(match[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			heights = append(heights, y)
		}
		slices.Sort(heights)
		for i, y := range heights {
			if y < em || y > ordinary.floor() || i > 0 && y < heights[i-1]+nameHeight-0.1 {
				t.Errorf("the names of lines that end at %v stand at %v", ends, heights)
				break
			}
		}
		if len(heights) != len(ends) {
			t.Errorf("%d names of %d lines", len(heights), len(ends))
		}
	}
}

func TestAGapInALineStaysAGap(t *testing.T) {
	nan := math.NaN()
	drawn := draw(t, lines(false, []float64{nan, 1, 2, nan, 3, nan}).Draw())
	if moves := strings.Count(drawn, "M"); moves != 2 || !strings.Contains(drawn, `cx="75%" cy="22" r="1"`) {
		t.Errorf("%d parts of a line with a gap and a single value: %s", moves, drawn)
	}
	if got := draw(t, lines(false, []float64{nan, nan}).Draw()); got != `<p class="nothing">nothing</p>` {
		t.Errorf("lines without values are %s", got)
	}
}

// TestACutAxisSaysSo: a difference looks larger than it is where the axis does not
// begin at zero.
func TestACutAxisSaysSo(t *testing.T) {
	l := lines(false, []float64{60, 61, 62})
	if got := draw(t, l.Draw()); !strings.Contains(got, ">axis from 60<") {
		t.Errorf("an axis that begins at 60 does not say so: %s", got)
	}
	l.Zero = true
	if got := draw(t, l.Draw()); strings.Contains(got, "axis from") {
		t.Errorf("an axis that begins at zero says more: %s", got)
	}
}
