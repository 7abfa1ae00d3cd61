package cache_test

import (
	"fmt"
	"math"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestCountsReadDuringAResetAreNotBelowZero(t *testing.T) {
	var s source
	c := open(t, cache.Deps{})
	m := s.memo(c)
	get(t, m, One{})
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for _, f := range []func(){func() { get(t, m, One{}) }, func() { c.ResetStats() }} {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	for range 10_000 {
		if n := c.Stats(t.Context()).Memos[0]; n.Hits > 1<<40 || n.Asked > 1<<40 || n.HitRatio != nil && *n.HitRatio > 1 {
			t.Errorf("%d hits, %d asked, ratio %v", n.Hits, n.Asked, n.HitRatio)
			break
		}
	}
	close(stop)
	busy.Wait()
}

// myself returns the name of this process for operators.
func myself(t *testing.T) string {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

func TestOperatorsSeeWhatAMemoDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(2*time.Second, nil, nil)
		c := open(t, cache.Deps{Memory: 1 << 20})
		m := s.items(c)
		began := time.Now()
		get(t, m, "a")
		get(t, m, "a")
		get(t, m, "b")
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Name("item")); err != nil {
			t.Fatal(err)
		}
		get(t, m, "a")
		time.Sleep(3 * time.Second) // its refresh
		all := c.Stats(t.Context())
		run := cache.Latency{Count: 3, Mean: 2, P50: 2, P95: 2, P99: 2}
		want := []cache.MemoStats{{
			Memo: "item", Hits: 1, Stale: 1, Misses: 2, Refreshes: 3, Asked: 4, HitRatio: new(0.5), Keys: 2, Circuit: "closed", Producer: run,
		}}
		unimportant := cmpopts.IgnoreFields(cache.MemoStats{}, "Store")
		if diff := cmp.Diff(want, all.Memos, unimportant); diff != "" {
			t.Errorf("Stats().Memos: %s", diff)
		}
		if p := all.Process; p.Values != 2 || p.Bytes == 0 || p.Limit != 1<<20 || p.Name != myself(t) {
			t.Errorf("Stats().Process = %+v", p)
		}
		if !all.Since.Equal(began) || all.Shared.Kind != "memory" || all.Shared.Server != nil {
			t.Errorf("Stats() since %v of %+v, want since %v and memory", all.Since, all.Shared, began)
		}

		c.ResetStats()
		reset := time.Now()
		get(t, m, "a")
		all = c.Stats(t.Context())
		want = []cache.MemoStats{{Memo: "item", Hits: 1, Asked: 1, HitRatio: new(1.0), Keys: 2, Circuit: "closed"}}
		if diff := cmp.Diff(want, all.Memos); diff != "" || !all.Since.Equal(reset) {
			t.Errorf("after a reset, since %v: %s", all.Since, diff)
		}
	})
}

func TestTheHitRatioIsOfTheLastFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := s.memo(c)
		want := func(asked uint64, ratio float64, when string) {
			t.Helper()
			got := c.Stats(t.Context()).Memos[0]
			if got.Asked != asked || (got.HitRatio == nil) != (asked == 0) || asked > 0 && math.Abs(*got.HitRatio-ratio) > 1e-9 {
				t.Errorf("%s: %d asked, ratio %v, want %d and %v", when, got.Asked, got.HitRatio, asked, ratio)
			}
		}
		want(0, 0, "before anybody asks")
		get(t, m, One{}) // waits
		for range 3 {
			get(t, m, One{})
		}
		want(4, 3./4, "in a young process")
		time.Sleep(4 * time.Minute)
		get(t, m, One{})
		want(5, 4./5, "after a pause of less than five minutes")
		time.Sleep(2 * time.Minute)
		want(1, 1, "when the first minutes have passed")
		time.Sleep(time.Hour)
		want(0, 0, "after an hour without readers")
		get(t, m, One{})
		want(1, 1, "of the first reader after it")
		for range 60 { // ten minutes with readers
			time.Sleep(10 * time.Second)
			get(t, m, One{})
		}
		if got := c.Stats(t.Context()).Memos[0].Asked; got < 30 || got > 32 {
			t.Errorf("asked in five minutes, each ten seconds: %d, want about 30", got)
		}
	})
}

func TestOperatorsSeeRedis(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t, "maxmemory 64mb", "maxmemory-policy allkeys-lru")
	var s source
	registry := prometheus.NewRegistry()
	c := open(t, cache.Deps{Store: redisStore(t, server.Addr), Registerer: registry})
	get(t, s.memo(c), One{})
	shared := c.Stats(t.Context()).Shared
	if shared.Kind != "redis" || shared.Down || shared.Server == nil {
		t.Fatalf("Stats().Shared = %+v", shared)
	}
	got := *shared.Server
	if got.UsedMemory <= 0 || got.Ping <= 0 || got.Connections < 1 || got.Version == "" {
		t.Errorf("Redis: %+v, want its memory, version, connections and a ping", got)
	}
	want := cache.RedisStats{Mode: "single", RedisNode: cache.RedisNode{Role: "master", MaxMemory: 64 << 20, Eviction: "allkeys-lru"}}
	unsteady := cmpopts.IgnoreFields(cache.RedisStats{}, "UsedMemory", "Ping", "Connections", "Idle", "Version")
	if diff := cmp.Diff(want, got, unsteady); diff != "" {
		t.Errorf("Redis: %s", diff)
	}
	eventually(t, 10*time.Second, "Prometheus sees Redis", func() bool {
		found := scrape(t, registry)
		return found["redis_used_bytes{}"] > 0 && found["redis_max_bytes{}"] == 64<<20 && found["redis_ping_seconds{}"] > 0 && found["redis_connections{}"] >= 1
	})
	if found := scrape(t, registry); found["store_up{}"] != 1 {
		t.Errorf("store_up = %v, want 1", found["store_up{}"])
	}

	server.Kill()
	eventually(t, 10*time.Second, "an outage is seen", func() bool { return c.Stats(t.Context()).Shared.Down })
	shared = c.Stats(t.Context()).Shared
	if shared.Reason == "" || time.Since(shared.DownSince) > time.Minute || shared.Server.Mode != "single" || shared.Server.Unknown == "" {
		t.Errorf("in an outage: %+v, %+v", shared, shared.Server)
	}
	if up := scrape(t, registry)["store_up{}"]; up != 0 {
		t.Errorf("store_up = %v in an outage, want 0", up)
	}
	if trip, err := c.TestRoundTrip(t.Context()); err == nil {
		t.Errorf("TestRoundTrip() without a server = %+v, want an error", trip)
	}
	if status, err := c.Status(t.Context(), "number", ""); err != nil || !status.Down || status.Key != "number" {
		t.Errorf("Status() in an outage = %+v, %v, want that it is down", status, err)
	}
}
