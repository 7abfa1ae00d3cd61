package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestOperatorsSeeWhatAMemoDoesAndCanWarmIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := s.items(c)
		get(t, m, "a")
		get(t, m, "a")
		get(t, m, "b")
		if err := c.Invalidate(t.Context(), cache.Soft, cache.OfMemo("item")); err != nil {
			t.Fatal(err)
		}
		steps := 0
		if err := c.Warm(t.Context(), []string{"item"}, func(done, of int) {
			if steps++; done != steps || of != 2 {
				t.Errorf("progress %d of %d, want %d of 2", done, of, steps)
			}
		}); err != nil || steps != 2 {
			t.Errorf("Warm = %v after %d steps, want 2", err, steps)
		}
		s.wantRuns(t, 4, "after warming both keys")
		want := cache.Stats{Memo: "item", Hits: 1, Misses: 2, Refreshes: 4, HitRatio: 1. / 3, Keys: 2}
		if got := c.Stats(); len(got) != 1 || got[0] != want {
			t.Errorf("Stats() = %+v, want %+v", got, want)
		}
		if err := c.Warm(t.Context(), []string{"items"}, nil); err == nil {
			t.Error("warming a memo that is not there = nil")
		}
		status, err := c.Status(t.Context(), "item", "a")
		if err != nil || !status.Cached || status.Window != cache.WindowAt(time.Now(), window) || status.Bytes == 0 {
			t.Errorf("Status(item a) = %+v, %v", status, err)
		}
		if status, err := c.Status(t.Context(), "item", "z"); err != nil || status.Cached {
			t.Errorf("Status(item z) = %+v, %v, want not cached", status, err)
		}
	})
}

func TestTheRoundTripIsMeasured(t *testing.T) {
	c := open(t, cache.Deps{Store: redisStore(t, testkit.Redis(t).Addr)})
	if r, err := c.TestRoundTrip(t.Context()); err != nil || r.Load == 0 || r.Publish == 0 {
		t.Errorf("TestRoundTrip() = %+v, %v", r, err)
	}
}
