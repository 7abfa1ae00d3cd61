package cache_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
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

func TestOnRedisEveryScopeReachesTheOtherProcess(t *testing.T) {
	server := testkit.Redis(t)
	var r record
	a, m := r.open(t, redisStore(t, server.Addr))
	_, n := r.open(t, redisStore(t, server.Addr))
	for _, scope := range []cache.Scope{
		cache.Key("written", ""), cache.Name("written"), cache.Tag("transactions"),
		cache.Pattern("wr*n"), cache.Tenant(), cache.All(),
	} {
		for _, mode := range []cache.Mode{cache.Soft, cache.Hard} {
			get(t, m, One{})
			get(t, n, One{})
			want := r.written.Add(1)
			if err := a.Invalidate(t.Context(), mode, scope); err != nil {
				t.Fatal(err)
			}
			if mode == cache.Hard {
				if got := get(t, m, One{}).Value; got != want {
					t.Errorf("%v %v: the process itself shows %d, want %d", mode, scope, got, want)
				}
			}
			for name, memo := range map[string]*cache.Memo[One, int64]{"the process itself": m, "the other": n} {
				eventually(t, 10*time.Second, fmt.Sprintf("%v %v: %s shows %d", mode, scope, name, want),
					func() bool { return get(t, memo, One{}).Value == want })
			}
		}
	}
	if runs, want := r.runs.Load(), int64(1+2*6); runs != want {
		t.Errorf("%d runs for 12 invalidations and a first reader, want %d", runs, want)
	}
}
