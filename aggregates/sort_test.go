package aggregates

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBalancesAreSortedByRadixAsByComparing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, bits := range []int{1, 8, 20, 40, 64} {
		x := make([]int64, 5_000)
		for i := range x {
			x[i] = int64(r.Uint64()) >> (64 - bits)
		}
		want := slices.Clone(x)
		slices.Sort(want)
		sortBalances(x)
		if !slices.Equal(x, want) {
			t.Errorf("numbers of %d bits are not sorted", bits)
		}
	}
}
