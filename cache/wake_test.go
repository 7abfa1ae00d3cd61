package cache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

// A quick store has another process publish just as this one is refused the
// lock: its message is there before the flight has landed.
type quick struct {
	*cache.Memory
	publish atomic.Pointer[func()]
}

func (q *quick) Lock(ctx context.Context, key, owner string, d time.Duration) (bool, error) {
	if publish := q.publish.Swap(nil); publish != nil {
		(*publish)()
		return false, nil
	}
	return q.Memory.Lock(ctx, key, owner, d)
}

func TestAMessageThatOvertakesARefusedLockIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		store := &quick{Memory: cache.NewMemory()}
		m, other := s.memo(open(t, cache.Deps{Store: store})), s.memo(open(t, cache.Deps{Store: store.Memory}))
		get(t, m, One{})
		store.publish.Store(new(func() { // what the other does at the boundary
			get(t, other, One{})
			time.Sleep(50 * time.Millisecond)
		}))
		boundary()
		time.Sleep(time.Second)
		wantResult(t, get(t, m, One{}), 2, cache.Fresh, "after the boundary")
		s.wantRuns(t, 2, "after the boundary")
	})
}
