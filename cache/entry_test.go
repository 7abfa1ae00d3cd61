package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

func TestTheVersionChangesWithWhatAPageShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := s.memo(c)
		seen := map[uint64]string{}
		note := func(when string) {
			t.Helper()
			r := get(t, m, One{})
			if again := get(t, m, One{}); again != r {
				t.Errorf("%s: two readers got %v and %v", when, r, again)
			}
			if before, ok := seen[r.Version]; ok {
				t.Errorf("%s: version as %s", when, before)
			}
			seen[r.Version] = when
		}
		note("first value")
		s.set(time.Second, nil, nil)
		boundary()
		note("stale")
		time.Sleep(2 * time.Second)
		note("second value")
		s.set(0, errDown, nil)
		boundary()
		note("degraded")
		time.Sleep(16 * time.Second)
		get(t, m, One{})
		synctest.Wait()
		note("degraded again")
	})
}
