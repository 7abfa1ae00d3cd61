package cache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

func isOpen(f *cache.Failover) bool {
	now, _ := f.Outage()
	return now != nil
}

func TestTheBreakerOpensWhenTheStoreFailsOrIsSlowAndClosesWhenItServes(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		late  time.Duration
		calls int           // until it is open
		cost  time.Duration // of these, together
		opens bool
	}{
		"refused":                    {errors.New("connection refused"), 0, 1, 0, true},
		"silent":                     {nil, time.Hour, 1, time.Second, true},
		"slow again and again":       {nil, 600 * time.Millisecond, 2, 1200 * time.Millisecond, true},
		"a little late each time":    {nil, 100 * time.Millisecond, 20, 2 * time.Second, false},
		"a key that is not our type": {fmt.Errorf("%w: WRONGTYPE", cache.ErrKey), 0, 20, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, store := behind(t, cache.NewMemory())
				load(t, store)
				f.set(c.err, c.late)
				began := time.Now()
				for n := range c.calls {
					if isOpen(store) {
						t.Errorf("open before call %d", n+1)
					}
					load(t, store)
				}
				if took := time.Since(began); took != c.cost {
					t.Errorf("it cost %v, want %v", took, c.cost)
				}
				if isOpen(store) != c.opens {
					t.Errorf("open: %v, want %v", isOpen(store), c.opens)
				}
				if !c.opens {
					return
				}
				began = time.Now()
				if _, err := store.Load(t.Context(), "k"); !errors.Is(err, cache.ErrUnavailable) || time.Since(began) > 0 {
					t.Errorf("Load() = %v after %v, want ErrUnavailable at once", err, time.Since(began))
				}
				time.Sleep(time.Minute)
				if !isOpen(store) {
					t.Error("closed while the fault lasts")
				}
				f.set(nil, 0)
				time.Sleep(time.Second) // the first outage is probed every 125 to 375 ms, for 500 ms at most
				if isOpen(store) {
					t.Error("open though it serves")
				}
				if _, err := store.Load(t.Context(), "k"); err != nil {
					t.Errorf("Load() = %v", err)
				}
			})
		})
	}
}

func TestACrowdThatMeetsASilentStoreWaitsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := behind(t, cache.NewMemory())
		f.set(nil, time.Hour)
		began := time.Now()
		var wg sync.WaitGroup
		for range 600 {
			wg.Go(func() { load(t, store) })
		}
		wg.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("600 calls took %v, want the second that the first ones wait", took)
		}
		if calls := f.called(); calls > 16 {
			t.Errorf("%d calls reached the store, want no more than can at once", calls)
		}
	})
}

func TestSlowAnswersAtTheSameTimeCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := behind(t, cache.NewMemory())
		f.set(nil, 700*time.Millisecond)
		crowd := func(calls int) {
			var wg sync.WaitGroup
			for range calls {
				wg.Go(func() { load(t, store) })
			}
			wg.Wait()
		}
		crowd(16)
		f.set(nil, 0)
		load(t, store)
		if isOpen(store) {
			t.Error("a boundary's calls at the same time were taken for a slow store")
		}
		f.set(nil, 700*time.Millisecond)
		began := time.Now()
		crowd(600) // there are always some under way
		if !isOpen(store) || time.Since(began) > 2*time.Second {
			t.Errorf("open: %v after %v, want it within two answers", isOpen(store), time.Since(began))
		}
	})
}

func TestACallersEndOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := behind(t, cache.NewMemory())
		f.set(nil, time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := store.Load(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) || isOpen(store) {
			t.Errorf("Load() = %v, open: %v; want the caller's deadline and no more", err, isOpen(store))
		}
	})
}

func TestOutagesThatFollowEachOtherLastLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := behind(t, cache.NewMemory())
		outage := func() time.Duration {
			f.set(errDown, 0)
			load(t, store)
			f.set(nil, 0)
			began := time.Now()
			for isOpen(store) {
				time.Sleep(10 * time.Millisecond)
			}
			return time.Since(began)
		}
		var lasted []time.Duration
		for range 10 {
			lasted = append(lasted, outage())
		}
		// 250 ms, 500 ms … 4 s … 20 s, each by half more or less.
		if lasted[0] > 400*time.Millisecond || lasted[4] < 2*time.Second || lasted[9] < 10*time.Second || lasted[9] > 31*time.Second {
			t.Errorf("the outages lasted %v", lasted)
		}
		time.Sleep(31 * time.Second)
		if again := outage(); again > 400*time.Millisecond {
			t.Errorf("after a quiet time one lasted %v, want it short again", again)
		}
	})
}

func TestACallFromBeforeAnOutageDoesNotBeginTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := behind(t, cache.NewMemory())
		f.set(nil, time.Hour)
		var wg sync.WaitGroup
		wg.Go(func() { load(t, store) }) // fails after a second
		synctest.Wait()
		f.set(errDown, 0)
		load(t, store)
		f.set(nil, 0)
		wg.Wait()
		time.Sleep(time.Second)
		if _, count := store.Outage(); count != 1 {
			t.Errorf("%d outages, want 1", count)
		}
	})
}

func TestWhoListensDoesSoAnewAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := behind(t, cache.NewMemory())
		var connected int
		stop := store.Listen(func(m cache.Message) {
			if m.Connected {
				connected++
			}
		})
		f.set(errDown, 0)
		load(t, store)
		f.set(nil, 0)
		time.Sleep(time.Second)
		synctest.Wait()
		if connected != 1 || f.sessions != 2 {
			t.Errorf("told %d times of a new connection, listened %d times; want 1 and 2", connected, f.sessions)
		}
		stop()
		f.set(errDown, 0)
		load(t, store)
		f.set(nil, 0)
		time.Sleep(time.Minute)
		synctest.Wait()
		if f.sessions != 2 {
			t.Error("it listens though it was stopped")
		}
	})
}

func TestTheLogHasWhenAnOutageBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		f := &faulty{Memory: cache.NewMemory()}
		store := cache.NewFailover(f, slog.New(slog.NewTextHandler(&text, nil)))
		f.set(errDown, 0)
		for range 5 {
			load(t, store)
		}
		f.set(nil, 0)
		time.Sleep(time.Second)
		store.Close()
		got := text.String()
		if strings.Count(got, "going on without") != 1 || strings.Count(got, "used again") != 1 || !strings.Contains(got, errDown.Error()) {
			t.Errorf("the log has\n%s", got)
		}
	})
}

func TestWhoBeginsToListenAsAnOutageEndsListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 1000 {
			f, store := behind(t, cache.NewMemory())
			f.set(errDown, 0)
			load(t, store)
			f.set(nil, 0)
			time.Sleep(probeJitterLeast)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() { store.Listen(func(cache.Message) {})() })
			}
			wg.Wait()
			for isOpen(store) {
				time.Sleep(time.Millisecond)
				wg.Go(func() { store.Listen(func(cache.Message) {})() })
			}
			wg.Wait()
		}
	})
}

// probeJitterLeast is the soonest that an outage ends.
const probeJitterLeast = 125 * time.Millisecond
