package cache

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// A Strength says what becomes of an invalidated value.
type Strength int

// The strengths of an invalidation.
const (
	Soft Strength = iota // the next reader gets the old value and a refresh starts
	Hard                 // the old value must not be shown again
)

func (s Strength) String() string {
	if s == Hard {
		return "hard"
	}
	return "soft"
}

// StrengthOf is the inverse of String. What is neither is soft.
func StrengthOf(s string) Strength {
	if s == Hard.String() {
		return Hard
	}
	return Soft
}

// A Scope is a set of values to invalidate.
type Scope struct{ kind, name, params string }

// The scopes, from one value to all that share the store.
func OfKey(memo, params string) Scope { return Scope{"key", memo, params} }
func OfMemo(name string) Scope        { return Scope{"memo", name, ""} }
func OfTag(tag string) Scope          { return Scope{"tag", tag, ""} }
func OfMemos(pattern string) Scope    { return Scope{"memos", pattern, ""} } // path.Match over the names: "economy.*"
func OfTenant() Scope                 { return Scope{"tenant", "", ""} }
func OfEverything() Scope             { return Scope{"all", "", ""} } // other tenants included

// Once is given to Invalidate among the scopes where several processes hear of
// one event and each invalidates because of it: of those that name the same
// event within a minute, the first raises the generation, and the others take
// it over.
func Once(event string) Scope { return Scope{"once", event, ""} }

// The names of scopes in the store.
const scopeEverything = "all"

func scopeTenant(space string) string       { return "tenant:" + space }
func scopeMemo(space, memo string) string   { return "memo:" + space + ":" + memo }
func scopeTag(space, tag string) string     { return "tag:" + space + ":" + tag }
func scopeKey(space, memo, p string) string { return "key:" + space + ":" + memo + ":" + p }

// Invalidate marks the values of the scopes as stale, or forbids them. It is
// in force here when it returns, and everywhere else within a second. A
// producer that runs meanwhile does not undo it: what it computes counts as
// from before. A scope of nothing is an *UnknownMemoError, an *UnknownTagError
// or a *MalformedError; then nothing is invalidated.
func (c *Cache) Invalidate(ctx context.Context, how Strength, scopes ...Scope) error {
	names, once, err := c.resolve(scopes)
	if err != nil {
		return fmt.Errorf("invalidate: %w", err)
	}
	if len(names) == 0 {
		return nil
	}
	// The generation first, so that whoever looks from now on sees it; then this
	// process; then the others, who would find out by themselves within a second.
	generation, first, err := c.store.Invalidate(ctx, how, names, c.generations.newest.Load(), once)
	c.metrics.storeError("invalidate", err)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("invalidate: %w", err)
		}
		generation, first = c.generationAlone(), true
		c.restoreDue.Store(true)
	}
	list := raised(how, names, generation)
	c.generations.learn(list...)
	if !first {
		return nil
	}
	if err == nil {
		err := c.store.Tell(ctx, list)
		c.metrics.storeError("notify", err)
		if err != nil {
			c.log.DebugContext(ctx, "cache: the others were not told of an invalidation", "error", err)
		}
	}
	if how == Hard && c.journal != nil {
		if err := c.journal.Record(ctx, list); err != nil {
			return fmt.Errorf("invalidate: in force, but not recorded, so that it ends should the shared level lose its data: invalidate again: %w", err)
		}
	}
	return nil
}

// generationAlone is what the store would give if it could be asked: above all
// that are known, and by the clock, so that it is above those too that others
// raise before, and below those after.
func (c *Cache) generationAlone() int64 {
	return max(c.generations.newest.Load()+1, c.now().UnixMicro())
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
func (g *generations) lacking(list []Invalidation) []Invalidation {
	there := marks{}
	for _, i := range list {
		there.raise(i)
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.DeleteFunc(g.marks.above(0), func(i Invalidation) bool {
		return max(there[mark{i.Scope, i.How}], there[mark{scopeEverything, i.How}]) >= i.Generation
	})
}

func (g *generations) learn(list ...Invalidation) {
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
func (c *Cache) believed(list []Invalidation) []Invalidation {
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
func (g *generations) invalidated(generation int64, scopes []string, key string, how Strength) bool {
	if generation >= g.newest.Load() {
		return false
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, scope := range scopes {
		if g.marks[mark{scope, how}] > generation {
			return true
		}
	}
	return g.marks[mark{key, how}] > generation
}

// hear asks the store for invalidations that no message has told of: for all,
// or those above the last ones.
func (c *Cache) hear(ctx context.Context, all bool) error {
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
	list = c.believed(list)
	g.learn(list...)
	for _, i := range list {
		g.polled.Store(max(g.polled.Load(), i.Generation))
	}
	return nil
}
