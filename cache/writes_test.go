package cache_test

import (
	"sync"
	"testing"

	"exchequer/cache"
)

func TestAStoreMakesAnInvalidationOfOneNameOnce(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			const processes = 20
			var mu sync.Mutex
			var raised int
			generations := map[int64]bool{}
			var wg sync.WaitGroup
			for range processes {
				wg.Go(func() {
					generation, first, err := store.Invalidate(t.Context(), cache.Soft, []string{"tag:t:a"}, "t:write 7")
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					generations[generation] = true
					if first {
						raised++
					}
				})
			}
			wg.Wait()
			if raised != 1 || len(generations) != 1 {
				t.Errorf("%d of %d raised the generation, to %v, want one, and all to know it", raised, processes, generations)
			}
			other, first, err := store.Invalidate(t.Context(), cache.Soft, []string{"tag:t:a"}, "t:write 8")
			if err != nil || !first || generations[other] {
				t.Errorf("another name: generation %d, %v, %v, want a new one", other, first, err)
			}
			if r, ok := store.(*cache.Redis); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}
