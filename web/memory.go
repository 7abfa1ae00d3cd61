package web

import (
	"sync"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"exchequer/ledger"
	"exchequer/views"
)

// Bytes that remembered answers may take. Documents have many more addresses
// than pages, and a program that reads them all pushes no page out.
const (
	pageMemory     = 16 << 20
	documentMemory = 8 << 20
)

// A pageKey names bytes. Its parameters have few values each, so that visitors
// cannot make new ones.
type pageKey struct {
	name     string // the pattern of its address
	choice   views.Choice
	settings ledger.Settings
}

// A memory keeps the newest page of each key, within a number of bytes.
type memory struct{ slots *otter.Cache[pageKey, *slot] }

// A slot is the place of a key's newest page.
type slot struct {
	newest atomic.Pointer[page]
	render sync.Mutex // one renders, the others wait the millisecond
}

func newMemory(bytes uint64) *memory {
	return &memory{otter.Must(&otter.Options[pageKey, *slot]{
		MaximumWeight: bytes,
		Weigher:       func(_ pageKey, s *slot) uint32 { return s.weight() },
		Executor:      func(f func()) { f() }, // no goroutine outlives the request
	})}
}

// weight is what the slot takes with its page in all codings. The compressed
// bodies, which are made later, take half of the plain one together at most,
// except where it is so small that the rest weighs more.
func (s *slot) weight() uint32 {
	const rest = 2 << 10 // key, header, tag
	if p := s.newest.Load(); p != nil {
		return uint32(rest + cap(p.plain.bytes) + len(p.plain.bytes)/2)
	}
	return rest
}

// get returns the page of a key and version, made by draw if it is not there.
func (m *memory) get(key pageKey, version uint64, draw func() (*page, error)) (p *page, drawn bool, err error) {
	s, found := m.slots.GetIfPresent(key)
	if !found {
		s, _ = m.slots.ComputeIfAbsent(key, func() (*slot, bool) { return &slot{}, false })
	}
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
	m.slots.Set(key, s) // weighs it again
	return p, true, nil
}
