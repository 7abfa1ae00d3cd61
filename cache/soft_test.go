package cache_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// A record counts writes; the memo "written" shows their number.
type record struct{ written, runs atomic.Int64 }

// open declares the memo in a process of its own, with a window so long that
// only writes refresh it.
func (r *record) open(t *testing.T, store cache.Store) (*cache.Cache, *cache.Memo[One, int64]) {
	c := open(t, cache.Deps{Store: store, Space: space})
	return c, cache.NewMemo(c, cache.Spec{Name: "written", Window: 100 * time.Hour, Tags: []string{"transactions"}},
		func(context.Context, cache.Window, One) (int64, error) {
			r.runs.Add(1)
			return r.written.Load(), nil
		})
}

// write counts a write, and invalidates in each process as the program does.
func (r *record) write(t *testing.T, processes ...*cache.Cache) {
	t.Helper()
	event := fmt.Sprint("write ", r.written.Add(1))
	for _, c := range processes {
		if err := c.InvalidateOnce(t.Context(), event, cache.Soft, cache.Tag("transactions")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestManyWritesRefreshAKeyOnceASecondAndTheLastOneIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		store := cache.NewMemory()
		a, m := r.open(t, store)
		b, n := r.open(t, store)
		get(t, m, One{})
		for range 100 { // in 10 s
			r.write(t, a, b)
			time.Sleep(100 * time.Millisecond)
			get(t, m, One{})
			get(t, n, One{})
		}
		if runs := r.runs.Load(); runs < 10 || runs > 11 {
			t.Errorf("%d runs in 10 s of writes, want one a second", runs)
		}
		for name, memo := range map[string]*cache.Memo[One, int64]{"the writer": m, "the other": n} {
			time.Sleep(300 * time.Millisecond) // no run is under way
			r.write(t, a, b)
			first := get(t, memo, One{})
			if first.State != cache.Stale || time.Until(first.Next) > time.Second {
				t.Fatalf("%s: after a write: %v, next in %v, want stale, and a second at most", name, first.State, time.Until(first.Next))
			}
			time.Sleep(time.Until(first.Next)) // without readers
			synctest.Wait()
			if last := get(t, memo, One{}); last.State != cache.Fresh || last.Value != r.written.Load() {
				t.Errorf("%s: when it was due: %d %v, want %d fresh", name, last.Value, last.State, r.written.Load())
			}
		}
	})
}

func TestAWriteThatIsReadWhileAnEarlierOneIsComputedIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, cache.Deps{})
		var written atomic.Int64
		m := cache.NewMemo(c, cache.Spec{Name: "written", Window: 100 * time.Hour, Tags: []string{"transactions"}},
			func(context.Context, cache.Window, One) (int64, error) {
				n := written.Load()
				time.Sleep(2 * time.Second)
				return n, nil
			})
		write := func() {
			written.Add(1)
			if err := c.Invalidate(t.Context(), cache.Soft, cache.Tag("transactions")); err != nil {
				t.Fatal(err)
			}
		}
		get(t, m, One{})
		time.Sleep(5 * time.Second)
		write()
		get(t, m, One{}) // a run begins
		time.Sleep(time.Second)
		write()
		get(t, m, One{}) // while it is under way
		time.Sleep(10 * time.Second)
		if r := get(t, m, One{}); r.Value != 2 || r.State != cache.Fresh {
			t.Errorf("after the last write: %d %v, want 2 fresh", r.Value, r.State)
		}
	})
}

func TestAWriteAfterAQuietTimeIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		c, m := r.open(t, cache.NewMemory())
		get(t, m, One{})
		time.Sleep(2 * time.Second)
		r.write(t, c)
		get(t, m, One{})
		synctest.Wait()
		if res := get(t, m, One{}); res.State != cache.Fresh || res.Value != 1 {
			t.Errorf("after the next reader: %d %v, want 1 fresh", res.Value, res.State)
		}
	})
}

func TestWhatIsForbiddenIsComputedAnewHoweverYoungItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		c, m := r.open(t, cache.NewMemory())
		for range 5 {
			get(t, m, One{})
			r.written.Add(1)
			if err := c.Invalidate(t.Context(), cache.Hard, cache.Name("written")); err != nil {
				t.Fatal(err)
			}
			if res := get(t, m, One{}); res.Value != r.written.Load() || res.State != cache.Fresh {
				t.Errorf("%d %v, want %d fresh", res.Value, res.State, r.written.Load())
			}
		}
	})
}

func TestWritesThatNobodyReadsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		c, m := r.open(t, cache.NewMemory())
		get(t, m, One{})
		for range 100 {
			r.write(t, c)
			time.Sleep(100 * time.Millisecond)
		}
		if runs := r.runs.Load(); runs != 1 {
			t.Errorf("%d runs, want the first reader's", runs)
		}
	})
}

func TestOnRedisManyWritesRefreshAKeyOnceASecond(t *testing.T) {
	server := testkit.Redis(t)
	var r record
	var processes []*cache.Cache
	var memos []*cache.Memo[One, int64]
	for range 2 {
		c, m := r.open(t, redisStore(t, server.Addr))
		processes, memos = append(processes, c), append(memos, m)
	}
	began := time.Now()
	reading, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, m := range memos {
		wg.Go(func() {
			for reading.Err() == nil {
				get(t, m, One{})
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	for time.Since(began) < 4*time.Second {
		r.write(t, processes...)
		time.Sleep(10 * time.Millisecond)
	}
	for i, m := range memos {
		eventually(t, 10*time.Second, fmt.Sprintf("process %d shows the last of %d writes", i, r.written.Load()),
			func() bool { return get(t, m, One{}).Value == r.written.Load() })
	}
	stop()
	wg.Wait()
	runs, most := r.runs.Load(), int64(time.Since(began)/time.Second)+1
	if runs > most {
		t.Errorf("%d runs in %v of %d writes, want %d at most", runs, time.Since(began), r.written.Load(), most)
	}
}
