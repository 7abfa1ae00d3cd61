package cache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

func TestAHitAllocatesNothingAlsoAfterWritesThatDoNotConcernIt(t *testing.T) {
	c := open(t, cache.Deps{})
	var s source
	m := s.memo(c)
	get(t, m, One{})
	hit := func() { _, _ = m.Get(context.Background(), One{}) }
	for _, when := range []string{"before a write", "after one", "after another"} {
		hit() // the first look at the new invalidations
		if n := testing.AllocsPerRun(100, hit); n != 0 {
			t.Errorf("%s, a hit allocates %v times, want 0", when, n)
		}
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Touched("sales"), cache.Key("number", "x")); err != nil {
			t.Fatal(err)
		}
	}
}

// A message may tell of an older invalidation after a newer one.
func TestAnInvalidationThatIsHeardOfLateCountsAsMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lateStore{Memory: cache.NewMemory()}
		var s source
		c := open(t, cache.Deps{Store: store})
		m := s.memo(c)
		get(t, m, One{})
		time.Sleep(2 * time.Second)
		now := time.Now().UnixMicro()
		store.hear(cache.Message{Invalidations: []cache.Invalidation{{Scope: "tag::sales", Mode: cache.Hard, Generation: now}}})
		wantResult(t, get(t, m, One{}), 1, cache.Fresh, "after a write that does not concern it")
		store.hear(cache.Message{Invalidations: []cache.Invalidation{{Scope: "tag::ledger", Mode: cache.Hard, Generation: now - 1}}})
		wantResult(t, get(t, m, One{}), 2, cache.Fresh, "after an older one that does")
	})
}

// lateStore lets a test send messages.
type lateStore struct {
	*cache.Memory
	hear func(cache.Message)
}

func (s *lateStore) Listen(hear func(cache.Message)) func() {
	s.hear = hear
	return func() {}
}
