package aggregates

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLookupsAreBoundedAndNoneStartsForAReaderWhoHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, looks, broken atomic.Int64
		refs := NewExists(func(ctx context.Context, ref string) (bool, error) {
			looks.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(20 * time.Millisecond)
			if ctx.Err() != nil {
				broken.Add(1)
			}
			return false, nil
		})
		ctx, leave := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		for i := range 1000 {
			readers.Go(func() {
				if _, err := refs.Has(ctx, strconv.Itoa(i)); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		time.Sleep(50 * time.Millisecond)
		leave()
		readers.Wait()
		if most.Load() > 3 || looks.Load() > 9 || broken.Load() > 0 {
			t.Errorf("%d at a time, %d in all, %d broken off, want 3, those that had begun, and none", most.Load(), looks.Load(), broken.Load())
		}
	})
}

func TestALookupThatTimesOutIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refs := NewExists(func(ctx context.Context, _ string) (bool, error) {
			<-ctx.Done()
			return false, ctx.Err()
		})
		began := time.Now()
		if _, err := refs.Has(t.Context(), "ada"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
			t.Errorf("Has() = %v after %v, want a deadline exceeded after a second", err, time.Since(began))
		}
	})
}

func TestARefThatExistsIsLookedUpOnce(t *testing.T) {
	looks := map[string]int{}
	k := NewExists(func(_ context.Context, ref string) (bool, error) {
		looks[ref]++
		switch ref {
		case "ann":
			return true, nil
		case "lost":
			return false, errors.New("no database")
		}
		return false, nil
	})
	for range 3 {
		if exists, err := k.Has(t.Context(), "ann"); !exists || err != nil {
			t.Errorf("ann: %v, %v", exists, err)
		}
		if exists, err := k.Has(t.Context(), "nobody"); exists || err != nil {
			t.Errorf("nobody: %v, %v", exists, err)
		}
		if exists, err := k.Has(t.Context(), "lost"); exists || err == nil {
			t.Errorf("lost: %v, %v, want an error", exists, err)
		}
	}
	// Who was not there may have come meanwhile.
	if diff := cmp.Diff(map[string]int{"ann": 1, "nobody": 3, "lost": 3}, looks); diff != "" {
		t.Errorf("looks (-want +got):\n%s", diff)
	}
}
