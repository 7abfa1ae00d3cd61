package aggregates

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
)

// A shared has the last reading of something that several producers need: those of a
// page begin together. K is all that the reading depends on, and has the snapshot of
// the transaction, since only transactions with one snapshot see the same ledger.
// So what a producer gets is what it would have read itself, and nothing has to
// invalidate it.
type shared[K comparable, V any] struct {
	mu      sync.Mutex
	running int // producers; when the last of them ends, the reading is forgotten
	last    *reading[K, V]
}

// A reading is a value, or the attempt of one producer to read it.
type reading[K comparable, V any] struct {
	of    K
	done  chan struct{} // closed when value is set, or the attempt has failed
	value V             // never changed
	ok    bool          // value is set
}

type shareKey[K comparable, V any] struct{}

// sharing returns a producer that shares readings with the other producers of s.
func sharing[K comparable, V, P, T any](s *shared[K, V], produce func(context.Context, cache.Window, P) (T, error)) func(context.Context, cache.Window, P) (T, error) {
	return func(ctx context.Context, w cache.Window, params P) (T, error) {
		s.mu.Lock()
		s.running++
		s.mu.Unlock()
		defer s.leave()
		return produce(context.WithValue(ctx, shareKey[K, V]{}, s), w, params)
	}
}

// leave counts a producer out that has ended. A reading may be as large as the ledger
// has accounts, so none is kept for those that begin later.
func (s *shared[K, V]) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running--; s.running == 0 {
		s.last = nil
	}
}

// shareOf returns the share of the producer that ctx is of, nil if it does not share.
func shareOf[K comparable, V any](ctx context.Context) *shared[K, V] {
	s, _ := ctx.Value(shareKey[K, V]{}).(*shared[K, V])
	return s
}

// snapshotOf names what tx sees of the ledger. It reads a table of one row, so that on Citus
// the node answers that has the ledger.
func snapshotOf(ctx context.Context, tx pgx.Tx) (snapshot string, err error) {
	if err := tx.QueryRow(ctx, `SELECT pg_current_snapshot()::text FROM archive`).Scan(&snapshot); err != nil {
		return "", fmt.Errorf("snapshot: %w", err)
	}
	return snapshot, nil
}

// get returns the value of a key. Of producers that need it at the same time one reads
// it, and the others wait. If it fails, another one reads.
func (s *shared[K, V]) get(ctx context.Context, of K, read func() (V, error)) (V, error) {
	for {
		s.mu.Lock()
		r := s.last
		if r == nil || r.of != of {
			r = &reading[K, V]{of: of, done: make(chan struct{})}
			s.last = r
			s.mu.Unlock()
			return s.fill(r, read)
		}
		s.mu.Unlock()
		select {
		case <-r.done:
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
		if r.ok {
			return r.value, nil
		}
	}
}

// fill reads r. A reading that failed is forgotten.
func (s *shared[K, V]) fill(r *reading[K, V], read func() (V, error)) (V, error) {
	defer func() {
		if !r.ok {
			s.mu.Lock()
			if s.last == r {
				s.last = nil
			}
			s.mu.Unlock()
		}
		close(r.done)
	}()
	value, err := read()
	if err == nil {
		r.value, r.ok = value, true
	}
	return value, err
}
