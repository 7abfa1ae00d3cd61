package cache_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestAnUndecodableBlobIsAMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{Store: &spy{cache.NewMemory(), map[string][]byte{}, true}}))
		wantResult(t, get(t, m, One{}), 1, cache.Fresh, "behind a spoilt blob")
	})
}

func TestAValueTooLargeToKeepIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var size atomic.Int64
		size.Store(10)
		m := cache.NewMemo(open(t, cache.Deps{}), cache.Spec{Name: "large", Window: window}, func(context.Context, cache.Window, One) ([]byte, error) {
			return make([]byte, size.Load()), nil
		})
		get(t, m, One{})
		size.Store(5 << 20)
		boundary()
		if r := get(t, m, One{}); r.State != cache.Degraded || len(r.Value) != 10 {
			t.Errorf("after 5 MB: %v with %d bytes, want degraded with the value before", r.State, len(r.Value))
		}
	})
}

// With keys of another type, locks that never end and generations of the future
// on a real server, readers get fresh values and there is no outage.
func TestWhatSomethingElseWroteIntoRedisIsReplaced(t *testing.T) {
	const never = "9007199254740993000"
	for name, write := range map[string]func(do func(...string), key string){
		"a string for a blob": func(do func(...string), key string) { do("SET", key, "junk") },
		"words for a window": func(do func(...string), key string) {
			do("HSET", key, "window", "soon", "generation", "x", "blob", "junk")
		},
		"a list for a lock":               func(do func(...string), key string) { do("RPUSH", key+":lock", "x") },
		"a lock that does not end":        func(do func(...string), key string) { do("SET", key+":lock", "x") },
		"a string for generations":        func(do func(...string), key string) { do("SET", "exchequer:{generations}:town:1", "junk") },
		"a string for all generations":    func(do func(...string), key string) { do("SET", "exchequer:{generations}", "junk") },
		"a generation of the future":      func(do func(...string), key string) { do("ZADD", "exchequer:{generations}:town:1", never, "soft all") },
		"one of all tenants":              func(do func(...string), key string) { do("ZADD", "exchequer:{generations}", never, "newest") },
		"a hard invalidation of tomorrow": func(do func(...string), key string) { do("ZADD", "exchequer:{generations}", never, "hard all") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testkit.Redis(t)
			var s source
			a, store, m := process(t, server.Addr, &s)
			_, _, n := process(t, server.Addr, &s)
			status, err := a.Status(t.Context(), "number", "")
			if err != nil {
				t.Fatal(err)
			}
			do := func(words ...string) {
				t.Helper()
				if _, err := server.Do(words...); err != nil {
					t.Fatalf("%v: %v", words, err)
				}
			}
			write(do, status.StoreKey)
			for window := range 3 {
				before := get(t, m, One{}).Value
				get(t, n, One{})
				if err := a.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
					t.Fatalf("Invalidate() = %v", err)
				}
				if r := get(t, m, One{}); r.Value == before {
					t.Errorf("window %d: a hard invalidation changes nothing", window)
				}
				eventually(t, 5*time.Second, "both processes show one value again", func() bool {
					return get(t, m, One{}) == get(t, n, One{})
				})
				start()
			}
			if err := store.Err(); err != nil || store.Outages() > 0 {
				t.Errorf("%d outages, the process goes on without Redis: %v", store.Outages(), err)
			}
		})
	}
}

func TestAPublicationThatIsRefusedIsLoggedOnceAMinuteAndShownHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		var s source
		m := s.memo(open(t, cache.Deps{Store: refusing{cache.NewMemory()}, Log: slog.New(slog.NewTextHandler(&text, nil))}))
		for n := range 4 { // two windows a minute
			wantResult(t, get(t, m, One{}), n+1, cache.Fresh, "of this window")
			boundary()
		}
		if lines := strings.Count(text.String(), "publication refused"); lines != 3 { // of five
			t.Errorf("logged %d times in the two minutes from the first to the last:\n%s", lines, text.String())
		}
	})
}
