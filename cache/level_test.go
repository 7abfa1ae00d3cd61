package cache_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
)

func TestKeysAskedForInTheLastTwoWindowsAreRefreshedAheadAndOthersCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{}))
		get(t, m, One{})
		for n := range int64(2) {
			boundary()
			s.wantRuns(t, 2+n, "at a boundary within two windows of a reader")
		}
		for range 10 {
			boundary()
		}
		s.wantRuns(t, 3, "long after the last reader")
	})
}

func TestReadersFindTheNewWindowAfterTheLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.set(1200*time.Millisecond, nil, nil)
		m := s.memo(open(t, cache.Deps{}))
		for range 20 {
			r := get(t, m, One{})
			time.Sleep(time.Until(r.Next) + r.Lag)
			if now := get(t, m, One{}); now.State != cache.Fresh || !now.AsOf.Equal(r.Next) {
				t.Fatalf("%v after the boundary: %v as of %v, want fresh as of %v", r.Lag, now.State, now.AsOf, r.Next)
			}
		}
	})
}

func TestTheLagIsMeasuredWithinHalfASecondAndFive(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0:                       500 * time.Millisecond,
		1200 * time.Millisecond: 1500 * time.Millisecond,
		14 * time.Second:        5 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			var s source
			s.set(took, nil, nil)
			if got := get(t, s.memo(open(t, cache.Deps{})), One{}).Lag; got != want {
				t.Errorf("a producer of %v has a lag of %v, want %v", took, got, want)
			}
		})
	}
}

func TestTheVersionChangesWithWhatAPageShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{})
		m := s.memo(c)
		seen := map[uint64]string{}
		note := func(when string) {
			t.Helper()
			r := get(t, m, One{})
			if again := get(t, m, One{}); again != r {
				t.Errorf("%s: two readers got %v and %v", when, r, again)
			}
			if before, ok := seen[r.Version]; ok {
				t.Errorf("%s: version as %s", when, before)
			}
			seen[r.Version] = when
		}
		note("first value")
		s.set(time.Second, nil, nil)
		boundary()
		note("stale")
		time.Sleep(2 * time.Second)
		note("second value")
		s.set(0, errDown, nil)
		boundary()
		note("degraded")
		time.Sleep(16 * time.Second)
		get(t, m, One{})
		synctest.Wait()
		note("degraded again")
	})
}

func TestValuesAreBoundedByWeightAndComeBackFromTheSharedLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		c := open(t, cache.Deps{Memory: 1 << 20, Registerer: registry})
		runs := 0
		m := cache.NewMemo(c, cache.Spec{Name: "large", Window: time.Hour}, func(context.Context, cache.Window, Item) (string, error) {
			runs++
			return strings.Repeat("x", 50_000), nil
		})
		for i := range 100 {
			get(t, m, Item(fmt.Sprint(i)))
			synctest.Wait()
		}
		if weight := metric(t, registry, "exchequer_cache_process_level_bytes"); weight > 1.2*(1<<20) {
			t.Errorf("the process level weighs %v bytes, want about 1 MiB at most", weight)
		}
		for i := range 100 {
			get(t, m, Item(fmt.Sprint(i)))
		}
		if runs != 100 {
			t.Errorf("%d runs for 100 keys, want one each", runs)
		}
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

// spy sees the blobs.
type spy struct {
	*cache.Memory
	blobs map[string][]byte
	spoil bool
}

func (s *spy) Publish(ctx context.Context, p cache.Publication) (bool, error) {
	s.blobs[p.Key] = p.Blob
	return s.Memory.Publish(ctx, p)
}

func (s *spy) Load(ctx context.Context, key string) ([]byte, error) {
	if s.spoil {
		return []byte("\x28\xb5\x2f\xfd not really"), nil
	}
	return s.Memory.Load(ctx, key)
}

func TestAnUndecodableBlobIsAMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		m := s.memo(open(t, cache.Deps{Store: &spy{cache.NewMemory(), map[string][]byte{}, true}}))
		wantResult(t, get(t, m, One{}), 1, cache.Fresh, "behind a spoilt blob")
	})
}

func TestLargeBlobsAreCompressedAndKeysTellTypesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &spy{cache.NewMemory(), map[string][]byte{}, false}
		type before struct{ Rows []string }
		type after struct{ Rows []int }
		old := cache.NewMemo(open(t, cache.Deps{Store: store, Space: space}), cache.Spec{Name: "rows", Window: window},
			func(context.Context, cache.Window, Item) (before, error) {
				return before{[]string{strings.Repeat("diamond ", 5000)}}, nil
			})
		young := cache.NewMemo(open(t, cache.Deps{Store: store, Space: space}), cache.Spec{Name: "rows", Window: window},
			func(context.Context, cache.Window, Item) (after, error) { return after{[]int{7}}, nil })
		get(t, old, "days=30")
		if got := get(t, young, "days=30").Value.Rows; !cmp.Equal(got, []int{7}) {
			t.Errorf("after a deploy with another type: %v", got)
		}
		if len(store.blobs) != 2 {
			t.Errorf("%d keys for two types", len(store.blobs))
		}
		for key, blob := range store.blobs {
			if !strings.HasPrefix(key, "exchequer:{town:1:rows}:") || !strings.HasSuffix(key, ":days=30") {
				t.Errorf("key %q lacks tenant, name or parameters", key)
			}
			if len(blob) > 2<<10 {
				t.Errorf("a blob of %d bytes is not compressed", len(blob))
			}
		}
		fresh := cache.NewMemo(open(t, cache.Deps{Store: store, Space: space}), cache.Spec{Name: "rows", Window: window},
			func(context.Context, cache.Window, Item) (before, error) { panic("not needed") })
		if got := get(t, fresh, "days=30").Value.Rows; len(got) != 1 || len(got[0]) != 40_000 {
			t.Error("a compressed value came back otherwise")
		}
	})
}

func TestATypeThatJSONWouldChangeIsRefused(t *testing.T) {
	type hidden struct{ _ int }
	type dropped struct {
		N int `json:"-"`
	}
	type ok struct {
		At   time.Time
		Next *ok
		M    map[string][3]float64
	}
	refused := func(declare func(*cache.Cache)) (why any) {
		defer func() { why = recover() }()
		declare(open(t, cache.Deps{}))
		return nil
	}
	spec := cache.Spec{Name: "m", Window: window}
	if why := refused(func(c *cache.Cache) { cache.NewMemo[One, ok](c, spec, nil) }); why != nil {
		t.Errorf("a plain struct is refused: %v", why)
	}
	for name, declare := range map[string]func(*cache.Cache){
		"an unexported field": func(c *cache.Cache) { cache.NewMemo[One, *hidden](c, spec, nil) },
		"a left out field":    func(c *cache.Cache) { cache.NewMemo[One, dropped](c, spec, nil) },
		"an interface":        func(c *cache.Cache) { cache.NewMemo[One, []any](c, spec, nil) },
		"a function":          func(c *cache.Cache) { cache.NewMemo[One, func()](c, spec, nil) },
		"no window":           func(c *cache.Cache) { cache.NewMemo[One, int](c, cache.Spec{Name: "m"}, nil) },
		"a name twice": func(c *cache.Cache) {
			cache.NewMemo[One, int](c, spec, nil)
			cache.NewMemo[One, int](c, spec, nil)
		},
	} {
		if refused(declare) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestPoliciesAreOverriddenByNameAndListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{Policies: map[string]cache.Policy{"number": {Window: time.Minute, Soft: 2 * time.Minute, Timeout: time.Second}}})
		m := s.memo(c)
		want := []cache.NamedPolicy{{
			Memo: "number", Tags: []string{"ledger"}, Window: 60, Soft: 120, Hard: 7 * 24 * 3600, Timeout: 1,
		}}
		if d := cmp.Diff(want, c.Policies()); d != "" {
			t.Error(d)
		}
		get(t, m, One{})
		time.Sleep(119 * time.Second)
		wantResult(t, get(t, m, One{}), 1, cache.Fresh, "within the soft limit")
		time.Sleep(time.Second)
		synctest.Wait()
		wantResult(t, get(t, m, One{}), 2, cache.Fresh, "past it")
	})
}

// metric is the sum over a metric's labels.
func metric(t *testing.T, g prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
		return sum
	}
	t.Errorf("there is no metric %s", name)
	return 0
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

func TestAKeyThatIsEvictedWhileItIsComputedIsRefreshedAheadAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{Memory: 20_000})
		m := s.items(c)
		s.set(2*time.Second, nil, nil)
		go m.Get(context.Background(), "a")
		synctest.Wait()
		s.set(0, nil, nil)
		for i := range 50 {
			get(t, m, Item(strconv.Itoa(i)))
		}
		time.Sleep(3 * time.Second) // "a" is computed, and put back
		before := s.runs.Load()
		get(t, m, "a")
		s.wantRuns(t, before, "to show what was computed")
		boundary()
		time.Sleep(time.Second)
		ahead := s.runs.Load()
		wantResult(t, get(t, m, "a"), get(t, m, "a").Value, cache.Fresh, "after the boundary")
		s.wantRuns(t, ahead, "since it was refreshed ahead")
	})
}
