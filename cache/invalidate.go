package cache

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
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

// Invalidate marks the values of the scopes as stale, or forbids them. It is
// in force here when it returns, and everywhere else within a second. A
// producer that runs meanwhile does not undo it: its value counts as older.
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
	// The generation first, so that whoever looks from now on sees it; then this
	// process; then the others, who would find out by themselves within a second.
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
			c.log.DebugContext(ctx, "cache: the others were not told of an invalidation", "error", err)
		}
	}
	if mode == Hard && c.journal != nil {
		if err := c.journal.Record(ctx, list); err != nil {
			return fmt.Errorf("invalidate: in force, but not recorded, so that it ends should the shared level lose its data: invalidate again: %w", err)
		}
	}
	return nil
}

// generationAlone is what the store would give if it could be asked: above all
// that are known, and by the clock, so that it is above those too that others
// raise before, and below those after.
func (c *Cache) localGeneration() int64 {
	return max(c.generations.newest.Load()+1, c.now().UnixMicro())
}

// raised are the invalidations of some scopes, of one generation.
func newInvalidations(mode Mode, scopes []string, generation int64) []Invalidation {
	list := make([]Invalidation, 0, len(scopes))
	for _, scope := range scopes {
		list = append(list, Invalidation{scope, mode, generation})
	}
	return list
}

// generations is what a process knows of invalidations. A value carries the
// newest generation that was known when its producer started; it is invalidated
// by any above that in its scopes.
type generations struct {
	newest  atomic.Int64  // of all marks
	changes atomic.Uint64 // of the marks
	polled  atomic.Int64  // up to here the store was asked; messages may leave gaps below newest
	refused atomic.Int64  // the last one that was of the future

	mu    sync.RWMutex // guards marks
	marks marks
}

// lacking returns the invalidations that are known here and not in a list.
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

// believed returns the invalidations without those of the future, which no
// process can have made. Taken over they would hide all that come after them.
func (c *Cache) plausible(list []Invalidation) []Invalidation {
	latest := c.now().Add(generationSlack).UnixMicro()
	return slices.DeleteFunc(slices.Clone(list), func(i Invalidation) bool {
		if i.Generation <= latest {
			return false
		}
		if c.generations.refused.Swap(i.Generation) != i.Generation { // it comes with every poll
			c.log.Warn("cache: invalidation of the future refused", "scope", i.Scope, "generation", i.Generation)
		}
		return true
	})
}

// invalidated says whether a value of a generation was invalidated since, by
// the scopes of its memo or by its own key.
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

// hear asks the store for invalidations that no message has told of: for all,
// or those above the last ones.
func (c *Cache) pollInvalidations(ctx context.Context, all bool) error {
	g := &c.generations
	above := g.polled.Load()
	if all {
		above = 0 // what was restored may be below
	}
	list, err := c.store.Invalidations(ctx, above)
	c.metrics.storeError("poll", err)
	if err != nil {
		return fmt.Errorf("read invalidations: %w", err)
	}
	list = c.plausible(list)
	g.update(list...)
	for _, i := range list {
		g.polled.Store(max(g.polled.Load(), i.Generation))
	}
	return nil
}

// A mark is a scope and how it was invalidated.
type mark struct {
	scope string
	mode  Mode
}

// marks are the generations up to which the values of scopes are invalidated.
type marks map[mark]int64

// markLimit bounds how many are kept.
const markLimit = 10_000

func (m marks) raise(i Invalidation) {
	k := mark{i.Scope, i.Mode}
	m[k] = max(m[k], i.Generation)
	if len(m) > markLimit {
		m.trim()
	}
}

// trim forgets the older half. What is older than those counts as invalidated,
// as strongly as they said.
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

// above returns the invalidations above a generation.
func (m marks) above(generation int64) []Invalidation {
	var list []Invalidation
	for k, g := range m {
		if g > generation {
			list = append(list, Invalidation{k.scope, k.mode, g})
		}
	}
	return list
}
