package cache

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Spec declares a memo. Name is unique in a cache: "economy.overview".
type Spec struct {
	Name    string
	Window  time.Duration // how long one computation serves
	Timeout time.Duration // of one producer run; 15 s if zero
	Tags    []string      // by which it is invalidated with others
}

// A State says how good a result is.
type State int

// The states of a result.
const (
	Fresh    State = iota // of the current window
	Stale                 // of an earlier window; a refresh is under way
	Degraded              // of an earlier window; the refresh failed, Reason says why
)

// A Result is what a memo knows. Value is shared by all readers: never change it.
type Result[T any] struct {
	Value   T
	AsOf    time.Time     // the start of the window that Value describes
	Next    time.Time     // when the next window's value is due
	Lag     time.Duration // how long after Next it is expected
	State   State
	Reason  string // why it is degraded, for visitors
	Version uint64 // changes whenever anything above changes that a page shows
}

// Params are the parameters of a memo. They are comparable, few, and bounded.
type Params interface {
	comparable
	Key() string // short, stable, unique: "days=30"
}

// A Store keeps what the processes of a fleet share.
type Store interface{ shared() }

// Memory is the store of a process on its own.
type Memory struct{}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{} }

func (*Memory) shared() {}

// Deps are what a cache needs.
type Deps struct {
	Store      Store
	Tenant     string
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// A Cache holds memos over a store.
type Cache struct {
	ctx    context.Context
	cancel context.CancelFunc
	runs   sync.WaitGroup
}

// New returns a cache without memos.
func New(Deps) *Cache {
	ctx, cancel := context.WithCancel(context.Background())
	return &Cache{ctx: ctx, cancel: cancel}
}

// Close ends the producers that run and waits for them.
func (c *Cache) Close(ctx context.Context) error {
	c.cancel()
	done := make(chan struct{})
	go func() { c.runs.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close cache: producers still run: %w", ctx.Err())
	}
}

// A Memo is one number, or one panel, for each of its parameters.
type Memo[P Params, T any] struct {
	cache   *Cache
	spec    Spec
	produce func(context.Context, Window, P) (T, error)

	mu      sync.Mutex
	entries map[P]*simpleEntry[T]
}

type simpleEntry[T any] struct {
	value   T
	asOf    time.Time
	known   bool
	err     error
	retryAt time.Time
	running chan struct{}
}

// NewMemo registers a memo with its producer.
func NewMemo[P Params, T any](c *Cache, spec Spec, produce func(context.Context, Window, P) (T, error)) *Memo[P, T] {
	if spec.Timeout == 0 {
		spec.Timeout = 15 * time.Second
	}
	return &Memo[P, T]{cache: c, spec: spec, produce: produce, entries: map[P]*simpleEntry[T]{}}
}

// Get returns the value of the current window, or the newest one before it
// while a refresh runs. It waits only when there is no value at all; then an
// error says why there is none.
func (m *Memo[P, T]) Get(ctx context.Context, p P) (Result[T], error) {
	m.mu.Lock()
	e := m.entries[p]
	if e == nil {
		e = &simpleEntry[T]{}
		m.entries[p] = e
	}
	now := time.Now()
	w := WindowAt(now, m.spec.Window)
	if e.running == nil && (!e.known || e.asOf.Before(w.Start)) && !now.Before(e.retryAt) {
		e.running = make(chan struct{})
		m.cache.runs.Go(func() { m.run(e, w, p) })
	}
	running := e.running
	known := e.known
	m.mu.Unlock()
	if !known && running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return Result[T]{}, fmt.Errorf("memo %s: %w", m.spec.Name, ctx.Err())
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !e.known {
		return Result[T]{}, fmt.Errorf("memo %s: %w", m.spec.Name, e.err)
	}
	r := Result[T]{Value: e.value, AsOf: e.asOf, Next: w.End, Lag: 500 * time.Millisecond}
	switch {
	case e.err != nil:
		r.State, r.Reason = Degraded, "The newest numbers could not be computed."
	case e.asOf.Before(w.Start):
		r.State = Stale
	}
	h := fnv.New64a()
	fmt.Fprint(h, r.AsOf, r.Next, r.State)
	r.Version = h.Sum64()
	return r, nil
}

func (m *Memo[P, T]) run(e *simpleEntry[T], w Window, p P) {
	ctx, cancel := context.WithTimeout(m.cache.ctx, m.spec.Timeout)
	defer cancel()
	value, err := func() (v T, err error) {
		defer func() {
			if r := recover(); r != nil {
				err = errors.New("producer panicked")
			}
		}()
		return m.produce(ctx, w, p)
	}()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		e.value, e.asOf, e.known = value, w.Start, true
	} else {
		e.retryAt = time.Now().Add(time.Second)
	}
	e.err = err
	close(e.running)
	e.running = nil
}
