package aggregates

import (
	"cmp"
	"slices"

	"exchequer/ledger"
)

// sourcesDrawn is how many sources are drawn by themselves.
const sourcesDrawn = 3

// bySource sums amounts by source and week. An amount without a source is of several,
// none of which is among the largest.
type bySource struct {
	weeks   int
	sources int // how many there are
	of      map[string][]ledger.Sum
}

func (b *bySource) add(source string, week int, amount ledger.Sum) {
	if amount.Sign() == 0 {
		return
	}
	if b.of == nil {
		b.of = map[string][]ledger.Sum{}
	}
	if b.of[source] == nil {
		b.of[source] = make([]ledger.Sum, b.weeks)
	}
	b.of[source][week] = b.of[source][week].Plus(amount)
}

// largest returns the sources with the largest sums, largest first, ties by name,
// and the others together as one without a name. A single other one has its name.
func (b *bySource) largest() []SourceWeeks {
	all := make([]SourceWeeks, 0, len(b.of))
	for source, weeks := range b.of {
		if source != "" {
			all = append(all, SourceWeeks{Source: source, Sources: 1, Weeks: weeks})
		}
	}
	slices.SortFunc(all, func(x, y SourceWeeks) int {
		return cmp.Or(y.Total().Compare(x.Total()), cmp.Compare(x.Source, y.Source))
	})
	if b.sources <= sourcesDrawn+1 {
		return all
	}
	others := SourceWeeks{Sources: b.sources - sourcesDrawn, Weeks: make([]ledger.Sum, b.weeks)}
	copy(others.Weeks, b.of[""])
	for _, s := range all[sourcesDrawn:] {
		for i, amount := range s.Weeks {
			others.Weeks[i] = others.Weeks[i].Plus(amount)
		}
	}
	return append(all[:sourcesDrawn:sourcesDrawn], others)
}

// Total returns the sum over the weeks.
func (s SourceWeeks) Total() (sum ledger.Sum) {
	for _, amount := range s.Weeks {
		sum = sum.Plus(amount)
	}
	return sum
}
