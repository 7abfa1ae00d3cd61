package cache_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// These tests change the Cluster or the Sentinel group of a running fleet.

// slotKey is in the slot of the memo's keys, which are
// "exchequer:{town:1:number}:…".
const slotKey = "{town:1:number}"

// A peer is a process of a fleet.
type peer struct {
	*cache.Cache
	store *remote
	memo  *cache.Memo[One, int]
}

func peerOf(t *testing.T, url string, s *source) peer {
	t.Helper()
	store := storeOf(t, optionsOf(t, url))
	c := open(t, cache.Deps{Store: store, Space: space})
	return peer{c, store, numberOf(c, s)}
}

// wantRecovered checks that two processes share values and invalidations again.
func wantRecovered(t *testing.T, url string, a, b peer) {
	t.Helper()
	eventually(t, 60*time.Second, "both processes use Redis", func() bool { return a.store.Err() == nil && b.store.Err() == nil })
	heard := make(chan cache.Message, 1000)
	stop := b.store.Listen(func(m cache.Message) {
		select {
		case heard <- m:
		default:
		}
	})
	defer stop()
	said := cache.Invalidation{Scope: "tag:town:nothing", Mode: cache.Soft, Generation: 1}
	eventually(t, 20*time.Second, "one hears what the other says", func() bool {
		if a.store.Notify(t.Context(), []cache.Invalidation{said}) != nil {
			return false // a Cluster's client may have chosen the node that is gone
		}
		time.Sleep(20 * time.Millisecond)
		for len(heard) > 0 {
			if m := <-heard; slices.Contains(m.Invalidations, said) {
				return true
			}
		}
		return false
	})
	before := get(t, b.memo, One{}).Value
	if err := a.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
		t.Errorf("invalidate: %v", err)
	}
	eventually(t, 20*time.Second, "the other shows a value from after an invalidation", func() bool { return get(t, b.memo, One{}).Value > before })
	want := get(t, a.memo, One{})
	// A process that calls a frozen node goes on alone for a moment.
	eventually(t, 20*time.Second, "a fresh process shows what the others do", func() bool {
		store := storeOf(t, optionsOf(t, url))
		late := cache.New(cache.Deps{Store: store, Space: space})
		defer late.Close(t.Context())
		var own source
		own.runs.Store(-1000)
		got := get(t, numberOf(late, &own), One{})
		return !got.AsOf.Before(want.AsOf) && got.Value > 0
	})
}

func TestASlotThatMovesIsFollowed(t *testing.T) {
	t.Parallel()
	cluster := testkit.RedisCluster(t)
	var s source
	s.set(50*time.Millisecond, nil, nil)
	a, b := peerOf(t, cluster.URL(), &s), peerOf(t, cluster.URL(), &s)
	get(t, a.memo, One{})
	get(t, b.memo, One{})
	for _, m := range []peer{a, b} {
		if err := m.Invalidate(t.Context(), cache.Soft, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
	}
	stop := reading(t, a, b)
	ctx, cancel := context.WithCancel(t.Context())
	patience := time.Second
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		for ctx.Err() == nil {
			for _, m := range []peer{a, b} {
				err := m.store.Err()
				if err == nil {
					continue
				}
				if !strings.Contains(err.Error(), "slowly") && !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "timeout") {
					t.Errorf("left aside: %v", err)
					return
				}
				// On a busy machine the servers may be slow, which is another case: then a
				// reader of a forbidden value waits for a lock to expire.
				patience = 6 * time.Second
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	// Each step lasts for a window, so that values are loaded, computed and
	// invalidated in it.
	for _, key := range []string{slotKey, "exchequer:{generations}"} {
		from := cluster.Master(key)
		moved := make(chan struct{})
		go func() {
			defer close(moved)
			cluster.Move(key, short)
		}()
		for moving := true; moving; {
			before := get(t, b.memo, One{}).Value
			if err := a.InvalidateOnce(t.Context(), time.Now().String(), cache.Hard, cache.Tag("ledger")); err != nil {
				t.Errorf("invalidate: %v", err)
			}
			eventually(t, 20*time.Second, "the other shows a value from after an invalidation", func() bool { return get(t, b.memo, One{}).Value > before })
			select {
			case <-moved:
				moving = false
			case <-time.After(300 * time.Millisecond):
			}
		}
		if cluster.Master(key) == from {
			t.Errorf("the slot of %s was not moved", key)
		}
	}
	wantRecovered(t, cluster.URL(), a, b)
	cancel()
	<-looked
	if slowest := stop(); slowest > patience {
		t.Errorf("a reader waited %v", slowest)
	}
}

// A change takes a master away. The function that it returns waits until there is
// another master, and then brings the last one back.
type change struct {
	name  string
	begin func() (settled, back func())
}

func wantSurvived(t *testing.T, url string, changes []change) {
	t.Helper()
	for _, change := range changes {
		t.Run(change.name, func(t *testing.T) {
			var s source
			s.set(50*time.Millisecond, nil, nil)
			a, b := peerOf(t, url, &s), peerOf(t, url, &s)
			get(t, a.memo, One{})
			get(t, b.memo, One{})
			stop := reading(t, a, b)
			settled, back := change.begin()
			settled()
			wantRecovered(t, url, a, b)
			back()
			eventually(t, 60*time.Second, "both processes use Redis", func() bool { return a.store.Err() == nil && b.store.Err() == nil })
			if slowest := stop(); slowest > 5*time.Second {
				t.Errorf("a reader waited %v", slowest)
			}
		})
	}
}

func TestAClustersMasterIsReplaced(t *testing.T) {
	t.Parallel()
	cluster := testkit.RedisCluster(t)
	wantSurvived(t, cluster.URL(), []change{
		{"in order", func() (settled, back func()) {
			cluster.Failover(slotKey)
			return func() {}, cluster.Heal
		}},
		{"when it is frozen", func() (settled, back func()) {
			last := cluster.Master(slotKey)
			last.Freeze()
			return func() { cluster.Await(slotKey, last) }, func() { last.Thaw(); cluster.Heal() }
		}},
		{"when it is killed", func() (settled, back func()) {
			last := cluster.Master(slotKey)
			last.Kill()
			return func() { cluster.Await(slotKey, last) }, func() {}
		}},
	})
}

func TestASentinelGroupsMasterIsReplaced(t *testing.T) {
	t.Parallel()
	group := testkit.RedisSentinel(t)
	wantSurvived(t, group.URL(), []change{
		{"in order, and is a read-only replica then", func() (settled, back func()) {
			group.Failover()
			return func() {}, group.Heal
		}},
		{"when it is frozen", func() (settled, back func()) {
			last := group.Master()
			last.Freeze()
			return func() { group.Await(last) }, func() { last.Thaw(); group.Heal() }
		}},
		{"when it is killed", func() (settled, back func()) {
			last := group.Master()
			last.Kill()
			return func() { group.Await(last) }, func() {}
		}},
	})
}

// reading reads in a loop, and fails the test for an error and for a value that
// is older than the last one.
func reading(t *testing.T, peers ...peer) (stop func() (slowest time.Duration)) {
	var slowest atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for i, p := range peers {
		wg.Go(func() {
			var last time.Time
			for ctx.Err() == nil {
				began := time.Now()
				r, err := p.memo.Get(context.Background(), One{})
				for took, most := int64(time.Since(began)), slowest.Load(); took > most && !slowest.CompareAndSwap(most, took); most = slowest.Load() {
				}
				if err != nil {
					t.Errorf("process %d: %v", i, err)
				}
				if r.AsOf.Before(last) {
					t.Errorf("process %d: as of %v after %v", i, r.AsOf, last)
				}
				last = r.AsOf
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	return func() time.Duration {
		cancel()
		wg.Wait()
		return time.Duration(slowest.Load())
	}
}
