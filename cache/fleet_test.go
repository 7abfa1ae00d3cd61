package cache_test

import (
	"context"
	"fmt"
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

// A store whose holder of the lock is frozen: what it calls fails to arrive.
type frozen struct {
	*cache.Memory
	mu  sync.Mutex
	off bool
}

func (f *frozen) freeze(off bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = off
}

func (f *frozen) Extend(ctx context.Context, key, owner string, d time.Duration) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return false, context.DeadlineExceeded
	}
	return f.Memory.Extend(ctx, key, owner, d)
}

func TestAHolderThatDiesIsReplacedWithinFiveSecondsAndCannotPublishLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &frozen{Memory: cache.NewMemory()}
		store.freeze(true)
		var dying, living source
		dying.set(10*time.Second, nil, nil)
		living.set(0, nil, nil)
		living.runs.Store(100)
		a := fleet(t, 1, store, &dying)[0]
		b := fleet(t, 1, store.Memory, &living)[0]
		go a.Get(context.Background(), One{})
		synctest.Wait()
		began := time.Now()
		wantResult(t, get(t, b, One{}), 101, cache.Fresh, "who took over")
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("another process took over after %v, want within 5 s", took)
		}
		time.Sleep(10 * time.Second) // the frozen one wakes and tries to publish
		c := fleet(t, 1, store.Memory, &living)[0]
		wantResult(t, get(t, c, One{}), 101, cache.Fresh, "what the fleet shares in the end")
	})
}

func TestAPublicationNeverReplacesANewerOne(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx, key := t.Context(), "exchequer:{t:m}:s:"
			if ok, err := store.Lock(ctx, key, "me", time.Minute); !ok || err != nil {
				t.Fatal(ok, err)
			}
			for _, step := range []struct {
				window, generation int64
				owner              string
				want               bool
			}{
				{20, 5, "me", true}, {20, 5, "me", true}, {20, 6, "me", true}, {20, 5, "me", false},
				{10, 9, "me", false}, {30, 0, "other", false}, {30, 0, "me", true}, {20, 9, "me", false},
			} {
				p := cache.Publication{Key: key, Owner: step.owner, Window: step.window * int64(time.Second), Generation: step.generation, Blob: []byte(fmt.Sprint(step)), Keep: time.Minute}
				if got, err := store.Publish(ctx, p); got != step.want || err != nil {
					t.Errorf("Publish(%v) = %v, %v", step, got, err)
				}
				if got, _ := store.Load(ctx, key); (string(got) == fmt.Sprint(step)) != step.want {
					t.Errorf("after %v the blob is %s", step, got)
				}
			}
			if r, ok := store.(*remote); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}

func TestALoserOfTheLockTakesTheValueOverWhenItIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(3*time.Second, nil, nil)
		memos := fleet(t, 2, cache.NewMemory(), &s)
		began := time.Now()
		var wg sync.WaitGroup
		for _, m := range memos {
			wg.Go(func() { get(t, m, One{}) })
		}
		wg.Wait()
		if waited := time.Since(began); waited > 3*time.Second {
			t.Errorf("the loser waited %v, want no longer than the producer ran", waited)
		}
	})
}

func TestWithoutMessagesALoserPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(3*time.Second, nil, nil)
		memos := fleet(t, 2, lossy{cache.NewMemory()}, &s)
		began := time.Now()
		var wg sync.WaitGroup
		for _, m := range memos {
			wg.Go(func() { get(t, m, One{}) })
		}
		wg.Wait()
		s.wantRuns(t, 1, "in both")
		if waited := time.Since(began); waited > 3300*time.Millisecond {
			t.Errorf("the loser waited %v, want little more than the producer ran", waited)
		}
	})
}

// hogged is a store whose locks somebody else has, and never gives up.
type hogged struct{ *cache.Memory }

func (hogged) Lock(context.Context, string, string, time.Duration) (bool, error) { return false, nil }

func TestWaitingForTheFleetIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(time.Second, nil, nil)
		m := s.items(open(t, cache.Deps{Store: hogged{cache.NewMemory()}}))
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() { get(t, m, Item(fmt.Sprint(i))) })
		}
		wg.Wait()
		if waited := time.Since(began); waited > 22*time.Second {
			t.Errorf("waited %v, want the timeout and a little", waited)
		}
		if most := s.most.Load(); most > 2 {
			t.Errorf("%d ran without the lock at the same time, want at most 2", most)
		}
	})
}
