package cache_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

func TestWindowsAreAlignedToTheEpoch(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 44, 999, time.FixedZone("", 3600))
	got := cache.WindowAt(at, window)
	want := time.Date(2026, 3, 1, 11, 0, 30, 0, time.UTC)
	if !got.Start.Equal(want) || !got.End.Equal(want.Add(window)) || got.Start.Location() != time.UTC {
		t.Errorf("WindowAt(%v) = %v, want from %v", at, got, want)
	}
}

func TestTheProducerIsGivenTheWindowThatTheResultDescribes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(44 * time.Second)
		c := open(t, cache.Deps{})
		var given cache.Window
		m := cache.NewMemo(c, cache.Spec{Name: "w", Window: window}, func(_ context.Context, w cache.Window, _ One) (int, error) {
			given = w
			return 1, nil
		})
		r := get(t, m, One{})
		want := cache.WindowAt(time.Now(), window)
		if given != want || !r.AsOf.Equal(want.Start) || !r.Next.Equal(want.End) {
			t.Errorf("producer got %v, the result is as of %v, next %v; want %v", given, r.AsOf, r.Next, want)
		}
	})
}

func TestANumberIsComputedOnceAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{}))
		for range 100 {
			wantResult(t, get(t, m, One{}), 1, cache.Fresh, "within the window")
			time.Sleep(window / 200)
		}
		s.wantRuns(t, 1, "after 100 readers in a window")
	})
}

func TestTenCallersShareOneProducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(2*time.Second, nil, nil)
		m := s.memo(open(t, cache.Deps{}))
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { wantResult(t, get(t, m, One{}), 1, cache.Fresh, "cold") })
		}
		wg.Wait()
		s.wantRuns(t, 1, "after 10 callers at once")
	})
}

func TestAReaderInANewWindowGetsThePreviousValueAtOnceAndOneRefreshStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{}))
		first := get(t, m, One{})
		time.Sleep(10 * window) // without readers nothing is refreshed ahead
		before := s.runs.Load()
		s.set(5*time.Second, nil, nil)
		asked := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				r := get(t, m, One{})
				if r.State != cache.Stale || r.AsOf.Before(first.AsOf) || time.Since(asked) > 0 {
					t.Errorf("in a later window: %v as of %v after %v, want stale at once", r.State, r.AsOf, time.Since(asked))
				}
				if r.Next.After(time.Now()) {
					t.Errorf("the newer value is due at %v, want in the past, since it is computed", r.Next)
				}
			})
		}
		wg.Wait()
		time.Sleep(6 * time.Second)
		s.wantRuns(t, before+1, "after 50 readers in a new window")
		if r := get(t, m, One{}); r.State != cache.Fresh {
			t.Errorf("after the refresh: %v, want fresh", r.State)
		}
	})
}

func TestTheFirstCallersCancelHurtsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(2*time.Second, nil, nil)
		m := s.memo(open(t, cache.Deps{}))
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := m.Get(ctx, One{})
			left <- err
		}()
		synctest.Wait()
		var wg sync.WaitGroup
		wg.Go(func() { wantResult(t, get(t, m, One{}), 1, cache.Fresh, "who stayed") })
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v, want its own cancel", err)
		}
		wg.Wait()
		s.wantRuns(t, 1, "in the end")
	})
}

func TestCloseWaitsForProducersAndStartsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(5*time.Second, nil, nil)
		c := cache.New(cache.Deps{Store: cache.NewMemory()})
		m := s.memo(c)
		served := make(chan cache.Result[int], 1)
		go func() {
			r, _ := m.Get(context.Background(), One{})
			served <- r
		}()
		synctest.Wait()
		began := time.Now()
		if err := c.Close(t.Context()); err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("Close() = %v after %v, want nil when the producer has ended", err, time.Since(began))
		}
		wantResult(t, <-served, 1, cache.Fresh, "who waited")
		time.Sleep(2 * window)
		wantResult(t, get(t, m, One{}), 1, cache.Stale, "after Close")
		s.wantRuns(t, 1, "after Close")
	})
}

func TestCloseCancelsProducersWhenItsPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(10*time.Second, nil, nil)
		c := cache.New(cache.Deps{Store: cache.NewMemory()})
		m := s.memo(c)
		go m.Get(context.Background(), One{})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
			t.Errorf("Close() = %v after %v, want its deadline", err, time.Since(began))
		}
		synctest.Wait()
		if n := s.running.Load(); n != 0 {
			t.Errorf("%d producers still run", n)
		}
	})
}

func TestAnIdleCacheRunsNoProducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{}))
		get(t, m, One{})
		time.Sleep(time.Hour)
		s.wantRuns(t, 3, "after an hour without readers")
		wantResult(t, get(t, m, One{}), 3, cache.Stale, "after an hour")
		synctest.Wait()
		wantResult(t, get(t, m, One{}), 4, cache.Fresh, "and then")
	})
}
