package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
)

func TestInvalidationReachesItsScopeAndNoFurther(t *testing.T) {
	type want struct{ a, b, number bool } // which of these are invalidated
	for name, test := range map[string]struct {
		scope cache.Scope
		want  want
	}{
		"a key alone":                  {cache.Key("item", "a"), want{a: true}},
		"a memo with all its keys":     {cache.Name("item"), want{a: true, b: true}},
		"a tag":                        {cache.Tag("ledger"), want{number: true}},
		"a pattern over memo names":    {cache.Pattern("nu*"), want{number: true}},
		"the tenant":                   {cache.Tenant(), want{true, true, true}},
		"everything":                   {cache.All(), want{true, true, true}},
		"what no memo shows":           {cache.Touched("weather"), want{}},
		"the key of something unasked": {cache.Key("item", "z"), want{}},
	} {
		for _, mode := range []cache.Mode{cache.Soft, cache.Hard} {
			t.Run(mode.String()+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var s source
					c := open(t, cache.Deps{})
					items, number := s.items(c), s.memo(c)
					read := func() (v [3]cache.Result[int]) {
						return [...]cache.Result[int]{get(t, items, "a"), get(t, items, "b"), get(t, number, One{})}
					}
					before := read()
					time.Sleep(2 * time.Second)
					if err := c.Invalidate(t.Context(), mode, test.scope); err != nil {
						t.Fatal(err)
					}
					at := read()
					synctest.Wait()
					after := read()
					for i, hit := range []bool{test.want.a, test.want.b, test.want.number} {
						switch {
						case !hit && (at[i] != before[i] || after[i] != before[i]):
							t.Errorf("value %d changed to %v though it was not meant", i, after[i])
						case hit && mode == cache.Soft && (at[i].Value != before[i].Value || at[i].State != cache.Stale):
							t.Errorf("value %d: the next reader got %v %v, want the old one, stale", i, at[i].Value, at[i].State)
						case hit && mode == cache.Hard && at[i].Value == before[i].Value:
							t.Errorf("value %d: a forbidden value was shown", i)
						case hit && (after[i].Value == before[i].Value || after[i].State != cache.Fresh):
							t.Errorf("value %d: in the end %v %v, want a new one, fresh", i, after[i].Value, after[i].State)
						}
					}
				})
			})
		}
	}
}

func TestAnInvalidationOfNothingIsAnErrorAndInvalidatesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := s.memo(c)
		before := get(t, m, One{})
		time.Sleep(2 * time.Second)
		unknownMemo, unknownTag, malformed := new(*cache.UnknownMemoError), new(*cache.UnknownTagError), new(*cache.MalformedError)
		for _, test := range []struct {
			scope cache.Scope
			as    any
			says  string
		}{
			{cache.Name("numbers"), unknownMemo, `there is no memo "numbers" (there are number)`},
			{cache.Key("numbers", "a"), unknownMemo, `there is no memo "numbers" (there are number)`},
			{cache.Pattern("x*"), unknownMemo, `there is no memo "x*" (there are number)`},
			{cache.Tag("weather"), unknownTag, `no memo has the tag "weather" (there are ledger)`},
			{cache.Pattern("["), malformed, `the pattern "[" is malformed`},
			{cache.Key("number", "a\nall"), malformed, `the key "number:a\nall" is malformed: it has control characters`},
		} {
			err := c.Invalidate(t.Context(), cache.Hard, cache.Name("number"), test.scope)
			if !errors.As(err, test.as) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Invalidate(%v) = %v, want %q as a %T", test.scope, err, test.says, test.as)
			}
		}
		if now := get(t, m, One{}); now != before {
			t.Errorf("after invalidations that were refused: %v, want %v", now, before)
		}
	})
}

func TestOneTenantsInvalidationIsNotAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := cache.NewMemory()
		var s source
		north, south := open(t, cache.Deps{Store: store, Space: "north"}), open(t, cache.Deps{Store: store, Space: "south"})
		n, m := s.memo(north), s.memo(south)
		get(t, n, One{})
		wantResult(t, get(t, m, One{}), 2, cache.Fresh, "another tenant does not share a value")
		if err := north.Invalidate(t.Context(), cache.Hard, cache.Tenant()); err != nil {
			t.Fatal(err)
		}
		wantResult(t, get(t, m, One{}), 2, cache.Fresh, "another tenant's invalidation")
		wantResult(t, get(t, n, One{}), 3, cache.Fresh, "its own")
		if err := north.Invalidate(t.Context(), cache.Hard, cache.All()); err != nil {
			t.Fatal(err)
		}
		wantResult(t, get(t, m, One{}), 4, cache.Fresh, "everything")
	})
}

func TestAnInvalidationDuringARunIsNotLost(t *testing.T) {
	for _, mode := range []cache.Mode{cache.Soft, cache.Hard} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s source
				s.set(10*time.Second, nil, nil)
				c := open(t, cache.Deps{})
				m := s.memo(c)
				var wg sync.WaitGroup
				var first cache.Result[int]
				wg.Go(func() { first = get(t, m, One{}) })
				time.Sleep(5 * time.Second)
				if err := c.Invalidate(t.Context(), mode, cache.Tag("ledger")); err != nil {
					t.Fatal(err)
				}
				wg.Wait()
				if mode == cache.Soft {
					wantResult(t, first, 1, cache.Stale, "what the run found from before")
				} else {
					wantResult(t, first, 2, cache.Fresh, "who waited")
				}
				time.Sleep(time.Until(cache.WindowAt(time.Now(), window).End) - time.Millisecond)
				wantResult(t, get(t, m, One{}), 2, cache.Fresh, "in the end")
			})
		})
	}
}

func TestAForbiddenValueStaysForbiddenWhileItsProducerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := s.memo(c)
		get(t, m, One{})
		s.set(0, errDown, nil)
		if err := c.Invalidate(t.Context(), cache.Hard, cache.Name("number")); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			if r, err := m.Get(t.Context(), One{}); err == nil {
				t.Fatalf("Get = %v, want an error: the value is forbidden", r)
			}
			time.Sleep(time.Second)
		}
		s.set(0, nil, nil)
		time.Sleep(31 * time.Second)
		if r := get(t, m, One{}); r.State != cache.Fresh {
			t.Errorf("after recovery: %v", r.State)
		}
	})
}

// A lossy store never sends a message.
type lossy struct{ *cache.Memory }

func (lossy) Listen(func(cache.Message)) func() { return func() {} }

func TestLostMessagesAreMadeUpForWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := lossy{cache.NewMemory()}
		var s source
		a, b := open(t, cache.Deps{Store: store}), open(t, cache.Deps{Store: store})
		m, n := s.memo(a), s.memo(b)
		get(t, m, One{})
		wantResult(t, get(t, n, One{}), 1, cache.Fresh, "the other process")
		if err := a.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second + time.Millisecond)
		wantResult(t, get(t, n, One{}), 2, cache.Fresh, "the other process a second later")
		get(t, m, One{})
		s.wantRuns(t, 2, "in both")
	})
}

// A witness notes in which order an invalidation goes its way.
type witness struct {
	*cache.Memory
	at func(step string)
}

func (w witness) Invalidate(ctx context.Context, mode cache.Mode, scopes []string, above int64, once string) (int64, bool, error) {
	w.at("before the generation")
	defer w.at("after the generation")
	return w.Memory.Invalidate(ctx, mode, scopes, above, once)
}

func (w witness) Notify(context.Context, []cache.Invalidation) error {
	w.at("when the others are told")
	return errDown // which does no harm
}

func TestAnInvalidationRaisesTheGenerationThenReachesItsProcessThenTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		var m *cache.Memo[One, int]
		var steps []string
		store := witness{cache.NewMemory(), func(step string) {
			steps = append(steps, fmt.Sprint(step, ": ", get(t, m, One{}).State))
		}}
		c := open(t, cache.Deps{Store: store})
		m = s.memo(c)
		get(t, m, One{})
		s.set(time.Second, nil, nil) // the refresh is not over meanwhile
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Tag("ledger")); err != nil {
			t.Errorf("Invalidate() = %v, though the others find out by themselves", err)
		}
		want := []string{"before the generation: fresh", "after the generation: fresh", "when the others are told: stale"}
		if diff := cmp.Diff(want, steps); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMoreScopesThanAreKeptForbidWhatIsOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := s.items(c)
		get(t, m, "a")
		if err := c.Invalidate(t.Context(), cache.Hard, cache.Key("item", "a")); err != nil {
			t.Fatal(err)
		}
		for i := range 11_000 {
			if err := c.Invalidate(t.Context(), cache.Hard, cache.Key("item", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		wantResult(t, get(t, m, "a"), 2, cache.Fresh, "a key whose mark was forgotten")
	})
}

func TestManySoftInvalidationsForbidNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s, other source
		c := open(t, cache.Deps{})
		s.items(c)
		m := other.memo(c)
		get(t, m, One{})
		other.set(0, errDown, nil)
		for i := range 10_001 {
			if err := c.Invalidate(t.Context(), cache.Soft, cache.Key("item", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := m.Get(t.Context(), One{}); err != nil || r.Value != 1 {
			t.Errorf("another memo, whose producer fails: %v, %v; want its last value", r, err)
		}
	})
}

// In a fleet with random readers, failures, invalidations and pauses: no
// window goes back, nothing forbidden is shown, no error while there is a
// value to show, and everything is fresh again in the end, within its lag.
func TestAFleetKeepsItsPromisesUnderRandomEvents(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomFleet(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func randomFleet(t *testing.T, r *rand.Rand) {
	var log strings.Builder
	defer func() {
		if t.Failed() {
			t.Log(log.String())
		}
	}()
	var s source
	store := cache.NewMemory()
	var fleet []*cache.Cache
	var memos []*cache.Memo[Item, int]
	for range 3 {
		c := open(t, cache.Deps{Store: store})
		fleet, memos = append(fleet, c), append(memos, s.items(c))
	}
	type seen struct{ process, item int }
	last := map[seen]time.Time{}
	forbidden := map[int]int{} // by item: runs up to here may not be shown
	have := map[int]bool{}
	items := []Item{"a", "b"}
	for range 300 {
		process, item := r.IntN(3), r.IntN(2)
		switch r.IntN(12) {
		case 0:
			fmt.Fprintln(&log, time.Now(), "slow")
			s.set(span(r, 3*time.Second), nil, nil)
		case 1:
			fmt.Fprintln(&log, time.Now(), "fails")
			s.set(span(r, 2*time.Second), errDown, nil)
		case 2:
			forbidden[item] = int(s.runs.Load())
			have[item] = false
			fmt.Fprintln(&log, time.Now(), "forbid", item)
			if err := fleet[process].Invalidate(t.Context(), cache.Hard, cache.Key("item", string(items[item]))); err != nil {
				t.Fatal(err)
			}
		case 3:
			if err := fleet[process].Invalidate(t.Context(), cache.Soft, cache.Name("item")); err != nil {
				t.Fatal(err)
			}
		case 4:
			time.Sleep(span(r, 2*window))
		default:
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			began := time.Now()
			res, err := memos[process].Get(ctx, items[item])
			cancel()
			fmt.Fprintln(&log, time.Now(), "get", process, item, res, err)
			switch {
			case err != nil && have[item]:
				t.Fatalf("process %d, item %d: %v, though there is a value", process, item, err)
			case err != nil:
			case res.Value <= forbidden[item]:
				t.Fatalf("process %d, item %d shows %d, of before it was forbidden", process, item, res.Value)
			case res.AsOf.Before(last[seen{process, item}]):
				t.Fatalf("process %d, item %d: as of %v after %v", process, item, res.AsOf, last[seen{process, item}])
			case have[item] && time.Since(began) > 0:
				t.Fatalf("process %d, item %d: a reader waited %v though there is a value", process, item, time.Since(began))
			default:
				have[item] = true
				last[seen{process, item}] = res.AsOf
			}
			time.Sleep(span(r, time.Second))
		}
	}
	s.set(0, nil, nil)
	time.Sleep(time.Minute)
	for _, m := range memos {
		for _, item := range items {
			get(t, m, item)
			time.Sleep(time.Second)
			if res := get(t, m, item); res.State != cache.Fresh && time.Now().After(res.Next.Add(res.Lag)) {
				t.Errorf("in the end: %v, want fresh, or due since less than its lag", res)
			}
		}
	}
}

// span is a random duration below limit.
func span(r *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(limit)))
}

func TestAKeyOfTwoLinesInvalidatesNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		store := cache.NewMemory()
		c := open(t, cache.Deps{Store: store})
		s.memo(c)
		if err := c.Invalidate(t.Context(), cache.Hard, cache.Key("item", "a\nall")); err == nil {
			t.Error("a key of two lines was taken, which a message would make two scopes of")
		}
		if list, err := store.Invalidations(t.Context(), 0); err != nil || len(list) > 0 {
			t.Errorf("it invalidated %v, %v, want nothing", list, err)
		}
	})
}
