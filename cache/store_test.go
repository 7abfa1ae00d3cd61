package cache_test

import (
	"net"
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
		"a Cluster":    clusterStore(t),
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

// clusterStore is a store on a Cluster of one node: commands whose keys are not
// in one slot are refused there as by any.
func clusterStore(t *testing.T) *cache.Redis {
	t.Helper()
	bus, err := net.Listen("tcp", "127.0.0.1:0") // by default beyond the last port, for some
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(bus.Addr().String())
	bus.Close()
	server := testkit.Redis(t, "cluster-enabled yes", "cluster-port "+port)
	if _, err := server.Do("CLUSTER", "ADDSLOTSRANGE", "0", "16383"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the Cluster is up", func() bool {
		_, err := server.Do("GET", "key")
		return err == nil
	})
	store := cache.NewRedis(redis.UniversalOptions{Addrs: []string{server.Addr}, IsClusterMode: true})
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}
