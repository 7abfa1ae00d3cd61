package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func asks(values ...float64) Dots {
	write := func(v float64) string { return fmt.Sprintf("£%.2f", v) }
	return Dots{
		About: About{ID: "asked", Title: "What all ask", Desc: "Rings."}, Values: values, Empty: "nobody asks",
		Marks: []DotMark{{38.4, "median £38.40"}, {37.1, "usually £37.10"}},
		Ticks: func(values []float64) (labels []string) {
			for _, v := range values {
				labels = append(labels, fmt.Sprintf("%.4g", v))
			}
			return labels
		},
		Write: write, Each: func(n int) string { return fmt.Sprintf("a ring is up to %d", n) },
		Beyond: func(n int, than string) string { return fmt.Sprintf("%d more above %s", n, than) },
		Tip:    func(from, to int) string { return fmt.Sprintf("%d to %d", from, to-1) },
	}
}

// Every value is in exactly one tip, the drawing is bounded, and one ring is filled.
func TestEveryAskIsInOneTip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(0, 1e9), rapid.Float64Range(30, 50), rapid.Just(40.0)), 1, 1000).Draw(t, "values")
		slices.Sort(values)
		d := asks(values...)
		d.First = rapid.SampledFrom([]int{0, len(values) - 1}).Draw(t, "first")
		seen := make([]int, len(values))
		d.Tip = func(from, to int) string {
			for i := from; i < to; i++ {
				seen[i]++
			}
			return "£1"
		}
		drawn := draw(t, d.Draw())
		for i, n := range seen {
			if n != 1 {
				t.Fatalf("value %d of %d is in %d tips", i, len(values), n)
			}
		}
		if rings := strings.Count(drawn, "<circle"); rings > 80*mostDots {
			t.Errorf("%d rings for %d values", rings, len(values))
		}
		if bad := faults(drawn); bad != "" {
			t.Errorf("%s in %s", bad, drawn)
		}
		left := len(values) - d.within()
		if full := strings.Count(drawn, `"dot full"`); full != 2 && (left == 0 || d.First == 0) {
			t.Errorf("%d rings are filled, want one for each width", full)
		}
	})
}

func TestAsksFarAboveTheOthersAreCounted(t *testing.T) {
	drawn := draw(t, asks(34, 36, 38, 40, 150, 900).Draw())
	if !strings.Contains(drawn, "2 more above £40.00") || !strings.Contains(drawn, `data-tip="4 to 5"`) {
		t.Error("those far above are not counted, or not named: ", drawn)
	}
}
