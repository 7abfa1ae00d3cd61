//go:build !race

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

// TestHitRatio reads items and accounts for half an hour of fake time from three
// empty caches on one store in memory: 60 requests a second, as of 600 visitors who
// turn a page every ten seconds, by Zipf's law over 5,000 keys. Windows are 30 s,
// producers take 150 ms. A hit is a read that did not wait for a producer; the budget
// is 95 %.
func TestHitRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, rate, span = 5000, 60, 30 * time.Minute
		store := cache.NewMemory()
		var runs atomic.Int64
		produce := func(ctx context.Context, w cache.Window, k panelKey) (string, error) {
			runs.Add(1)
			return fmt.Sprint(k, w.Start), sleep(ctx, 150*time.Millisecond)
		}
		var caches []*cache.Cache
		var memos [2][]*cache.Memo[panelKey, string]
		for range fleetSize {
			c := cache.New(cache.Deps{Store: store})
			defer c.Close(context.Background())
			caches = append(caches, c)
			for i, name := range []string{"item", "account"} {
				memos[i] = append(memos[i], cache.NewMemo(c, cache.Spec{Name: name, Window: 30 * time.Second}, produce))
			}
		}
		random := rand.New(rand.NewPCG(1, 2))
		hot := rand.NewZipf(random, 1.1, 1, keys-1)
		asked := map[uint64]bool{}
		var errors, waited, late atomic.Int64
		var asking sync.WaitGroup
		all := 0
		for began := time.Now(); time.Since(began) < span; time.Sleep(time.Second / rate) {
			all++
			key := hot.Uint64()
			asked[key] = true
			memo := memos[key%2][random.IntN(fleetSize)]
			asking.Go(func() {
				came := time.Now()
				res, err := memo.Get(t.Context(), panelKey(fmt.Sprint(key)))
				if err != nil {
					errors.Add(1)
				}
				if time.Since(came) > 0 {
					waited.Add(1) // nothing else takes time here
				}
				if time.Since(res.AsOf) > 31*time.Second {
					late.Add(1)
				}
			})
		}
		asking.Wait()

		var missed int64
		for _, c := range caches {
			for _, m := range c.Stats(t.Context()).Memos {
				missed += int64(m.Misses)
			}
		}
		// A read at the moment of publication may count either way.
		if off := missed - waited.Load(); off < -20 || off > 20 {
			t.Errorf("the caches counted %d misses, but %d readers waited", missed, waited.Load())
		}
		hits := 1 - float64(waited.Load())/float64(all)
		t.Logf("%.2f %% of %d requests were hits: %d readers waited for a producer, for %d keys; %.1f %% were given numbers older than a window and a second; %d producer runs",
			100*hits, all, waited.Load(), len(asked), 100*float64(late.Load())/float64(all), runs.Load())
		if hits < .95 || errors.Load() > 0 {
			t.Errorf("hit ratio %.4f, %d errors, want 0.95 at least and none", hits, errors.Load())
		}
	})
}
