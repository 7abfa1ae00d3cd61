package web

import (
	"sync"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"exchequer/ledger"
	"exchequer/signin"
	"exchequer/views"
)

// Bytes of memory for pages, for documents of the API, and for lists. Documents have
// many more addresses, so they have a cache of their own: a program that reads all of
// them evicts no page. Lists have one address for each text that somebody searches
// for. They are kept for a second, and evict nothing else. Prices of all items are
// large, and read by programs every minute.
const (
	pageCacheBytes     = 16 << 20
	documentCacheBytes = 8 << 20
	listCacheBytes     = 4 << 20
	priceCacheBytes    = 16 << 20
)

// A pageKey identifies a page. Those of lists have texts of visitors as parameters,
// of bounded length; the parameters of all others have few values each.
type pageKey struct {
	name     string // the pattern of its address
	params   views.Params
	settings ledger.Settings
	behind   views.Behind    // its sources
	sees     views.Level     // what its readers may see
	reader   signin.Identity // who has signed in and reads it alone; empty for all others
}

// bytes returns about how many bytes the key takes.
func (k pageKey) bytes() int { return len(k.name) + len(k.params.Ref) + len(k.params.Query()) }

// A renderCache holds the newest page of each key, within a number of bytes.
type renderCache struct{ slots *otter.Cache[pageKey, *slot] }

// A slot holds the newest page of a key.
type slot struct {
	newest atomic.Pointer[rendering]
	render sync.Mutex // held while drawing: others wait and take the page
}

func newRenderCache(bytes uint64) *renderCache {
	return &renderCache{otter.Must(&otter.Options[pageKey, *slot]{
		MaximumWeight: bytes,
		Weigher:       func(k pageKey, s *slot) uint32 { return uint32(k.bytes()) + s.weight() },
		Executor:      func(f func()) { f() }, // in the caller's goroutine
	})}
}

// weight returns the bytes that the slot takes with its page in all encodings.
// The compressed bodies are made later. Together they take at most half of the
// plain one, unless that is so small that the rest outweighs it.
func (s *slot) weight() uint32 {
	const rest = 2 << 10 // header, tag, settings
	if p := s.newest.Load(); p != nil {
		return uint32(rest + cap(p.plain.bytes) + len(p.plain.bytes)/2)
	}
	return rest
}

// get returns the page of a key and version. If it is not in memory, get calls
// draw for it, once at a time for each key, and drawn is true. The page of who has
// signed in is never in memory.
func (m *renderCache) get(key pageKey, version uint64, draw func() (*rendering, error)) (p *rendering, drawn bool, err error) {
	if key.reader.SignedIn() {
		p, err = draw()
		return p, true, err
	}
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
	m.slots.Set(key, s) // updates its weight
	return p, true, nil
}
