package web

import (
	"sync"
	"sync/atomic"

	"exchequer/ledger"
	"exchequer/views"
)

// A pageKey names bytes. Its parameters have few values each, so that visitors
// cannot make new ones.
type pageKey struct {
	name     string // the pattern of its address
	choice   views.Choice
	settings ledger.Settings
}

// A memory keeps the newest page of each key, at most limit of them; the one
// that was asked for longest ago makes room.
type memory struct {
	limit int
	clock atomic.Int64 // counts requests

	mu    sync.RWMutex
	slots map[pageKey]*slot
}

// A slot is the place of a key's newest page.
type slot struct {
	newest atomic.Pointer[page]
	used   atomic.Int64
	render sync.Mutex // one renders, the others wait the millisecond
}

func newMemory(limit int) *memory { return &memory{limit: limit, slots: map[pageKey]*slot{}} }

func (m *memory) slot(key pageKey) *slot {
	m.mu.RLock()
	found := m.slots[key]
	m.mu.RUnlock()
	if found == nil {
		found = m.add(key)
	}
	found.used.Store(m.clock.Add(1))
	return found
}

func (m *memory) add(key pageKey) *slot {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.slots[key]; found != nil {
		return found
	}
	for len(m.slots) >= m.limit {
		var oldest pageKey
		used := int64(-1)
		for key, s := range m.slots {
			if u := s.used.Load(); used < 0 || u < used {
				oldest, used = key, u
			}
		}
		delete(m.slots, oldest)
	}
	added := &slot{}
	m.slots[key] = added
	return added
}

// get returns the page of a version, made by draw if it is not there yet.
func (s *slot) get(version uint64, draw func() (*page, error)) (p *page, drawn bool, err error) {
	if p := s.newest.Load(); p != nil && p.version == version {
		return p, false, nil
	}
	s.render.Lock()
	defer s.render.Unlock()
	if p := s.newest.Load(); p != nil && p.version == version {
		return p, false, nil
	}
	p, err = draw()
	if err != nil {
		return nil, false, err
	}
	p.version = version
	s.newest.Store(p)
	return p, true, nil
}
