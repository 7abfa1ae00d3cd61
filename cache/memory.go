package cache

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// Memory is the store of a process on its own, and what a fleet's process
// falls back on. It keeps 32 MiB of blobs at most.
type Memory struct {
	blobs *otter.Cache[string, held]

	mu        sync.Mutex
	locks     map[string]lease
	marks     map[mark]int64
	top       int64           // the newest generation
	offset    time.Duration   // from this clock to the fleet's
	once      map[string]made // by name
	listeners map[*listener]struct{}
}

type held struct {
	window, generation int64
	blob               []byte
	until              time.Time
}

type lease struct {
	owner string
	until time.Time
}

// A mark is a scope and how it was invalidated.
type mark struct {
	scope string
	how   Strength
}

// made is an invalidation that is not to be made again until it expires.
type made struct {
	generation int64
	until      time.Time
}

type listener struct{ hear func(Message) }

const memoryBlobs = 32 << 20

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		blobs: otter.Must(&otter.Options[string, held]{
			MaximumWeight: memoryBlobs,
			Weigher:       func(key string, h held) uint32 { return uint32(len(key) + cap(h.blob) + 200) },
		}),
		locks:     map[string]lease{},
		marks:     map[mark]int64{},
		once:      map[string]made{},
		listeners: map[*listener]struct{}{},
	}
}

// Load implements Store.
func (m *Memory) Load(_ context.Context, key string) ([]byte, error) {
	h, ok := m.blobs.GetIfPresent(key)
	if !ok || !time.Now().Before(h.until) {
		return nil, nil
	}
	return h.blob, nil
}

// Publish implements Store.
func (m *Memory) Publish(_ context.Context, p Publication) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if l := m.locks[p.Key]; l.owner != p.Owner || !now.Before(l.until) {
		return false, nil
	}
	if !m.replace(p, now) {
		return false, nil
	}
	m.tell(Message{Ready: p.Key})
	return true, nil
}

func (m *Memory) replace(p Publication, now time.Time) bool {
	if h, ok := m.blobs.GetIfPresent(p.Key); ok && now.Before(h.until) && h.newer(p) {
		return false
	}
	m.blobs.Set(p.Key, held{p.Window, p.Generation, p.Blob, now.Add(p.Keep)})
	return true
}

// put is Publish by a process that is alone: there is no other owner.
func (m *Memory) put(p Publication) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.replace(p, time.Now())
}

// publications returns what is kept, as from nobody.
func (m *Memory) publications() []Publication {
	now := time.Now()
	var list []Publication
	for key, h := range m.blobs.All() {
		if keep := h.until.Sub(now); keep > 0 {
			list = append(list, Publication{Key: key, Window: h.window, Generation: h.generation, Blob: h.blob, Keep: keep})
		}
	}
	return list
}

// drop forgets what is kept of a key.
func (m *Memory) drop(key string) { m.blobs.Invalidate(key) }

// agree takes the fleet's time for generations.
func (m *Memory) agree(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offset = time.Until(now)
}

// note remembers invalidations of elsewhere, and stays above them.
func (m *Memory) note(list ...Invalidation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	latest := time.Now().Add(m.offset + generationSlack).UnixMicro()
	for _, i := range list {
		if i.Generation > latest {
			continue
		}
		k := mark{i.Scope, i.How}
		m.marks[k] = max(m.marks[k], i.Generation)
		m.top = max(m.top, i.Generation)
	}
	m.trim()
}

func (m *Memory) newest() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.top
}

func (h held) newer(p Publication) bool {
	return cmp.Or(cmp.Compare(h.window, p.Window), cmp.Compare(h.generation, p.Generation)) > 0
}

// Lock implements Store.
func (m *Memory) Lock(_ context.Context, key, owner string, d time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if l, ok := m.locks[key]; ok && now.Before(l.until) {
		return false, nil
	}
	m.locks[key] = lease{owner, now.Add(d)}
	return true, nil
}

// Extend implements Store.
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

// Unlock implements Store.
func (m *Memory) Unlock(_ context.Context, key, owner string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[key].owner == owner {
		delete(m.locks, key)
	}
	return nil
}

// Invalidate implements Store.
func (m *Memory) Invalidate(_ context.Context, how Strength, scopes []string, once string) (int64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if before, ok := m.once[once]; ok && now.Before(before.until) {
		return before.generation, false, nil
	}
	// Generations follow the clock, so that they go on rising where a store
	// has lost its data or another one takes over.
	m.top = max(m.top+1, now.Add(m.offset).UnixMicro())
	for _, scope := range scopes {
		m.marks[mark{scope, how}] = m.top
	}
	m.trim()
	if once != "" {
		if len(m.once) >= onceLimit {
			maps.DeleteFunc(m.once, func(_ string, i made) bool { return !now.Before(i.until) })
		}
		if len(m.once) >= onceLimit {
			clear(m.once) // to invalidate twice does no harm
		}
		m.once[once] = made{m.top, now.Add(onceFor)}
	}
	return m.top, true, nil
}

// onceLimit bounds the names of invalidations that are kept.
const onceLimit = 10_000

// markLimit bounds the scopes whose generations are kept.
const markLimit = 10_000

// trim forgets the older half of too many marks: everything from before them
// counts as invalidated instead.
func (m *Memory) trim() {
	if len(m.marks) <= markLimit {
		return
	}
	forgotten := newerHalf(m.marks)
	all := mark{scopeEverything, Hard}
	m.marks[all] = max(m.marks[all], forgotten)
}

// Invalidations implements Store.
func (m *Memory) Invalidations(_ context.Context, above int64) ([]Invalidation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.top <= above {
		return nil, nil
	}
	var list []Invalidation
	for k, generation := range m.marks {
		if generation > above {
			list = append(list, Invalidation{k.scope, k.how, generation})
		}
	}
	return list, nil
}

// Listen implements Store.
func (m *Memory) Listen(hear func(Message)) (stop func()) {
	l := &listener{hear}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners[l] = struct{}{}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.listeners, l)
	}
}

// Tell implements Store.
func (m *Memory) Tell(_ context.Context, list []Invalidation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tell(Message{Invalidations: list})
	return nil
}

// tell calls the listeners.
func (m *Memory) tell(message Message) {
	for l := range m.listeners {
		l.hear(message)
	}
}

// Now implements Store.
func (m *Memory) Now(context.Context) (time.Time, error) { return time.Now(), nil }
