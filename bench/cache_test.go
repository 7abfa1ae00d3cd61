package bench

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/viccon/sturdyc"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// A key of the benchmarks' memo.
type panelKey string

func (k panelKey) Key() string { return string(k) }

// panel is about 20 KB as JSON.
type panel struct{ Rows []panelRow }

type panelRow struct {
	Name    string
	Balance int64
}

func somePanel() *panel {
	p := &panel{}
	for i := range 400 {
		p.Rows = append(p.Rows, panelRow{fmt.Sprint("holder number ", i), int64(i) * 1_000_003})
	}
	return p
}

// BenchmarkCacheHit measures a hit at the process level, beside sturdyc's.
func BenchmarkCacheHit(b *testing.B) {
	b.Run("exchequer", func(b *testing.B) {
		c := cache.New(cache.Deps{Store: cache.NewMemory()})
		defer c.Close(context.Background())
		m := cache.NewMemo(c, cache.Spec{Name: "panel", Window: time.Hour, Tags: []string{"ledger"}},
			func(context.Context, cache.Window, panelKey) (*panel, error) { return somePanel(), nil })
		m.Get(b.Context(), "days=30")
		b.ReportAllocs()
		perHit(b, func() { m.Get(b.Context(), "days=30") })
	})
	b.Run("sturdyc", func(b *testing.B) {
		c := sturdyc.New[*panel](1000, 8, time.Hour, 10)
		fetch := func(context.Context) (*panel, error) { return somePanel(), nil }
		c.GetOrFetch(b.Context(), "days=30", fetch)
		b.ReportAllocs()
		perHit(b, func() { c.GetOrFetch(b.Context(), "days=30", fetch) })
	})
}

// perHit measures a million hits a run, since the table is made with -benchtime 1x.
func perHit(b *testing.B, hit func()) {
	const hits = 1_000_000
	for b.Loop() {
		for range hits {
			hit()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/hits, "ns/hit")
}

// BenchmarkSharedHit measures the first reading of a key by a fresh process
// from a warm Redis, beside a bare GET of as many bytes.
func BenchmarkSharedHit(b *testing.B) {
	addr := testkit.Redis(b).Addr
	const keys = 500
	declare := func() (*cache.Memo[panelKey, *panel], func()) {
		store := cache.NewRedis(redis.UniversalOptions{Addrs: []string{addr}})
		c := cache.New(cache.Deps{Store: store})
		m := cache.NewMemo(c, cache.Spec{Name: "panel", Window: time.Hour},
			func(context.Context, cache.Window, panelKey) (*panel, error) { return somePanel(), nil })
		return m, func() {
			c.Close(context.Background())
			store.Close()
		}
	}
	first, end := declare()
	for i := range keys {
		if _, err := first.Get(b.Context(), panelKey(fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
	end()
	b.Run("exchequer", func(b *testing.B) {
		for b.Loop() {
			m, end := declare()
			m.Get(b.Context(), "0") // connects
			began := time.Now()
			for i := 1; i < keys; i++ {
				if _, err := m.Get(b.Context(), panelKey(fmt.Sprint(i))); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(time.Since(began).Microseconds())/(keys-1), "µs/hit")
			end()
		}
	})
	b.Run("bare GET", func(b *testing.B) {
		client := redis.NewClient(&redis.Options{Addr: addr})
		defer client.Close()
		client.Set(b.Context(), "bare", strings.Repeat("x", 5000), 0)
		for b.Loop() {
			began := time.Now()
			for range keys {
				if err := client.Get(b.Context(), "bare").Err(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(time.Since(began).Microseconds())/keys, "µs/hit")
		}
	})
}

// BenchmarkColdBurst asks three processes with an empty Redis for one number
// of a second's work, by 600 readers at once.
func BenchmarkColdBurst(b *testing.B) {
	for b.Loop() {
		addr := testkit.Redis(b).Addr
		var runs, failures atomic.Int64
		var memos []*cache.Memo[panelKey, *panel]
		for range 3 {
			store := cache.NewRedis(redis.UniversalOptions{Addrs: []string{addr}})
			defer store.Close()
			c := cache.New(cache.Deps{Store: store})
			defer c.Close(context.Background())
			memos = append(memos, cache.NewMemo(c, cache.Spec{Name: "panel", Window: time.Hour},
				func(context.Context, cache.Window, panelKey) (*panel, error) {
					runs.Add(1)
					time.Sleep(time.Second)
					return somePanel(), nil
				}))
		}
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 600 {
			wg.Go(func() {
				if _, err := memos[i%3].Get(b.Context(), "days=30"); err != nil {
					failures.Add(1)
				}
			})
		}
		wg.Wait()
		b.ReportMetric(float64(runs.Load()), "runs")
		b.ReportMetric(float64(failures.Load()), "errors")
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "last-ms")
	}
}
