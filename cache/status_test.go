package cache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
)

func TestTheStatusOfAKeySaysWhoKnowsWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		store := cache.NewMemory()
		c, other := open(t, cache.Deps{Store: store}), open(t, cache.Deps{Store: store})
		m := s.items(c)
		s.items(other)
		status := func(c *cache.Cache) cache.Status {
			t.Helper()
			got, err := c.Status(t.Context(), "item", "a")
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if got := status(c); got.Shared != nil || got.Process != nil || got.Lock != nil || len(got.Levels) != 0 || got.Key != "item:a" {
			t.Errorf("of a key that nobody asked for: %+v", got)
		}
		get(t, m, "a")
		now := cache.WindowAt(time.Now(), window)
		got := status(c)
		if s := got.Shared; s == nil || !s.Cached || s.AsOf != now.Start || s.WindowEnd != now.End || !s.SoftUntil.Equal(now.End) || s.Bytes == 0 || got.Lock != nil {
			t.Errorf("of a fresh key: %+v", got.Shared)
		}
		if p := got.Process; p == nil || p.State != "fresh" || p.AsOf != now.Start || p.Bytes != 1 || p.Refreshing {
			t.Errorf("of a fresh key, the process: %+v", got.Process)
		}
		if diff := cmp.Diff([]string{"process", "shared"}, got.Levels); diff != "" {
			t.Error(diff)
		}
		if got := status(other); got.Shared == nil || !got.Shared.Cached || got.Process != nil {
			t.Errorf("in a process that did not ask: %+v", got)
		}

		s.set(6*time.Second, nil, nil)
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Key("item", "a")); err != nil {
			t.Fatal(err)
		}
		if got := status(other).Shared.Invalidated; got != "soft" {
			t.Errorf("another process says it is invalidated %q, want soft", got)
		}
		if r := get(t, m, "a"); r.State != cache.Stale {
			t.Errorf("invalidated: %v", r.State)
		}
		time.Sleep(time.Second + 500*time.Millisecond)
		got = status(other)
		if l := got.Lock; l == nil || l.Owner != myself(t) || l.Left <= 0 || l.Left > 4 {
			t.Errorf("the lock while the producer runs: %+v, want this process and up to 4 s", got.Lock)
		}
		if p := status(c).Process; p.State != "stale" || !p.Refreshing {
			t.Errorf("while it is refreshed: %+v, want that it is stale and refreshed", p)
		}
		time.Sleep(6 * time.Second)
		if got := status(c); got.Lock != nil || got.Process.State != "fresh" || got.Shared.Invalidated != "" {
			t.Errorf("after the run: lock %+v, %s", got.Lock, got.Process.State)
		}

		if err := c.Invalidate(t.Context(), cache.Hard, cache.Key("item", "a")); err != nil {
			t.Fatal(err)
		}
		if got := status(c); got.Process.State != "forbidden" || !got.Process.Cached || got.Shared.Invalidated != "hard" {
			t.Errorf("invalidated hard: %+v, %+v, want forbidden", got.Process, got.Shared)
		}
		s.set(0, errDown, nil)
		if _, err := m.Get(t.Context(), "a"); err == nil {
			t.Error("a forbidden value was shown")
		}
		if s := status(c).Shared; s.Failures != 1 || s.Reason == "" || !s.RetryAt.After(time.Now()) {
			t.Errorf("after a failure: %+v", s)
		}
		var unknown *cache.UnknownMemoError
		if _, err := c.Status(t.Context(), "items", "a"); !errors.As(err, &unknown) || len(unknown.Known) != 1 {
			t.Errorf("of an unknown memo: %v", err)
		}
	})
}

func TestOperatorsListTheKeysThatAProcessHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		items, number := s.items(c), s.memo(c)
		for _, p := range []Item{"c", "a", "b"} {
			get(t, items, p)
		}
		get(t, number, One{})
		keys := func(q cache.KeyQuery) (total int, lines []string) {
			t.Helper()
			found, err := c.Keys(q)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range found.Keys {
				lines = append(lines, fmt.Sprintf("%s %s %s refreshing=%v", k.Memo, k.Key, k.State, k.Refreshing))
			}
			return found.Total, lines
		}
		want := func(q cache.KeyQuery, total int, lines ...string) {
			t.Helper()
			n, got := keys(q)
			if diff := cmp.Diff(lines, got); diff != "" || n != total {
				t.Errorf("Keys(%+v): %d in all, want %d: %s", q, n, total, diff)
			}
		}
		const fresh = "fresh refreshing=false"
		want(cache.KeyQuery{Limit: 10}, 4, "item item:a "+fresh, "item item:b "+fresh, "item item:c "+fresh, "number number "+fresh)
		want(cache.KeyQuery{Limit: 2}, 4, "item item:a "+fresh, "item item:b "+fresh)
		want(cache.KeyQuery{Memo: "number", Limit: 10}, 1, "number number "+fresh)
		want(cache.KeyQuery{State: "degraded", Limit: 10}, 0)

		if err := c.Invalidate(t.Context(), cache.Hard, cache.Key("item", "b")); err != nil {
			t.Fatal(err)
		}
		s.set(5*time.Second, nil, nil)
		first := make(chan error, 1)
		go func() {
			_, err := items.Get(context.Background(), "new")
			first <- err
		}()
		synctest.Wait()
		want(cache.KeyQuery{State: "forbidden", Limit: 10}, 1, "item item:b forbidden refreshing=false")
		want(cache.KeyQuery{State: "none", Limit: 10}, 1, "item item:new none refreshing=true")
		if err := <-first; err != nil {
			t.Error(err)
		}

		s.set(0, errDown, nil)
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Key("item", "a")); err != nil {
			t.Fatal(err)
		}
		get(t, items, "a")
		synctest.Wait()
		found, err := c.Keys(cache.KeyQuery{State: "degraded", Limit: 1})
		if err != nil || found.Total != 1 || found.Keys[0].Reason == "" || found.Keys[0].AsOf.IsZero() || found.Keys[0].Age <= 0 || found.Keys[0].Bytes != 1 {
			t.Errorf("the key that fails: %+v, %v, want its reason, time, age and size", found, err)
		}
		var unknown *cache.UnknownMemoError
		if _, err := c.Keys(cache.KeyQuery{Memo: "items", Limit: 1}); !errors.As(err, &unknown) {
			t.Errorf("Keys() of an unknown memo = %v", err)
		}
	})
}

// BenchmarkKeys lists 100 of 20,000 keys that are held, of one state.
func BenchmarkKeys(b *testing.B) {
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Memory: 256 << 20})
	defer c.Close(context.Background())
	m := cache.NewMemo(c, cache.Spec{Name: "item", Window: time.Hour, ManyKeys: true},
		func(context.Context, cache.Window, Item) (int, error) { return 1, nil })
	for i := range 20_000 {
		if _, err := m.Get(b.Context(), Item(fmt.Sprintf("item%%3A%d:30", i))); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if found, err := c.Keys(cache.KeyQuery{State: "fresh", Limit: 100}); err != nil || found.Total != 20_000 {
			b.Fatal(found.Total, err)
		}
	}
}
