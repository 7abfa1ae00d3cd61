package aggregates

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// measures are all that there are, by name; those that are not available are
// left out.
func measures(balances []int64) map[string]float64 {
	d := NewDistribution(slices.Clone(balances))
	all := map[string]float64{}
	for name, m := range map[string]Measure{
		"Gini": d.Gini(), "GiniNormal": d.GiniNormal(), "top 1 %": d.TopShare(1, 100), "top 10 %": d.TopShare(10, 100),
		"bottom 50 %": d.BottomShare(50, 100), "Palma": d.Palma(), "Theil": d.Theil(), "HHI": d.HHI(), "Nakamoto": d.Nakamoto(),
	} {
		if m.Value != nil {
			all[name] = *m.Value
		}
	}
	return all
}

func same(t *rapid.T, why string, got, want map[string]float64) {
	t.Helper()
	for name := range want {
		if math.Abs(got[name]-want[name]) > 1e-9*max(1, math.Abs(want[name])) {
			t.Fatalf("%s: %s = %v, was %v", why, name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d measures available, were %d", why, len(got), len(want))
	}
}

func holdings(t *rapid.T, least int64) []int64 {
	return rapid.SliceOfN(rapid.Int64Range(least, 1_000_000), 1, 60).Draw(t, "balances")
}

func TestMeasuresDoNotDependOnOrderOrCurrency(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := holdings(t, -50_000)
		want := measures(x)
		shuffled := rapid.Permutation(x).Draw(t, "shuffled")
		same(t, "shuffled", measures(shuffled), want)
		scale := rapid.Int64Range(1, 1_000_000).Draw(t, "scale")
		scaled := make([]int64, len(x))
		for i := range x {
			scaled[i] = x[i] * scale
		}
		same(t, "scaled", measures(scaled), want)
	})
}

func TestMeasuresOfSharesAreTheSameForACopiedPopulation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := holdings(t, -50_000)
		want := measures(x)
		copies := rapid.IntRange(2, 5).Draw(t, "copies")
		got := measures(slices.Repeat(x, copies))
		// Concentration counts heads: k copies, a k-th of the index.
		delete(want, "Nakamoto")
		delete(got, "Nakamoto")
		if hhi, ok := want["HHI"]; ok {
			want["HHI"] = hhi / float64(copies)
		}
		same(t, "copied", got, want)
	})
}

func TestMoneyFromPoorToRichNeverLooksMoreEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := holdings(t, 0)
		slices.Sort(x)
		before := measures(x)
		i := rapid.IntRange(0, len(x)-1).Draw(t, "poor")
		j := rapid.IntRange(i, len(x)-1).Draw(t, "rich")
		amount := rapid.Int64Range(0, x[i]).Draw(t, "amount")
		if i == j || amount == 0 {
			return
		}
		x[i] -= amount
		x[j] += amount
		after := measures(x)
		if after["Gini"] <= before["Gini"] {
			t.Fatalf("Gini went from %v to %v", before["Gini"], after["Gini"])
		}
		for _, name := range []string{"Theil", "HHI", "top 1 %", "top 10 %"} {
			if after[name] < before[name]*(1-1e-12) {
				t.Fatalf("%s went from %v to %v", name, before[name], after[name])
			}
		}
		if after["bottom 50 %"] > before["bottom 50 %"] || after["Nakamoto"] > before["Nakamoto"] {
			t.Fatalf("%v became %v", before, after)
		}
	})
}

func TestMeasuresKeepTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := holdings(t, 0)
		n := float64(len(x))
		for name, bound := range map[string][2]float64{
			"Gini": {0, 1 - 1/n}, "top 1 %": {0.01, 1}, "top 10 %": {0.1, 1}, "bottom 50 %": {0, 0.5},
			"Palma": {0.25, math.Inf(1)}, "Theil": {0, math.Log(n)}, "HHI": {1e4 / n, 1e4}, "Nakamoto": {1, math.Floor(n/2) + 1},
		} {
			if v, ok := measures(x)[name]; ok && (v < bound[0]-1e-9 || v > bound[1]+1e-9) {
				t.Fatalf("%s = %v, want within %v", name, v, bound)
			}
		}
	})
}

func TestWithDebtorsTheNormalisedGiniStaysWithinOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := holdings(t, -1_000_000)
		got := measures(x)
		if v, ok := got["GiniNormal"]; ok && (v < 0 || v > 1) {
			t.Fatalf("GiniNormal = %v", v)
		}
		// The definition, as it is written: all pairs.
		var pairs, absolute, total float64
		for _, a := range x {
			absolute += math.Abs(float64(a))
			total += float64(a)
			for _, b := range x {
				pairs += math.Abs(float64(a - b))
			}
		}
		n := float64(len(x))
		want := map[string]float64{}
		if total > 0 {
			want["Gini"] = pairs / (2 * n * total)
		}
		if slices.Min(x) < 0 {
			want["GiniNormal"] = pairs / (2 * n * absolute)
		}
		for _, name := range []string{"Gini", "GiniNormal"} {
			if math.Abs(got[name]-want[name]) > 1e-9*max(1, want[name]) {
				t.Fatalf("%s = %v, want %v", name, got[name], want[name])
			}
		}
	})
}
