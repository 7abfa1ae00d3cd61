package cache_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// A burst of visitors can keep a process from running for longer than it would
// wait for Redis. That is not Redis's failure, and no reason to compute what
// the fleet computes.
func TestAProcessThatHardlyRunsDoesNotTakeRedisForSlow(t *testing.T) {
	server := testkit.Redis(t)
	const processes = 3
	stores, memos := make([]*cache.Redis, processes), make([]*cache.Memo[One, int64], processes)
	var runs atomic.Int64
	for i := range stores {
		stores[i] = cache.NewRedis(redis.UniversalOptions{Addrs: []string{server.Addr}}, "default")
		defer stores[i].Close()
		c := cache.New(cache.Deps{Store: stores[i]})
		defer c.Close(context.Background())
		memos[i] = cache.NewMemo(c, cache.Spec{Name: "number", Window: time.Hour},
			func(context.Context, cache.Window, One) (int64, error) { return runs.Add(1), nil })
	}
	// Each is given 10 ms in turn, so that what waits, waits for about 40 ms each time.
	var busy atomic.Bool
	busy.Store(true)
	var spinning sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		spinning.Go(func() {
			for busy.Load() {
			}
		})
	}
	var asking sync.WaitGroup
	for _, m := range memos {
		asking.Go(func() {
			if _, err := m.Get(t.Context(), One{}); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	busy.Store(false)
	spinning.Wait()
	for i, store := range stores {
		if err := store.Err(); err != nil {
			t.Errorf("process %d went on alone: %v", i, err)
		}
	}
	if runs.Load() != 1 {
		t.Errorf("%d producer runs, want 1", runs.Load())
	}
}
