package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"exchequer/cache"
)

func TestAStoreKeepsTheNewerOfTwoBlobs(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			const key = "exchequer:{t:m}:s:publish"
			heard := make(chan cache.Message, 10)
			stop := store.Listen(func(m cache.Message) {
				if !m.Connected {
					heard <- m
				}
			})
			defer stop()
			time.Sleep(100 * time.Millisecond)
			if blob, err := store.Load(t.Context(), key); blob != nil || err != nil {
				t.Errorf("Load of nothing = %q, %v", blob, err)
			}
			publish := func(owner string, window, generation, readAt int64, blob string, want bool) {
				t.Helper()
				ok, err := store.Publish(t.Context(), cache.Publication{
					Key: key, Owner: owner, Window: window * int64(time.Second), Generation: generation, ReadAt: readAt * int64(100*time.Millisecond), Blob: []byte(blob), Keep: time.Minute,
				})
				if ok != want || err != nil {
					t.Errorf("Publish %s by %s = %v, %v, want %v", blob, owner, ok, err, want)
				}
			}
			publish("me", 1, 1, 1, "without a lock", false)
			if ok, err := store.Lock(t.Context(), key, "me", time.Minute); !ok || err != nil {
				t.Fatalf("Lock = %v, %v", ok, err)
			}
			publish("another", 1, 1, 1, "with another's lock", false)
			publish("me", 2, 5, 2, "second window", true)
			publish("me", 1, 9, 3, "earlier window", false)
			publish("me", 2, 4, 3, "earlier generation", false)
			publish("me", 2, 5, 1, "an earlier reading", false)
			publish("", 2, 5, 2, "the same, restored", false)
			publish("me", 2, 5, 2, "the same again", true)
			publish("me", 2, 9, 1, "a higher generation at the same time", true)
			publish("me", 2, 4, 9, "a later reading, whatever its generation", true)
			publish("me", 2, 10, 3, "an earlier reading, whatever its generation", false)
			publish("me", 3, 1, 1, string(large), true)
			if blob, err := store.Load(t.Context(), key); !bytes.Equal(blob, large) || err != nil {
				t.Errorf("Load = %d bytes, %v, want the %d published last", len(blob), err, len(large))
			}
			for range 5 {
				select {
				case m := <-heard:
					if m.Ready != key {
						t.Errorf("heard %v, want that the key is ready", m)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("did not hear that the key is ready")
				}
			}
			if at, err := store.Now(t.Context()); err != nil || time.Since(at).Abs() > 10*time.Second {
				t.Errorf("Now = %v, %v", at, err)
			}
			if r, ok := store.(*remote); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}

func TestAPublicationNeverReplacesANewerOne(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx, key := t.Context(), "exchequer:{t:m}:s:"
			if ok, err := store.Lock(ctx, key, "me", time.Minute); !ok || err != nil {
				t.Fatal(ok, err)
			}
			for _, step := range []struct {
				window, generation int64
				owner              string
				want               bool
			}{
				{20, 5, "me", true}, {20, 5, "me", true}, {20, 6, "me", true}, {20, 5, "me", false},
				{10, 9, "me", false}, {30, 0, "other", false}, {30, 0, "me", true}, {20, 9, "me", false},
			} {
				p := cache.Publication{Key: key, Owner: step.owner, Window: step.window * int64(time.Second), Generation: step.generation, Blob: []byte(fmt.Sprint(step)), Keep: time.Minute}
				if got, err := store.Publish(ctx, p); got != step.want || err != nil {
					t.Errorf("Publish(%v) = %v, %v", step, got, err)
				}
				if got, _ := store.Load(ctx, key); (string(got) == fmt.Sprint(step)) != step.want {
					t.Errorf("after %v the blob is %s", step, got)
				}
			}
			if r, ok := store.(*remote); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}

func TestAStoreKeepsItsLocks(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx, key := t.Context(), "exchequer:{t:m}:s:lock-test"
			check := func(what string, got bool, err error, want bool) {
				t.Helper()
				if got != want || err != nil {
					t.Errorf("%s = %v, %v, want %v", what, got, err, want)
				}
			}
			ok, err := store.Lock(ctx, key, "a", 300*time.Millisecond)
			check("lock a", ok, err, true)
			ok, err = store.Lock(ctx, key, "a", 300*time.Millisecond)
			check("lock a again", ok, err, true)
			ok, err = store.Lock(ctx, key, "b", time.Minute)
			check("lock b beside a", ok, err, false)
			ok, err = store.Extend(ctx, key, "b", time.Minute)
			check("extend b beside a", ok, err, false)
			if err := store.Unlock(ctx, key, "b"); err != nil {
				t.Error(err)
			}
			ok, err = store.Extend(ctx, key, "a", 300*time.Millisecond)
			check("extend a", ok, err, true)
			time.Sleep(350 * time.Millisecond)
			ok, err = store.Extend(ctx, key, "a", time.Minute)
			check("extend a that has run out", ok, err, false)
			ok, err = store.Lock(ctx, key, "b", time.Minute)
			check("lock b after a's lease", ok, err, true)
			ok, err = store.Extend(ctx, key, "a", time.Minute)
			check("extend a that was replaced", ok, err, false)
			if err := errors.Join(store.Unlock(ctx, key, "a"), store.Unlock(ctx, key, "b")); err != nil {
				t.Error(err)
			}
			ok, err = store.Lock(ctx, key, "c", time.Minute)
			check("lock c after b's release", ok, err, true)
			if r, ok := store.(*remote); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}

func TestAStoreTellsInvalidations(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			heard := make(chan cache.Message, 10)
			stop := store.Listen(func(m cache.Message) {
				if !m.Connected {
					heard <- m
				}
			})
			defer stop()
			time.Sleep(100 * time.Millisecond)
			invalidate := func(mode cache.Mode, scopes ...string) int64 {
				t.Helper()
				generation, raised, err := store.Invalidate(ctx, mode, scopes, 0, "")
				if err != nil || !raised {
					t.Fatalf("Invalidate(%v) = %d, %v, %v", scopes, generation, raised, err)
				}
				var list []cache.Invalidation
				for _, scope := range scopes {
					list = append(list, cache.Invalidation{Scope: scope, Mode: mode, Generation: generation})
				}
				if err := store.Notify(ctx, list); err != nil {
					t.Fatal(err)
				}
				return generation
			}
			first := invalidate(cache.Soft, "tag:t:a")
			second := invalidate(cache.Hard, "tag:t:a", "tag:t:b")
			if second <= first {
				t.Fatalf("generations %d, then %d", first, second)
			}
			list, err := store.Invalidations(ctx, first)
			list = slices.DeleteFunc(list, func(i cache.Invalidation) bool { return i.Generation <= first })
			if err != nil || len(list) != 2 || list[0].Generation != second || list[0].Mode != cache.Hard {
				t.Errorf("Invalidations(above %d) = %v, %v, want the two of %d", first, list, err, second)
			}
			got := map[string]bool{} // a Cluster's nodes may deliver the second one first
			for range 2 {
				select {
				case m := <-heard:
					got[fmt.Sprint(m)] = true
				case <-time.After(10 * time.Second):
					t.Fatalf("heard %v and no more", got)
				}
			}
			for _, want := range []string{
				fmt.Sprint(cache.Message{Invalidations: []cache.Invalidation{{Scope: "tag:t:a", Mode: cache.Soft, Generation: first}}}),
				fmt.Sprint(cache.Message{Invalidations: []cache.Invalidation{{Scope: "tag:t:a", Mode: cache.Hard, Generation: second}, {Scope: "tag:t:b", Mode: cache.Hard, Generation: second}}}),
			} {
				if !got[want] {
					t.Errorf("heard %v, want %s", got, want)
				}
			}
			if r, ok := store.(*remote); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}

func TestAStoreMakesAnInvalidationOfOneNameOnce(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			const processes = 5
			var mu sync.Mutex
			var raised int
			generations := map[int64]bool{}
			var wg sync.WaitGroup
			for range processes {
				wg.Go(func() {
					generation, first, err := store.Invalidate(t.Context(), cache.Soft, []string{"tag:t:a"}, 0, "t:write 7")
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					generations[generation] = true
					if first {
						raised++
					}
				})
			}
			wg.Wait()
			if raised != 1 || len(generations) != 1 {
				t.Errorf("%d of %d raised the generation, to %v, want one, and all to know it", raised, processes, generations)
			}
			other, first, err := store.Invalidate(t.Context(), cache.Soft, []string{"tag:t:a"}, 0, "t:write 8")
			if err != nil || !first || generations[other] {
				t.Errorf("another name: generation %d, %v, %v, want a new one", other, first, err)
			}
			if r, ok := store.(*remote); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}

func TestEveryStoreTellsOperatorsHowItDoes(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx, key := t.Context(), "exchequer:{town:item}:x:a"
			if owner, _, err := store.Holder(ctx, key); owner != "" || err != nil {
				t.Errorf("Holder() of no lock = %q, %v", owner, err)
			}
			if won, err := store.Lock(ctx, key, "me:1:x", time.Minute); !won || err != nil {
				t.Fatalf("Lock() = %v, %v", won, err)
			}
			if owner, left, err := store.Holder(ctx, key); owner != "me:1:x" || left <= 0 || left > time.Minute || err != nil {
				t.Errorf("Holder() = %q, %v, %v", owner, left, err)
			}
			if redis := store.Stats(ctx).Server; redis != nil && name != "miniredis" {
				want := map[string]string{"redis-server": "single", "a Cluster": "cluster", "a Sentinel group": "sentinel"}[name]
				if redis.Mode != want || redis.Role != "master" || redis.Unknown != "" {
					t.Errorf("Stats() = %+v, want the master of a %s", redis, want)
				}
			}
			trip, err := open(t, cache.Deps{Store: store}).TestRoundTrip(ctx)
			if err != nil || trip.Set <= 0 || trip.Get <= 0 || trip.Delete <= 0 {
				t.Errorf("TestRoundTrip() = %+v, %v", trip, err)
			}
		})
	}
}
