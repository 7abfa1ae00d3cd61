package cache

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// An anySlot is a slot of any types.
type anySlot interface {
	wake()                    // handle the message that the store has a newer blob
	ahead(boundary time.Time) // refresh if that is due, and wait for it
	// usage returns the number of the last window with a reader, and whether
	// there was more than one reader lately.
	usage() (lastAsked int64, askedAgain bool)
	fails() bool
	weight() uint32
	evicted()
	warm(ctx context.Context) error // refresh, and wait until it is up to date
	restore() error                 // give the store what it may have lost
	storeKey() string
	names() (memo, params string)
	status(now time.Time) ProcessStatus
}

// A slot is the place of a key at the process level.
type slot[P Params, T any] struct {
	// Set by newSlot, never changed.
	memo  *Memo[P, T]
	p     P
	key   string // in the store
	scope string // of this key alone

	// Safe for concurrent use by themselves.
	entry      atomic.Pointer[entry[T]] // nil: nothing is known
	clear      atomic.Pointer[clearance[T]]
	lastAsked  atomic.Int64  // number of the last window with a reader, -1: none
	askedAgain atomic.Bool   // whether there was another reader in that window or the one before it
	scheduled  atomic.Bool   // whether refreshAt waits to start a refresh
	news       chan struct{} // of one; has a value when the store has a newer blob

	mu         sync.Mutex // guards flight, the guarded fields of flights, and deferUntil
	flight     *flight    // under way, or nil
	deferUntil time.Time  // another process computes: while there is a value, start no flight before this
}

// A clearance records that no invalidation concerns an entry, as of a number of
// changes to the marks.
type clearance[T any] struct {
	entry   *entry[T]
	changes uint64
}

// A flight is one attempt to bring a slot up to date. Many readers may wait for
// it.
type flight struct {
	ctx      context.Context // of what it does, with its span
	span     trace.Span
	began    time.Time     // or the boundary that the flight serves
	first    chan struct{} // closed when there is a value to show, at the latest at the end
	done     chan struct{} // closed at the end
	deserted chan struct{} // of one; has a value when the last reader has left

	// Owned by the goroutine of the flight.
	shown   bool // whether first is closed
	yielded bool // whether it ended because another process computes

	// Guarded by the slot's mu.
	joined    bool // whether a reader has ever waited
	readers   int  // readers that wait now
	gaveUp    bool // whether it ended because no reader was left
	requested bool // whether another refresh was requested meanwhile
}

func newFlight(began time.Time) *flight {
	return &flight{began: began, first: make(chan struct{}), done: make(chan struct{}), deserted: make(chan struct{}, 1)}
}

// join counts the caller among the readers of a flight, until it calls leave. It
// returns false when the flight has given up.
func (s *slot[P, T]) join(f *flight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.gaveUp {
		return false
	}
	f.joined = true
	f.readers++
	return true
}

// leave undoes join.
func (s *slot[P, T]) leave(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.readers--; f.readers > 0 {
		return
	}
	select {
	case f.deserted <- struct{}{}:
	default:
	}
}

// giveUp ends a flight whose readers have all left, and drops the slot if it has
// no entry. It returns false when a reader waits, and when there never was one.
func (s *slot[P, T]) giveUp(f *flight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !f.joined || f.readers > 0 {
		return false
	}
	f.gaveUp = true
	s.flight = nil
	s.forgetLocked()
	return true
}

// forget drops the slot from the process level if it has no entry and no flight.
func (s *slot[P, T]) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked()
}

func (s *slot[P, T]) forgetLocked() {
	if s.flight == nil && s.entry.Load() == nil {
		s.memo.drop(s)
	}
}

// show releases the readers that wait for a value.
func (f *flight) show() {
	if !f.shown {
		f.shown = true
		close(f.first)
	}
}

// hash returns the key of p at the process level.
func (m *Memo[P, T]) hash(p P) uint64 { return maphash.Comparable(m.seed, p) }

// held returns the slot of p at the process level, or nil.
func (m *Memo[P, T]) held(p P) *slot[P, T] {
	if found, ok := m.cache.level.GetIfPresent(m.hash(p)); ok {
		if s, ok := found.(*slot[P, T]); ok && s.p == p && s.memo == m {
			return s
		}
	}
	return nil
}

// slot returns the slot of p at the process level, a new one if there is none.
func (m *Memo[P, T]) slot(p P) *slot[P, T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.held(p); s != nil {
		return s
	}
	s := m.newSlot(p)
	m.cache.level.Set(m.hash(p), s)
	return s
}

// newSlot returns a slot that is not at the process level.
func (m *Memo[P, T]) newSlot(p P) *slot[P, T] {
	params := p.Key()
	s := &slot[P, T]{
		memo:  m,
		p:     p,
		key:   m.prefix + params,
		scope: scopeKey(m.cache.space, m.spec.Name, params),
		news:  make(chan struct{}, 1),
	}
	s.lastAsked.Store(-1)
	return s
}

// drop removes a slot from the process level and from the active ones.
func (m *Memo[P, T]) drop(s *slot[P, T]) {
	m.mu.Lock()
	if m.held(s.p) == s {
		m.cache.level.Invalidate(m.hash(s.p))
	}
	m.mu.Unlock()
	m.forget(s.key, s)
}

// touch records a reader, so that the slot is refreshed ahead.
func (s *slot[P, T]) touch(now int64) {
	window := now / int64(s.memo.policy.Window)
	last := s.lastAsked.Load()
	if last == window {
		if !s.askedAgain.Load() {
			s.askedAgain.Store(true)
		}
		return
	}
	s.askedAgain.Store(last == window-1)
	s.lastAsked.Store(window)
	s.memo.remember(s.key, s)
}

// update replaces the slot's entry by e if e is newer.
func (s *slot[P, T]) update(e *entry[T]) {
	for {
		old := s.entry.Load()
		if !e.replaces(old, s.memo.cache.now()) {
			return
		}
		if s.entry.CompareAndSwap(old, e) {
			s.clear.Store(nil) // it would keep the old value
			break
		}
	}
	if other := s.memo.keep(s); other != s {
		other.update(e)
	}
}

// keep puts a slot into the process level with its present weight, also when it
// was evicted. If another slot has its key by now, keep returns that one instead.
func (m *Memo[P, T]) keep(s *slot[P, T]) *slot[P, T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if other := m.held(s.p); other != nil && other != s {
		return other
	}
	m.cache.level.Set(m.hash(s.p), s)
	if s.lastAsked.Load() >= 0 {
		m.active[s.key] = s
	}
	m.noteFailingLocked(s.key, s)
	return s
}

// wake starts a refresh for a newer blob in the store, unless one is under way.
func (s *slot[P, T]) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
	s.mu.Lock()
	s.deferUntil = time.Time{}
	flying := s.flight != nil
	s.mu.Unlock()
	if flying {
		return // this process's own message among others, which is no request
	}
	now := s.memo.cache.now()
	s.memo.refresh(s.memo.cache.ctx, s, s.memo.judge(s, s.entry.Load(), now), now)
}

// ahead refreshes the slot if that is due, and waits for it. The lag of its value
// counts from the boundary.
func (s *slot[P, T]) ahead(boundary time.Time) {
	now := s.memo.cache.now()
	if v := s.memo.judge(s, s.entry.Load(), now); v.due {
		// No limit of flights: refreshAhead has its own.
		if f, _ := s.memo.refreshWithin(s.memo.cache.ctx, nil, s, v, boundary); f != nil {
			<-f.done
		}
	}
}

func (s *slot[P, T]) usage() (window int64, again bool) {
	return s.lastAsked.Load(), s.askedAgain.Load()
}

// fails reports whether the last refresh failed. Readers then get an earlier
// value with a reason, or none.
func (s *slot[P, T]) fails() bool {
	e := s.entry.Load()
	return e != nil && e.reason != ""
}

// evicted removes a slot that has left the process level from the active ones. It
// is called some time after that; the slot may have been put back.
func (s *slot[P, T]) evicted() {
	m := s.memo
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held(s.p) != s {
		m.forgetLocked(s.key, s)
	}
}
