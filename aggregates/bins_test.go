package aggregates

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBinsHoldEverybodyInRoundSteps(t *testing.T) {
	for _, c := range []struct {
		name     string
		balances []int64
		want     []Bin
	}{
		{"nobody", nil, nil},
		{"debt, nothing and a little", []int64{-70, -3, 0, 0, 1, 1, 3, 30}, []Bin{
			{-70, 0, 2, sumOf(-73), 0}, {0, 1, 2, sumOf(0), 0}, {1, 2, 2, sumOf(2), 0}, {2, 5, 1, sumOf(3), 0}, {5, 10, 0, sumOf(0), 0}, {10, 20, 0, sumOf(0), 0}, {20, 50, 1, sumOf(30), 0}}},
		{"six decades in thirds", []int64{25, 900_000}, []Bin{
			{10, 30, 1, sumOf(25), 0}, {30, 100, 0, sumOf(0), 0}, {100, 300, 0, sumOf(0), 0}, {300, 1000, 0, sumOf(0), 0}, {1000, 3000, 0, sumOf(0), 0}, {3000, 10_000, 0, sumOf(0), 0},
			{10_000, 30_000, 0, sumOf(0), 0}, {30_000, 100_000, 0, sumOf(0), 0}, {100_000, 300_000, 0, sumOf(0), 0}, {300_000, 1_000_000, 1, sumOf(900_000), 0}}},
		{"the largest there is", []int64{math.MaxInt64}, []Bin{{5e18, math.MaxInt64, 1, sumOf(math.MaxInt64), 0}}},
	} {
		if diff := cmp.Diff(c.want, NewDistribution(c.balances).Bins()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	bins := NewDistribution([]int64{math.MinInt64, -1, 0, 1, 50, 7e9, math.MaxInt64}).Bins()
	var holders int64
	for i, b := range bins {
		holders += b.Holders
		if i > 0 && b.Low != bins[i-1].High && bins[i-1].High != 1 {
			t.Errorf("a gap between %v and %v", bins[i-1], b)
		}
	}
	if holders != 7 || len(bins) > mostBins+2 {
		t.Errorf("%d holders in %d bins: %v", holders, len(bins), bins)
	}
}
