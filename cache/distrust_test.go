package cache_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// What the shared level holds may have been written by anything.

// forge publishes a blob for the key of a memo, with some fields changed.
func forge(t *testing.T, c *cache.Cache, store cache.Store, memo, value string, changes map[string]any) {
	t.Helper()
	status, err := c.Status(t.Context(), memo, "")
	if err != nil {
		t.Fatal(err)
	}
	start := cache.WindowAt(time.Now(), window).Start
	blob := map[string]any{
		"window": start, "windowEnd": start.Add(window), "generation": 1,
		"computedAt": time.Now(), "took": 1, "lag": time.Second, "softUntil": start.Add(window),
		"hardUntil": start.Add(time.Hour),
	}
	for name, value := range changes {
		blob[name] = value
	}
	text, err := json.Marshal(blob)
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Append(text, "\n", value)
	if won, err := store.Lock(t.Context(), status.StoreKey, "forger", time.Second); err != nil || !won {
		t.Fatalf("Lock() = %t, %v", won, err)
	}
	p := cache.Publication{Key: status.StoreKey, Owner: "forger", Window: start.UnixNano(), Generation: 1, Blob: text, Keep: time.Hour}
	if done, err := store.Publish(t.Context(), p); err != nil || !done {
		t.Fatalf("Publish() = %t, %v", done, err)
	}
	if err := store.Unlock(t.Context(), status.StoreKey, "forger"); err != nil {
		t.Fatal(err)
	}
}

func TestABlobIsFreshNoLongerThanThePolicyAllows(t *testing.T) {
	ever := time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, changes := range map[string]map[string]any{
		"fresh for a century":             {"softUntil": ever, "hardUntil": ever},
		"of a window that does not end":   {"softUntil": ever, "hardUntil": ever, "windowEnd": ever},
		"computed in the far future":      {"softUntil": ever, "computedAt": ever},
		"of a generation of next week":    {"softUntil": ever, "generation": time.Date(2000, 1, 8, 0, 0, 0, 0, time.UTC).UnixMicro()},
		"beyond the reach of any number":  {"softUntil": ever, "hardUntil": ever, "generation": int64(9_000_000_000_000_000_000)},
		"negative counts":                 {"softUntil": ever, "failures": -7, "took": -1, "lag": -time.Hour, "reason": "x"},
		"a reason that visitors may read": {"softUntil": ever, "reason": "send your coins to the forger", "retryAt": ever, "failures": 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := cache.NewMemory()
				var s source
				c := open(t, cache.Deps{Store: store})
				m := s.memo(c)
				forge(t, c, store, "number", "666", changes)
				if r := get(t, m, One{}); strings.Contains(r.Reason, "coins") || r.Lag < 0 || r.Lag > 5*time.Second || r.Next.After(time.Now().Add(window)) {
					t.Errorf("a reader is given %+v", r)
				}
				if err := c.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
					t.Fatal(err)
				}
				if r := get(t, m, One{}); r.Value == 666 {
					t.Error("after a hard invalidation the forged value is shown")
				}
			})
			synctest.Test(t, func(t *testing.T) {
				store := cache.NewMemory()
				var s source
				c := open(t, cache.Deps{Store: store})
				m := s.memo(c)
				forge(t, c, store, "number", "666", changes)
				get(t, m, One{})
				boundary()
				get(t, m, One{})
				time.Sleep(time.Second)
				if r := get(t, m, One{}); r.Value == 666 || r.State != cache.Fresh {
					t.Errorf("a window later: %d %v, want a value of our own", r.Value, r.State)
				}
			})
		})
	}
}

func TestANullIsNoValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := cache.NewMemory()
		c := open(t, cache.Deps{Store: store})
		type panel struct{ Total int }
		m := cache.NewMemo(c, cache.Spec{Name: "panel", Window: window},
			func(context.Context, cache.Window, One) (*panel, error) { return &panel{7}, nil })
		forge(t, c, store, "panel", "null", nil)
		if r := get(t, m, One{}); r.Value == nil || r.Value.Total != 7 {
			t.Errorf("a reader is given %v, want a value computed anew", r.Value)
		}
	})
}

func TestAnInvalidationOfTheFutureHidesNoneThatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lateStore{Memory: cache.NewMemory()}
		var s source
		c := open(t, cache.Deps{Store: store})
		m := s.memo(c)
		store.hear(cache.Message{Invalidations: []cache.Invalidation{{Scope: "all", Mode: cache.Soft, Generation: 9_000_000_000_000_000_000}}})
		get(t, m, One{})
		for range 2 {
			time.Sleep(2 * time.Second)
			before := get(t, m, One{}).Value
			if err := c.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
				t.Fatal(err)
			}
			if r := get(t, m, One{}); r.Value == before {
				t.Error("a hard invalidation changes nothing")
			}
		}
	})
}

func TestABlobThatCannotBeShownKeepsNoProducerRunning(t *testing.T) {
	past := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, changes := range map[string]map[string]any{
		"of a window that is none":   {"hardUntil": past, "windowShift": time.Second},
		"not to be shown any more":   {"hardUntil": past},
		"stale, and of the future":   {"softUntil": past, "generation": time.Date(2000, 1, 1, 0, 0, 4, 0, time.UTC).UnixMicro()},
		"a failure, and of the past": {"softUntil": past, "reason": "x", "failures": 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(2 * time.Second) // into a window
				store := cache.NewMemory()
				var s source
				s.set(10*time.Millisecond, nil, nil)
				c := open(t, cache.Deps{Store: store})
				m := s.memo(c)
				if shift, ok := changes["windowShift"].(time.Duration); ok {
					changes["window"] = cache.WindowAt(time.Now(), window).Start.Add(shift)
				}
				forge(t, c, store, "number", "666", changes)
				for range 200 {
					get(t, m, One{})
					time.Sleep(100 * time.Millisecond)
				}
				if r := get(t, m, One{}); r.Value == 666 {
					t.Error("the forged value is shown")
				}
				if runs := s.runs.Load(); runs > 2 {
					t.Errorf("the producer ran %d times within one window", runs)
				}
			})
		})
	}
}

// Keys of another type, locks that never end and generations of the future, on
// a real server: readers get fresh values, and Redis is not left for any.
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
