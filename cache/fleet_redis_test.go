package cache_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestWithoutAnyMessageNewValuesAndInvalidationsAreSeenWithinASecondAndAWindow(t *testing.T) {
	t.Parallel()
	s := &visitedFleet{redis: testkit.Redis(t)}
	deafen(t, s.redis)
	a, b := s.join(t), s.join(t)
	get(t, a.number, One{})
	get(t, b.number, One{})
	if subscribers, err := s.redis.Do("CLIENT", "LIST", "TYPE", "pubsub"); err != nil || subscribers != "$0" {
		t.Fatalf("somebody listens: %q, %v", subscribers, err)
	}
	const bound = time.Second + short
	stop := s.visit(t)
	for range 3 {
		end := cache.WindowAt(time.Now(), short).End
		time.Sleep(time.Until(end))
		for _, m := range s.processes {
			eventually(t, bound, "the new window in every process", func() bool { return !get(t, m.number, One{}).AsOf.Before(end) })
		}
	}
	for _, mode := range []cache.Mode{cache.Soft, cache.Hard} {
		before := s.source.runs.Load()
		if err := a.cache.Invalidate(t.Context(), mode, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		for _, m := range s.processes {
			eventually(t, bound, "a value from after the "+mode.String()+" invalidation in every process", func() bool {
				return int64(get(t, m.number, One{}).Value) > before
			})
		}
	}
	stop()
}

// deafen makes a server refuse subscriptions.
func deafen(t *testing.T, server *testkit.RedisServer) {
	t.Helper()
	_, err := server.Do("ACL", "SETUSER", "default", "-subscribe")
	_, killed := server.Do("CLIENT", "KILL", "TYPE", "pubsub")
	if err := errors.Join(err, killed); err != nil {
		t.Fatal(err)
	}
}

func TestAnInvalidationWhileAnotherProcessComputesIsNotLost(t *testing.T) {
	for name, heard := range map[string]bool{"heard": true, "with messages lost": false} {
		for _, mode := range []cache.Mode{cache.Soft, cache.Hard} {
			t.Run(mode.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				s := &visitedFleet{redis: testkit.Redis(t)}
				if !heard {
					deafen(t, s.redis)
				}
				a, b := s.join(t), s.join(t)
				computing, proceed := make(chan struct{}), make(chan struct{})
				var once sync.Once
				s.source.set(0, nil, func(context.Context) {
					once.Do(func() {
						close(computing)
						<-proceed
					})
				})
				start()
				var visitors sync.WaitGroup
				for _, m := range s.processes {
					visitors.Go(func() {
						if r := get(t, m.number, One{}); r.Value == 1 && (r.State == cache.Fresh || mode == cache.Hard) {
							t.Errorf("a visitor who waited was shown %v, %v, of before the invalidation", r.Value, r.State)
						}
					})
				}
				<-computing
				if err := b.cache.Invalidate(t.Context(), mode, cache.Tag("ledger")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(1100 * time.Millisecond) // for the message, or for a poll
				close(proceed)
				visitors.Wait()
				for range 20 {
					for i, m := range s.processes {
						if r := get(t, m.number, One{}); r.Value == 1 && (r.State == cache.Fresh || mode == cache.Hard) {
							t.Fatalf("process %d shows %v, %v, of before the invalidation", i, r.Value, r.State)
						}
					}
					time.Sleep(5 * time.Millisecond)
				}
				for _, m := range []*member{a, b, s.join(t)} {
					eventually(t, 5*time.Second, "a later value in every process, and in a new one", func() bool { return get(t, m.number, One{}).Value > 1 })
				}
			})
		}
	}
}

func TestAProducerThatFailsInAnyWayDegradesItsPanelAndNoOther(t *testing.T) {
	type ending <-chan struct{} // of the test
	for name, fails := range map[string]func(context.Context, ending) (string, error){
		"panics":           func(context.Context, ending) (string, error) { panic("nil map") },
		"returns an error": func(context.Context, ending) (string, error) { return "", errDown },
		"hangs": func(ctx context.Context, _ ending) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		},
		"hangs and heeds nothing": func(_ context.Context, end ending) (string, error) {
			<-end
			return "", errDown
		},
		"returns 20 MB": func(context.Context, ending) (string, error) { return strings.Repeat("x", 20<<20), nil },
	} {
		t.Run(name, func(t *testing.T) {
			large := name == "returns 20 MB"
			if !large { // the large one is for measuring memory
				t.Parallel()
			}
			end := make(chan struct{})
			s := &visitedFleet{redis: testkit.Redis(t)}
			var panels []*cache.Memo[One, string]
			failing := make(chan struct{})
			for range 2 {
				m := s.join(t)
				spec := cache.Spec{Name: "panel", Window: short, Timeout: time.Second}
				panels = append(panels, cache.NewMemo(m.cache, spec, func(ctx context.Context, _ cache.Window, _ One) (string, error) {
					select {
					case <-failing:
						return fails(ctx, end)
					default:
						return "good", nil
					}
				}))
				if got := get(t, panels[len(panels)-1], One{}).Value; got != "good" {
					t.Fatalf("the panel shows %q", got)
				}
			}
			t.Cleanup(func() { close(end) })
			before := heap()
			close(failing)
			stop := s.visit(t)
			for _, panel := range panels {
				eventually(t, 10*time.Second, "the panel says why it is not new", func() bool {
					r := get(t, panel, One{})
					if r.Value != "good" {
						t.Errorf("the panel shows %d bytes, want those that were good", len(r.Value))
					}
					return r.State == cache.Degraded && r.Reason != ""
				})
			}
			next := cache.WindowAt(time.Now(), short).End
			for _, m := range s.processes {
				eventually(t, 10*time.Second, "the other panel shows the next window", func() bool {
					return !get(t, m.number, One{}).AsOf.Before(next)
				})
			}
			for i, w := range stop() {
				if w.longest > 5*time.Second {
					t.Errorf("process %d: %v beside a panel that fails", i, w)
				}
			}
			if large {
				eventually(t, 10*time.Second, "what was too large is held no more", func() bool { return heap()-before < 10<<20 })
			}
		})
	}
}

// heap returns the bytes in use on the heap.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestADeployWithAnotherShapeOfValuesLeavesBothWarm(t *testing.T) {
	server := testkit.Redis(t)
	type old struct{ Supply int }
	type young struct{ Supply, Holders int }
	oldRuns, youngRuns := 0, 0
	spec := cache.Spec{Name: "overview", Window: time.Hour, Tags: []string{"ledger"}}
	before := func() (*cache.Cache, *cache.Memo[One, old]) {
		c := open(t, cache.Deps{Store: redisStore(t, server.Addr)})
		return c, cache.NewMemo(c, spec, func(context.Context, cache.Window, One) (old, error) {
			oldRuns++
			return old{oldRuns}, nil
		})
	}
	after := func() (*cache.Cache, *cache.Memo[One, young]) {
		c := open(t, cache.Deps{Store: redisStore(t, server.Addr)})
		return c, cache.NewMemo(c, spec, func(context.Context, cache.Window, One) (young, error) {
			youngRuns++
			return young{youngRuns, 7}, nil
		})
	}
	check := func(when string, want int) {
		t.Helper()
		// The processes of both builds take turns.
		for range 2 {
			_, m := before()
			_, n := after()
			if got := get(t, m, One{}).Value; got != (old{want}) {
				t.Errorf("%s the old build shows %v", when, got)
			}
			if got := get(t, n, One{}).Value; got != (young{want, 7}) {
				t.Errorf("%s the new build shows %v", when, got)
			}
		}
		if oldRuns != want || youngRuns != want {
			t.Errorf("%s the old build ran %d times, the new one %d times, want %d each", when, oldRuns, youngRuns, want)
		}
	}
	check("while both run,", 1)
	c, _ := before()
	if err := c.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
		t.Fatal(err)
	}
	check("after an invalidation by the old build,", 2)
}

func TestAProcessThatIsShutDownInABurstLosesNoVisitorNoGoroutineAndNoLock(t *testing.T) {
	for name, test := range map[string]struct {
		patience time.Duration
		served   bool
	}{
		"with the time to finish":    {20 * time.Second, true},
		"without the time to finish": {100 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := testkit.Redis(t)
			present := goleak.IgnoreCurrent()
			store := newRemote(redis.UniversalOptions{Addrs: []string{server.Addr}}, space)
			c := cache.New(cache.Deps{Store: store, Space: space})
			var s source
			computing := make(chan struct{})
			s.set(time.Second, nil, func(context.Context) { close(computing) })
			m := numberOf(c, &s)
			var visitors sync.WaitGroup
			for range 100 {
				visitors.Go(func() {
					if _, err := m.Get(context.Background(), One{}); (err == nil) != test.served {
						t.Errorf("a visitor who was waiting got %v", err)
					}
				})
			}
			<-computing
			ctx, cancel := context.WithTimeout(t.Context(), test.patience)
			defer cancel()
			if err := c.Close(ctx); (err == nil) != test.served {
				t.Errorf("Close() = %v", err)
			}
			visitors.Wait()
			if n, err := server.Do("EVAL", "return #redis.call('KEYS', '*:lock')", "0"); n != ":0" || err != nil {
				t.Errorf("locks left: %s, %v", n, err)
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
			goleak.VerifyNone(t, present)
		})
	}
}

func TestAFirstVisitorWhoLeavesTakesNothingFromTheOthers(t *testing.T) {
	s := &visitedFleet{redis: testkit.Redis(t)}
	a, b := s.join(t), s.join(t)
	computing := make(chan struct{})
	s.source.set(500*time.Millisecond, nil, func(context.Context) { close(computing) })
	start()
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := a.number.Get(ctx, One{})
		gone <- err
	}()
	<-computing
	var others sync.WaitGroup
	for _, m := range []*member{a, b} {
		others.Go(func() {
			if r, err := m.number.Get(t.Context(), One{}); err != nil || r.Value != 1 {
				t.Errorf("who stayed got %v, %v, want what was being computed", r.Value, err)
			}
		})
	}
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	others.Wait()
	s.source.wantRuns(t, 1, "for both processes")
}
