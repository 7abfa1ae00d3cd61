package cache

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	pollEvery = time.Second
	pollGrace = 3 * time.Second // without a poll, readers ask before they are shown anything
	rareEvery = 10              // polls until what need not be done each time is
)

// run is the cache's one loop. Each second it has the store asked for what no
// message may have told; at each boundary of a memo it has the keys refreshed
// that were asked for lately.
func (c *Cache) run() {
	boundaries := map[*memo]time.Time{}
	var last time.Time // of the polls
	for n := 0; ; {
		if time.Since(last) >= pollEvery {
			last = time.Now()
			round := n
			n++
			c.tasks.start(func() { c.poll(round) })
		}
		if c.restoreDue.Load() {
			c.tasks.start(c.restore)
		}
		next := c.now().Add(time.Until(last.Add(pollEvery)))
		for _, m := range c.all() {
			now := c.now()
			end := WindowAt(now, m.policy.Window).End
			boundary, known := boundaries[m]
			if known && !now.Before(boundary) {
				c.tasks.start(func() { m.refreshAhead(boundary) })
			}
			boundaries[m] = end // also where the fleet's clock was set back
			if end.Before(next) {
				next = end
			}
		}
		select {
		case <-time.After(c.until(next)):
		case <-c.changed:
		case <-c.ctx.Done():
			return
		}
	}
}

// nudge has the loop see what is new.
func (c *Cache) nudge() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// current reports whether the store was asked for invalidations lately. It is
// not where the process is new, or did not get to run.
func (c *Cache) current(now int64) bool { return now-c.polled.Load() < int64(pollGrace) }

// catchUp asks the store before a reader is shown what may have been forbidden
// since. Readers who come meanwhile wait for the same answer.
func (c *Cache) catchUp() {
	if c.current(c.nano()) {
		return
	}
	if !c.polling.enter(c.ctx) {
		return
	}
	defer c.polling.leave()
	if !c.current(c.nano()) {
		c.pollLocked(0)
	}
}

// poll asks the store for what messages may have failed to tell, and now and
// then for its time. Only one does at a time.
func (c *Cache) poll(round int) {
	if !c.polling.tryEnter() {
		return
	}
	defer c.polling.leave()
	c.pollLocked(round)
}

func (c *Cache) pollLocked(round int) {
	seldom := round%rareEvery == 0
	if seldom || !c.sampled.Load() || c.stepped() {
		c.metrics.storeError("clock", c.sample(c.ctx, c.store)) // before the first window is chosen
	}
	err := c.pollInvalidations(c.ctx, seldom)
	if err != nil && c.ctx.Err() == nil {
		c.log.Debug("cache: invalidations unknown", "error", err)
	}
	if errors.Is(err, ErrKey) {
		c.restoreDue.Store(true) // which makes the key ours again
	}
	if seldom || err != nil {
		c.readJournal(c.ctx)
	}
	if seldom {
		c.tasks.start(c.sampleCounts)
	}
	c.polled.Store(c.nano())
}

// jitter spreads a wait over half of it to one and a half.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// remember keeps a slot among those that are refreshed ahead.
func (m *memo) remember(key string, s anySlot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active[key] = s
	m.noteFailingLocked(key, s)
}

func (m *memo) forget(key string, s anySlot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.active[key] == s {
		delete(m.active, key)
		delete(m.failing, key)
	}
}

// noteFailingLocked puts a slot of which something new is known among those
// that fail, or takes it out.
func (m *memo) noteFailingLocked(key string, s anySlot) {
	switch {
	case m.active[key] != s:
	case s.fails():
		m.failing[key] = s
	default:
		delete(m.failing, key)
	}
}

// wake passes on that the store has a newer blob, if anybody here cares.
func (m *memo) wake(key string) {
	m.mu.Lock()
	s := m.active[key]
	m.mu.Unlock()
	if s != nil {
		s.wake()
	}
}

// refreshAhead refreshes, after a boundary, the keys that were asked for in the
// last two windows, so that readers find the new window's value. Each process
// of the fleet tries; one wins each key.
//
// One follows the other, as there are places: each memo waits for one, and has
// half of them at most, so that one of thousands of keys does not keep another's
// from its turn.
func (m *memo) refreshAhead(boundary time.Time) {
	c := m.cache
	for _, s := range m.lately(boundary) {
		if !m.background.enter(c.ctx) {
			return
		}
		if !c.background.enter(c.ctx) {
			m.background.leave()
			return
		}
		leave := func() {
			c.background.leave()
			m.background.leave()
		}
		started := c.tasks.start(func() {
			defer leave()
			s.ahead(boundary)
		})
		if !started {
			leave()
			return
		}
	}
}

// lately returns the slots to refresh of those that were asked for in the two
// windows before the boundary, and forgets the others.
func (m *memo) lately(boundary time.Time) []anySlot {
	first := boundary.UnixNano()/int64(m.policy.Window) - 2
	m.mu.Lock()
	defer m.mu.Unlock()
	slots := make([]anySlot, 0, len(m.active))
	for key, s := range m.active {
		switch last, again := s.usage(); {
		case last < first:
			delete(m.active, key)
			delete(m.failing, key)
		case again || !m.spec.ManyKeys:
			slots = append(slots, s)
		}
	}
	return slots
}
