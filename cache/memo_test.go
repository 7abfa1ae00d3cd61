package cache_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

// left returns the context of a reader that has left.
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

func TestAHitAllocatesNothingAlsoAfterWritesThatDoNotConcernIt(t *testing.T) {
	c := open(t, cache.Deps{})
	var s source
	m := s.memo(c)
	get(t, m, One{})
	hit := func() { _, _ = m.Get(context.Background(), One{}) }
	for _, when := range []string{"before a write", "after one", "after another"} {
		hit() // the first read of the new invalidations
		if n := testing.AllocsPerRun(100, hit); n != 0 {
			t.Errorf("%s, a hit allocates %v times, want 0", when, n)
		}
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Touched("sales"), cache.Key("number", "x")); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkAHitAtTheProcessLevel(b *testing.B) {
	c := cache.New(cache.Deps{Store: cache.NewMemory()})
	defer c.Close(context.Background())
	type panel struct{ Rows []int }
	m := cache.NewMemo(c, cache.Spec{Name: "panel", Window: time.Hour, Tags: []string{"ledger"}},
		func(context.Context, cache.Window, Item) (*panel, error) { return &panel{}, nil })
	if _, err := m.Get(b.Context(), "days=30"); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Get(b.Context(), "days=30"); err != nil {
			b.Fatal(err)
		}
	}
}
