package cache

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"
)

// A Spec declares a memo. Name is unique in a cache: "economy.overview".
type Spec struct {
	Name    string
	Window  time.Duration // how long one computation serves
	Timeout time.Duration // of one producer run; 15 s if zero
	Tags    []string      // by which it is invalidated with others
	Soft    time.Duration // see Policy
	Hard    time.Duration // see Policy

	// ManyKeys is for a memo of as many keys as the ledger has accounts: one is
	// refreshed ahead of its readers only when it was asked for more than once,
	// so that whoever goes through all of them has each computed once.
	ManyKeys bool
}

// Params are the parameters of a memo. They are comparable, few, and bounded.
type Params interface {
	comparable
	Key() string // short, stable, unique: "days=30"
}

// A Memo is one number, or one panel, for each of its parameters.
type Memo[P Params, T any] struct {
	*memo
	produce func(context.Context, Window, P) (T, error)
}

// memo is what does not depend on a memo's types.
type memo struct {
	cache      *Cache
	spec       Spec
	policy     Policy
	prefix     string   // of its keys in the store
	scopes     []string // that invalidate all its values
	seed       maphash.Seed
	circuit    *gobreaker.TwoStepCircuitBreaker[struct{}]
	reopens    atomic.Int64 // when the open circuit is tried again, counted from the cache's start
	stuck      atomic.Int64 // runs that were given up and have not returned
	places     limit        // among the producers, so that many keys of one memo leave some to the others
	background limit        // among the refreshes that nobody waits for, likewise
	flights    limit        // under way or waiting
	lag        lag
	stats      stats

	warnings rate.Sometimes // of keys that something else has written

	mu      sync.Mutex
	asked   map[string]anySlot // by key, of the keys that were asked for in the last two windows
	failing map[string]anySlot // of these, those whose refresh failed
	prewarm []func() anySlot   // what Warm warms though nobody has asked
}

// NewMemo registers a memo with its producer. It panics when the name is
// taken, the policy makes no sense, or T would not survive JSON: mistakes that
// no program is to start with.
func NewMemo[P Params, T any](c *Cache, spec Spec, produce func(context.Context, Window, P) (T, error)) *Memo[P, T] {
	own := Policy{Window: spec.Window, Soft: spec.Soft, Hard: spec.Hard, Timeout: spec.Timeout}
	policy, err := own.complete()
	if err != nil {
		panic(fmt.Sprintf("memo %s: %v", spec.Name, err))
	}
	overridden, policyErr := own.override(c.overrides[spec.Name]).complete()
	if policyErr == nil {
		policy = overridden
	}
	shape, err := shapeOf(reflect.TypeFor[T]())
	if err != nil {
		panic(fmt.Sprintf("memo %s: %v", spec.Name, err))
	}
	core := &memo{
		cache:  c,
		spec:   spec,
		policy: policy,
		// Windows of different lengths do not follow each other: processes whose
		// policies differ keep out of each other's way.
		prefix: fmt.Sprintf("exchequer:{%s:%s}:%d:%s:%s:", c.space, spec.Name, blobSchema, shape, policy.Window),
		scopes: []string{scopeAll, scopeTenant(c.space), scopeMemo(c.space, spec.Name)},
		seed:   maphash.MakeSeed(),
		asked:  map[string]anySlot{},

		failing: map[string]anySlot{},

		warnings: rate.Sometimes{First: 1, Interval: warnEvery},

		places:     make(limit, max(1, cap(c.producers)/2)),
		background: make(limit, max(1, cap(c.background)/2)),
		flights:    make(limit, flightLimit),
	}
	core.circuit = core.newCircuit()
	for _, tag := range spec.Tags {
		core.scopes = append(core.scopes, scopeTag(c.space, tag))
	}
	core.stats.bind(c.metrics, spec.Name)

	c.mu.Lock()
	_, taken := c.memos[spec.Name]
	c.memos[spec.Name] = core
	if policyErr != nil {
		c.policyErr = errors.Join(c.policyErr, fmt.Errorf("policy of %q: %w", spec.Name, policyErr))
	}
	c.mu.Unlock()
	if taken {
		panic(fmt.Sprintf("memo %s: declared twice", spec.Name))
	}
	c.nudge() // at its boundaries
	return &Memo[P, T]{core, produce}
}

// flightLimit is how many keys of a memo may be refreshed, or wait for it, at
// the same time. Each costs a few kilobytes beside what the process level holds.
const flightLimit = 256

// ErrAbsent says that a value is not there, though it could be computed.
var ErrAbsent = errors.New("no value is there yet")

// Get returns the value of the current window, or the newest one before it
// while a refresh runs. It waits only when there is no value at all; then an
// error says why there is none: an *UnavailableError, or that of ctx. It starts
// nothing for a caller whose context has ended.
func (m *Memo[P, T]) Get(ctx context.Context, p P) (Result[T], error) {
	now := m.cache.nano()
	s := m.held(p)
	if s != nil {
		s.touch(now)
		if e := s.entry.Load(); e != nil && e.freshFrom <= now && now < e.freshUntil && m.cache.current(now) && !m.invalidated(s, e) {
			m.stats.fresh.Add(1)
			return e.fresh, nil
		}
		return m.get(ctx, s)
	}
	if err := ctx.Err(); err != nil {
		return Result[T]{}, m.interrupted(err)
	}
	s = m.slot(p)
	s.touch(now)
	return m.get(ctx, s)
}

// Peek is Get for a caller who does not wait: it returns what this process
// holds, or [ErrAbsent]. A refresh of a value that is due starts, but a key that
// the process does not hold leaves no trace.
func (m *Memo[P, T]) Peek(p P) (Result[T], error) {
	s := m.held(p)
	if s == nil || s.entry.Load() == nil {
		return Result[T]{}, ErrAbsent
	}
	r, err := m.Get(ended, p)
	var unavailable *UnavailableError
	if err != nil && !errors.As(err, &unavailable) {
		err = ErrAbsent
	}
	return r, err
}

// ended is the context of a caller who does not wait.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Load is Peek for a caller who has the time to look at the shared level too.
// It runs no producer for a key that neither holds.
func (m *Memo[P, T]) Load(ctx context.Context, p P) (Result[T], error) {
	r, err := m.Peek(p)
	if !errors.Is(err, ErrAbsent) {
		return r, err
	}
	found := m.newSlot(p)
	e := m.fetch(ctx, found.key)
	if e == nil || !m.judge(found, e, m.cache.now()).usable {
		return r, err
	}
	m.slot(p).update(e)
	return m.Peek(p)
}

// get is Get where there is more to do than to return a fresh value.
func (m *Memo[P, T]) get(ctx context.Context, s *slot[P, T]) (Result[T], error) {
	var waited *flight
	var since time.Time // when it began to wait
	m.cache.catchUp()
	for {
		now := m.cache.now() // after what the store told, if it was asked
		e := s.entry.Load()
		v := m.judge(s, e, now)
		if err := ctx.Err(); err != nil && v.due && !v.usable {
			return Result[T]{}, m.interrupted(err)
		}
		var f *flight
		var refused error
		switch {
		case v.due:
			f, refused = m.refresh(s, v, now)
		case v.soft && v.usable:
			m.refreshAt(s, v.next)
		}
		if v.usable {
			missed := waited != nil && !e.computedAt.Before(since)
			m.stats.count(v, waited != nil, missed)
			return m.read(e, v, now), nil
		}
		if f == nil {
			s.forget()
			m.stats.errors.Add(1)
			return Result[T]{}, m.unavailable(e, refused, now)
		}
		if !s.join(f) {
			// It has ended without a value, as nobody waited for one, and the
			// slot was forgotten.
			s = m.slot(s.p)
			m.remember(s.key, s)
			continue
		}
		news := f.first
		if waited == f {
			news = f.done // what it knew at first was forbidden since
		}
		if waited == nil {
			since = now
		}
		waited = f
		select {
		case <-news:
			s.leave(f)
		case <-ctx.Done():
			s.leave(f)
			m.stats.errors.Add(1)
			return Result[T]{}, m.interrupted(ctx.Err())
		}
	}
}

// interrupted is the error of a caller whose context has ended.
func (m *memo) interrupted(err error) error {
	return fmt.Errorf("memo %s: wait for its first value: %w", m.spec.Name, err)
}

// unavailable is the error where there is no value and no flight to wait for.
func (m *Memo[P, T]) unavailable(e *entry[T], refused error, now time.Time) error {
	switch {
	case errors.Is(refused, errCrowded):
		return &UnavailableError{Memo: m.spec.Name, Reason: reasonCrowded, RetryAt: now.Add(firstRetry), Err: refused}
	case e != nil && e.reason != "":
		return &UnavailableError{Memo: m.spec.Name, Reason: e.reason, RetryAt: e.retryAt, Err: e.err}
	default:
		return &UnavailableError{Memo: m.spec.Name, Reason: reasonFailed, Err: refused}
	}
}
