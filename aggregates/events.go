package aggregates

import (
	"context"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// EventQuery selects the events of a scope, as [ledger.Event] has it. Each scope is
// a key, so the caller checks first that it exists.
type EventQuery struct {
	Scope string
}

// Key is the scope, escaped, so that it contains no colon.
func (q EventQuery) Key() string { return url.QueryEscape(q.Scope) }

// Events is what happened of a scope, and in the whole economy.
type Events struct {
	Events []Event `json:"events" nullable:"false" doc:"The newest 200, oldest first. None is in the future."`
}

// An Event is something that people remember when they look at a chart.
type Event struct {
	Ref   string     `json:"ref"`
	At    time.Time  `json:"at"`
	Until *time.Time `json:"until" doc:"null: it has no duration. It may be in the future."`
	Title string     `json:"title"`
	Text  string     `json:"text"`
	Link  string     `json:"link" doc:"An address on the web; may be empty."`
	Scope string     `json:"scope" doc:"all, item:… with an id, source:… or kind:…"`
}

// In returns the events that began in a period, or lasted into it.
func (v *Events) In(p Period) []Event {
	in := []Event{}
	for _, e := range v.Events {
		if e.At.Before(p.End) && (!e.At.Before(p.Start) || e.Until != nil && e.Until.After(p.Start)) {
			in = append(in, e)
		}
	}
	return in
}

// NewEvents registers the memo "events". It is cheap, so every write of events
// invalidates it.
func NewEvents(c *cache.Cache, db *pgxpool.Pool) *cache.Memo[EventQuery, *Events] {
	return newEvents(c, always(db))
}

func newEvents(c *cache.Cache, reads Reads) *cache.Memo[EventQuery, *Events] {
	spec := cache.Spec{Name: "events", Window: time.Minute, Hard: time.Hour, Tags: []string{"events"}, ManyKeys: true}
	return cache.NewMemo(c, spec, on(reads, ComputeEvents)).Prewarm(EventQuery{ledger.ScopeAll})
}

// ComputeEvents reads the events before w's start.
func ComputeEvents(ctx context.Context, db *pgxpool.Pool, w cache.Window, q EventQuery) (*Events, error) {
	events, err := ledger.New(db).Events(ctx, q.Scope, time.Time{}, w.Start)
	if err != nil {
		return nil, err
	}
	v := &Events{Events: []Event{}}
	for _, e := range events {
		shown := Event{Ref: e.Ref, At: e.At, Title: e.Title, Text: e.Text, Link: e.Link, Scope: e.Scope}
		if !e.Until.IsZero() {
			shown.Until = &e.Until
		}
		v.Events = append(v.Events, shown)
	}
	return v, nil
}
