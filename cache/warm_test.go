package cache_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
)

func TestAFreshProcessIsWarmedByItsUsualKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(time.Second, nil, nil)
		c := open(t, cache.Deps{})
		m := s.items(c).Prewarm("a", "b", "c", "d", "e")
		var told []string
		began := time.Now()
		err := c.Warm(t.Context(), nil, func(p cache.Progress) {
			if len(told)+1 != p.Done || p.Of != 5 || p.Memo != "item" || p.Error != "" {
				t.Errorf("progress = %+v after %v", p, told)
			}
			told = append(told, p.Key)
		})
		if err != nil || len(told) != 5 || time.Since(began) < 2*time.Second {
			t.Errorf("Warm() = %v, told of %v after %v; want all, not all at once", err, told, time.Since(began))
		}
		for _, p := range []Item{"a", "b", "c", "d", "e"} {
			if r := get(t, m, p); r.State != cache.Fresh {
				t.Errorf("%s is %v after warming", p, r.State)
			}
		}
		s.wantRuns(t, 5, "after warming and reading")

		get(t, m, "z")
		boundary()
		time.Sleep(10 * time.Second)
		if err := c.Warm(t.Context(), []string{"item"}, nil); err != nil {
			t.Error(err)
		}
		if r := get(t, m, "z"); r.State != cache.Fresh {
			t.Errorf("a key that was asked for is %v after warming", r.State)
		}

		s.set(0, errDown, nil)
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Key("item", "b"), cache.Key("item", "d")); err != nil {
			t.Fatal(err)
		}
		failed := map[string]bool{}
		err = c.Warm(t.Context(), nil, func(p cache.Progress) {
			if p.Error != "" {
				failed[p.Key] = true
			}
		})
		if diff := cmp.Diff(map[string]bool{"item:b": true, "item:d": true}, failed); diff != "" || !errors.Is(err, errDown) {
			t.Errorf("Warm() of failing producers = %v, failed %s", err, diff)
		}

		var unknown *cache.UnknownMemoError
		if err := c.Warm(t.Context(), []string{"item", "items"}, nil); !errors.As(err, &unknown) || unknown.Name != "items" {
			t.Errorf("Warm(items) = %v, want that it is unknown", err)
		}
		s.set(time.Hour, nil, nil)
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Name("item")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // past the back-off
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Warm(ctx, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Warm() that is stopped = %v", err)
		}
	})
}

func TestWarmingWaitsForWhatAnotherProcessComputes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := cache.NewMemory()
		var s source
		first, second := open(t, cache.Deps{Store: store}), open(t, cache.Deps{Store: store})
		a, b := s.memo(first), s.memo(second).Prewarm(One{})
		get(t, a, One{})
		get(t, b, One{})
		time.Sleep(2 * time.Second)
		s.set(5*time.Second, nil, nil)
		if err := first.Invalidate(t.Context(), cache.Soft, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		get(t, a, One{}) // stale, and computed anew by the first
		time.Sleep(time.Second)
		if err := second.Warm(t.Context(), nil, nil); err != nil {
			t.Errorf("Warm() = %v", err)
		}
		wantResult(t, get(t, b, One{}), 2, cache.Fresh, "after warming beside another process")
		s.wantRuns(t, 2, "by both")
	})
}

func TestWarmingEndsThoughWritesGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(100*time.Millisecond, nil, nil)
		c := open(t, cache.Deps{})
		m := s.memo(c).Prewarm(One{})
		get(t, m, One{})
		ctx, stop := context.WithCancel(t.Context())
		var writer sync.WaitGroup
		writer.Go(func() {
			for ctx.Err() == nil {
				if err := c.Invalidate(context.Background(), cache.Soft, cache.Tag("ledger")); err != nil {
					t.Error(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		time.Sleep(time.Second)
		began := time.Now()
		err := c.Warm(t.Context(), nil, nil)
		if took := time.Since(began); err != nil || took > 2*time.Second {
			t.Errorf("Warm() while each 50 ms something is written = %v after %v", err, took)
		}
		stop()
		writer.Wait()
	})
}
