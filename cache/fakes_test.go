package cache_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/cache"
)

// A faulty store fails or answers late, as set.
type faulty struct {
	*cache.Memory

	mu       sync.Mutex
	err      error
	late     time.Duration
	calls    int
	sessions int // calls of Listen
}

func (f *faulty) set(err error, late time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.late = err, late
}

func (f *faulty) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// fault delays a call and returns its error.
func (f *faulty) fault(ctx context.Context) error {
	f.mu.Lock()
	f.calls++
	err, late := f.err, f.late
	f.mu.Unlock()
	select {
	case <-time.After(late):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *faulty) Load(ctx context.Context, key string) ([]byte, error) {
	if err := f.fault(ctx); err != nil {
		return nil, err
	}
	return f.Memory.Load(ctx, key)
}

func (f *faulty) Publish(ctx context.Context, p cache.Publication) (bool, error) {
	if err := f.fault(ctx); err != nil {
		return false, err
	}
	return f.Memory.Publish(ctx, p)
}

func (f *faulty) Lock(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	if err := f.fault(ctx); err != nil {
		return false, err
	}
	return f.Memory.Lock(ctx, key, owner, lease)
}

func (f *faulty) Extend(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	if err := f.fault(ctx); err != nil {
		return false, err
	}
	return f.Memory.Extend(ctx, key, owner, lease)
}

func (f *faulty) Unlock(ctx context.Context, key, owner string) error {
	if err := f.fault(ctx); err != nil {
		return err
	}
	return f.Memory.Unlock(ctx, key, owner)
}

func (f *faulty) Invalidate(ctx context.Context, mode cache.Mode, scopes []string, above int64, once string) (int64, bool, error) {
	if err := f.fault(ctx); err != nil {
		return 0, false, err
	}
	return f.Memory.Invalidate(ctx, mode, scopes, above, once)
}

func (f *faulty) Invalidations(ctx context.Context, above int64) ([]cache.Invalidation, error) {
	if err := f.fault(ctx); err != nil {
		return nil, err
	}
	return f.Memory.Invalidations(ctx, above)
}

func (f *faulty) Restore(ctx context.Context, list []cache.Invalidation) error {
	if err := f.fault(ctx); err != nil {
		return err
	}
	return f.Memory.Restore(ctx, list)
}

func (f *faulty) Now(ctx context.Context) (time.Time, error) {
	if err := f.fault(ctx); err != nil {
		return time.Time{}, err
	}
	return f.Memory.Now(ctx)
}

func (f *faulty) Listen(handle func(cache.Message)) (stop func()) {
	f.mu.Lock()
	f.sessions++
	f.mu.Unlock()
	return f.Memory.Listen(handle)
}

func (f *faulty) Close() error { return nil }

func (f *faulty) Probe(ctx context.Context) error { return f.fault(ctx) }

// behind returns a faulty store over a memory, and a breaker over that.
func behind(t *testing.T, memory *cache.Memory) (*faulty, *cache.Failover) {
	t.Helper()
	f := &faulty{Memory: memory}
	failover := cache.NewFailover(f, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { failover.Close() })
	return f, failover
}

// A frozen store is that of a frozen process: its calls do not arrive.
type frozen struct {
	*cache.Memory
	mu  sync.Mutex
	off bool
}

func (f *frozen) freeze(off bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = off
}

func (f *frozen) Extend(ctx context.Context, key, owner string, d time.Duration) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return false, context.DeadlineExceeded
	}
	return f.Memory.Extend(ctx, key, owner, d)
}

// A hogged store has all its locks held by another process for ever.
type hogged struct{ *cache.Memory }

func (hogged) Lock(context.Context, string, string, time.Duration) (bool, error) { return false, nil }

// A jumping store has a clock that a test sets, and counts the loads.
type jumping struct {
	*cache.Memory
	by    atomic.Int64
	late  atomic.Int64
	loads atomic.Int64
}

func (s *jumping) Now(context.Context) (time.Time, error) {
	time.Sleep(time.Duration(s.late.Load()))
	return time.Now().Add(time.Duration(s.by.Load())), nil
}

func (s *jumping) Load(ctx context.Context, key string) ([]byte, error) {
	s.loads.Add(1)
	time.Sleep(time.Microsecond) // so that time passes for a reader that spins
	return s.Memory.Load(ctx, key)
}

// A refusing store refuses each publication, as a server does whose clock is far
// behind the fleet's.
type refusing struct{ *cache.Memory }

func (refusing) Publish(context.Context, cache.Publication) (bool, error) { return false, nil }

// A fixed store is one with the same blob for each key.
type fixed struct {
	*cache.Memory
	blob []byte
}

func (f *fixed) Load(context.Context, string) ([]byte, error) { return f.blob, nil }

// A lateStore lets a test send messages.
type lateStore struct {
	*cache.Memory
	send func(cache.Message)
}

func (s *lateStore) Listen(handle func(cache.Message)) func() {
	s.send = handle
	return func() {}
}

// A lossy store never sends a message.
type lossy struct{ *cache.Memory }

func (lossy) Listen(func(cache.Message)) func() { return func() {} }

// A witness records the order of the steps of an invalidation.
type witness struct {
	*cache.Memory
	at func(step string)
}

func (w witness) Invalidate(ctx context.Context, mode cache.Mode, scopes []string, above int64, once string) (int64, bool, error) {
	w.at("before the generation")
	defer w.at("after the generation")
	return w.Memory.Invalidate(ctx, mode, scopes, above, once)
}

func (w witness) Notify(context.Context, []cache.Invalidation) error {
	w.at("when the others are told")
	return errDown // harmless: polls find the invalidation
}

// A spy keeps the blobs.
type spy struct {
	*cache.Memory
	blobs map[string][]byte
	spoil bool
}

func (s *spy) Publish(ctx context.Context, p cache.Publication) (bool, error) {
	s.blobs[p.Key] = p.Blob
	return s.Memory.Publish(ctx, p)
}

func (s *spy) Load(ctx context.Context, key string) ([]byte, error) {
	if s.spoil {
		return []byte("\x28\xb5\x2f\xfd not really"), nil
	}
	return s.Memory.Load(ctx, key)
}

// A hungStore does not answer operators, and fails for readers.
type hungStore struct{ *cache.Memory }

func (hungStore) Stats(ctx context.Context) cache.SharedStats {
	<-ctx.Done()
	return cache.SharedStats{}
}

func (hungStore) Load(context.Context, string) ([]byte, error) { return nil, errDown }

type ahead struct {
	*cache.Memory
	by time.Duration
}

func (a ahead) Now(context.Context) (time.Time, error) { return time.Now().Add(a.by), nil }

// With a quick store another process publishes just as this one is refused the
// lock, so that the message arrives before the flight has landed.
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
