package cache_test

import (
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// stores returns one of each kind, empty.
func stores(t *testing.T) map[string]cache.Store {
	t.Helper()
	mini := miniredis.RunT(t)
	// Its clock stands still by itself.
	stop := make(chan struct{})
	var clock sync.WaitGroup
	clock.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				mini.FastForward(10 * time.Millisecond)
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		clock.Wait()
	})
	return map[string]cache.Store{
		"memory":       cache.NewMemory(),
		"redis-server": redisStore(t, testkit.Redis(t).Addr),
		"miniredis":    redisStore(t, mini.Addr()),
	}
}

func redisStore(t *testing.T, addrs ...string) *cache.Redis {
	store := cache.NewRedis(redis.UniversalOptions{Addrs: addrs})
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}
