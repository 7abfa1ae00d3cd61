package cache

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Mode is what happens to an invalidated value.
type Mode int

// The modes of an invalidation.
const (
	Soft Mode = iota // the next reader gets the old value and a refresh starts
	Hard             // the old value must not be shown again
)

// String returns "soft" or "hard".
func (m Mode) String() string {
	if m == Hard {
		return "hard"
	}
	return "soft"
}

// ParseMode is the inverse of [Mode.String]. Any other text is Soft.
func ParseMode(s string) Mode {
	if s == Hard.String() {
		return Hard
	}
	return Soft
}

// Invalidate marks the values of the scopes as stale, or forbids them. It is in
// force here when it returns, and everywhere else within a second, or in an
// outage of the store as soon as that is over. A producer that runs meanwhile
// does not undo it: its value counts as older.
//
// The error is an *UnknownMemoError, an *UnknownTagError or a *MalformedError
// when a scope matches nothing; then nothing is invalidated. When ctx ends before
// the store has answered, the values may or may not be invalidated. Any other
// error means that a hard invalidation is in force, but that the journal did not
// record it.
func (c *Cache) Invalidate(ctx context.Context, mode Mode, scopes ...Scope) error {
	return c.InvalidateOnce(ctx, "", mode, scopes...)
}

// InvalidateOnce is Invalidate for an event that reaches several processes, each
// of which invalidates because of it. Of the calls that name the same event
// within a minute the first raises the generation, and the others adopt it. With
// an empty event it is Invalidate.
func (c *Cache) InvalidateOnce(ctx context.Context, event string, mode Mode, scopes ...Scope) error {
	names, err := c.resolve(scopes)
	if err != nil {
		return fmt.Errorf("invalidate: %w", err)
	}
	if len(names) == 0 {
		return nil
	}
	// First the generation, so that polls from now on see it; then this process;
	// then the message, without which the others learn it by their next poll.
	generation, first, err := c.store.Invalidate(ctx, mode, names, c.generations.newest.Load(), event)
	c.metrics.storeError("invalidate", err)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("invalidate: %w", err)
		}
		generation, first = c.localGeneration(), true
		c.restoreDue.Store(true)
	}
	list := newInvalidations(mode, names, generation)
	c.generations.update(list...)
	if !first {
		return nil
	}
	if err == nil {
		err := c.store.Notify(ctx, list)
		c.metrics.storeError("notify", err)
		if err != nil {
			c.log.DebugContext(ctx, "cache: the message of an invalidation was not sent", "error", err)
		}
	}
	if mode == Hard && c.journal != nil {
		if err := c.journal.Record(ctx, list); err != nil {
			return fmt.Errorf("invalidate: in force, but not recorded in the database; if Redis loses its data, the old values can come back; please repeat: %w", err)
		}
	}
	return nil
}

// localGeneration returns a generation for an invalidation during an outage. It
// is above all that are known here, and by the fleet's clock, so that it is in
// order with those that other processes make.
func (c *Cache) localGeneration() int64 {
	return max(c.generations.newest.Load()+1, c.now().UnixMicro())
}

// newInvalidations returns the invalidations of scopes, with one generation.
func newInvalidations(mode Mode, scopes []string, generation int64) []Invalidation {
	list := make([]Invalidation, 0, len(scopes))
	for _, scope := range scopes {
		list = append(list, Invalidation{scope, mode, generation})
	}
	return list
}

// generations are the invalidations that a process knows. A value carries the
// newest generation that was known when its producer started. It is invalidated
// by any newer one in its scopes.
type generations struct {
	newest  atomic.Int64  // the highest generation in marks; rises under mu
	changes atomic.Uint64 // number of changes to marks; rises under mu
	polled  atomic.Int64  // the highest generation from polls; messages may leave gaps below newest

	mu    sync.RWMutex // guards marks
	marks marks
}

// missingFrom returns the invalidations that are known here and not in a list.
func (g *generations) missingFrom(list []Invalidation) []Invalidation {
	there := marks{}
	for _, i := range list {
		there.raise(i)
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.DeleteFunc(g.marks.above(0), func(i Invalidation) bool {
		return max(there[mark{i.Scope, i.Mode}], there[mark{scopeAll, i.Mode}]) >= i.Generation
	})
}

// update adds invalidations.
func (g *generations) update(list ...Invalidation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, i := range list {
		g.marks.raise(i)
		if i.Generation > g.newest.Load() {
			g.newest.Store(i.Generation)
		}
	}
	if len(list) > 0 {
		g.changes.Add(1)
	}
}

// plausible returns a list of invalidations without those that are further ahead
// of the clock than slack, which no process can have made. They would hide all
// that come after them.
func (c *Cache) plausible(list []Invalidation, slack time.Duration) []Invalidation {
	latest := c.now().Add(slack).UnixMicro()
	return slices.DeleteFunc(slices.Clone(list), func(i Invalidation) bool {
		if i.Generation <= latest {
			return false
		}
		c.warnings.Do(func() {
			c.log.Warn("cache: invalidation of the future refused", "scope", i.Scope, "generation", i.Generation)
		})
		return true
	})
}

// invalidated reports whether a value of a generation was invalidated in a mode
// since, by the scopes of its memo or by that of its key.
func (g *generations) invalidated(generation int64, scopes []string, key string, mode Mode) bool {
	if generation >= g.newest.Load() {
		return false
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, scope := range scopes {
		if g.marks[mark{scope, mode}] > generation {
			return true
		}
	}
	return g.marks[mark{key, mode}] > generation
}

// pollInvalidations reads the store's invalidations, all or those since the last
// poll, and adds them to the known ones. The error is the store's.
func (c *Cache) pollInvalidations(ctx context.Context, all bool) error {
	g := &c.generations
	above := g.polled.Load()
	if all {
		above = 0 // restored ones may be below polled
	}
	list, err := c.store.Invalidations(ctx, above)
	c.metrics.storeError("poll", err)
	if err != nil {
		return fmt.Errorf("read invalidations: %w", err)
	}
	list = c.plausible(list, generationSlack)
	g.update(list...)
	for _, i := range list {
		g.polled.Store(max(g.polled.Load(), i.Generation))
	}
	return nil
}

// A mark is a scope and the mode of its invalidation.
type mark struct {
	scope string
	mode  Mode
}

// marks are the generations below which values are invalidated.
type marks map[mark]int64

// markLimit bounds the number of marks.
const markLimit = 10_000

// raise adds an invalidation, unless a newer one is there.
func (m marks) raise(i Invalidation) {
	k := mark{i.Scope, i.Mode}
	m[k] = max(m[k], i.Generation)
	if len(m) > markLimit {
		m.trim()
	}
}

// trim replaces the older half by one mark for each mode, which invalidates every
// value that is as old.
func (m marks) trim() {
	all := slices.Sorted(maps.Values(m))
	middle := all[len(all)/2]
	forgotten := map[Mode]int64{}
	maps.DeleteFunc(m, func(k mark, generation int64) bool {
		if generation > middle {
			return false
		}
		forgotten[k.mode] = max(forgotten[k.mode], generation)
		return true
	})
	for mode, generation := range forgotten {
		k := mark{scopeAll, mode}
		m[k] = max(m[k], generation)
	}
}

// above returns the invalidations with a higher generation.
func (m marks) above(generation int64) []Invalidation {
	var list []Invalidation
	for k, g := range m {
		if g > generation {
			list = append(list, Invalidation{k.scope, k.mode, g})
		}
	}
	return list
}
