package chart

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func stacks(values ...[2][]float64) Stacks {
	c := Stacks{About: About{Title: "Stacks"}, Ticks: numbers, Labels: func(float64) []Label { return nil }, Net: true, Empty: "nothing"}
	for _, v := range values {
		c.Values = append(c.Values, Stack{Up: v[0], Down: v[1], Tip: "tip", Written: "broken"})
	}
	return c
}

// Whatever the values, the drawings are well formed and within their frame.
func TestStacksAndRangesStayWithinTheirFrame(t *testing.T) {
	number := rapid.OneOf(rapid.Float64Range(-1e19, 1e19), rapid.SampledFrom([]float64{0, 1, math.MaxInt64, math.MinInt64, math.NaN(), math.Inf(1), math.Inf(-1)}))
	rapid.Check(t, func(rt *rapid.T) {
		var values [][2][]float64
		for range rapid.IntRange(0, 20).Draw(rt, "n") {
			values = append(values, [2][]float64{rapid.SliceOfN(number, 0, 5).Draw(rt, "up"), rapid.SliceOfN(number, 0, 5).Draw(rt, "down")})
		}
		for _, html := range []string{draw(t, stacks(values...).Draw()), draw(t, Range(number.Draw(rt, "low"), number.Draw(rt, "at"), number.Draw(rt, "high"), "low", "high", "good"))} {
			if fault := faults(html); fault != "" {
				rt.Fatalf("%s:\n%s", fault, html)
			}
		}
	})
}

func TestAColumnFarBeyondTheOthersIsBroken(t *testing.T) {
	var values [][2][]float64
	for i := range 12 {
		values = append(values, [2][]float64{{float64(10 + i), 5}, {3}})
	}
	values[0][0][0] = 10_000
	html := draw(t, stacks(values...).Draw())
	if strings.Count(html, `class="cut"`) != 1 || !strings.Contains(html, "broken") {
		t.Errorf("no broken column:\n%s", html)
	}
}
