package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
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

// myself is how operators know this process.
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
		time.Sleep(4 * time.Minute) // the watch has ended meanwhile
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

func TestPercentilesAreOfWhatWasMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := cache.NewMemo(c, cache.Spec{Name: "item", Window: 24 * time.Hour},
			func(ctx context.Context, _ cache.Window, _ Item) (int, error) { return s.produce(ctx) })
		for i := range 600 { // more than are kept
			s.set(time.Duration(max(i-100, 0)+1)*time.Millisecond, nil, nil)
			get(t, m, Item(fmt.Sprint(i)))
		}
		got := c.Stats(t.Context()).Memos[0].Producer
		mean := (100*1 + 500*501/2) * time.Millisecond / 600
		want := cache.Latency{Count: 600, Mean: cache.SecondsOf(mean), P50: 0.25, P95: 0.475, P99: 0.495}
		if got != want {
			t.Errorf("latency = %+v, want %+v", got, want)
		}
	})
}

func TestTheStatusOfAKeySaysWhoKnowsWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		store := cache.NewMemory()
		c, other := open(t, cache.Deps{Store: store}), open(t, cache.Deps{Store: store})
		m := s.items(c)
		s.items(other)
		status := func(c *cache.Cache) cache.Status {
			t.Helper()
			got, err := c.Status(t.Context(), "item", "a")
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if got := status(c); got.Shared != nil || got.Process != nil || got.Lock != nil || len(got.Levels) != 0 || got.Key != "item:a" {
			t.Errorf("of a key that nobody asked for: %+v", got)
		}
		get(t, m, "a")
		now := cache.WindowAt(time.Now(), window)
		got := status(c)
		if s := got.Shared; s == nil || !s.Cached || s.AsOf != now.Start || s.WindowEnd != now.End || !s.SoftUntil.Equal(now.End) || s.Bytes == 0 || got.Lock != nil {
			t.Errorf("of a fresh key: %+v", got.Shared)
		}
		if p := got.Process; p == nil || p.State != "fresh" || p.AsOf != now.Start || p.Bytes != 1 || p.Refreshing {
			t.Errorf("of a fresh key, the process: %+v", got.Process)
		}
		if diff := cmp.Diff([]string{"process", "shared"}, got.Levels); diff != "" {
			t.Error(diff)
		}
		if got := status(other); got.Shared == nil || !got.Shared.Cached || got.Process != nil {
			t.Errorf("in a process that did not ask: %+v", got)
		}

		s.set(6*time.Second, nil, nil)
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Key("item", "a")); err != nil {
			t.Fatal(err)
		}
		if got := status(other).Shared.Invalidated; got != "soft" {
			t.Errorf("another process says it is invalidated %q, want soft", got)
		}
		if r := get(t, m, "a"); r.State != cache.Stale {
			t.Errorf("invalidated: %v", r.State)
		}
		time.Sleep(time.Second + 500*time.Millisecond)
		got = status(other)
		if l := got.Lock; l == nil || l.Owner != myself(t) || l.Left <= 0 || l.Left > 4 {
			t.Errorf("the lock while the producer runs: %+v, want this process and up to 4 s", got.Lock)
		}
		if p := status(c).Process; p.State != "stale" || !p.Refreshing {
			t.Errorf("while it is refreshed: %+v, want that it is stale and refreshed", p)
		}
		time.Sleep(6 * time.Second)
		if got := status(c); got.Lock != nil || got.Process.State != "fresh" || got.Shared.Invalidated != "" {
			t.Errorf("after the run: lock %+v, %s", got.Lock, got.Process.State)
		}

		if err := c.Invalidate(t.Context(), cache.Hard, cache.Key("item", "a")); err != nil {
			t.Fatal(err)
		}
		if got := status(c); got.Process.State != "forbidden" || !got.Process.Cached || got.Shared.Invalidated != "hard" {
			t.Errorf("invalidated hard: %+v, %+v, want forbidden", got.Process, got.Shared)
		}
		s.set(0, errDown, nil)
		if _, err := m.Get(t.Context(), "a"); err == nil {
			t.Error("a forbidden value was shown")
		}
		if s := status(c).Shared; s.Failures != 1 || s.Reason == "" || !s.RetryAt.After(time.Now()) {
			t.Errorf("after a failure: %+v", s)
		}
		var unknown *cache.UnknownMemoError
		if _, err := c.Status(t.Context(), "items", "a"); !errors.As(err, &unknown) || len(unknown.Known) != 1 {
			t.Errorf("of an unknown memo: %v", err)
		}
	})
}

func TestAFreshProcessIsWarmedByItsUsualKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(time.Second, nil, nil)
		c := open(t, cache.Deps{})
		m := s.items(c).Prewarm("a", "b", "c", "d", "e")
		var told []string
		began := time.Now()
		err := c.Warm(t.Context(), nil, func(p cache.Progress) {
			if len(told)+1 != p.Done || p.Of != 5 || p.Memo != "item" || p.Error != "" {
				t.Errorf("progress = %+v after %v", p, told)
			}
			told = append(told, p.Key)
		})
		if err != nil || len(told) != 5 || time.Since(began) < 2*time.Second {
			t.Errorf("Warm() = %v, told of %v after %v; want all, not all at once", err, told, time.Since(began))
		}
		for _, p := range []Item{"a", "b", "c", "d", "e"} {
			if r := get(t, m, p); r.State != cache.Fresh {
				t.Errorf("%s is %v after warming", p, r.State)
			}
		}
		s.wantRuns(t, 5, "after warming and reading")

		get(t, m, "z")
		boundary()
		time.Sleep(10 * time.Second)
		if err := c.Warm(t.Context(), []string{"item"}, nil); err != nil {
			t.Error(err)
		}
		if r := get(t, m, "z"); r.State != cache.Fresh {
			t.Errorf("a key that was asked for is %v after warming", r.State)
		}

		s.set(0, errDown, nil)
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Key("item", "b"), cache.Key("item", "d")); err != nil {
			t.Fatal(err)
		}
		failed := map[string]bool{}
		err = c.Warm(t.Context(), nil, func(p cache.Progress) {
			if p.Error != "" {
				failed[p.Key] = true
			}
		})
		if diff := cmp.Diff(map[string]bool{"item:b": true, "item:d": true}, failed); diff != "" || !errors.Is(err, errDown) {
			t.Errorf("Warm() of failing producers = %v, failed %s", err, diff)
		}

		var unknown *cache.UnknownMemoError
		if err := c.Warm(t.Context(), []string{"item", "items"}, nil); !errors.As(err, &unknown) || unknown.Name != "items" {
			t.Errorf("Warm(items) = %v, want that it is unknown", err)
		}
		s.set(time.Hour, nil, nil)
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Name("item")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // past the back-off
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Warm(ctx, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Warm() that is stopped = %v", err)
		}
	})
}

func TestWarmingWaitsForWhatAnotherProcessComputes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := cache.NewMemory()
		var s source
		first, second := open(t, cache.Deps{Store: store}), open(t, cache.Deps{Store: store})
		a, b := s.memo(first), s.memo(second).Prewarm(One{})
		get(t, a, One{})
		get(t, b, One{})
		time.Sleep(2 * time.Second)
		s.set(5*time.Second, nil, nil)
		if err := first.Invalidate(t.Context(), cache.Soft, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		get(t, a, One{}) // stale, and computed anew by the first
		time.Sleep(time.Second)
		if err := second.Warm(t.Context(), nil, nil); err != nil {
			t.Errorf("Warm() = %v", err)
		}
		wantResult(t, get(t, b, One{}), 2, cache.Fresh, "after warming beside another process")
		s.wantRuns(t, 2, "by both")
	})
}

func TestWarmingEndsThoughWritesGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(100*time.Millisecond, nil, nil)
		c := open(t, cache.Deps{})
		m := s.memo(c).Prewarm(One{})
		get(t, m, One{})
		ctx, stop := context.WithCancel(t.Context())
		var writer sync.WaitGroup
		writer.Go(func() {
			for ctx.Err() == nil {
				if err := c.Invalidate(context.Background(), cache.Soft, cache.Tag("ledger")); err != nil {
					t.Error(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		time.Sleep(time.Second)
		began := time.Now()
		err := c.Warm(t.Context(), nil, nil)
		if took := time.Since(began); err != nil || took > 2*time.Second {
			t.Errorf("Warm() while each 50 ms something is written = %v after %v", err, took)
		}
		stop()
		writer.Wait()
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

func TestWhatAnACLForbidsIsSaidAndNoOutage(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	if _, err := server.Do("ACL", "SETUSER", "default", "-info"); err != nil {
		t.Fatal(err)
	}
	var s source
	c, store, m := process(t, server.Addr, &s)
	get(t, m, One{})
	got := c.Stats(t.Context()).Shared
	if !strings.Contains(got.Server.Unknown, "info") || got.Server.Ping == 0 {
		t.Errorf("without INFO: %+v, want that it is forbidden, and the ping", got.Server)
	}
	if err := store.Err(); err != nil {
		t.Errorf("asking for INFO began an outage: %v", err)
	}
}

func TestOperatorsSeeTheMastersOfACluster(t *testing.T) {
	c := open(t, cache.Deps{Store: storeOf(t, optionsOf(t, sharedCluster().URL()))})
	got := c.Stats(t.Context()).Shared.Server
	if got.Mode != "cluster" || len(got.Nodes) != 3 || got.UsedMemory != got.Nodes[0].UsedMemory+got.Nodes[1].UsedMemory+got.Nodes[2].UsedMemory || got.UsedMemory == 0 || got.Nodes[0].Address == "" {
		t.Errorf("a Cluster: %+v", got)
	}
}

func TestEveryStoreTellsOperatorsHowItDoes(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx, key := t.Context(), "exchequer:{town:item}:x:a"
			if owner, _, err := store.Holder(ctx, key); owner != "" || err != nil {
				t.Errorf("Holder() of no lock = %q, %v", owner, err)
			}
			if won, err := store.Lock(ctx, key, "me:1:x", time.Minute); !won || err != nil {
				t.Fatalf("Lock() = %v, %v", won, err)
			}
			if owner, left, err := store.Holder(ctx, key); owner != "me:1:x" || left <= 0 || left > time.Minute || err != nil {
				t.Errorf("Holder() = %q, %v, %v", owner, left, err)
			}
			if redis := store.Stats(ctx).Server; redis != nil && name != "miniredis" {
				want := map[string]string{"redis-server": "single", "a Cluster": "cluster", "a Sentinel group": "sentinel"}[name]
				if redis.Mode != want || redis.Role != "master" || redis.Unknown != "" {
					t.Errorf("Stats() = %+v, want the master of a %s", redis, want)
				}
			}
			trip, err := open(t, cache.Deps{Store: store}).TestRoundTrip(ctx)
			if err != nil || trip.Set <= 0 || trip.Get <= 0 || trip.Delete <= 0 {
				t.Errorf("TestRoundTrip() = %+v, %v", trip, err)
			}
		})
	}
}

func TestTheRoundTripLeavesNothing(t *testing.T) {
	server := testkit.Redis(t)
	c := open(t, cache.Deps{Store: redisStore(t, server.Addr)})
	if _, err := c.TestRoundTrip(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := server.Do("DBSIZE"); err != nil || strings.TrimSpace(n) != ":0" {
		t.Errorf("keys after it: %q, %v, want none", n, err)
	}
}
