package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

// left is the context of a reader who is gone.
func left(t *testing.T) context.Context {
	ctx, leave := context.WithCancel(t.Context())
	leave()
	return ctx
}

func TestAReaderWhoHasLeftStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		items := s.items(c)
		gone := left(t)
		for i := range 1000 {
			if _, err := items.Get(gone, Item(strconv.Itoa(i))); !errors.Is(err, context.Canceled) {
				t.Fatalf("Get by a reader who has left = %v, want context.Canceled", err)
			}
		}
		synctest.Wait()
		s.wantRuns(t, 0, "after 1,000 readers who had left")
		if keys := c.Health().Memos[0].Keys; keys != 0 {
			t.Errorf("%d keys are held, want none", keys)
		}
		get(t, items, "a")
		if r, err := items.Get(gone, "a"); err != nil || r.Value != 1 {
			t.Errorf("Get of what is there = %v, %v, want the value", r, err)
		}
	})
}

func TestPeekReturnsWhatTheProcessHoldsAndLeavesNoTraceOfAnythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		items := s.items(c)
		for i := range 100 {
			if _, err := items.Peek(Item(strconv.Itoa(i))); !errors.Is(err, cache.ErrAbsent) {
				t.Fatalf("Peek of an unknown key = %v, want ErrAbsent", err)
			}
		}
		synctest.Wait()
		s.wantRuns(t, 0, "after peeks at unknown keys")
		if keys := c.Health().Memos[0].Keys; keys != 0 {
			t.Errorf("%d keys are held, want none", keys)
		}
		get(t, items, "a")
		r, err := items.Peek("a")
		if err != nil {
			t.Fatalf("Peek = %v", err)
		}
		wantResult(t, r, 1, cache.Fresh, "a peek")
		time.Sleep(10 * window)
		r, err = items.Peek("a")
		if err != nil {
			t.Fatalf("Peek = %v", err)
		}
		wantResult(t, r, 3, cache.Stale, "a peek much later")
		synctest.Wait()
		r, _ = items.Peek("a")
		wantResult(t, r, 4, cache.Fresh, "a peek after that, which had it refreshed")
	})
}

func TestPeekTellsOfAFailureAsGetDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(0, errDown, nil)
		m := s.memo(open(t, cache.Deps{}))
		_, want := m.Get(t.Context(), One{})
		_, got := m.Peek(One{})
		var unavailable *cache.UnavailableError
		if !errors.As(got, &unavailable) || got.Error() != want.Error() {
			t.Errorf("Peek after a failure = %v, want %v", got, want)
		}
	})
}

func TestLoadFindsWhatAnotherProcessHasComputedAndRunsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := cache.NewMemory()
		var s source
		there, here := s.items(open(t, cache.Deps{Store: store})), s.items(open(t, cache.Deps{Store: store}))
		get(t, there, "a")
		r, err := here.Load(t.Context(), "a")
		if err != nil {
			t.Fatalf("Load of what is shared = %v", err)
		}
		wantResult(t, r, 1, cache.Fresh, "a load")
		if _, err := here.Load(t.Context(), "b"); !errors.Is(err, cache.ErrAbsent) {
			t.Errorf("Load of what nobody has = %v, want ErrAbsent", err)
		}
		s.wantRuns(t, 1, "after the loads")
	})
}

func TestAFlightThatNobodyWaitsForGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(10*time.Second, nil, nil)
		c := open(t, cache.Deps{Producers: 2}) // one of them for one memo
		items := s.items(c)
		ctx, leave := context.WithCancel(t.Context())
		for i := range 100 {
			go items.Get(ctx, Item(strconv.Itoa(i)))
		}
		time.Sleep(time.Second)
		leave()
		synctest.Wait()
		began := time.Now()
		get(t, items, "of a reader who waits")
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("a reader waited %v, want the rest of the run under way and his own", took)
		}
		s.wantRuns(t, 2, "after 100 readers who had left, and one")
		if keys := c.Health().Memos[0].Keys; keys != 2 {
			t.Errorf("%d keys are held, want the 2 that were computed", keys)
		}
	})
}

func TestAReaderWhoComesBackToADesertedKeyGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(time.Second, nil, nil)
		items := s.items(open(t, cache.Deps{Producers: 2}))
		go items.Get(t.Context(), "occupies the place")
		var readers sync.WaitGroup
		for range 50 {
			readers.Go(func() {
				ctx, leave := context.WithTimeout(t.Context(), 10*time.Millisecond)
				defer leave()
				items.Get(ctx, "a")
			})
			readers.Go(func() { get(t, items, "a") })
		}
		readers.Wait()
		s.wantRuns(t, 2, "after impatient readers and patient ones")
	})
}

func TestTooManyColdKeysOfAMemoAreRefusedAtOnceAndOthersAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s, home source
		c := open(t, cache.Deps{})
		items, number := s.items(c), home.memo(c)
		s.set(time.Second, nil, nil)
		get(t, items, "known")
		var crawler sync.WaitGroup
		var served, refused int
		var mu sync.Mutex
		began := time.Now()
		for i := range 4000 {
			crawler.Go(func() {
				_, err := items.Get(t.Context(), Item(strconv.Itoa(i)))
				mu.Lock()
				defer mu.Unlock()
				var unavailable *cache.UnavailableError
				switch {
				case err == nil:
					served++
				case errors.As(err, &unavailable) && unavailable.RetryAt.After(began) && time.Since(began) == 0:
					refused++
				default:
					t.Errorf("a cold key after %v: %v", time.Since(began), err)
				}
			})
		}
		synctest.Wait()
		if goroutines := runtime.NumGoroutine(); goroutines > 2000 {
			t.Errorf("%d goroutines wait, want few", goroutines)
		}
		wantResult(t, get(t, items, "known"), 1, cache.Fresh, "what is known meanwhile")
		get(t, number, One{})
		if took := time.Since(began); took != 0 {
			t.Errorf("another memo's value came after %v, want at once", took)
		}
		crawler.Wait()
		if served < 100 || served+refused != 4000 {
			t.Errorf("%d were served and %d refused at once, want 4,000 together", served, refused)
		}
	})
}

// The page's own memo has its new window in time, whoever waits or has left.
func TestACrawlOfOneMemoDoesNotDelayAnother(t *testing.T) {
	for _, stays := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var s, home source
			c := open(t, cache.Deps{})
			items, number := s.items(c), home.memo(c)
			s.set(100*time.Millisecond, nil, nil)
			get(t, number, One{})
			time.Sleep(window - time.Second)
			r := get(t, number, One{})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			for i := range 4000 {
				go items.Get(ctx, Item(strconv.Itoa(i)))
			}
			if !stays {
				time.AfterFunc(time.Millisecond, leave)
			}
			time.Sleep(time.Until(r.Next) + r.Lag)
			if now := get(t, number, One{}); !now.AsOf.Equal(r.Next) {
				t.Errorf("readers stay %t: at boundary and lag the number is as of %v, want %v", stays, now.AsOf, r.Next)
			}
		})
	}
}

func TestCloseStartsNoneOfTheRunsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := cache.New(cache.Deps{Store: cache.NewMemory()})
		items := s.items(c)
		s.set(100*time.Millisecond, nil, nil)
		for i := range 200 {
			go items.Get(t.Context(), Item(strconv.Itoa(i)))
		}
		time.Sleep(50 * time.Millisecond)
		before := s.runs.Load()
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("Close() = %v", err)
		}
		synctest.Wait()
		s.wantRuns(t, before, "after Close")
	})
}

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
