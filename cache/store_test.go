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

// The servers that the tests of stores share: each is started at its first use
// and ends with the run.
var (
	run           testkit.Run
	sharedServer  = sync.OnceValue(func() *testkit.RedisServer { return testkit.Redis(&run) })
	sharedCluster = sync.OnceValue(func() *testkit.RedisClusterNodes { return testkit.RedisCluster(&run) })
	sharedGroup   = sync.OnceValue(func() *testkit.RedisSentinelGroup { return testkit.RedisSentinel(&run) })
)

// stores returns one of each kind, empty. Tests that use them are not parallel.
func stores(t *testing.T) map[string]cache.Store {
	t.Helper()
	server, cluster, group := sharedServer(), sharedCluster(), sharedGroup()
	server.Do("FLUSHALL")
	cluster.Flush()
	group.Flush()
	return map[string]cache.Store{
		"memory":           cache.NewMemory(),
		"miniredis":        redisStore(t, mini(t)),
		"redis-server":     storeOf(t, optionsOf(t, server.URL())),
		"a Cluster":        storeOf(t, optionsOf(t, cluster.URL())),
		"a Sentinel group": storeOf(t, optionsOf(t, group.URL())),
	}
}

func optionsOf(t *testing.T, url string) redis.UniversalOptions {
	t.Helper()
	o, err := cache.ParseRedisURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func redisStore(t *testing.T, addrs ...string) *cache.Redis {
	t.Helper()
	return storeOf(t, redis.UniversalOptions{Addrs: addrs})
}

func storeOf(t *testing.T, o redis.UniversalOptions) *cache.Redis {
	t.Helper()
	store := cache.NewRedis(o, "town")
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// mini starts a miniredis, whose clock stands still by itself.
func mini(t *testing.T) string {
	t.Helper()
	mini := miniredis.RunT(t)
	stop := make(chan struct{})
	var clock sync.WaitGroup
	clock.Go(func() {
		for last := time.Now(); ; {
			select {
			case <-stop:
				return
			case now := <-time.After(10 * time.Millisecond):
				mini.FastForward(now.Sub(last))
				last = now
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		clock.Wait()
	})
	return mini.Addr()
}
