package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestAFreshProcessServesItsFirstPageFromAWarmRedis(t *testing.T) {
	t.Parallel()
	undisturbed(t, settled, func(f *fleet, processes []*process) error {
		if err := processes[0].get("/economy").whole(); err != nil {
			t.Fatal(err)
		}
		v := processes[1].get("/economy")
		if err := v.whole(); err != nil {
			t.Error(err)
		}
		t.Logf("the first page of a fresh process took %s", v.took)
		fresh := processes[1:2]
		return errors.Join(
			exactly(0, "producer runs", runs(fresh, "done")),
			exactly(0, "failed runs", runs(fresh, "failed")),
			exactly(1, "found in Redis", runs(fresh, "found")),
		)
	})
}

func TestACrowdAtThreeColdProcessesCausesOneRunAMemo(t *testing.T) {
	t.Parallel()
	undisturbed(t, settled, func(f *fleet, processes []*process) error {
		var all sync.WaitGroup
		browser := newBrowser(t)
		began := time.Now()
		for range 25 {
			for _, p := range processes {
				all.Go(func() {
					if err := fetch(t.Context(), browser, p.url+"/economy").whole(); err != nil {
						t.Errorf("process %s: %v", p.name, err)
					}
				})
			}
		}
		all.Wait()
		t.Logf("75 visitors at 3 cold processes were answered after %s", time.Since(began))
		return errors.Join(
			exactly(1, "producer runs", runs(processes, "done")),
			exactly(0, "failed runs", runs(processes, "failed")),
		)
	})
}

func TestAtEachBoundaryOneRunServesTheFleetAndEveryProcessShowsIt(t *testing.T) {
	t.Parallel()
	const window = 6 * time.Second // long enough to look at all processes between two runs on a busy machine
	undisturbed(t, "window:"+window.String(), func(f *fleet, processes []*process) error {
		c := newCrowd(t, processes, 2)
		defer c.leave(t)
		first, before := f.settledAt(processes, 0)
		shown := first
		for range 3 {
			next := shown + window.Milliseconds()
			// As browsers do: the lag after the boundary.
			due := time.UnixMilli(next + processes[0].get("/economy").millis("data-lag"))
			time.Sleep(time.Until(due))
			f.shows(processes, next)
			t.Logf("all three processes showed a new window %s after boundary and lag", time.Since(due))
			shown = next
		}
		last, after := f.settledAt(processes, shown)
		var wrong error
		passed := int((last - first) / window.Milliseconds())
		for name := range after {
			if n := after[name] - before[name]; n != passed {
				wrong = errors.Join(wrong, fmt.Errorf("%s was computed %d times in %d windows", name, n, passed))
			}
		}
		return wrong
	})
}

// shows waits until all processes show the same window, at least as new as the one
// that began at start, and returns it.
func (f *fleet) shows(processes []*process, start int64) int64 {
	f.t.Helper()
	eventually(f.t, "all processes show one window", func() error {
		newest, oldest := int64(0), int64(0)
		for _, p := range processes {
			v := p.get("/economy")
			if err := v.whole(); err != nil {
				return err
			}
			newest = max(newest, v.asOf())
			if oldest == 0 || v.asOf() < oldest {
				oldest = v.asOf()
			}
		}
		if oldest == newest && newest >= start {
			start = newest
			return nil
		}
		return fmt.Errorf("from %d to %d, want %d", oldest, newest, start)
	})
	return start
}

// settledAt returns how often each memo was computed up to a window that all
// processes show, without runs for the next one.
func (f *fleet) settledAt(processes []*process, start int64) (window int64, done map[string]int) {
	f.t.Helper()
	for begun := time.Now(); ; {
		window = f.shows(processes, start)
		shown := time.Now()
		done = runs(processes, "done")
		again := f.shows(processes, window)
		next := time.UnixMilli(processes[0].get("/economy").millis("data-next"))
		if again == window && time.Now().Before(next) {
			return window, done
		}
		if time.Since(begun) > 3*time.Minute {
			f.t.Fatalf("no window in three minutes is long enough to count its runs: the last was shown by all %s before the next, and to look at all took %s",
				next.Sub(shown), time.Since(shown))
		}
	}
}

func TestAFirstVisitorWhoLeavesDoesNotEndTheRun(t *testing.T) {
	t.Parallel()
	undisturbed(t, settled, func(f *fleet, processes []*process) error {
		letGo := hold(t, f.db, "balances")
		browser := newBrowser(t)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		first := make(chan visit, 1)
		go func() { first <- fetch(ctx, browser, processes[0].url+"/economy") }()
		eventually(t, "the first visitor's producer runs", func() error {
			if f.holder("economy.overview") == "" {
				return errors.New("no lock")
			}
			return nil
		})
		others := make(chan visit, len(processes))
		for _, p := range processes {
			go func() { others <- fetch(t.Context(), browser, p.url+"/economy") }()
		}
		leave()
		if v := <-first; !errors.Is(v.err, context.Canceled) {
			t.Errorf("the first visitor got %d, %v, want to have left", v.status, v.err)
		}
		letGo()
		for range processes {
			if err := (<-others).whole(); err != nil {
				t.Error(err)
			}
		}
		return errors.Join(
			exactly(1, "producer runs", runs(processes, "done")),
			exactly(0, "failed runs", runs(processes, "failed")),
		)
	})
}

// holder returns the token of the holder of a memo's lock, empty if there is none.
func (f *fleet) holder(memo string) string {
	f.t.Helper()
	keys, err := f.look.Keys(f.t.Context(), "exchequer:{fleet:*:"+memo+"}:*:lock").Result()
	if err != nil {
		f.t.Fatal(err)
	}
	if len(keys) == 0 {
		return ""
	}
	return f.look.Get(f.t.Context(), keys[0]).Val()
}
