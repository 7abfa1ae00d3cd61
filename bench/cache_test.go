package bench

import (
	"context"
	"fmt"
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
	for name, written := range map[string]bool{"exchequer": false, "exchequer-after-a-write": true} {
		b.Run(name, func(b *testing.B) {
			c := cache.New(cache.Deps{Store: cache.NewMemory()})
			defer c.Close(context.Background())
			m := cache.NewMemo(c, cache.Spec{Name: "panel", Window: time.Hour, Tags: []string{"ledger"}},
				func(context.Context, cache.Window, panelKey) (*panel, error) { return somePanel(), nil })
			m.Get(b.Context(), "days=30")
			if written { // invalidate something else
				c.Invalidate(b.Context(), cache.Soft, cache.Touched("accounts"))
				m.Get(b.Context(), "days=30")
			}
			b.ReportAllocs()
			perHit(b, func() { m.Get(b.Context(), "days=30") })
		})
	}
	b.Run("sturdyc", func(b *testing.B) {
		c := sturdyc.New[*panel](1000, 8, time.Hour, 10)
		fetch := func(context.Context) (*panel, error) { return somePanel(), nil }
		c.GetOrFetch(b.Context(), "days=30", fetch)
		b.ReportAllocs()
		perHit(b, func() { c.GetOrFetch(b.Context(), "days=30", fetch) })
	})
}

// perHit measures a million hits a run, since the tables are made with -benchtime 1x.
func perHit(b *testing.B, hit func()) {
	const hits = 1_000_000
	for b.Loop() {
		for range hits {
			hit()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/hits, "ns/hit")
}

// BenchmarkSharedHit measures the first read of keys by a fresh process from a warm
// Redis, in turns with a plain GET of the same blobs by the same client library. The
// difference is decoding.
func BenchmarkSharedHit(b *testing.B) {
	const keys, rounds = 200, 5
	addr := testkit.Redis(b).Addr
	declare := func() *cache.Memo[panelKey, *panel] {
		return cache.NewMemo(member(b, addr), cache.Spec{Name: "panel", Window: time.Hour},
			func(context.Context, cache.Window, panelKey) (*panel, error) { return somePanel(), nil })
	}
	first := declare()
	for i := range keys {
		if _, err := first.Get(b.Context(), panelKey(fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	bare, bytes := copyBlobs(b, client)
	var ours, theirs []time.Duration
	for b.Loop() {
		for range rounds {
			m := declare()
			if _, err := m.Get(b.Context(), "0"); err != nil { // connects
				b.Fatal(err)
			}
			ours = append(ours, timed(func() {
				for i := 1; i < keys; i++ {
					if _, err := m.Get(b.Context(), panelKey(fmt.Sprint(i))); err != nil {
						b.Fatal(err)
					}
				}
			})/(keys-1))
			theirs = append(theirs, timed(func() {
				for _, key := range bare {
					if _, err := client.Get(b.Context(), key).Bytes(); err != nil {
						b.Fatal(err)
					}
				}
			})/time.Duration(len(bare)))
		}
	}
	b.ReportMetric(ms(median(ours))*1e3, "µs/hit")
	b.ReportMetric(ms(median(theirs))*1e3, "µs/GET")
	b.ReportMetric(float64(median(ours))/float64(median(theirs)), "ratio")
	b.ReportMetric(float64(bytes)/float64(len(bare)), "bytes/blob")
	b.ReportMetric(0, "ns/op")
}

// copyBlobs copies the blob of each key to a plain key. It returns these keys and
// the size of the blobs.
func copyBlobs(b *testing.B, client *redis.Client) (plain []string, bytes int) {
	b.Helper()
	keys, err := client.Keys(b.Context(), "exchequer:{*:panel}:*").Result()
	if err != nil || len(keys) == 0 {
		b.Fatalf("keys of the memo: %q, %v", keys, err)
	}
	for i, key := range keys {
		blob, err := client.HGet(b.Context(), key, "blob").Bytes()
		if err != nil {
			b.Fatalf("blob of %s: %v", key, err)
		}
		plain = append(plain, fmt.Sprint("bare:", i))
		if err := client.Set(b.Context(), plain[i], blob, 0).Err(); err != nil {
			b.Fatal(err)
		}
		bytes += len(blob)
	}
	return plain, bytes
}

// BenchmarkColdBurst reads one number that takes a second to compute with 600 readers
// at once, from three processes with an empty Redis.
func BenchmarkColdBurst(b *testing.B) {
	for b.Loop() {
		addr := testkit.Redis(b).Addr
		var runs, failures atomic.Int64
		var memos []*cache.Memo[panelKey, *panel]
		for range 3 {
			memos = append(memos, cache.NewMemo(member(b, addr), cache.Spec{Name: "panel", Window: time.Hour},
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
