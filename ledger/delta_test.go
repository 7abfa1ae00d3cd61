package ledger

import (
	"math"
	"testing"
	"time"
)

func TestHoursBeforeTheEpochAreRoundedDown(t *testing.T) {
	for at, want := range map[int64]int64{0: 0, 1: 0, -1: -1, -hourMicros: -1, -hourMicros - 1: -2, hourMicros: 1} {
		if got := floor(at, hourMicros); got != want {
			t.Errorf("floor(%d) = %d, want %d", at, got, want)
		}
	}
}

func TestAddNoticesOverflow(t *testing.T) {
	for _, test := range []struct {
		sum, v int64
		over   bool
	}{{math.MaxInt64, 1, true}, {math.MinInt64, -1, true}, {math.MaxInt64, 0, false}, {math.MaxInt64, -1, false},
		{1, math.MaxInt64 - 1, false}, {-1, math.MinInt64 + 1, false}} {
		d := newDeltas(time.UTC)
		sum := test.sum
		if d.add("it", &sum, test.v); (d.overflow != "") != test.over {
			t.Errorf("%d + %d: overflow %q, want %v", test.sum, test.v, d.overflow, test.over)
		}
	}
}
