package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

// In a fleet with random readers, failures, invalidations and pauses, no window
// goes back, no forbidden value is shown, there is no error while there is a
// value to show, and in the end all is fresh within its lag.
func TestAFleetKeepsItsPromisesUnderRandomEvents(t *testing.T) {
	for seed := range uint64(10) {
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

// span returns a random duration below limit.
func span(r *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(limit)))
}
