package cache_test

import (
	"sync"
	"testing"

	"exchequer/cache"
)

func TestCountsReadDuringAResetAreNotBelowZero(t *testing.T) {
	var s source
	c := open(t, cache.Deps{})
	m := s.memo(c)
	get(t, m, One{})
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for _, f := range []func(){func() { get(t, m, One{}) }, func() { c.ResetStats() }} {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	for range 50_000 {
		if n := c.Stats(t.Context()).Memos[0]; n.Hits > 1<<40 || n.Asked > 1<<40 || n.HitRatio != nil && *n.HitRatio > 1 {
			t.Errorf("%d hits, %d asked, ratio %v", n.Hits, n.Asked, n.HitRatio)
			break
		}
	}
	close(stop)
	busy.Wait()
}
