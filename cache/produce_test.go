package cache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

func TestAFailedRefreshKeepsTheLastKnownGoodAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{}))
		get(t, m, One{})
		s.set(0, errDown, nil)
		boundary()
		r := get(t, m, One{})
		wantResult(t, r, 1, cache.Degraded, "after a failure")
		if r.Reason == "" || r.Reason == errDown.Error() {
			t.Errorf("reason %q, want one for visitors", r.Reason)
		}
		if !r.Next.After(time.Now()) {
			t.Errorf("tried again at %v, want later than %v", r.Next, time.Now())
		}
		s.set(0, nil, nil)
		time.Sleep(time.Until(r.Next))
		get(t, m, One{})
		synctest.Wait()
		if r := get(t, m, One{}); r.State != cache.Fresh || r.Reason != "" {
			t.Errorf("after recovery: %v %q, want fresh", r.State, r.Reason)
		}
	})
}

func TestALastKnownGoodIsShownUpToTheHardLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := cache.NewMemo(open(t, cache.Deps{}), cache.Spec{Name: "number", Window: window, Hard: 7 * time.Hour},
			func(ctx context.Context, _ cache.Window, _ One) (int, error) { return s.produce(ctx) })
		get(t, m, One{})
		s.set(0, errDown, nil)
		time.Sleep(6*time.Hour + 57*time.Minute)
		get(t, m, One{})
		synctest.Wait()
		wantResult(t, get(t, m, One{}), 1, cache.Degraded, "after almost seven hours")
		time.Sleep(6 * time.Minute)
		if _, err := m.Get(t.Context(), One{}); !errors.Is(err, errDown) {
			t.Errorf("after more than seven hours: %v, want %v", err, errDown)
		}
	})
}

func TestFailuresBackOffExponentiallyAndFiveInARowOpenTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(0, errDown, nil)
		m := s.memo(open(t, cache.Deps{}))
		start := time.Now()
		var at []time.Duration
		for time.Since(start) < 50*time.Second {
			n := s.runs.Load()
			if _, err := m.Get(t.Context(), One{}); err == nil {
				t.Fatal("a producer that fails gave a value")
			}
			if s.runs.Load() > n {
				at = append(at, time.Since(start).Round(time.Second))
			}
			time.Sleep(50 * time.Millisecond)
		}
		want := []time.Duration{0, 1, 3, 7, 15, 46}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(at, want) {
			t.Errorf("tried at %v, want at %v", at, want)
		}
	})
}

func TestTheOpenCircuitOfAMemoHoldsForAllItsKeysAndNoOtherMemo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken, sound source
		broken.set(0, errDown, nil)
		c := open(t, cache.Deps{})
		items, number := broken.items(c), sound.memo(c)
		for i := range 40 {
			_, err := items.Get(t.Context(), Item(fmt.Sprint(i)))
			var u *cache.UnavailableError
			if !errors.As(err, &u) || u.Reason == "" || u.Memo != "item" {
				t.Fatalf("Get = %v, want an UnavailableError with a reason", err)
			}
		}
		broken.wantRuns(t, 5, "after 40 keys")
		wantResult(t, get(t, number, One{}), 1, cache.Fresh, "the other memo")
		broken.set(0, nil, nil)
		time.Sleep(31 * time.Second)
		get(t, items, "after")
		for i := range 40 {
			get(t, items, Item(fmt.Sprint(i)))
		}
	})
}

// A key that always fails, however often it is asked for, is no failure of the others.
func TestOneKeyThatFailsKeepsNoOtherFromBeingComputed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := 0
		m := cache.NewMemo(open(t, cache.Deps{}), cache.Spec{Name: "item", Window: window, ManyKeys: true},
			func(_ context.Context, _ cache.Window, key Item) (int, error) {
				if key == "poisoned" {
					failures++
					return 0, errDown
				}
				return 1, nil
			})
		for range 60 {
			if _, err := m.Get(t.Context(), "poisoned"); err == nil {
				t.Fatal("a producer that fails gave a value")
			}
			time.Sleep(2 * time.Second)
		}
		if failures < 5 || failures > 9 {
			t.Errorf("the key was tried %d times in two minutes, want it to back off", failures)
		}
		wantResult(t, get(t, m, "sound"), 1, cache.Fresh, "another key")
	})
}

func TestAfterAFailureTheSoftLimitIsExtendedByHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{}))
		get(t, m, One{})
		s.set(0, errDown, nil)
		boundary()
		s.wantRuns(t, 2, "at the boundary")
		for range 14 {
			time.Sleep(time.Second)
			get(t, m, One{})
		}
		synctest.Wait()
		s.wantRuns(t, 2, "within half a window of the failure")
		time.Sleep(time.Second)
		get(t, m, One{})
		synctest.Wait()
		s.wantRuns(t, 3, "after half a window")
	})
}

func TestAPanicIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{}))
		get(t, m, One{})
		s.set(0, nil, func(context.Context) { panic("nil map") })
		boundary()
		wantResult(t, get(t, m, One{}), 1, cache.Degraded, "after a panic")
	})
}

func TestAProducerThatHangsIsCutOffAtItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{}))
		get(t, m, One{})
		s.set(time.Hour, nil, nil)
		boundary()
		wantResult(t, get(t, m, One{}), 1, cache.Stale, "while it hangs")
		time.Sleep(16 * time.Second)
		r := get(t, m, One{})
		wantResult(t, r, 1, cache.Degraded, "past its deadline")
		if r.Reason != "computing the newest numbers took too long" {
			t.Errorf("reason %q", r.Reason)
		}
	})
}

func TestProducersThatHeedNothingAreGivenUpAndDoNotStarveOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var deaf, sound source
		release := make(chan struct{})
		deaf.set(0, nil, func(context.Context) { <-release })
		c := open(t, cache.Deps{Producers: 2})
		items, number := deaf.items(c), sound.memo(c)
		for range 20 {
			for i := range 20 {
				go items.Get(t.Context(), Item(fmt.Sprint(i)))
			}
			time.Sleep(20 * time.Second)
		}
		wantResult(t, get(t, number, One{}), 1, cache.Fresh, "a memo beside it")
		if most := deaf.most.Load(); most > 6 {
			t.Errorf("%d runs hang at the same time, want few", most)
		}
		close(release)
	})
}

func TestProducersAreBoundedInNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(time.Second, nil, nil)
		c := open(t, cache.Deps{Producers: 6})
		m := s.items(c)
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() { get(t, m, Item(fmt.Sprint(i))) })
		}
		wg.Wait()
		if most := s.most.Load(); most != 3 {
			t.Errorf("%d of one memo ran at the same time, want half of the places, 3", most)
		}
		others := []*cache.Memo[Item, int]{m}
		for _, name := range []string{"shop", "account"} {
			others = append(others, cache.NewMemo(c, cache.Spec{Name: name, Window: window},
				func(ctx context.Context, _ cache.Window, _ Item) (int, error) { return s.produce(ctx) }))
		}
		for i := range 30 {
			for _, m := range others {
				wg.Go(func() { get(t, m, Item(fmt.Sprint("again ", i))) })
			}
		}
		wg.Wait()
		if most := s.most.Load(); most != 6 {
			t.Errorf("%d of three memos ran at the same time, want 6", most)
		}
	})
}
