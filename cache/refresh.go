package cache

import (
	"context"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	margin     = 2 * time.Second        // added to a producer's timeout to wait for another process
	minPoll    = 100 * time.Millisecond // between two looks at the store for another process's run
	storeBound = 2 * time.Second        // of a call that has to be made though the run was cancelled

	// backgroundHold is how long a run has its place in the background. One that takes
	// longer mostly waits, and is not to hold up the others.
	backgroundHold = 2 * time.Second
)

// refresh starts a flight for a slot, or returns the one under way. It returns
// nil without an error when there is a value and another process computes the
// next one. The error is errClosed, or errCrowded when too many keys of the memo
// are being refreshed. The flight is traced as a part of what the reader of ctx does, and
// does not end with it.
func (m *Memo[P, T]) refresh(ctx context.Context, s *slot[P, T], v verdict, began time.Time) (*flight, error) {
	return m.refreshWithin(ctx, m.flights, s, v, began)
}

// refreshWithin is refresh with another bound for the number of flights, nil for
// none.
func (m *Memo[P, T]) refreshWithin(ctx context.Context, bound limit, s *slot[P, T], v verdict, began time.Time) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		s.flight.requested = true
		return s.flight, nil
	}
	if v.usable && m.cache.now().Before(s.deferUntil) {
		return nil, nil
	}
	if !bound.tryEnter() {
		m.stats.refreshes.crowded.Add(1)
		return nil, errCrowded
	}
	f := newFlight(began)
	f.ctx, f.span = m.flightSpan(ctx)
	started := m.cache.tasks.fly(func() {
		defer bound.leave()
		defer m.land(s, f)
		m.fly(s, f)
	})
	if !started {
		bound.leave()
		endSpan(f.span, "closed")
		return nil, errClosed
	}
	s.flight = f
	return f, nil
}

// refreshAt starts a refresh at a time, unless that is scheduled already. A
// reader that came too early for a refresh finds the new value when it comes
// again.
func (m *Memo[P, T]) refreshAt(s *slot[P, T], at time.Time) {
	if !s.scheduled.CompareAndSwap(false, true) {
		return
	}
	m.cache.after(m.cache.until(at), func() {
		s.scheduled.Store(false)
		now := m.cache.now()
		switch v := m.judge(s, s.entry.Load(), now); {
		case v.due:
			m.refresh(m.cache.ctx, s, v, now)
		case v.soft && v.usable:
			m.refreshAt(s, v.next) // another process has computed, and a write followed
		}
	})
}

// land ends a flight, and starts what came up meanwhile.
func (m *Memo[P, T]) land(s *slot[P, T], f *flight) {
	s.mu.Lock()
	if s.flight == f {
		s.flight = nil
	}
	news := f.yielded && len(s.news) > 0 // the message came before the flight had ended
	requested := f.requested
	s.mu.Unlock()
	f.show()
	close(f.done)
	endSpan(f.span, "")
	if news {
		s.wake()
	}
	if requested {
		// Its reader may have got a value that was invalidated since the run began.
		if v := m.judge(s, s.entry.Load(), m.cache.now()); v.soft && v.usable {
			m.refreshAt(s, v.next)
		}
	}
}

// fly brings a slot up to date: from the shared level if that has a newer value,
// else by the producer if this process gets the lock, else by waiting for the
// process that has it.
func (m *Memo[P, T]) fly(s *slot[P, T], f *flight) {
	c := m.cache
	var waitUntil time.Time // for another process; set when one is first seen to compute
	for {
		select {
		case <-s.news: // read now
		default:
		}
		m.loadShared(f.ctx, s)
		v := m.judge(s, s.entry.Load(), c.now())
		if v.usable {
			f.show()
		}
		if !v.due {
			m.stats.refreshes.found.Add(1)
			return
		}
		if m.circuit.State() == gobreaker.StateOpen {
			s.update(m.paused(s.entry.Load()))
			m.stats.refreshes.paused.Add(1)
			return
		}
		if !v.usable && s.giveUp(f) {
			return
		}
		leave := s.enter(f, v.usable)
		if leave == nil {
			if c.tasks.closed() {
				return
			}
			continue
		}
		if !v.usable && s.giveUp(f) {
			leave()
			return // the last reader left while it waited for a place
		}
		over := m.compete(s, f, v)
		leave()
		if over {
			return
		}
		if waitUntil.IsZero() {
			waitUntil = c.now().Add(m.policy.Timeout + margin)
		}
		switch {
		case v.usable:
			// Another process computes, and its message wakes this slot. If that
			// is lost, a reader starts another flight after a short wait.
			s.pause(c.now())
			f.yielded = true
			m.stats.refreshes.left.Add(1)
			return
		case !c.now().Before(waitUntil):
			m.computeAlone(s, f)
			return
		}
		if !m.await(s) {
			return
		}
	}
}

// enter waits for one of the memo's places. A run whose key has a value to show
// meanwhile also waits for a place in the background, of which there are not more than
// processors, so that at a boundary such runs do not take them from readers. It takes
// that one last: nothing of its own memo keeps it from using it. Enter returns what
// gives the places back, or nil when the cache is closed, or when there is a reason to
// look again: another process has published, or all readers have left.
func (s *slot[P, T]) enter(f *flight, background bool) (leave func()) {
	ours, everyones := s.memo.family, s.memo.cache.background
	if !background {
		if !s.take(ours.places, f.deserted) {
			return nil
		}
		return ours.places.leave
	}
	var taken limits
	for _, l := range []limit{ours.background, ours.places, everyones} {
		if !s.take(l, nil) {
			taken.leave()
			return nil
		}
		taken = append(taken, l)
	}
	free := sync.OnceFunc(limits{everyones, ours.background}.leave)
	timer := time.AfterFunc(backgroundHold, free)
	return func() {
		timer.Stop()
		free()
		ours.places.leave()
	}
}

// take takes a place, and returns false when there is a reason not to wait for it.
func (s *slot[P, T]) take(l limit, deserted <-chan struct{}) bool {
	select {
	case l <- struct{}{}:
		return true
	case <-s.news:
	case <-deserted:
	case <-s.memo.cache.tasks.closing:
	}
	return false
}

// compete waits for a producer's place, tries to take the key's lock, and runs
// the producer if it has it, or if the store fails. It returns false when
// another process has the lock, and true when the flight is over.
func (m *Memo[P, T]) compete(s *slot[P, T], f *flight, v verdict) bool {
	c := m.cache
	for placed := false; !placed; {
		select {
		case c.producers <- struct{}{}:
			defer c.producers.leave()
			placed = true
		case <-f.deserted:
		case <-c.tasks.closing:
			return true
		}
		if !v.usable && s.giveUp(f) {
			return true // the last reader has left
		}
	}
	if c.tasks.closed() {
		return true // select chose the place though both were ready
	}
	owner := c.newOwner()
	won, err := m.lock(f.ctx, s.key, owner)
	if !won && err == nil {
		return false
	}
	m.computeLocked(s, f, owner)
	return true
}

// pause keeps readers from starting flights for a moment, since another process
// computes.
func (s *slot[P, T]) pause(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deferUntil = now.Add(jitter(2 * minPoll))
}

// await waits for the message of another process's run, or the time of the next
// look at the store. It returns false when the cache is closed.
func (m *Memo[P, T]) await(s *slot[P, T]) bool {
	timer := time.NewTimer(jitter(2 * minPoll))
	defer timer.Stop()
	began := time.Now()
	defer func() { m.stats.lockWait.Observe(time.Since(began).Seconds()) }()
	select {
	case <-s.news:
		return true
	case <-timer.C:
		return true
	case <-m.cache.tasks.closing:
		return false
	}
}

// computeLocked runs the producer under the fleet's lock.
func (m *Memo[P, T]) computeLocked(s *slot[P, T], f *flight, owner string) {
	c := m.cache
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), storeBound)
		defer cancel()
		err := c.store.Unlock(ctx, s.key, owner)
		c.metrics.storeError("unlock", err)
		if err != nil {
			c.log.Debug("cache: lock left to expire", "key", s.key, "error", err)
		}
	}()
	// Another process may have published before this one took the lock.
	m.loadShared(f.ctx, s)
	if v := m.judge(s, s.entry.Load(), c.now()); !v.due {
		m.stats.refreshes.found.Add(1)
		return
	}
	ctx, lose := context.WithCancelCause(f.ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		m.keepLock(ctx, s.key, owner, lose)
	}()
	e, value := m.compute(ctx, s, f)
	lose(nil)
	<-kept
	if e == nil {
		return
	}
	if !m.publish(f.ctx, s, e, value, owner) {
		// Another process has taken the lock, and may have published.
		m.loadShared(f.ctx, s)
		if known := s.entry.Load(); e.replaces(known, c.now()) {
			m.warnings.Do(func() {
				c.log.Warn("cache: publication refused: the lock was lost, or the clock of a server is off", "memo", m.spec.Name, "key", s.key)
			})
		}
	}
	s.update(e)
	// The old entry may claim to be newer, though it cannot be shown: kept, it
	// would make the producer run again at once.
	if known := s.entry.Load(); known != e && m.judge(s, known, c.now()).due && m.judge(s, e, c.now()).fresh {
		s.entry.Store(e)
		s.clear.Store(nil)
		m.keep(s)
	}
}

// computeAlone runs the producer without the lock, after too long a wait for
// another process. The value is for this process only.
func (m *Memo[P, T]) computeAlone(s *slot[P, T], f *flight) {
	select {
	case m.cache.alone <- struct{}{}:
	case <-m.cache.tasks.closing:
		return
	}
	defer m.cache.alone.leave()
	m.loadShared(f.ctx, s)
	if v := m.judge(s, s.entry.Load(), m.cache.now()); !v.due {
		return
	}
	if e, _ := m.compute(f.ctx, s, f); e != nil {
		s.update(e)
	}
}
