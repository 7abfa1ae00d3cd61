package web

import (
	"context"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// asideWait is how long a panel waits for what is shown beside its own value.
const asideWait = 500 * time.Millisecond

// An aside is a reading that adds something to panels, such as the events of their
// chart. A panel without it is complete: it waits at most asideWait for it, and
// neither its failure nor its age is one of the page's. The page is drawn again
// when it changes.
type aside struct{ of opener }

func (a aside) open(p views.Params) source { return asideSource{a.of.open(p)} }

type asideSource struct{ source }

func (a asideSource) get(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, asideWait)
	defer cancel()
	a.source.get(ctx)
}

func (a asideSource) valued() bool { return false }

// clock merges the time of the next value only.
func (a asideSource) clock(c *views.Clock) {
	asOf, newest := c.AsOf, c.Newest
	a.source.clock(c)
	c.AsOf, c.Newest = asOf, newest
}

// eventsOf returns the events of a source, nil if it has none.
func eventsOf(sources ...source) *aggregates.Events {
	for _, src := range sources {
		if events, ok := src.result().value.(*aggregates.Events); ok {
			return events
		}
	}
	return nil
}

// everywhere is the scope of events that concern the whole economy.
func everywhere(views.Params) aggregates.EventQuery {
	return aggregates.EventQuery{Scope: ledger.ScopeAll}
}
