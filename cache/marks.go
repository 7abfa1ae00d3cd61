package cache

import (
	"maps"
	"slices"
)

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
		k := mark{scopeEverything, mode}
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
