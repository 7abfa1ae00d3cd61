package cache

import "time"

// remember keeps a slot among those that are refreshed ahead. There is a
// timer for them only while there are any.
func (m *memo) remember(key string, s anySlot) {
	m.mu.Lock()
	m.asked[key] = s
	m.noteFailingLocked(key, s)
	idle := !m.keeping
	m.keeping = true
	m.mu.Unlock()
	if idle {
		m.cache.attend()
		m.keepAhead()
	}
}

func (m *memo) forget(key string, s anySlot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked[key] == s {
		delete(m.asked, key)
		delete(m.failing, key)
	}
}

// noteFailing puts a slot of which something new is known among those that
// fail, or takes it out.
func (m *memo) noteFailing(key string, s anySlot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noteFailingLocked(key, s)
}

func (m *memo) noteFailingLocked(key string, s anySlot) {
	switch {
	case m.asked[key] != s:
	case s.fails():
		m.failing[key] = s
	default:
		delete(m.failing, key)
	}
}

// wake passes on that the store has a newer blob, if anybody here cares.
func (m *memo) wake(key string) {
	m.mu.Lock()
	s := m.asked[key]
	m.mu.Unlock()
	if s != nil {
		s.wake()
	}
}

// keepAhead refreshes, at each boundary, the keys that were asked for in the
// last two windows, so that readers find the new window's value. Each process
// of the fleet tries; one wins each key.
func (m *memo) keepAhead() {
	c := m.cache
	boundary := WindowAt(c.now(), m.policy.Window).End
	c.after(c.until(boundary), func() {
		if c.now().Before(boundary) {
			m.keepAhead() // the fleet's clock was set back meanwhile
			return
		}
		slots, more := m.lately(boundary)
		if more {
			m.keepAhead()
		}
		// One after the other, as there are places: each memo waits for one, and
		// has half of them at most, so that one of thousands of keys does not keep
		// another's from its turn.
		for _, s := range slots {
			if !m.aheads.enter(c.ctx) {
				return
			}
			if !c.aheads.enter(c.ctx) {
				m.aheads.leave()
				return
			}
			leave := func() {
				c.aheads.leave()
				m.aheads.leave()
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
	})
}

// lately returns the slots to refresh of those that were asked for in the two
// windows before the boundary, and forgets the others. It reports whether any
// are left; where there are none, the memo is idle.
func (m *memo) lately(boundary time.Time) (slots []anySlot, more bool) {
	first := boundary.UnixNano()/int64(m.policy.Window) - 2
	m.mu.Lock()
	defer m.mu.Unlock()
	slots = make([]anySlot, 0, len(m.asked))
	for key, s := range m.asked {
		switch last, again := s.lastAsked(); {
		case last < first:
			delete(m.asked, key)
			delete(m.failing, key)
		case again || !m.about.ManyKeys:
			slots = append(slots, s)
		}
	}
	m.keeping = len(m.asked) > 0
	return slots, m.keeping
}

func (m *memo) idle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.keeping
}
