package web

import (
	"exchequer/aggregates"
	"exchequer/views"
)

// A groupReading is the other items of an item's group, taken from the value of a
// reading of all items.
type groupReading struct {
	items *reading[aggregates.Days, *aggregates.Items]
}

func (r groupReading) open(p views.Params) source {
	return groupSource{r.items.open(p), p.Ref}
}

type groupSource struct {
	source
	ref string
}

func (a groupSource) result() result {
	r := a.source.result()
	if items, ok := r.value.(*aggregates.Items); ok {
		r.value = items.GroupOf(a.ref)
	}
	return r
}
