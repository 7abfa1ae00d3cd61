package cache_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// The tests here run in real time, on a real server.

func TestOnRedisAColdFleetRunsOneProducer(t *testing.T) {
	server := testkit.Redis(t)
	var s source
	s.set(700*time.Millisecond, nil, nil)
	var memos []*cache.Memo[One, int]
	for range 3 {
		_, _, m := process(t, server.Addr, &s)
		memos = append(memos, m)
	}
	start()
	began := time.Now()
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() { wantResult(t, get(t, memos[i%3], One{}), 1, cache.Fresh, "cold") })
	}
	wg.Wait()
	s.wantRuns(t, 1, "for 300 readers of 3 processes")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the last of 300 readers waited %v for a producer of 700 ms", took)
	}
	_, _, late := process(t, server.Addr, &s)
	if r := get(t, late, One{}); r.Value != 1 {
		t.Errorf("a fresh process shows %v, want the shared value", r)
	}
	s.wantRuns(t, 1, "with a fresh process")
}

func TestOnRedisAFleetRunsOneProducerAWindowAndAllHaveItAfterTheLag(t *testing.T) {
	server := testkit.Redis(t)
	var s source
	s.set(200*time.Millisecond, nil, nil)
	var memos []*cache.Memo[One, int]
	for range 3 {
		_, _, m := process(t, server.Addr, &s)
		memos = append(memos, m)
		get(t, m, One{})
	}
	start()
	for range 3 {
		var r cache.Result[int]
		for _, m := range memos {
			r = get(t, m, One{})
		}
		time.Sleep(time.Until(cache.WindowAt(time.Now(), short).End) + r.Lag)
		before := s.runs.Load()
		for i, m := range memos {
			if r := get(t, m, One{}); r.State != cache.Fresh || int64(r.Value) != before {
				t.Errorf("process %d after the lag of %v: %v %v, want %d fresh", i, r.Lag, r.Value, r.State, before)
			}
		}
	}
	if runs := s.runs.Load(); runs > 6 {
		t.Errorf("%d runs in at most 6 windows of 3 processes", runs)
	}
}

func TestOnRedisInvalidationsReachOtherProcessesAtOnce(t *testing.T) {
	server := testkit.Redis(t)
	var s source
	a, _, m := process(t, server.Addr, &s)
	_, _, n := process(t, server.Addr, &s)
	start()
	get(t, m, One{})
	first := get(t, n, One{}).Value
	time.Sleep(100 * time.Millisecond) // until it listens
	if err := a.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the other process shows a new value", func() bool { return get(t, n, One{}).Value > first })
}

func TestWithoutRedisAtStartTheFirstPageCostsLittleMore(t *testing.T) {
	var s source
	_, _, m := process(t, "127.0.0.1:1", &s)
	began := time.Now()
	wantResult(t, get(t, m, One{}), 1, cache.Fresh, "without Redis")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the first reader waited %v, want little more than a second at most", took)
	}
}

func TestASilentServerCostsTheFirstPageItsPatience(t *testing.T) {
	server := testkit.Redis(t)
	server.Freeze()
	var s source
	_, _, m := process(t, server.Addr, &s)
	began := time.Now()
	wantResult(t, get(t, m, One{}), 1, cache.Fresh, "without an answer")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the first reader waited %v, want little more than a second at most", took)
	}
}

func TestWhatWasComputedInAnOutageIsGivenBack(t *testing.T) {
	server := testkit.Redis(t)
	var s source
	_, store, m := process(t, server.Addr, &s)
	start()
	get(t, m, One{})
	server.Kill()
	start()
	get(t, m, One{})
	eventually(t, 10*time.Second, "the next window's value is computed without Redis", func() bool { return get(t, m, One{}).State == cache.Fresh })
	server.Start()
	eventually(t, 10*time.Second, "Redis is used again", func() bool { return store.Err() == nil })
	want := get(t, m, One{})
	var none source
	none.set(0, io.EOF, nil)
	_, _, late := process(t, server.Addr, &none)
	if got, err := late.Get(t.Context(), One{}); err != nil || got.AsOf.Before(want.AsOf) {
		t.Errorf("a fresh process on a restarted server: %v, %v, want %v", got, err, want)
	}
}

func TestTenantsOnOneRedisDoNotSeeEachOther(t *testing.T) {
	server := sharedServer()
	server.Do("FLUSHALL")
	of := func(tenant string) (*remote, *cache.Cache, *cache.Memo[One, int], *source) {
		store := newRemote(optionsOf(t, server.URL()), tenant)
		t.Cleanup(func() { store.Close() })
		c := open(t, cache.Deps{Store: store, Space: tenant})
		s := new(source)
		return store, c, cache.NewMemo(c, cache.Spec{Name: "number", Window: time.Hour, Tags: []string{"ledger"}},
			func(ctx context.Context, _ cache.Window, _ One) (int, error) { return s.produce(ctx) }), s
	}
	northStore, north, n, atNorth := of("north")
	southStore, _, m, atSouth := of("south")
	heard := make(chan cache.Message, 100)
	defer southStore.Listen(func(m cache.Message) {
		if !m.Connected {
			heard <- m
		}
	})()
	time.Sleep(200 * time.Millisecond)
	atNorth.runs.Store(100)
	wantResult(t, get(t, n, One{}), 101, cache.Fresh, "north")
	wantResult(t, get(t, m, One{}), 1, cache.Fresh, "south")
	<-heard // the message of its own value

	before, err := southStore.Invalidations(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []cache.Scope{cache.Tag("ledger"), cache.Name("number"), cache.Key("number", ""), cache.Tenant()} {
		if err := north.Invalidate(t.Context(), cache.Hard, scope); err != nil {
			t.Fatal(err)
		}
	}
	// More scopes than are kept: the older ones forbid all values of this tenant.
	var many []string
	for i := range 5000 {
		many = append(many, "key:north:number:"+time.Duration(i).String())
	}
	for i := range 3 {
		for j := range many {
			many[j] += string(rune('a' + i))
		}
		if _, _, err := northStore.Invalidate(t.Context(), cache.Hard, many, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 10*time.Second, "north has a new value", func() bool { return get(t, n, One{}).Value > 101 })
	time.Sleep(1500 * time.Millisecond) // past a poll
	wantResult(t, get(t, m, One{}), 1, cache.Fresh, "south after north's invalidations")
	atSouth.wantRuns(t, 1, "for south")
	after, err := southStore.Invalidations(t.Context(), 0)
	if err != nil || len(after) != len(before) {
		t.Errorf("south finds %d invalidations, %v, want the %d from before", len(after), err, len(before))
	}
	// North restores what it has, which forbids all that is older, to north only.
	if _, err := server.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	if err := northStore.Restore(t.Context(), []cache.Invalidation{{Scope: "all", Mode: cache.Hard, Generation: time.Now().UnixMicro()}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	wantResult(t, get(t, m, One{}), 1, cache.Fresh, "south after north has restored")
	if len(heard) > 0 {
		t.Errorf("south heard %v", <-heard)
	}

	if err := north.Invalidate(t.Context(), cache.Hard, cache.All()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "everything is every tenant's", func() bool { return get(t, m, One{}).Value == 2 })
	if err := northStore.Err(); err != nil {
		t.Errorf("left aside: %v", err)
	}
}
