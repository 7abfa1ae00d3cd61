package cache

import (
	"context"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	margin     = 2 * time.Second // on top of a producer's timeout
	minPoll    = 100 * time.Millisecond
	storeBound = 2 * time.Second // for what must reach the store though the run was cancelled
)

// refresh starts a flight unless one is under way, and returns it. It returns
// nil when there is nothing to wait for: another process computes and there is
// something to show meanwhile, or, with an error, the cache is closed or too
// many keys of the memo are being refreshed.
func (m *Memo[P, T]) refresh(s *slot[P, T], v verdict, began time.Time) (*flight, error) {
	return m.refreshWithin(m.flights, s, v, began)
}

// refreshWithin is refresh under another bound, or under none if that is nil.
func (m *Memo[P, T]) refreshWithin(bound limit, s *slot[P, T], v verdict, began time.Time) (*flight, error) {
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
	started := m.cache.tasks.fly(func() {
		defer bound.leave()
		defer m.land(s, f)
		m.fly(s, f)
	})
	if !started {
		bound.leave()
		return nil, errClosed
	}
	s.flight = f
	return f, nil
}

// refreshAt starts a refresh later, once, for a reader who came while it was
// too early for one: when that reader comes again, the value is to be there.
func (m *Memo[P, T]) refreshAt(s *slot[P, T], at time.Time) {
	if !s.scheduled.CompareAndSwap(false, true) {
		return
	}
	m.cache.after(m.cache.until(at), func() {
		s.scheduled.Store(false)
		now := m.cache.now()
		switch v := m.judge(s, s.entry.Load(), now); {
		case v.due:
			m.refresh(s, v, now)
		case v.soft && v.usable:
			m.refreshAt(s, v.next) // another process has computed, and there was a write since
		}
	})
}

func (m *Memo[P, T]) land(s *slot[P, T], f *flight) {
	s.mu.Lock()
	if s.flight == f {
		s.flight = nil
	}
	news := f.yielded && len(s.news) > 0 // that came since it looked, while it was under way
	met := f.requested
	s.mu.Unlock()
	f.show()
	close(f.done)
	if news {
		s.wake()
	}
	if met {
		// Who asked may have been shown what was invalidated since the run began.
		if v := m.judge(s, s.entry.Load(), m.cache.now()); v.soft && v.usable {
			m.refreshAt(s, v.next)
		}
	}
}

// fly brings a slot up to date: by the shared level if that knows better, else
// by the producer, if this process gets to be the one that runs it.
func (m *Memo[P, T]) fly(s *slot[P, T], f *flight) {
	c := m.cache
	var waitUntil time.Time // ends some time after another process was first seen to compute
	for {
		select {
		case <-s.news: // what it tells of is seen now
		default:
		}
		m.loadShared(s)
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
		select {
		case m.places <- struct{}{}:
		case <-s.news:
			continue // another process was faster
		case <-f.deserted:
			continue
		case <-c.tasks.closing:
			return
		}
		if !v.usable && s.giveUp(f) {
			m.places.leave()
			return // nobody was left when its turn came
		}
		over := m.compete(s, f)
		m.places.leave()
		if over {
			return
		}
		if waitUntil.IsZero() {
			waitUntil = c.now().Add(m.policy.Timeout + margin)
		}
		switch {
		case v.usable:
			// Another process computes; its message wakes this slot. Should
			// that be lost, a reader looks again a little later.
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

// compete waits for one of the producers' places and tries to get the key's
// lock. It returns true when the flight is over: the producer has run, or the
// cache is closed.
func (m *Memo[P, T]) compete(s *slot[P, T], f *flight) bool {
	c := m.cache
	select {
	case c.producers <- struct{}{}:
		defer c.producers.leave()
	case <-c.tasks.closing:
		return true
	}
	if c.tasks.closed() {
		return true // a free place was as likely to be taken
	}
	owner := c.newOwner()
	won, err := m.lock(s.key, owner)
	if !won && err == nil {
		return false
	}
	m.computeLocked(s, f, owner)
	return true
}

// pause leaves another process to finish before the store is asked again.
func (s *slot[P, T]) pause(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deferUntil = now.Add(jitter(2 * minPoll))
}

// await waits for news of another process's run: its message, or the next poll.
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
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), storeBound)
		defer cancel()
		err := c.store.Unlock(ctx, s.key, owner)
		c.metrics.storeError("unlock", err)
		if err != nil {
			c.log.Debug("cache: lock left to expire", "key", s.key, "error", err)
		}
	}()
	// Another process may have published between the look and the lock.
	m.loadShared(s)
	if v := m.judge(s, s.entry.Load(), c.now()); !v.due {
		m.stats.refreshes.found.Add(1)
		return
	}
	ctx, lose := context.WithCancelCause(c.ctx)
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
	if !m.publish(s, e, value, owner) {
		// Another process has the lock by now, and may know better.
		m.loadShared(s)
		if known := s.entry.Load(); e.replaces(known, c.now()) {
			m.warnings.Do(func() {
				c.log.Warn("cache: publication refused: the lock was lost, or the clock of a server is off", "memo", m.spec.Name, "key", s.key)
			})
		}
	}
	s.update(e)
	// What is there may pretend to be newer, and would have the producer run again
	// at once.
	if known := s.entry.Load(); known != e && m.judge(s, known, c.now()).due && m.judge(s, e, c.now()).fresh {
		s.entry.CompareAndSwap(known, e)
	}
}

// computeAlone runs the producer without the lock, where waiting for the
// fleet has taken too long. The result is for this process only.
func (m *Memo[P, T]) computeAlone(s *slot[P, T], f *flight) {
	select {
	case m.cache.alone <- struct{}{}:
	case <-m.cache.tasks.closing:
		return
	}
	defer m.cache.alone.leave()
	m.loadShared(s)
	if v := m.judge(s, s.entry.Load(), m.cache.now()); !v.due {
		return
	}
	if e, _ := m.compute(m.cache.ctx, s, f); e != nil {
		s.update(e)
	}
}
