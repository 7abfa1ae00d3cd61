package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
)

func TestAFlightThatNobodyWaitsForGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(10*time.Second, nil, nil)
		c := open(t, cache.Deps{Producers: 2}) // of which one memo has one
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
		synctest.Wait()
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

// The other memo has its new window in time, also when what was crawled is due for the
// next time shortly before.
func TestACrawlOfOneMemoDoesNotDelayAnother(t *testing.T) {
	for _, crawled := range []time.Duration{window, 800 * time.Millisecond} {
		for _, stays := range []bool{false, true} {
			t.Run(fmt.Sprintf("a window of %v, readers that stay %t", crawled, stays), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var s, home source
					c := open(t, cache.Deps{})
					number := home.memo(c)
					items := cache.NewMemo(c, cache.Spec{Name: "item", Window: crawled},
						func(ctx context.Context, _ cache.Window, _ Item) (int, error) { return s.produce(ctx) })
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
						t.Errorf("at boundary and lag the number is as of %v, want %v", now.AsOf, r.Next)
					}
				})
			})
		}
	}
}

// Pages of many things show several memos of each. A crawl of them leaves producers to
// the others all the same.
func TestACrawlOfAPageOfSeveralMemosDoesNotDelayAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s, home source
		c := open(t, cache.Deps{})
		spec := func(name string) cache.Spec { return cache.Spec{Name: name, Window: window, ManyKeys: true} }
		slow := func(ctx context.Context, _ cache.Window, _ Item) (int, error) {
			s.runs.Add(1)
			select {
			case <-time.After(10 * time.Second):
				return 1, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		parts := []*cache.Memo[Item, int]{cache.NewMemo(c, spec("past.flow"), slow), cache.NewMemo(c, spec("past.wealth"), slow), cache.NewMemo(c, spec("past.richest"), slow)}
		number := home.memo(c)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		for i := range 40 {
			for _, part := range parts {
				go part.Get(ctx, Item(strconv.Itoa(i)))
			}
		}
		synctest.Wait()
		s.wantRuns(t, 4, "of all parts at once")
		began := time.Now()
		get(t, number, One{})
		if took := time.Since(began); took != 0 {
			t.Errorf("another memo's first value came after %v, want at once", took)
		}
	})
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

func TestValuesAreBoundedByWeightAndComeBackFromTheSharedLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		c := open(t, cache.Deps{Memory: 1 << 20, Registerer: registry})
		runs := 0
		m := cache.NewMemo(c, cache.Spec{Name: "large", Window: time.Hour}, func(context.Context, cache.Window, Item) (string, error) {
			runs++
			return strings.Repeat("x", 50_000), nil
		})
		for i := range 100 {
			get(t, m, Item(fmt.Sprint(i)))
			synctest.Wait()
		}
		if weight := metric(t, registry, "exchequer_cache_process_level_bytes"); weight > 1.2*(1<<20) {
			t.Errorf("the process level weighs %v bytes, want about 1 MiB at most", weight)
		}
		for i := range 100 {
			get(t, m, Item(fmt.Sprint(i)))
		}
		if runs != 100 {
			t.Errorf("%d runs for 100 keys, want one each", runs)
		}
	})
}

func TestAKeyThatNobodyWaitsForIsNotComputedWhenOtherMemosHaveAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, cache.Deps{Producers: 2})
		var deserted atomic.Int64
		busy := func(name string) *cache.Memo[Item, int] {
			return cache.NewMemo(c, cache.Spec{Name: name, Window: time.Hour}, func(context.Context, cache.Window, Item) (int, error) {
				time.Sleep(10 * time.Second)
				return 1, nil
			})
		}
		a, b := busy("a"), busy("b")
		other := cache.NewMemo(c, cache.Spec{Name: "c", Window: time.Hour}, func(context.Context, cache.Window, Item) (int, error) {
			return int(deserted.Add(1)), nil
		})
		go a.Get(context.Background(), "x")
		go b.Get(context.Background(), "x")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := other.Get(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get() = %v, want its deadline", err)
		}
		time.Sleep(time.Minute)
		if n := deserted.Load(); n != 0 {
			t.Errorf("it was computed %d times for nobody", n)
		}
	})
}
