package cache_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// At a boundary a process refreshes all keys that were asked for lately. They
// are not to crowd out each other, nor those who ask meanwhile.

func TestABoundaryOfManyKeysIsNotTakenForASlowRedis(t *testing.T) {
	const keys = 1500
	store := redisStore(t, testkit.Redis(t).Addr)
	c := open(t, cache.Deps{Store: store, Space: space})
	var runs atomic.Int64
	m := cache.NewMemo(c, cache.Spec{Name: "item", Window: 8 * time.Second},
		func(context.Context, cache.Window, Item) (int, error) { return int(runs.Add(1)), nil })
	for i := range keys {
		get(t, m, Item(strconv.Itoa(i)))
	}
	before := runs.Load()
	eventually(t, time.Minute, "all are refreshed ahead", func() bool {
		if err := store.Err(); err != nil {
			t.Fatalf("left aside: %v", err)
		}
		return runs.Load() >= before+keys
	})
}

func TestABoundaryOfManyKeysDoesNotHoldUpOtherReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s, other source
		c := open(t, cache.Deps{})
		items, number := s.items(c), other.memo(c)
		for i := range 1000 {
			get(t, items, Item(strconv.Itoa(i)))
		}
		get(t, number, One{})
		s.set(100*time.Millisecond, nil, nil)
		other.set(100*time.Millisecond, nil, nil)
		boundary()
		time.Sleep(time.Millisecond)
		began := time.Now()
		get(t, items, "nobody asked for this before")
		if waited := time.Since(began); waited > 300*time.Millisecond {
			t.Errorf("a reader without a value waited %v for a run of 100 ms", waited)
		}
		time.Sleep(time.Second)
		wantResult(t, get(t, number, One{}), 2, cache.Fresh, "of another memo, soon after the boundary")
	})
}
