package cache

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// An anySlot is a slot, whatever its types.
type anySlot interface {
	wake()                    // the store has a newer blob
	ahead(boundary time.Time) // refresh before anybody asks, and wait for it
	// lastAsked returns the number of the last window in which it was asked for,
	// and whether it was more than once lately.
	usage() (window int64, again bool)
	fails() bool
	weight() uint32
	evicted()
	warm(ctx context.Context) error // refresh, and wait for it
	restore() error                 // give the store what it may have lost
	storeKey() string
	names() (memo, params string)
	status(now time.Time) ProcessStatus
}

// A slot is the place of a key at the process level.
type slot[P Params, T any] struct {
	memo  *Memo[P, T]
	p     P
	key   string // in the store
	scope string // by which it alone is invalidated

	entry      atomic.Pointer[entry[T]]
	clear      atomic.Pointer[clearance[T]]
	lastAsked  atomic.Int64  // number of the last window in which it was asked for, -1: none
	askedAgain atomic.Bool   // whether it was asked for before, in that window or the one before it
	scheduled  atomic.Bool   // whether a refresh is to start when it may
	news       chan struct{} // holds one value when the store has news

	mu         sync.Mutex
	flight     *flight   // under way, or nil; guarded by mu
	deferUntil time.Time // before this another process is left to finish; guarded by mu
}

// A clearance records that no invalidation concerned an entry, as of so many
// changes of the marks.
type clearance[T any] struct {
	entry   *entry[T]
	changes uint64
}

// A flight is one attempt to bring a slot up to date. Many may wait for it.
type flight struct {
	began    time.Time     // or the boundary that it is ahead of
	first    chan struct{} // closed when there is something to show, at its end at the latest
	done     chan struct{} // closed at its end
	deserted chan struct{} // holds one value when the last reader who waited has left

	// Of the goroutine that runs it.
	shown   bool // whether known is closed
	yielded bool // whether it ended since another process computes

	// Guarded by the slot's mutex.
	joined    bool // whether a reader has waited
	readers   int  // who wait
	gaveUp    bool // whether it has ended since nobody waited
	requested bool // whether somebody asked for a refresh meanwhile
}

func newFlight(began time.Time) *flight {
	return &flight{began: began, first: make(chan struct{}), done: make(chan struct{}), deserted: make(chan struct{}, 1)}
}

// join counts the caller among those who wait for a flight. It returns false
// where the flight has given up, since nobody did.
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

// giveUp ends a flight whose readers have all left, and forgets the slot if
// nothing is known of it. It returns false where somebody waits, and for a
// flight that was not started for a reader.
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

// forget drops the slot from the process level if nothing is known of it.
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

// show lets the readers go who wait for anything to show.
func (f *flight) show() {
	if !f.shown {
		f.shown = true
		close(f.first)
	}
}

func (m *Memo[P, T]) hash(p P) uint64 { return maphash.Comparable(m.seed, p) }

// held returns the slot of p, or nil.
func (m *Memo[P, T]) held(p P) *slot[P, T] {
	if found, ok := m.cache.level.GetIfPresent(m.hash(p)); ok {
		if s, ok := found.(*slot[P, T]); ok && s.p == p && s.memo == m {
			return s
		}
	}
	return nil
}

// slot returns the slot of p, which it makes if need be.
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

// drop forgets a slot.
func (m *Memo[P, T]) drop(s *slot[P, T]) {
	m.mu.Lock()
	if m.held(s.p) == s {
		m.cache.level.Invalidate(m.hash(s.p))
	}
	m.mu.Unlock()
	m.forget(s.key, s)
}

// ask remembers that the slot was asked for, so that it is refreshed ahead.
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

// learn replaces what is known by what follows from it.
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

// keep weighs a slot anew, and puts it back where it was evicted, unless there
// is another of its key by now. It returns the one that there is.
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

func (s *slot[P, T]) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
	s.mu.Lock()
	s.deferUntil = time.Time{}
	s.mu.Unlock()
	now := s.memo.cache.now()
	s.memo.refresh(s, s.memo.judge(s, s.entry.Load(), now), now)
}

// ahead refreshes if that is due. Its time counts from the boundary.
func (s *slot[P, T]) ahead(boundary time.Time) {
	now := s.memo.cache.now()
	if v := s.memo.judge(s, s.entry.Load(), now); v.due {
		// As many of these as there are places for them.
		if f, _ := s.memo.refreshWithin(nil, s, v, boundary); f != nil {
			<-f.done
		}
	}
}

func (s *slot[P, T]) usage() (window int64, again bool) {
	return s.lastAsked.Load(), s.askedAgain.Load()
}

// fails reports whether the last refresh failed, so that readers see an earlier
// value with a reason, or none.
func (s *slot[P, T]) fails() bool {
	e := s.entry.Load()
	return e != nil && e.reason != ""
}

// evicted forgets the slot, so that only a flight may still hold it.
func (s *slot[P, T]) evicted() { s.memo.forget(s.key, s) }
