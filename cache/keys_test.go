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
