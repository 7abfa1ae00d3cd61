package cache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

// A balance is read when its producer begins, and shown when it ends.
type balance struct {
	written atomic.Int64
	runs    atomic.Int64
}

// memo declares a memo of the balance whose runs in this process take so long.
func (b *balance) memo(c *cache.Cache, took time.Duration) *cache.Memo[One, int64] {
	return cache.NewMemo(c, cache.Spec{Name: "balance", Window: time.Hour}, func(context.Context, cache.Window, One) (int64, error) {
		b.runs.Add(1)
		read := b.written.Load()
		time.Sleep(took)
		return read, nil
	})
}

// loseLock takes the lock of the only key that is computed from its holder, as
// a store does that loses its data.
func loseLock(t *testing.T, c *cache.Cache, store cache.Store) {
	t.Helper()
	status, err := c.Status(t.Context(), "balance", "")
	if err != nil {
		t.Fatal(err)
	}
	owner, _, err := store.Holder(t.Context(), status.StoreKey)
	if err != nil || owner == "" {
		t.Fatalf("Holder() = %q, %v, want who computes", owner, err)
	}
	if err := store.Unlock(t.Context(), status.StoreKey, owner); err != nil {
		t.Fatal(err)
	}
}

// Two processes compute for one window, since the lock of the first is lost
// while it computes. The one that began first ends last.
func TestAnOlderReadingIsShownToNobodyAfterANewerOne(t *testing.T) {
	for name, computes := range map[string]time.Duration{
		"the first notices that the lock is lost":       4 * time.Second,
		"the first ends before it looks after its lock": 900 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := cache.NewMemory()
				var b balance
				first, second := open(t, cache.Deps{Store: store}), open(t, cache.Deps{Store: store})
				slow, quick := b.memo(first, computes), b.memo(second, 50*time.Millisecond)
				go slow.Get(t.Context(), One{})
				time.Sleep(500 * time.Millisecond)
				loseLock(t, second, store)
				b.written.Store(1)
				if r := get(t, quick, One{}); r.Value != 1 {
					t.Fatalf("the second shows %d, want what was written", r.Value)
				}
				time.Sleep(10 * time.Second)
				late := b.memo(open(t, cache.Deps{Store: store}), 0)
				for process, m := range map[string]*cache.Memo[One, int64]{"the first": slow, "the second": quick, "a fresh one": late} {
					if r := get(t, m, One{}); r.Value != 1 {
						t.Errorf("%s shows the older reading", process)
					}
				}
				if runs := b.runs.Load(); runs != 2 {
					t.Errorf("%d runs, want one in each of two processes", runs)
				}
			})
		})
	}
}

// The first process is cut off from the store while it computes, for longer
// than its lease.
func TestAReadingFromAnOutageReplacesNoNewerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := cache.NewMemory()
		faulty, failover := behind(t, memory)
		var b balance
		slow := b.memo(open(t, cache.Deps{Store: failover}), 8*time.Second)
		quick := b.memo(open(t, cache.Deps{Store: memory}), 50*time.Millisecond)
		go slow.Get(t.Context(), One{})
		time.Sleep(500 * time.Millisecond)
		faulty.set(errDown, 0)
		time.Sleep(5 * time.Second) // the lease has run out
		b.written.Store(1)
		if r := get(t, quick, One{}); r.Value != 1 {
			t.Fatalf("the second shows %d, want what was written", r.Value)
		}
		time.Sleep(5 * time.Second)
		if r := get(t, slow, One{}); r.Value != 0 {
			t.Errorf("the first, which is alone, shows %d", r.Value)
		}
		faulty.set(nil, 0)
		time.Sleep(10 * time.Second)
		late := b.memo(open(t, cache.Deps{Store: memory}), 0)
		for process, m := range map[string]*cache.Memo[One, int64]{"the first": slow, "the second": quick, "a fresh one": late} {
			if r := get(t, m, One{}); r.Value != 1 {
				t.Errorf("%s shows the older reading", process)
			}
		}
	})
}
