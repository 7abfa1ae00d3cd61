package cache_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

func TestTheLagIsMeasuredWithinHalfASecondAndFive(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0:                       500 * time.Millisecond,
		1200 * time.Millisecond: 1500 * time.Millisecond,
		14 * time.Second:        5 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			var s source
			s.set(took, nil, nil)
			if got := get(t, s.memo(open(t, cache.Deps{})), One{}).Lag; got != want {
				t.Errorf("a producer of %v has a lag of %v, want %v", took, got, want)
			}
		})
	}
}

func TestPercentilesAreOfWhatWasMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := cache.NewMemo(c, cache.Spec{Name: "item", Window: 24 * time.Hour},
			func(ctx context.Context, _ cache.Window, _ Item) (int, error) { return s.produce(ctx) })
		for i := range 600 { // more than are kept
			s.set(time.Duration(max(i-100, 0)+1)*time.Millisecond, nil, nil)
			get(t, m, Item(fmt.Sprint(i)))
		}
		got := c.Stats(t.Context()).Memos[0].Producer
		mean := (100*1 + 500*501/2) * time.Millisecond / 600
		want := cache.Latency{Count: 600, Mean: cache.SecondsOf(mean), P50: 0.25, P95: 0.475, P99: 0.495}
		if got != want {
			t.Errorf("latency = %+v, want %+v", got, want)
		}
	})
}
