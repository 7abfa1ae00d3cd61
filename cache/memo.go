package cache

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"
)

// A Spec declares a memo. Name, such as "economy.overview", is unique in a cache.
type Spec struct {
	Name    string
	Window  time.Duration // how long one computation serves
	Timeout time.Duration // of one producer run; 15 s if zero
	Tags    []string      // see Tag and Touched
	Soft    time.Duration // see Policy
	Hard    time.Duration // see Policy

	// ManyKeys is for a memo with as many keys as the ledger has accounts. A key
	// is refreshed ahead of its readers only if they wanted it more than once, so
	// that a crawler causes one run a key. Such memos whose names are alike up to
	// the first full stop, which pages show together, have the producers of one
	// memo together.
	ManyKeys bool
}

// Params are the parameters of a memo. There must be a bounded number of them.
type Params interface {
	comparable
	Key() string // short, stable, and unique in the memo: "days=30"
}

// A Memo holds one number, or one panel, for each of its parameters. Its methods
// are safe for concurrent use.
type Memo[P Params, T any] struct {
	*memo
	produce func(context.Context, Window, P) (T, error)
}

// memo is the part of a Memo that does not depend on its types.
type memo struct {
	// Set by NewMemo, never changed.
	cache  *Cache
	spec   Spec
	policy Policy
	prefix string   // of its keys in the store
	scopes []string // the scopes of all its values
	seed   maphash.Seed

	// Safe for concurrent use by themselves.
	circuit  *gobreaker.TwoStepCircuitBreaker[struct{}]
	faulty   faults       // the keys whose failures the circuit has counted
	reopens  atomic.Int64 // when the open circuit is tried again, since the cache's start
	stuck    atomic.Int64 // runs that were given up and have not returned
	family   *family
	flights  limit // of its refreshes for readers, running or waiting
	lag      lag
	stats    stats
	warnings rate.Sometimes

	mu      sync.Mutex         // guards what follows, and each change of the memo's slots in the process level
	active  map[string]anySlot // by key, those with a reader in the last two windows
	failing map[string]anySlot // the active ones whose last refresh failed
	prewarm []func() anySlot   // the slots that Warm brings up to date though they are not active

	ahead sync.Mutex // held by refreshAhead
}

// A family is a memo, or the memos that have their runs together: see [Spec].
type family struct {
	places     limit // of runs, so that many keys leave producers to other memos
	background limit // of runs that have or wait for a place in the background: they leave places to readers without a value
}

func (c *Cache) familyOf(spec Spec) *family {
	places := max(1, cap(c.producers)/2)
	f := &family{make(limit, places), make(limit, max(1, places/2))}
	if !spec.ManyKeys {
		return f
	}
	name, _, _ := strings.Cut(spec.Name, ".")
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.families[name]; known != nil {
		return known
	}
	c.families[name] = f
	return f
}

// NewMemo registers a memo with its producer. It panics when the name is taken,
// the policy makes no sense, or T would not survive JSON: a program with such a
// mistake must not start. A mistake in Deps.Policies is reported by
// [Cache.CheckPolicies] instead.
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
		// The key holds the window's length, since values of windows of different
		// lengths cannot replace each other.
		prefix:   fmt.Sprintf("exchequer:{%s:%s}:%d:%s:%s:", c.space, spec.Name, blobSchema, shape, policy.Window),
		scopes:   []string{scopeAll, scopeTenant(c.space), scopeMemo(c.space, spec.Name)},
		seed:     maphash.MakeSeed(),
		active:   map[string]anySlot{},
		failing:  map[string]anySlot{},
		warnings: rate.Sometimes{First: 1, Interval: warnEvery},

		family:  c.familyOf(spec),
		flights: make(limit, flightLimit),
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
	c.nudge() // the loop has one more boundary to wait for
	return &Memo[P, T]{core, produce}
}

// flightLimit bounds the keys of a memo that are refreshed or wait for that at
// the same time. Each costs a few kilobytes, which the process level does not
// count.
const flightLimit = 256

// ErrAbsent is the error of Peek and Load for a value that is not there yet.
var ErrAbsent = errors.New("no value is there yet")

// Get returns the value of the current window, or the newest one before it while
// a refresh runs. It waits only when there is no value at all. The error is then
// an *UnavailableError, or wraps that of ctx when ctx ended first. Get starts
// nothing if ctx has ended and there is no value.
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

// Peek is Get for a caller that does not wait: it returns what this process
// holds. It starts a refresh of a value that is due, but leaves no trace of a key
// that the process does not hold. The error is [ErrAbsent] or an
// *UnavailableError.
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

// ended is the context of a caller that does not wait.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Load is Peek for a caller that has the time to read the shared level too. It
// runs no producer for a key that neither level holds. The errors are Peek's.
func (m *Memo[P, T]) Load(ctx context.Context, p P) (Result[T], error) {
	r, err := m.Peek(p)
	if !errors.Is(err, ErrAbsent) {
		return r, err
	}
	found := m.newSlot(p)
	e := m.fetch(ctx, found.key, nil)
	if e == nil || !m.judge(found, e, m.cache.now()).usable {
		return r, err
	}
	m.slot(p).update(e)
	return m.Peek(p)
}

// obtain returns the value of a slot, and waits only when there is none.
func (m *Memo[P, T]) obtain(ctx context.Context, s *slot[P, T]) (Result[T], error) {
	var waited *flight
	var since time.Time // when it began to wait
	if err := m.cache.catchUp(ctx); err != nil {
		m.stats.errors.Add(1)
		return Result[T]{}, m.interrupted(err)
	}
	for {
		now := m.cache.now() // after catchUp, which may have set the clock
		e := s.entry.Load()
		v := m.judge(s, e, now)
		if err := ctx.Err(); err != nil && v.due && !v.usable {
			return Result[T]{}, m.interrupted(err)
		}
		var f *flight
		var refused error
		switch {
		case v.due:
			f, refused = m.refresh(ctx, s, v, now)
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
			// The flight gave up since nobody waited, and the slot was dropped.
			s = m.slot(s.p)
			m.remember(s.key, s)
			continue
		}
		linkTo(ctx, f)
		news := f.first
		if waited == f {
			news = f.done // its first value was invalidated since
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

// interrupted returns the error for a caller whose context has ended with err.
func (m *memo) interrupted(err error) error {
	return fmt.Errorf("memo %s: wait for its first value: %w", m.spec.Name, err)
}

// unavailable returns the error for a reader when there is no value and no flight
// to wait for. Refused is why none was started.
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
