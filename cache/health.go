package cache

import "time"

// Health is what a process knows of its cache by itself, without asking anyone.
type Health struct {
	Since       time.Time   // operators count from here
	Shared      SharedStats // without Server
	ClockOffset time.Duration
	Memos       []MemoHealth // by name
}

// MemoHealth is of one memo, as in MemoStats.
type MemoHealth struct {
	Memo     string
	Asked    uint64
	HitRatio float64
	Keys     int
	Degraded int // of the keys, those whose refresh failed: readers see an earlier value with a reason, or nothing
	Circuit  string
}

// Health says how the cache does. It never waits for the store.
func (c *Cache) Health() Health {
	h := Health{Shared: SharedStats{Kind: c.kind}, ClockOffset: time.Duration(c.offset.Load())}
	if o := c.outage(); o != nil {
		h.Shared.Away, h.Shared.Since, h.Shared.Reason = true, o.Since, o.Err.Error()
	}
	c.mu.Lock()
	h.Since = c.since
	c.mu.Unlock()
	for _, m := range c.all() {
		s := &m.stats
		base := s.since()
		ratio, asked := s.recent.ratio(s.now(), base)
		keys, degraded := m.degraded()
		h.Memos = append(h.Memos, MemoHealth{m.about.Name, asked, ratio, keys, degraded, m.circuit.State().String()})
	}
	return h
}

// degraded counts the keys asked for lately, and those of them whose refresh
// failed.
func (m *memo) degraded() (keys, degraded int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.asked), len(m.failing)
}
