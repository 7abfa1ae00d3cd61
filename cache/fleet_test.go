package cache_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

// fleet opens processes that share a store and a source.
func fleet(t *testing.T, n int, store cache.Store, s *source) []*cache.Memo[One, int] {
	var memos []*cache.Memo[One, int]
	for range n {
		memos = append(memos, s.memo(open(t, cache.Deps{Store: store})))
	}
	return memos
}

func TestAColdFleetRunsOneProducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(12*time.Second, nil, nil)
		memos := fleet(t, 3, cache.NewMemory(), &s)
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() { wantResult(t, get(t, memos[i%3], One{}), 1, cache.Fresh, "cold") })
		}
		wg.Wait()
		s.wantRuns(t, 1, "for 60 readers of 3 processes")
	})
}

func TestAWarmFleetRunsOneProducerAWindowAndNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		memos := fleet(t, 3, cache.NewMemory(), &s)
		for _, m := range memos {
			get(t, m, One{})
		}
		s.set(2*time.Second, nil, nil)
		for n := range 10 {
			boundary()
			began := time.Now()
			for _, m := range memos {
				wantResult(t, get(t, m, One{}), n+1, cache.Stale, "while it is computed")
			}
			if waited := time.Since(began); waited > 0 {
				t.Errorf("readers with a value waited %v", waited)
			}
			time.Sleep(2*time.Second + time.Millisecond)
			for _, m := range memos {
				wantResult(t, get(t, m, One{}), n+2, cache.Fresh, "as soon as it is computed")
			}
			s.wantRuns(t, int64(n+2), "in a window of 3 processes")
		}
	})
}

func TestAFreshProcessServesTheSharedValueWithoutAProducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		store := cache.NewMemory()
		first := get(t, fleet(t, 1, store, &s)[0], One{})
		late := fleet(t, 1, store, &s)[0]
		if r := get(t, late, One{}); r != first {
			t.Errorf("another process shows %v, want %v with the same version", r, first)
		}
		time.Sleep(20 * window)
		s.set(5*time.Second, nil, nil)
		began := time.Now()
		r := get(t, fleet(t, 1, store, &s)[0], One{})
		if r.State != cache.Stale || time.Since(began) > 0 {
			t.Errorf("from an old blob: %v after %v, want stale at once", r.State, time.Since(began))
		}
	})
}

func TestAFailureBacksOffTheWholeFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		memos := fleet(t, 3, cache.NewMemory(), &s)
		for _, m := range memos {
			get(t, m, One{})
		}
		s.set(0, errDown, nil)
		boundary()
		time.Sleep(500 * time.Millisecond) // for the failure to reach the others
		for range 14 {
			for _, m := range memos {
				r := get(t, m, One{})
				wantResult(t, r, 1, cache.Degraded, "in any process")
			}
			time.Sleep(time.Second)
		}
		s.wantRuns(t, 2, "in half a window after the failure")
	})
}
