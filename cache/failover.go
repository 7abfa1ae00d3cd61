package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	callTimeout = time.Second            // of a call to the store, and of slow answers together
	slowCall    = 100 * time.Millisecond // an answer within this is quick, and makes up for as much of the slow ones
	callsAtOnce = 16                     // a boundary brings one for each key that was asked for lately: the store is not slow where they wait for each other

	probeEvery   = 250 * time.Millisecond
	probeTimeout = 500 * time.Millisecond
	probeAtMost  = 20 * time.Second // between probes, where outages follow each other
	steadyAfter  = 30 * time.Second // without an outage until the last one counts no more
)

var errSlowStore = errors.New("it answers slowly")

// A Remote is a store that may fail, with a way to see whether it serves.
type Remote interface {
	Store
	// Probe returns nil when the store takes a blob on each of its servers and
	// gives it back.
	Probe(ctx context.Context) error
	// Close ends the connections.
	Close() error
}

// A Failover is a remote store behind a circuit breaker. A call that fails or
// takes longer than callTimeout opens it, and so do slow answers that take as
// long together, less what quick ones make up for. From then on all calls return
// [ErrUnavailable] at once, and the cache goes on with what its process has. The
// remote is probed until it serves again. An error that wraps [ErrKey] is passed
// on and opens nothing.
//
//	closed ── failed, late or slow ──▶ open ── a probe succeeds ──▶ closed
//	                                    │ ▲
//	                                    └─┘ a probe fails
type Failover struct {
	Remote
	log   *slog.Logger
	calls limit
	era   atomic.Pointer[era] // in which the remote is used, or was last

	ctx    context.Context // of the eras and the probes
	cancel context.CancelFunc
	probes sync.WaitGroup

	mu            sync.Mutex // guards what follows
	outage        Outage     // the present one
	count         uint64
	holdOff       time.Duration // before a probe: twice as long after an outage that came soon after the last
	lastEnd       time.Time     // the last outage
	slowTotal     time.Duration // that slow answers took together, less what quick ones make up for
	slowUntil     time.Time     // when the last slow one came
	subscriptions map[*subscription]struct{}
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

// A subscription is renewed after an outage: what was connected before may have
// lost its master.
type subscription struct {
	handle func(Message)
	stop   func()
}

// NewFailover returns the remote behind a breaker. Close it after the caches
// that use it.
func NewFailover(remote Remote, log *slog.Logger) *Failover {
	f := &Failover{Remote: remote, log: log, calls: make(limit, callsAtOnce), subscriptions: map[*subscription]struct{}{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.era.Store(f.newEra())
	return f
}

// Close ends the probes, and closes the remote.
func (f *Failover) Close() error {
	f.mu.Lock() // no probe starts from here on
	f.cancel()
	f.mu.Unlock()
	f.probes.Wait()
	return f.Remote.Close()
}

// ask makes a call to the remote, unless the breaker is open.
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
	if era.Err() != nil { // since we waited
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
	case errors.Is(err, ErrKey), ctx.Err() != nil: // not the remote's doing
		return none, err
	}
	f.trip(era, err)
	return none, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// tooSlow reports whether slow answers have taken too long together. Those that
// are waited for at the same time count once.
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

// trip ends an era, which opens the breaker, and starts to probe.
func (f *Failover) trip(era *era, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if era.Err() != nil {
		return // others were faster
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

// probe asks the remote until it serves as it should, and closes the breaker.
func (f *Failover) probe(every time.Duration) {
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-time.After(jitter(every)):
		}
		ctx, cancel := context.WithTimeout(f.ctx, probeTimeout)
		err := f.Probe(ctx)
		cancel()
		if err == nil {
			f.recover()
			return
		}
	}
}

// recover closes the breaker, and has those who listen do so anew.
func (f *Failover) recover() {
	f.mu.Lock()
	f.outage, f.lastEnd, f.slowTotal = Outage{}, time.Now(), 0
	f.era.Store(f.newEra())
	stops := map[*subscription]func(){}
	for s := range f.subscriptions {
		stops[s] = s.stop
	}
	f.mu.Unlock()
	f.log.Info("cache: the shared level is used again")
	for s, stop := range stops {
		s.handle(Message{Connected: true})
		stop()
		f.listen(s)
	}
}

// listen starts or renews a subscription, unless it was stopped meanwhile.
func (f *Failover) listen(s *subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.subscriptions[s]; there {
		s.stop = f.Remote.Listen(s.handle)
	}
}

// Listen implements [Store].
func (f *Failover) Listen(handle func(Message)) (stop func()) {
	s := &subscription{handle: handle}
	f.mu.Lock()
	f.subscriptions[s] = struct{}{}
	f.mu.Unlock()
	f.listen(s)
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
	return do(ctx, f, func(ctx context.Context) ([]byte, error) { return f.Remote.Load(ctx, key) })
}

// Publish implements [Store].
func (f *Failover) Publish(ctx context.Context, p Publication) (bool, error) {
	return do(ctx, f, func(ctx context.Context) (bool, error) { return f.Remote.Publish(ctx, p) })
}

// Lock implements [Store].
func (f *Failover) Lock(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	return do(ctx, f, func(ctx context.Context) (bool, error) { return f.Remote.Lock(ctx, key, owner, lease) })
}

// Extend implements [Store].
func (f *Failover) Extend(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	return do(ctx, f, func(ctx context.Context) (bool, error) { return f.Remote.Extend(ctx, key, owner, lease) })
}

// Unlock implements [Store].
func (f *Failover) Unlock(ctx context.Context, key, owner string) error {
	return exec(ctx, f, func(ctx context.Context) error { return f.Remote.Unlock(ctx, key, owner) })
}

// Invalidate implements [Store].
func (f *Failover) Invalidate(ctx context.Context, mode Mode, scopes []string, above int64, once string) (generation int64, raised bool, err error) {
	generation, err = do(ctx, f, func(ctx context.Context) (n int64, err error) {
		n, raised, err = f.Remote.Invalidate(ctx, mode, scopes, above, once)
		return n, err
	})
	return generation, raised, err
}

// Invalidations implements [Store].
func (f *Failover) Invalidations(ctx context.Context, above int64) ([]Invalidation, error) {
	return do(ctx, f, func(ctx context.Context) ([]Invalidation, error) { return f.Remote.Invalidations(ctx, above) })
}

// Restore implements [Store].
func (f *Failover) Restore(ctx context.Context, list []Invalidation) error {
	return exec(ctx, f, func(ctx context.Context) error { return f.Remote.Restore(ctx, list) })
}

// Notify implements [Store].
func (f *Failover) Notify(ctx context.Context, list []Invalidation) error {
	return exec(ctx, f, func(ctx context.Context) error { return f.Remote.Notify(ctx, list) })
}

// Now implements [Store].
func (f *Failover) Now(ctx context.Context) (time.Time, error) { return do(ctx, f, f.Remote.Now) }

// tell is ask for a call that answers nothing.
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

// Stats implements [Inspector]. The servers are not asked in an outage.
func (f *Failover) Stats(ctx context.Context) SharedStats {
	now, _ := f.Outage()
	if now == nil {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return f.Remote.Stats(ctx)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	s := f.Remote.Stats(ended)
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
	return f.Remote.Holder(ctx, key)
}

// Direct implements [Inspector].
func (f *Failover) Direct() Store { return f.Remote }
