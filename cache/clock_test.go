package cache_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestAReaderDoesNotSpinWhenTheFleetsClockGoesBackWhileACircuitIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &jumping{Memory: cache.NewMemory()}
		store.by.Store(int64(time.Hour))
		var clock wrongClock
		clock.set(time.Hour)
		var s source
		s.set(0, errDown, nil)
		m := s.items(open(t, cache.Deps{Store: store, Clock: clock.now}))
		for i := range 6 { // five open the circuit
			m.Get(t.Context(), Item(strconv.Itoa(i)))
		}
		store.by.Store(0)
		clock.set(0)
		time.Sleep(3 * time.Second) // the cache has sampled the clock
		before := store.loads.Load()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r, err := m.Get(ctx, "another"); err == nil {
			t.Errorf("Get() = %v", r)
		}
		if loads := store.loads.Load() - before; loads > 2 {
			t.Errorf("one reader looked at the store %d times", loads)
		}
		s.set(0, nil, nil)
		time.Sleep(time.Minute)
		if _, err := m.Get(t.Context(), "another"); err != nil {
			t.Errorf("a minute later, with a producer that works: %v", err)
		}
	})
}

// A wrongClock is a machine's clock that a test sets.
type wrongClock struct{ by atomic.Int64 }

func (w *wrongClock) set(by time.Duration) { w.by.Store(int64(by)) }

func (w *wrongClock) now() time.Time { return time.Now().Add(time.Duration(w.by.Load())) }

// Not a multiple of the window, so that the boundaries differ as well.
const off = 20*time.Second + 700*time.Millisecond

// skewed is a process of the fleet whose clock is off.
func skewed(t *testing.T, addr string, clock *wrongClock, s *source) (*cache.Memo[One, int], *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	c := open(t, cache.Deps{Store: redisStore(t, addr), Space: space, Clock: clock.now, Registerer: registry})
	memo := cache.NewMemo(c, cache.Spec{Name: "number", Window: short, Tags: []string{"ledger"}},
		func(ctx context.Context, _ cache.Window, _ One) (int, error) { return s.produce(ctx) })
	return memo, registry
}

// ofThePresent checks that a result is of the present window, or of the last one
// while the new value is computed.
func ofThePresent(t *testing.T, r cache.Result[int], when string) {
	t.Helper()
	now := cache.WindowAt(time.Now(), short).Start
	if behind := now.Sub(r.AsOf); behind < 0 || behind > short {
		t.Errorf("%s: as of %v, in the window of %v", when, r.AsOf, now)
	}
}

func TestAProcessWhoseClockIsOffShowsAndPublishesTheFleetsWindows(t *testing.T) {
	for name, by := range map[string]time.Duration{"ahead": off, "behind": -off} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testkit.Redis(t)
			var clock wrongClock
			clock.set(by)
			var s source
			wrong, registry := skewed(t, server.Addr, &clock, &s)
			start()
			published := get(t, wrong, One{})
			ofThePresent(t, published, "its very first request")
			_, _, right := process(t, server.Addr, &s)
			if r := get(t, right, One{}); r.AsOf.Equal(published.AsOf) && r.Version != published.Version {
				t.Errorf("another process shows %v, want %v", r, published)
			}
			if got := metric(t, registry, "exchequer_cache_clock_offset_seconds"); got+by.Seconds() > .5 || got+by.Seconds() < -.5 {
				t.Errorf("the exported offset is %v s, want that of a clock %v off", got, by)
			}

			clock.set(-by)
			ofThePresent(t, get(t, wrong, One{}), "as its clock jumps")
			eventually(t, 10*time.Second, "the exported offset follows the jump", func() bool {
				return metric(t, registry, "exchequer_cache_clock_offset_seconds")*by.Seconds() > 0
			})
			follows(t, wrong, "after the jump")

			server.Kill()
			follows(t, wrong, "without Redis")
			clock.set(by)
			follows(t, wrong, "as its clock jumps without Redis")
		})
	}
}

// follows checks that a process shows each window as it begins, or soon after.
func follows(t *testing.T, m *cache.Memo[One, int], when string) {
	t.Helper()
	end := cache.WindowAt(time.Now(), short).End
	eventually(t, 10*time.Second, when+": the next window", func() bool {
		r := get(t, m, One{})
		ofThePresent(t, r, when)
		return !r.AsOf.Before(end)
	})
}

func TestTheTimersOfAProcessWhoseClockIsOffKeepTheFleetsBoundaries(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	var clock wrongClock
	clock.set(off)
	ran := make(chan time.Time, 10)
	var s source
	s.set(0, nil, func(context.Context) { ran <- time.Now() })
	m, _ := skewed(t, server.Addr, &clock, &s)
	start()
	get(t, m, One{})
	<-ran
	for range 2 {
		boundary := cache.WindowAt(time.Now(), short).End
		// There are no readers meanwhile. By its own clock it would be 700 ms early.
		at := <-ran
		if at.Before(boundary.Add(-300 * time.Millisecond)) {
			t.Errorf("refreshed at %v, %v before the boundary", at, boundary.Sub(at))
		}
	}
}

func TestAValueFromAClockThatRanAheadGivesWayToThePresent(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	server.Kill()
	var clock wrongClock
	clock.set(time.Hour)
	var s source
	wrong, _ := skewed(t, server.Addr, &clock, &s)
	if r := get(t, wrong, One{}); !r.AsOf.After(time.Now()) {
		t.Fatalf("without Redis it is as of %v, want its own clock's", r.AsOf)
	}
	server.Start()
	eventually(t, 10*time.Second, "it shows the present when it knows the time", func() bool {
		r := get(t, wrong, One{})
		return !r.AsOf.After(time.Now()) && r.State == cache.Fresh
	})
	_, _, right := process(t, server.Addr, &s)
	ofThePresent(t, get(t, right, One{}), "another process")
}

func TestAProcessWhoseClockIsOffFollowsTheServers(t *testing.T) {
	// The store's clock is off instead: 20 s ahead.
	store := ahead{cache.NewMemory(), 20 * time.Second}
	var s source
	m := s.memo(open(t, cache.Deps{Store: store}))
	r := get(t, m, One{})
	if want := cache.WindowAt(time.Now().Add(20*time.Second), window).Start; !r.AsOf.Equal(want) {
		t.Errorf("as of %v, want the window of the fleet's clock, %v", r.AsOf, want)
	}
}

func TestASlowAnswerMovesTheClockNoFurtherThanItMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &jumping{Memory: cache.NewMemory()}
		c := open(t, cache.Deps{Store: store})
		time.Sleep(1500 * time.Millisecond)
		store.late.Store(int64(900 * time.Millisecond)) // as a server that was stopped meanwhile
		store.by.Store(int64(time.Millisecond))         // by which the clocks drifted
		time.Sleep(15 * time.Second)
		if off := -time.Until(c.Now()); off < -2*time.Millisecond || off > 2*time.Millisecond {
			t.Errorf("the clock is %v off, want the millisecond of the store's", off)
		}
	})
}
