package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	callTimeout = time.Second            // of a call, and limit of the time in slow answers
	slowCall    = 100 * time.Millisecond // an answer within this is quick, and takes off as much from the time in slow ones
	callsAtOnce = 16                     // bounds the many calls at a boundary, which would make each other slow

	probeEvery   = 250 * time.Millisecond
	probeTimeout = 500 * time.Millisecond
	probeAtMost  = 20 * time.Second // longest time between probes
	steadyAfter  = 30 * time.Second // without an outage, the next one is treated as the first
)

var errSlowStore = errors.New("it answers slowly")

// A Remote is a store that may fail.
type Remote interface {
	Store
	// Probe writes a blob to each of the store's servers and reads it back. It
	// returns nil when all did so.
	Probe(ctx context.Context) error
	// Close ends the connections.
	Close() error
}

// A Failover is a remote store behind a circuit breaker. A call that fails or
// takes longer than callTimeout opens the breaker. So do slow answers that add up
// to callTimeout; quick answers reduce the sum. While the breaker is open all
// calls return [ErrUnavailable] at once, and the cache goes on with the values of
// its process. The remote is probed until it serves again. An error that wraps
// [ErrKey] is returned and does not open the breaker.
//
//	closed ── failed, late or slow ──▶ open ── a probe succeeds ──▶ closed
//	                                    │ ▲
//	                                    └─┘ a probe fails
type Failover struct {
	// Set by NewFailover, never changed.
	remote Remote
	log    *slog.Logger
	calls  limit           // of calls at the same time
	ctx    context.Context // of the eras and the probes
	cancel context.CancelFunc

	era    atomic.Pointer[era] // the present time in which the breaker is closed, or the last one
	probes sync.WaitGroup

	mu            sync.Mutex                 // guards what follows, and the start and end of eras
	outage        Outage                     // the present one; zero if there is none
	count         uint64                     // of outages
	holdOff       time.Duration              // before a probe; doubled by an outage soon after the last one
	lastEnd       time.Time                  // of an outage
	slowTotal     time.Duration              // the time in slow answers, less what quick ones took off
	slowUntil     time.Time                  // the end of the last slow answer
	subscriptions map[*subscription]struct{} // whose stop functions are guarded too
}

// An era is a time in which the breaker is closed. Its context ends when the
// breaker opens, and the calls that are under way with it.
type era struct {
	context.Context
	end context.CancelFunc
}

func (f *Failover) newEra() *era {
	ctx, end := context.WithCancel(f.ctx)
	return &era{ctx, end}
}

var _ Store = (*Failover)(nil)

// A subscription is a call of Listen. It is renewed after an outage, since its
// connection may be to a server that is no longer the master.
type subscription struct {
	handle func(Message)
	stop   func()
}

// NewFailover returns a remote store behind a breaker. The caller closes it after
// the caches that use it.
func NewFailover(remote Remote, log *slog.Logger) *Failover {
	f := &Failover{remote: remote, log: log, calls: make(limit, callsAtOnce), subscriptions: map[*subscription]struct{}{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.era.Store(f.newEra())
	return f
}

// Close ends the probes, and closes the remote. The error is the remote's.
func (f *Failover) Close() error {
	f.mu.Lock() // no probe starts from here on
	f.cancel()
	f.mu.Unlock()
	f.probes.Wait()
	return f.remote.Close()
}

// do makes a call to the remote with a deadline. While the breaker is open it
// returns ErrUnavailable without a call. It opens the breaker when the call fails
// and when answers have been slow for too long.
func do[T any](ctx context.Context, f *Failover, call func(context.Context) (T, error)) (T, error) {
	var none T
	era := f.era.Load()
	if era.Err() != nil {
		return none, ErrUnavailable
	}
	if !f.calls.enter(ctx) {
		return none, ctx.Err()
	}
	defer f.calls.leave()
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	defer context.AfterFunc(era, cancel)()
	if era.Err() != nil { // the breaker opened during the wait
		return none, ErrUnavailable
	}
	began := time.Now()
	answer, err := call(bounded)
	switch {
	case err == nil:
		if f.tooSlow(began, time.Now()) {
			f.trip(era, errSlowStore)
		}
		return answer, nil
	case errors.Is(err, ErrKey), ctx.Err() != nil: // not the remote's fault
		return none, err
	}
	f.trip(era, err)
	return none, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// tooSlow adds an answer to the time in slow ones and reports whether that is too
// long. Slow answers at the same time count once.
func (f *Failover) tooSlow(began, ended time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ended.Sub(began) <= slowCall {
		f.slowTotal = max(f.slowTotal-slowCall, 0)
		return false
	}
	if began.Before(f.slowUntil) {
		began = f.slowUntil
	}
	f.slowTotal += ended.Sub(began)
	f.slowUntil = ended
	return f.slowTotal >= callTimeout
}

// trip opens the breaker by ending the era, and starts to probe.
func (f *Failover) trip(era *era, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if era.Err() != nil {
		return // another call has
	}
	era.end()
	f.count++
	f.outage = Outage{time.Now().UTC(), why}
	if time.Since(f.lastEnd) < steadyAfter {
		f.holdOff = min(2*f.holdOff, probeAtMost)
	} else {
		f.holdOff = probeEvery
	}
	f.log.Error("cache: going on without the shared level", "error", why)
	holdOff := f.holdOff
	f.probes.Go(func() { f.probe(holdOff) })
}

// probe probes the remote until it serves, and then closes the breaker.
func (f *Failover) probe(every time.Duration) {
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-time.After(jitter(every)):
		}
		ctx, cancel := context.WithTimeout(f.ctx, probeTimeout)
		err := f.remote.Probe(ctx)
		cancel()
		if err == nil {
			f.closeBreaker()
			return
		}
	}
}

// closeBreaker closes the breaker and renews the subscriptions.
func (f *Failover) closeBreaker() {
	f.mu.Lock()
	f.outage, f.lastEnd, f.slowTotal = Outage{}, time.Now(), 0
	f.era.Store(f.newEra())
	renewed := slices.Collect(maps.Keys(f.subscriptions))
	f.mu.Unlock()
	f.log.Info("cache: the shared level is used again")
	for _, s := range renewed {
		s.handle(Message{Connected: true})
		f.renew(s)
	}
}

// renew listens anew for a subscription, unless it was stopped meanwhile.
func (f *Failover) renew(s *subscription) {
	f.mu.Lock()
	if _, there := f.subscriptions[s]; !there {
		f.mu.Unlock()
		return
	}
	stop := s.stop
	s.stop = f.remote.Listen(s.handle)
	f.mu.Unlock()
	stop()
}

// Listen implements [Store].
func (f *Failover) Listen(handle func(Message)) (stop func()) {
	s := &subscription{handle: handle}
	f.mu.Lock()
	s.stop = f.remote.Listen(handle)
	f.subscriptions[s] = struct{}{}
	f.mu.Unlock()
	return func() {
		f.mu.Lock()
		delete(f.subscriptions, s)
		stop := s.stop
		f.mu.Unlock()
		stop()
	}
}

// Load implements [Store].
func (f *Failover) Load(ctx context.Context, key string) ([]byte, error) {
	return do(ctx, f, func(ctx context.Context) ([]byte, error) { return f.remote.Load(ctx, key) })
}

// Publish implements [Store].
func (f *Failover) Publish(ctx context.Context, p Publication) (bool, error) {
	return do(ctx, f, func(ctx context.Context) (bool, error) { return f.remote.Publish(ctx, p) })
}

// Lock implements [Store].
func (f *Failover) Lock(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	return do(ctx, f, func(ctx context.Context) (bool, error) { return f.remote.Lock(ctx, key, owner, lease) })
}

// Extend implements [Store].
func (f *Failover) Extend(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	return do(ctx, f, func(ctx context.Context) (bool, error) { return f.remote.Extend(ctx, key, owner, lease) })
}

// Unlock implements [Store].
func (f *Failover) Unlock(ctx context.Context, key, owner string) error {
	return exec(ctx, f, func(ctx context.Context) error { return f.remote.Unlock(ctx, key, owner) })
}

// Invalidate implements [Store].
func (f *Failover) Invalidate(ctx context.Context, mode Mode, scopes []string, above int64, once string) (generation int64, raised bool, err error) {
	generation, err = do(ctx, f, func(ctx context.Context) (n int64, err error) {
		n, raised, err = f.remote.Invalidate(ctx, mode, scopes, above, once)
		return n, err
	})
	return generation, raised, err
}

// Invalidations implements [Store].
func (f *Failover) Invalidations(ctx context.Context, above int64) ([]Invalidation, error) {
	return do(ctx, f, func(ctx context.Context) ([]Invalidation, error) { return f.remote.Invalidations(ctx, above) })
}

// Restore implements [Store].
func (f *Failover) Restore(ctx context.Context, list []Invalidation) error {
	return exec(ctx, f, func(ctx context.Context) error { return f.remote.Restore(ctx, list) })
}

// Notify implements [Store].
func (f *Failover) Notify(ctx context.Context, list []Invalidation) error {
	return exec(ctx, f, func(ctx context.Context) error { return f.remote.Notify(ctx, list) })
}

// Now implements [Store].
func (f *Failover) Now(ctx context.Context) (time.Time, error) { return do(ctx, f, f.remote.Now) }

// exec is do for a call without a result.
func exec(ctx context.Context, f *Failover, call func(context.Context) error) error {
	_, err := do(ctx, f, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
	return err
}

// Outage implements [Inspector].
func (f *Failover) Outage() (now *Outage, count uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.outage.Err != nil {
		o := f.outage
		now = &o
	}
	return now, f.count
}

// Stats implements [Inspector]. It asks no server in an outage.
func (f *Failover) Stats(ctx context.Context) SharedStats {
	now, _ := f.Outage()
	if now == nil {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return f.remote.Stats(ctx)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	s := f.remote.Stats(ended)
	s.Down, s.DownSince, s.Reason = true, now.Since, now.Err.Error()
	return s
}

// Holder implements [Inspector].
func (f *Failover) Holder(ctx context.Context, key string) (owner string, left time.Duration, err error) {
	if f.era.Load().Err() != nil {
		return "", 0, ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return f.remote.Holder(ctx, key)
}

// Direct implements [Inspector].
func (f *Failover) Direct() Store { return f.remote }
