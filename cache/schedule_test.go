package cache_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestOfManyKeysOnlyThoseAskedForAgainAreRefreshedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := map[Item]int{}
		var mu sync.Mutex
		m := cache.NewMemo(open(t, cache.Deps{}), cache.Spec{Name: "account", Window: window, ManyKeys: true},
			func(_ context.Context, _ cache.Window, p Item) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				runs[p]++
				return runs[p], nil
			})
		for i := range 100 {
			get(t, m, Item(fmt.Sprint("crawled ", i)))
		}
		get(t, m, "open in a browser")
		boundary()
		get(t, m, "open in a browser")
		boundary()
		synctest.Wait()
		wantResult(t, get(t, m, "open in a browser"), 3, cache.Fresh, "a page that stays open")
		mu.Lock()
		defer mu.Unlock()
		for p, n := range runs {
			if p != "open in a browser" && n != 1 {
				t.Errorf("%s was computed %d times, want once", p, n)
			}
		}
	})
}

func TestABoundaryOfManyKeysIsNotTakenForASlowRedis(t *testing.T) {
	const keys = 1000
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

func TestABoundaryLeavesProcessorsToReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		run := func(context.Context, cache.Window, Item) (int, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(100 * time.Millisecond)
			running.Add(-1)
			return 0, nil
		}
		c := open(t, cache.Deps{})
		var all sync.WaitGroup
		for i := range 10 {
			m := cache.NewMemo(c, cache.Spec{Name: fmt.Sprint("panel", i), Window: window}, run)
			for range 4 { // they come back
				all.Go(func() {
					for range 100 {
						get(t, m, "a")
						time.Sleep(window / 40)
					}
				})
			}
		}
		time.Sleep(time.Second)
		most.Store(0)
		all.Wait()
		if n, want := most.Load(), int64(runtime.GOMAXPROCS(0)); n > want {
			t.Errorf("%d runs at once while all readers have values, want %d at most", n, want)
		}
	})
}

func TestSlowRunsInTheBackgroundDoNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow source
		c := open(t, cache.Deps{})
		items := slow.items(c)
		for i := range 10 {
			get(t, items, Item(strconv.Itoa(i)))
		}
		var quick atomic.Int64
		number := cache.NewMemo(c, cache.Spec{Name: "number", Window: time.Second}, func(context.Context, cache.Window, One) (int, error) {
			return int(quick.Add(1)), nil
		})
		slow.set(10*time.Second, nil, nil)
		boundary()
		time.Sleep(time.Second) // the places are taken
		get(t, number, One{})
		before := quick.Load()
		for range 4 {
			get(t, number, One{})
			time.Sleep(time.Second)
		}
		if quick.Load() == before {
			t.Error("no new number in 4 s beside runs of 10 s, want one a second")
		}
	})
}

func TestKeysAskedForInTheLastTwoWindowsAreRefreshedAheadAndOthersCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{}))
		get(t, m, One{})
		for n := range int64(2) {
			boundary()
			s.wantRuns(t, 2+n, "at a boundary within two windows of a reader")
		}
		for range 10 {
			boundary()
		}
		s.wantRuns(t, 3, "long after the last reader")
	})
}

func TestReadersFindTheNewWindowAfterTheLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(1200*time.Millisecond, nil, nil)
		m := s.memo(open(t, cache.Deps{}))
		for range 20 {
			r := get(t, m, One{})
			time.Sleep(time.Until(r.Next) + r.Lag)
			if now := get(t, m, One{}); now.State != cache.Fresh || !now.AsOf.Equal(r.Next) {
				t.Fatalf("%v after the boundary: %v as of %v, want fresh as of %v", r.Lag, now.State, now.AsOf, r.Next)
			}
		}
	})
}

func TestAKeyThatIsEvictedWhileItIsComputedIsRefreshedAheadAllTheSame(t *testing.T) {
	// What is evicted is partly left to chance, and once in hundreds of times it is this
	// key once more, before the boundary.
	ahead := false
	for tries := 0; tries < 3 && !ahead; tries++ {
		synctest.Test(t, func(t *testing.T) {
			var s source
			c := open(t, cache.Deps{Memory: 20_000})
			m := s.items(c)
			s.set(2*time.Second, nil, nil)
			go m.Get(context.Background(), "a")
			synctest.Wait()
			s.set(0, nil, nil)
			for i := range 50 {
				get(t, m, Item(strconv.Itoa(i)))
			}
			time.Sleep(3 * time.Second) // "a" is computed, and put back
			before := s.runs.Load()
			for range 20 { // so often that it is hardly what is evicted next
				get(t, m, "a")
			}
			s.wantRuns(t, before, "to show what was computed")
			boundary()
			time.Sleep(time.Second)
			runs := s.runs.Load()
			ahead = get(t, m, "a").State == cache.Fresh && s.runs.Load() == runs
		})
	}
	if !ahead {
		t.Error("after the boundary, the key is computed when it is asked for, want it refreshed ahead")
	}
}
