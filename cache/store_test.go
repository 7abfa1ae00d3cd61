package cache_test

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/cache/redisstore"
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
	o, err := redisstore.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// space is whose numbers the tests' are.
const space = "town:1"

// A remote is a store on Redis behind its breaker.
type remote struct{ *cache.Failover }

func newRemote(o redis.UniversalOptions, space string) *remote {
	return &remote{cache.NewFailover(redisstore.New(o, space), slog.New(slog.DiscardHandler))}
}

// Err is why the store is not used at the moment.
func (r *remote) Err() error {
	if now, _ := r.Outage(); now != nil {
		return now.Err
	}
	return nil
}

func (r *remote) Outages() uint64 {
	_, count := r.Outage()
	return count
}

func redisStore(t *testing.T, addrs ...string) *remote {
	t.Helper()
	return storeOf(t, redis.UniversalOptions{Addrs: addrs})
}

func storeOf(t *testing.T, o redis.UniversalOptions) *remote {
	t.Helper()
	store := newRemote(o, space)
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

// load asks the store for nothing in particular.
func load(t *testing.T, s cache.Store) {
	t.Helper()
	_, _ = s.Load(t.Context(), "exchequer:{t:m}:s:load") // whether it could is in Outage
}
