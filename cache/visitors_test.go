package cache_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// A visitedFleet is a fleet on one Redis. Each process connects through a proxy
// of its own, which a test can disturb.
type visitedFleet struct {
	redis     *testkit.RedisServer
	source    source
	processes []*member
}

// A member is a process of the fleet with two memos: one with short windows that
// all visitors read, and one of which each visitor reads a new key.
type member struct {
	way    *testkit.Proxy
	store  *remote
	cache  *cache.Cache
	number *cache.Memo[One, int]
	items  *cache.Memo[Item, int]
	asked  atomic.Int64
}

// join adds a process.
func (s *visitedFleet) join(t *testing.T) *member {
	t.Helper()
	m := &member{way: testkit.NewProxy(t, s.redis.Addr)}
	m.cache, m.store, m.number = process(t, m.way.Addr, &s.source)
	m.items = cache.NewMemo(m.cache, cache.Spec{Name: "item", Window: time.Hour},
		func(context.Context, cache.Window, Item) (int, error) { return 1, nil })
	s.processes = append(s.processes, m)
	return m
}

// A waiting has how long the visitors of a process waited.
type waiting struct {
	visits  int
	longest time.Duration
	sum     time.Duration
}

func (w waiting) String() string {
	return fmt.Sprintf("%d visitors waited %v, one of them %v", w.visits, w.sum.Round(time.Millisecond), w.longest.Round(time.Millisecond))
}

func (w *waiting) add(took time.Duration) {
	w.visits, w.longest, w.sum = w.visits+1, max(w.longest, took), w.sum+took
}

// unasked lets n visitors at once read new keys, each of which is first looked up
// in Redis. It returns the longest wait.
func (m *member) unasked(t *testing.T, n int) time.Duration {
	began := time.Now()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			item := Item(fmt.Sprint(m.asked.Add(1)))
			if _, err := m.items.Get(context.Background(), item); err != nil {
				t.Errorf("item %s: %v", item, err)
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

// visit lets visitors read at all processes until stop is called. None of them
// may get an error, or an earlier window than the one before.
func (s *visitedFleet) visit(t *testing.T) (stop func() []waiting) {
	waited := make([]waiting, len(s.processes))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i, m := range s.processes {
		wg.Go(func() {
			var last time.Time
			for n := 0; ctx.Err() == nil; n++ {
				began := time.Now()
				number, err := m.number.Get(context.Background(), One{})
				if err != nil {
					t.Errorf("process %d: %v", i, err)
				}
				if number.AsOf.Before(last) {
					t.Errorf("process %d: as of %v after %v", i, number.AsOf, last)
				}
				last = number.AsOf
				m.unasked(t, 1)
				waited[i].add(time.Since(began))
				time.Sleep(25 * time.Millisecond)
			}
		})
	}
	return func() []waiting {
		cancel()
		wg.Wait()
		return waited
	}
}
