package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// The tests here run in real time, on a real server.

const short = 2 * time.Second // a window

// process is one of a fleet on a Redis server.
func process(t *testing.T, addr string, s *source) (*cache.Cache, *remote, *cache.Memo[One, int]) {
	t.Helper()
	store := newRemote(redis.UniversalOptions{Addrs: []string{addr}}, space)
	t.Cleanup(func() { store.Close() })
	c := open(t, cache.Deps{Store: store, Space: space})
	return c, store, numberOf(c, s)
}

func numberOf(c *cache.Cache, s *source) *cache.Memo[One, int] {
	return cache.NewMemo(c, cache.Spec{Name: "number", Window: short, Tags: []string{"ledger"}},
		func(ctx context.Context, _ cache.Window, _ One) (int, error) { return s.produce(ctx) })
}

// eventually waits for what is to become true.
func eventually(t *testing.T, within time.Duration, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("not within %v: %s", within, what)
			return
		}
	}
}

// start sleeps until just after a boundary, so that a test has a window's time.
func start() {
	time.Sleep(time.Until(cache.WindowAt(time.Now(), short).End) + 20*time.Millisecond)
}

func TestOnRedisAColdFleetRunsOneProducer(t *testing.T) {
	server := testkit.Redis(t)
	var s source
	s.set(700*time.Millisecond, nil, nil)
	var memos []*cache.Memo[One, int]
	for range 3 {
		_, _, m := process(t, server.Addr, &s)
		memos = append(memos, m)
	}
	start()
	began := time.Now()
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() { wantResult(t, get(t, memos[i%3], One{}), 1, cache.Fresh, "cold") })
	}
	wg.Wait()
	s.wantRuns(t, 1, "for 300 readers of 3 processes")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the last of 300 readers waited %v for a producer of 700 ms", took)
	}
	_, _, late := process(t, server.Addr, &s)
	if r := get(t, late, One{}); r.Value != 1 {
		t.Errorf("a fresh process shows %v, want the shared value", r)
	}
	s.wantRuns(t, 1, "with a fresh process")
}

func TestOnRedisAFleetRunsOneProducerAWindowAndAllHaveItAfterTheLag(t *testing.T) {
	server := testkit.Redis(t)
	var s source
	s.set(200*time.Millisecond, nil, nil)
	var memos []*cache.Memo[One, int]
	for range 3 {
		_, _, m := process(t, server.Addr, &s)
		memos = append(memos, m)
		get(t, m, One{})
	}
	start()
	for range 3 {
		var r cache.Result[int]
		for _, m := range memos {
			r = get(t, m, One{})
		}
		time.Sleep(time.Until(cache.WindowAt(time.Now(), short).End) + r.Lag)
		before := s.runs.Load()
		for i, m := range memos {
			if r := get(t, m, One{}); r.State != cache.Fresh || int64(r.Value) != before {
				t.Errorf("process %d after the lag of %v: %v %v, want %d fresh", i, r.Lag, r.Value, r.State, before)
			}
		}
	}
	if runs := s.runs.Load(); runs > 6 {
		t.Errorf("%d runs in at most 6 windows of 3 processes", runs)
	}
}

func TestOnRedisInvalidationsReachOtherProcessesAtOnce(t *testing.T) {
	server := testkit.Redis(t)
	var s source
	a, _, m := process(t, server.Addr, &s)
	_, _, n := process(t, server.Addr, &s)
	start()
	get(t, m, One{})
	first := get(t, n, One{}).Value
	time.Sleep(100 * time.Millisecond) // until it listens
	if err := a.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the other process shows a new value", func() bool { return get(t, n, One{}).Value > first })
}

func TestWithoutRedisAtStartTheFirstPageCostsLittleMore(t *testing.T) {
	var s source
	_, _, m := process(t, "127.0.0.1:1", &s)
	began := time.Now()
	wantResult(t, get(t, m, One{}), 1, cache.Fresh, "without Redis")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the first reader waited %v, want little more than 150 ms", took)
	}
}

func TestASilentServerCostsTheFirstPageItsPatience(t *testing.T) {
	server := testkit.Redis(t)
	server.Freeze()
	var s source
	_, _, m := process(t, server.Addr, &s)
	began := time.Now()
	wantResult(t, get(t, m, One{}), 1, cache.Fresh, "without an answer")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the first reader waited %v, want little more than 150 ms", took)
	}
}

func TestWhatWasComputedInAnOutageIsGivenBack(t *testing.T) {
	server := testkit.Redis(t)
	var s source
	_, store, m := process(t, server.Addr, &s)
	start()
	get(t, m, One{})
	server.Kill()
	start()
	get(t, m, One{})
	eventually(t, 10*time.Second, "the next window's value is computed without Redis", func() bool { return get(t, m, One{}).State == cache.Fresh })
	server.Start()
	eventually(t, 10*time.Second, "Redis is used again", func() bool { return store.Err() == nil })
	want := get(t, m, One{})
	var none source
	none.set(0, io.EOF, nil)
	_, _, late := process(t, server.Addr, &none)
	if got, err := late.Get(t.Context(), One{}); err != nil || got.AsOf.Before(want.AsOf) {
		t.Errorf("a fresh process on a restarted server: %v, %v, want %v", got, err, want)
	}
}

func TestAProcessWhoseClockIsOffFollowsTheServers(t *testing.T) {
	// The other side is skewed instead: a store whose clock is 20 s ahead.
	store := ahead{cache.NewMemory(), 20 * time.Second}
	var s source
	m := s.memo(open(t, cache.Deps{Store: store}))
	r := get(t, m, One{})
	if want := cache.WindowAt(time.Now().Add(20*time.Second), window).Start; !r.AsOf.Equal(want) {
		t.Errorf("as of %v, want the window of the fleet's clock, %v", r.AsOf, want)
	}
}

type ahead struct {
	*cache.Memory
	by time.Duration
}

func (a ahead) Now(context.Context) (time.Time, error) { return time.Now().Add(a.by), nil }

func TestAStoreKeepsItsLocks(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx, key := t.Context(), "exchequer:{t:m}:s:lock-test"
			check := func(what string, got bool, err error, want bool) {
				t.Helper()
				if got != want || err != nil {
					t.Errorf("%s = %v, %v, want %v", what, got, err, want)
				}
			}
			ok, err := store.Lock(ctx, key, "a", 300*time.Millisecond)
			check("lock a", ok, err, true)
			ok, err = store.Lock(ctx, key, "b", time.Minute)
			check("lock b beside a", ok, err, false)
			ok, err = store.Extend(ctx, key, "b", time.Minute)
			check("extend b beside a", ok, err, false)
			if err := store.Unlock(ctx, key, "b"); err != nil {
				t.Error(err)
			}
			ok, err = store.Extend(ctx, key, "a", 300*time.Millisecond)
			check("extend a", ok, err, true)
			time.Sleep(350 * time.Millisecond)
			ok, err = store.Extend(ctx, key, "a", time.Minute)
			check("extend a that has run out", ok, err, false)
			ok, err = store.Lock(ctx, key, "b", time.Minute)
			check("lock b after a's lease", ok, err, true)
			ok, err = store.Extend(ctx, key, "a", time.Minute)
			check("extend a that was replaced", ok, err, false)
			if err := errors.Join(store.Unlock(ctx, key, "a"), store.Unlock(ctx, key, "b")); err != nil {
				t.Error(err)
			}
			ok, err = store.Lock(ctx, key, "c", time.Minute)
			check("lock c after b's release", ok, err, true)
			if r, ok := store.(*remote); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}

func TestAStoreTellsInvalidations(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			heard := make(chan cache.Message, 10)
			stop := store.Listen(func(m cache.Message) {
				if !m.Connected {
					heard <- m
				}
			})
			defer stop()
			time.Sleep(100 * time.Millisecond)
			invalidate := func(mode cache.Mode, scopes ...string) int64 {
				t.Helper()
				generation, raised, err := store.Invalidate(ctx, mode, scopes, 0, "")
				if err != nil || !raised {
					t.Fatalf("Invalidate(%v) = %d, %v, %v", scopes, generation, raised, err)
				}
				var list []cache.Invalidation
				for _, scope := range scopes {
					list = append(list, cache.Invalidation{Scope: scope, Mode: mode, Generation: generation})
				}
				if err := store.Notify(ctx, list); err != nil {
					t.Fatal(err)
				}
				return generation
			}
			first := invalidate(cache.Soft, "tag:t:a")
			second := invalidate(cache.Hard, "tag:t:a", "tag:t:b")
			if second <= first {
				t.Fatalf("generations %d, then %d", first, second)
			}
			list, err := store.Invalidations(ctx, first)
			list = slices.DeleteFunc(list, func(i cache.Invalidation) bool { return i.Generation <= first })
			if err != nil || len(list) != 2 || list[0].Generation != second || list[0].Mode != cache.Hard {
				t.Errorf("Invalidations(above %d) = %v, %v, want the two of %d", first, list, err, second)
			}
			got := map[string]bool{} // a Cluster's nodes may pass the second on first
			for range 2 {
				select {
				case m := <-heard:
					got[fmt.Sprint(m)] = true
				case <-time.After(10 * time.Second):
					t.Fatalf("heard %v and no more", got)
				}
			}
			for _, want := range []string{
				fmt.Sprint(cache.Message{Invalidations: []cache.Invalidation{{Scope: "tag:t:a", Mode: cache.Soft, Generation: first}}}),
				fmt.Sprint(cache.Message{Invalidations: []cache.Invalidation{{Scope: "tag:t:a", Mode: cache.Hard, Generation: second}, {Scope: "tag:t:b", Mode: cache.Hard, Generation: second}}}),
			} {
				if !got[want] {
					t.Errorf("heard %v, want %s", got, want)
				}
			}
			if r, ok := store.(*remote); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}
