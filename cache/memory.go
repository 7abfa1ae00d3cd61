package cache

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// A Memory is the store of a process without a fleet. It keeps 32 MiB of blobs at
// most. Its methods return no errors.
type Memory struct {
	blobs *otter.Cache[string, held] // safe for concurrent use; changed under mu

	mu        sync.Mutex // guards what follows
	locks     map[string]lease
	marks     marks
	newest    int64                // the highest generation
	once      map[string]onceEvent // by name
	listeners map[*listener]struct{}
}

type held struct {
	Publication
	until time.Time
}

type lease struct {
	owner string
	until time.Time
}

// A onceEvent is the invalidation of an event that is not repeated until then.
type onceEvent struct {
	generation int64
	until      time.Time
}

type listener struct{ handle func(Message) }

const memoryBlobs = 32 << 20

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		blobs: otter.Must(&otter.Options[string, held]{
			MaximumWeight: memoryBlobs,
			Weigher:       func(key string, h held) uint32 { return uint32(len(key) + cap(h.Blob) + 200) },
		}),
		locks:     map[string]lease{},
		marks:     map[mark]int64{},
		once:      map[string]onceEvent{},
		listeners: map[*listener]struct{}{},
	}
}

// Load implements [Store].
func (m *Memory) Load(_ context.Context, key string) ([]byte, error) {
	h, ok := m.blobs.GetIfPresent(key)
	if !ok || !time.Now().Before(h.until) {
		return nil, nil
	}
	return h.Blob, nil
}

// Publish implements [Store].
func (m *Memory) Publish(_ context.Context, p Publication) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if l := m.locks[p.Key]; p.Owner != "" && (l.owner != p.Owner || !now.Before(l.until)) {
		return false, nil
	}
	if !m.replace(p, now) {
		return false, nil
	}
	m.notify(Message{Ready: p.Key})
	return true, nil
}

// replace stores a blob unless the present one is newer. The caller holds mu.
func (m *Memory) replace(p Publication, now time.Time) bool {
	if h, ok := m.blobs.GetIfPresent(p.Key); ok && now.Before(h.until) && h.newer(p) {
		return false
	}
	m.blobs.Set(p.Key, held{p, now.Add(p.Keep)})
	return true
}

// newer reports whether p must not replace what is held.
func (h held) newer(p Publication) bool {
	order := h.reading().compare(p.reading())
	return order > 0 || order == 0 && p.Owner == ""
}

// Lock implements [Store].
func (m *Memory) Lock(_ context.Context, key, owner string, d time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if l, ok := m.locks[key]; ok && now.Before(l.until) {
		return l.owner == owner, nil
	}
	m.locks[key] = lease{owner, now.Add(d)}
	return true, nil
}

// Extend implements [Store].
func (m *Memory) Extend(_ context.Context, key, owner string, d time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if l := m.locks[key]; l.owner != owner || !now.Before(l.until) {
		return false, nil
	}
	m.locks[key] = lease{owner, now.Add(d)}
	return true, nil
}

// Unlock implements [Store].
func (m *Memory) Unlock(_ context.Context, key, owner string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[key].owner == owner {
		delete(m.locks, key)
	}
	return nil
}

// Invalidate implements [Store].
func (m *Memory) Invalidate(_ context.Context, mode Mode, scopes []string, above int64, once string) (int64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if before, ok := m.once[once]; ok && now.Before(before.until) {
		return before.generation, false, nil
	}
	// Generations follow the clock, so that they go on rising after a store has
	// lost its data.
	m.newest = max(m.newest+1, above+1, now.UnixMicro())
	for _, i := range newInvalidations(mode, scopes, m.newest) {
		m.marks.raise(i)
	}
	if once != "" {
		if len(m.once) >= onceLimit {
			maps.DeleteFunc(m.once, func(_ string, i onceEvent) bool { return !now.Before(i.until) })
		}
		if len(m.once) >= onceLimit {
			clear(m.once) // invalidating twice does no harm
		}
		m.once[once] = onceEvent{m.newest, now.Add(onceFor)}
	}
	return m.newest, true, nil
}

// onceLimit bounds the number of events.
const onceLimit = 10_000

// Invalidations implements [Store].
func (m *Memory) Invalidations(_ context.Context, above int64) ([]Invalidation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newest <= above {
		return nil, nil
	}
	return m.marks.above(above), nil
}

// Restore implements [Store].
func (m *Memory) Restore(_ context.Context, list []Invalidation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range list {
		m.marks.raise(i)
		m.newest = max(m.newest, i.Generation)
	}
	m.notify(Message{Invalidations: list})
	return nil
}

// Listen implements [Store].
func (m *Memory) Listen(handle func(Message)) (stop func()) {
	l := &listener{handle}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners[l] = struct{}{}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.listeners, l)
	}
}

// Notify implements [Store].
func (m *Memory) Notify(_ context.Context, list []Invalidation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notify(Message{Invalidations: list})
	return nil
}

// notify calls the listeners. The caller holds mu.
func (m *Memory) notify(message Message) {
	for l := range m.listeners {
		l.handle(message)
	}
}

// Now implements [Store].
func (m *Memory) Now(context.Context) (time.Time, error) { return time.Now(), nil }

// Stats implements [Inspector].
func (m *Memory) Stats(context.Context) SharedStats {
	return SharedStats{SharedHealth: SharedHealth{Kind: "memory"}}
}

// Outage implements [Inspector]. There is never one.
func (m *Memory) Outage() (now *Outage, count uint64) { return nil, 0 }

// Direct implements [Inspector].
func (m *Memory) Direct() Store { return m }

// Holder implements [Inspector].
func (m *Memory) Holder(_ context.Context, key string) (owner string, left time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, ok := m.locks[key]; ok && time.Now().Before(l.until) {
		return l.owner, time.Until(l.until), nil
	}
	return "", 0, nil
}
