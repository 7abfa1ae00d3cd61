package cache_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
)

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
