package aggregates_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/aggregates"
)

func TestManyNamesAreLookedUpFewAtATimeAndNoneForWhoHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, looks, broken atomic.Int64
		known := aggregates.NewKnown(func(ctx context.Context, ref string) (bool, error) {
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
				if _, err := known.Has(ctx, strconv.Itoa(i)); err != nil && !errors.Is(err, context.Canceled) {
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

func TestANameThatCannotBeLookedUpInTimeIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := aggregates.NewKnown(func(ctx context.Context, _ string) (bool, error) {
			<-ctx.Done()
			return false, ctx.Err()
		})
		began := time.Now()
		if _, err := known.Has(t.Context(), "ada"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
			t.Errorf("Has() = %v after %v, want a deadline exceeded after a second", err, time.Since(began))
		}
	})
}
