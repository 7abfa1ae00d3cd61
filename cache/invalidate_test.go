package cache_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
)

func TestAnInvalidationDuringARunIsNotLost(t *testing.T) {
	for _, mode := range []cache.Mode{cache.Soft, cache.Hard} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s source
				s.set(10*time.Second, nil, nil)
				c := open(t, cache.Deps{})
				m := s.memo(c)
				var wg sync.WaitGroup
				var first cache.Result[int]
				wg.Go(func() { first = get(t, m, One{}) })
				time.Sleep(5 * time.Second)
				if err := c.Invalidate(t.Context(), mode, cache.Tag("ledger")); err != nil {
					t.Fatal(err)
				}
				wg.Wait()
				if mode == cache.Soft {
					wantResult(t, first, 1, cache.Stale, "what the run found from before")
				} else {
					wantResult(t, first, 2, cache.Fresh, "who waited")
				}
				time.Sleep(time.Until(cache.WindowAt(time.Now(), window).End) - time.Millisecond)
				wantResult(t, get(t, m, One{}), 2, cache.Fresh, "in the end")
			})
		})
	}
}

func TestAForbiddenValueStaysForbiddenWhileItsProducerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := s.memo(c)
		get(t, m, One{})
		s.set(0, errDown, nil)
		if err := c.Invalidate(t.Context(), cache.Hard, cache.Name("number")); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			if r, err := m.Get(t.Context(), One{}); err == nil {
				t.Fatalf("Get = %v, want an error: the value is forbidden", r)
			}
			time.Sleep(time.Second)
		}
		s.set(0, nil, nil)
		time.Sleep(31 * time.Second)
		if r := get(t, m, One{}); r.State != cache.Fresh {
			t.Errorf("after recovery: %v", r.State)
		}
	})
}

func TestLostMessagesAreMadeUpForWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := lossy{cache.NewMemory()}
		var s source
		a, b := open(t, cache.Deps{Store: store}), open(t, cache.Deps{Store: store})
		m, n := s.memo(a), s.memo(b)
		get(t, m, One{})
		wantResult(t, get(t, n, One{}), 1, cache.Fresh, "the other process")
		if err := a.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second + time.Millisecond)
		wantResult(t, get(t, n, One{}), 2, cache.Fresh, "the other process a second later")
		get(t, m, One{})
		s.wantRuns(t, 2, "in both")
	})
}

func TestAnInvalidationRaisesTheGenerationThenReachesItsProcessThenTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		var m *cache.Memo[One, int]
		var steps []string
		store := witness{cache.NewMemory(), func(step string) {
			steps = append(steps, fmt.Sprint(step, ": ", get(t, m, One{}).State))
		}}
		c := open(t, cache.Deps{Store: store})
		m = s.memo(c)
		get(t, m, One{})
		s.set(time.Second, nil, nil) // so that the refresh is still under way
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Tag("ledger")); err != nil {
			t.Errorf("Invalidate() = %v, though the others find out by themselves", err)
		}
		want := []string{"before the generation: fresh", "after the generation: fresh", "when the others are told: stale"}
		if diff := cmp.Diff(want, steps); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMoreScopesThanAreKeptForbidWhatIsOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := s.items(c)
		get(t, m, "a")
		if err := c.Invalidate(t.Context(), cache.Hard, cache.Key("item", "a")); err != nil {
			t.Fatal(err)
		}
		for i := range 11_000 {
			if err := c.Invalidate(t.Context(), cache.Hard, cache.Key("item", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		wantResult(t, get(t, m, "a"), 2, cache.Fresh, "a key whose mark was forgotten")
	})
}

func TestManySoftInvalidationsForbidNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s, other source
		c := open(t, cache.Deps{})
		s.items(c)
		m := other.memo(c)
		get(t, m, One{})
		other.set(0, errDown, nil)
		for i := range 10_001 {
			if err := c.Invalidate(t.Context(), cache.Soft, cache.Key("item", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := m.Get(t.Context(), One{}); err != nil || r.Value != 1 {
			t.Errorf("another memo, whose producer fails: %v, %v; want its last value", r, err)
		}
	})
}

func TestAnInvalidationOfTheFutureHidesNoneThatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lateStore{Memory: cache.NewMemory()}
		var s source
		c := open(t, cache.Deps{Store: store})
		m := s.memo(c)
		store.send(cache.Message{Invalidations: []cache.Invalidation{{Scope: "all", Mode: cache.Soft, Generation: 9_000_000_000_000_000_000}}})
		get(t, m, One{})
		for range 2 {
			time.Sleep(2 * time.Second)
			before := get(t, m, One{}).Value
			if err := c.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
				t.Fatal(err)
			}
			if r := get(t, m, One{}); r.Value == before {
				t.Error("a hard invalidation changes nothing")
			}
		}
	})
}

// A message of tomorrow's invalidation, which the store knows nothing of, must not
// put what is computed from then on out of reach.
func TestAfterAMessageFromTheFutureOthersCanForbid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lateStore{Memory: cache.NewMemory()}
		var s source
		m := s.memo(open(t, cache.Deps{Store: store}))
		other := open(t, cache.Deps{Store: store.Memory})
		s.memo(other)
		tomorrow := time.Now().Add(23 * time.Hour).UnixMicro()
		store.send(cache.Message{Invalidations: []cache.Invalidation{{Scope: "key:nothing", Mode: cache.Soft, Generation: tomorrow}}})
		forbidden := get(t, m, One{}).Value
		s.set(0, errDown, nil)
		time.Sleep(10 * time.Second)
		if err := other.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if r, err := m.Get(t.Context(), One{}); err == nil {
			t.Errorf("the forbidden value %d of %d is shown, %v", r.Value, forbidden, r.State)
		}
	})
}

// The message of an older invalidation may come after that of a newer one.
func TestAnInvalidationThatIsHeardOfLateCountsAsMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lateStore{Memory: cache.NewMemory()}
		var s source
		c := open(t, cache.Deps{Store: store})
		m := s.memo(c)
		get(t, m, One{})
		time.Sleep(2 * time.Second)
		now := time.Now().UnixMicro()
		store.send(cache.Message{Invalidations: []cache.Invalidation{{Scope: "tag::sales", Mode: cache.Hard, Generation: now}}})
		wantResult(t, get(t, m, One{}), 1, cache.Fresh, "after a write that does not concern it")
		store.send(cache.Message{Invalidations: []cache.Invalidation{{Scope: "tag::ledger", Mode: cache.Hard, Generation: now - 1}}})
		wantResult(t, get(t, m, One{}), 2, cache.Fresh, "after an older one that does")
	})
}
