package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	pollEvery = time.Second
	pollGrace = 3 * time.Second // after this long without a poll, a reader polls before it gets a value
	rareEvery = 10              // one poll in so many also does what is needed rarely
)

// run is the cache's one loop. It polls the store each second, since messages may
// be lost. At each boundary of a memo it refreshes the keys that had readers
// lately. It also restores the store's data when that is due.
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
			boundaries[m] = end // also after the fleet's clock was set back
			if end.Before(next) {
				next = end
			}
		}
		select {
		case <-time.After(min(c.until(next), pollEvery)): // the clock may be set back meanwhile
		case <-c.changed:
		case <-c.ctx.Done():
			return
		}
	}
}

// nudge makes the loop look again at once.
func (c *Cache) nudge() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// current reports whether the store was polled lately. It was not if the process
// has just started, or was frozen or starved.
func (c *Cache) current(now int64) bool { return now-c.polled.Load() < int64(pollGrace) }

// catchUp polls the store if that was not done lately, before a reader gets a
// value that may have been invalidated since. Readers that come meanwhile wait
// for the same poll. The error is that of ctx, when that ends first.
func (c *Cache) catchUp(ctx context.Context) error {
	if c.current(c.nano()) {
		return nil
	}
	polled := make(chan struct{})
	started := c.tasks.start(func() {
		defer close(polled)
		if !c.polling.enter(c.ctx) {
			return
		}
		defer c.polling.leave()
		if !c.current(c.nano()) {
			c.pollLocked(0)
		}
	})
	if !started {
		return nil // the cache is closed: it shows what it has
	}
	select {
	case <-polled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poll polls the store, unless another goroutine does.
func (c *Cache) poll(round int) {
	if !c.polling.tryEnter() {
		return
	}
	defer c.polling.leave()
	c.pollLocked(round)
}

// pollLocked reads what the store's messages may have missed: invalidations each
// time; its time and the journal's invalidations in one round of rareEvery, and
// when there is a reason. The caller holds polling.
func (c *Cache) pollLocked(round int) {
	rare := round%rareEvery == 0
	if rare || !c.sampled.Load() || c.stepped() {
		c.metrics.storeError("clock", c.sample(c.ctx, c.store)) // first, since windows and invalidations are judged by it
	}
	err := c.pollInvalidations(c.ctx, rare)
	if err != nil && c.ctx.Err() == nil {
		c.log.Debug("cache: invalidations unknown", "error", err)
	}
	if errors.Is(err, ErrKey) {
		c.restoreDue.Store(true) // which replaces what something else has written
	}
	if c.polled.Load() == 0 {
		c.readJournal() // before anything is shown
	} else if rare || err != nil {
		c.tasks.start(c.readJournal)
	}
	if rare {
		c.tasks.start(c.sampleCounts)
	}
	c.polled.Store(c.nano())
}

// jitter returns a random duration between half of d and one and a half.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// remember adds a slot to the active ones.
func (m *memo) remember(key string, s anySlot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active[key] = s
	m.noteFailingLocked(key, s)
}

// forget removes a slot from the active ones.
func (m *memo) forget(key string, s anySlot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgetLocked(key, s)
}

func (m *memo) forgetLocked(key string, s anySlot) {
	if m.active[key] == s {
		delete(m.active, key)
		delete(m.failing, key)
	}
}

// noteFailingLocked adds an active slot to the failing ones or removes it, by its
// entry. The caller holds mu.
func (m *memo) noteFailingLocked(key string, s anySlot) {
	switch {
	case m.active[key] != s:
	case s.fails():
		m.failing[key] = s
	default:
		delete(m.failing, key)
	}
}

// wake passes on the message that the store has a newer blob, if the key is
// active.
func (m *memo) wake(key string) {
	m.mu.Lock()
	s := m.active[key]
	m.mu.Unlock()
	if s != nil {
		s.wake()
	}
}

// refreshAhead refreshes, after a boundary, the keys that had readers in the last
// two windows, so that readers find the new window's value. Each process of the
// fleet tries, and one wins the lock of each key. A memo that is still at it from the
// boundary before leaves this one to its readers.
func (m *memo) refreshAhead(boundary time.Time) {
	if !m.ahead.TryLock() {
		return
	}
	defer m.ahead.Unlock()
	var all errgroup.Group
	all.SetLimit(cap(m.family.places))
	for _, s := range m.lately(boundary) {
		all.Go(func() error {
			s.ahead(boundary)
			return nil
		})
	}
	_ = all.Wait() // none
}

// lately returns the slots to refresh at a boundary: those with readers in the
// two windows before it, and with ManyKeys more than one reader. It forgets
// those without readers.
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
