package cache_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

func TestAMessageThatOvertakesARefusedLockIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		store := &quick{Memory: cache.NewMemory()}
		m, other := s.memo(open(t, cache.Deps{Store: store})), s.memo(open(t, cache.Deps{Store: store.Memory}))
		get(t, m, One{})
		store.publish.Store(new(func() { // what the other process does at the boundary
			get(t, other, One{})
			time.Sleep(50 * time.Millisecond)
		}))
		boundary()
		time.Sleep(time.Second)
		wantResult(t, get(t, m, One{}), 2, cache.Fresh, "after the boundary")
		s.wantRuns(t, 2, "after the boundary")
	})
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
