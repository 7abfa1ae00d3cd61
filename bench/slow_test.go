package bench

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
)

// BenchmarkSlowProducers runs producers for longer than any lease. Three caches with
// a Redis client each stand for the processes, since the binary has no producer that
// sleeps.
func BenchmarkSlowProducers(b *testing.B) {
	b.Run("20s", slowEverywhere)
	b.Run("24s-and-2s", func(b *testing.B) { slowAndQuick(b, false) })
	b.Run("24s-and-2s-lock-lost", func(b *testing.B) { slowAndQuick(b, true) })
}

// stamped is a value with the window for which it was computed.
type stamped struct{ Window time.Time }

// member is a cache of a fleet in this process. It ends with the benchmark.
func member(b *testing.B, addr string) *cache.Cache {
	store := cache.NewFailover(redisstore.New(redis.UniversalOptions{Addrs: []string{addr}}, "bench:1"), slog.New(slog.DiscardHandler))
	c := cache.New(cache.Deps{Store: store, Space: "bench:1"})
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = c.Close(ctx)
		_ = store.Close()
	})
	return c
}

// A gauge counts what runs now and its maximum.
type gauge struct{ now, most, all atomic.Int64 }

func (g *gauge) enter() {
	g.all.Add(1)
	n := g.now.Add(1)
	for m := g.most.Load(); n > m && !g.most.CompareAndSwap(m, n); m = g.most.Load() {
	}
}

func (g *gauge) leave() { g.now.Add(-1) }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// slowEverywhere reads a number that takes 20 s from three cold processes. The peer's
// lock lasted 15 s, so two producers ran at once.
func slowEverywhere(b *testing.B) {
	for b.Loop() {
		addr := testkit.Redis(b).Addr
		var running gauge
		var errors atomic.Int64
		began := time.Now()
		var readers sync.WaitGroup
		for range fleetSize {
			m := cache.NewMemo(member(b, addr), cache.Spec{Name: "slow", Window: time.Hour, Timeout: 40 * time.Second},
				func(ctx context.Context, w cache.Window, _ panelKey) (stamped, error) {
					running.enter()
					defer running.leave()
					return stamped{w.Start}, sleep(ctx, 20*time.Second)
				})
			for range 20 {
				readers.Go(func() {
					if _, err := m.Get(b.Context(), "key"); err != nil {
						errors.Add(1)
					}
				})
			}
		}
		readers.Wait()
		b.ReportMetric(float64(running.most.Load()), "runs-at-once")
		b.ReportMetric(float64(running.all.Load()), "runs")
		b.ReportMetric(float64(errors.Load()), "errors")
		b.ReportMetric(time.Since(began).Seconds(), "s-last")
		b.ReportMetric(0, "ns/op")
		if running.all.Load() != 1 || errors.Load() > 0 {
			b.Errorf("%d runs, %d errors, want one run and no error", running.all.Load(), errors.Load())
		}
	}
}

// slowAndQuick has a process whose producer takes 24 s once, one whose producer takes
// 2 s, and a value from before. Readers of each process, and some that alternate, read
// every 50 ms and must never get an earlier window than before. The lock is deleted in
// Redis a second after the slow run has begun. Then the quick process computes, and
// the slow one must not replace its value with an older one.
func slowAndQuick(b *testing.B, lose bool) {
	const window = 8 * time.Second
	for b.Loop() {
		server := testkit.Redis(b)
		var running gauge
		declare := func(takes func() time.Duration) *cache.Memo[panelKey, stamped] {
			return cache.NewMemo(member(b, server.Addr), cache.Spec{Name: "key", Window: window, Timeout: 40 * time.Second},
				func(_ context.Context, w cache.Window, _ panelKey) (stamped, error) {
					running.enter()
					defer running.leave()
					time.Sleep(takes()) // ignores its context
					return stamped{w.Start}, nil
				})
		}
		var runs atomic.Int64
		slow := declare(func() time.Duration {
			switch runs.Add(1) {
			case 1:
				return 0 // the value from before
			case 2:
				return 24 * time.Second
			default:
				return 2 * time.Second
			}
		})
		quick := declare(func() time.Duration { return 2 * time.Second })
		if _, err := slow.Get(b.Context(), "key"); err != nil {
			b.Fatal(err)
		}
		for runs.Load() < 2 { // refreshed ahead at the next boundary
			time.Sleep(10 * time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(b.Context(), 32*time.Second)
		var readers sync.WaitGroup
		var inOne, across reading
		for i := range 30 {
			readers.Go(func() {
				switch i % 3 {
				case 0:
					inOne.follow(ctx, slow)
				case 1:
					inOne.follow(ctx, quick)
				default:
					across.follow(ctx, slow, quick)
				}
			})
		}
		if lose {
			time.Sleep(time.Second)
			deleteLocks(b, server.Addr)
		}
		readers.Wait()
		cancel()
		b.ReportMetric(float64(inOne.back.Load()), "went-back")
		b.ReportMetric(float64(across.back.Load()), "went-back-between-processes")
		b.ReportMetric(float64(inOne.errors.Load()+across.errors.Load()), "errors")
		b.ReportMetric(float64(inOne.newer.Load()+across.newer.Load())/30, "new-windows/reader")
		b.ReportMetric(float64(running.most.Load()), "runs-at-once")
		b.ReportMetric(0, "ns/op")
		if inOne.back.Load() > 0 || inOne.errors.Load() > 0 {
			b.Errorf("readers of one process were given an earlier window than before %d times, and %d errors", inOne.back.Load(), inOne.errors.Load())
		}
	}
}

// reading counts how often readers got a newer window than before, an earlier one, and
// an error.
type reading struct{ newer, back, errors atomic.Int64 }

func (r *reading) follow(ctx context.Context, memos ...*cache.Memo[panelKey, stamped]) {
	var last time.Time
	for i := 0; sleep(ctx, 50*time.Millisecond) == nil; i++ {
		switch res, err := memos[i%len(memos)].Get(ctx, "key"); {
		case err != nil && ctx.Err() == nil:
			r.errors.Add(1)
		case err != nil:
		case res.Value.Window.After(last):
			last = res.Value.Window
			r.newer.Add(1)
		case res.Value.Window.Before(last):
			r.back.Add(1)
			last = res.Value.Window
		}
	}
}

func deleteLocks(b *testing.B, addr string) {
	b.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	locks, err := client.Keys(b.Context(), "*:lock").Result()
	if err != nil || len(locks) == 0 {
		b.Fatalf("locks: %q, %v", locks, err)
	}
	if err := client.Del(b.Context(), locks...).Err(); err != nil {
		b.Fatal(err)
	}
}
