package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// An Event is something that people remember when they look at a chart, such as a
// new tax. It replaces the one of the same Ref; an empty Title removes it. Its time
// may be in the future.
type Event struct {
	Ref   string
	At    time.Time
	Until time.Time // zero: it has no duration
	Title string
	Text  string
	Link  string // http or https; may be empty
	Scope string // see [ScopeAll]
	Line  string
}

// ScopeAll is the scope of an event that concerns the whole economy, and is what
// an empty scope means. The other scopes are "item:" with an item's ref, "source:"
// with a source of transactions, and "kind:" with a [Kind].
const ScopeAll = "all"

const (
	scopeItem   = "item"
	scopeSource = "source"
	scopeKind   = "kind"
)

const (
	maxTitle = 256
	maxText  = 4096
)

func (c checker) events(events []Event) {
	seen := make(map[string]bool, len(events))
	for _, e := range events {
		report := reporter(c.problems, "event", e.Line, e.Ref)
		report("ref", required(e.Ref, maxRef))
		report("ref", repeated(seen, e.Ref))
		if e.Title == "" {
			continue
		}
		report("title", optional(e.Title, maxTitle))
		report("text", optional(e.Text, maxText))
		report("link", link(e.Link))
		report("scope", scope(e.Scope))
		// An event may be announced: only its time's beginning is checked.
		if e.At.IsZero() || e.At.Before(c.oldest) {
			report("time", c.time(e.At))
		}
		if !e.Until.IsZero() && e.Until.Before(e.At) {
			report("until", e.Until.UTC().Format(time.RFC3339)+" is before its time")
		}
	}
}

// scope returns what is wrong with a scope by itself, empty if nothing.
func scope(s string) string {
	what, ref, _ := strings.Cut(s, ":")
	switch {
	case s == "" || s == ScopeAll:
		return ""
	case what == scopeItem && ref != "":
		return optional(ref, maxRef)
	case what == scopeSource && ref != "":
		return optional(ref, maxSource)
	case what == scopeKind && kindIndex(Kind(ref)) >= 0:
		return ""
	}
	return "is " + quote(s) + `, want all, "item:" and an item's ref, "source:" and a source, or "kind:" and a kind of account`
}

// scopeItems yields the refs of the items that are scopes of events, with the event.
func (b *Batch) scopeItems(yield func(event *Event, item string) bool) {
	for i := range b.Events {
		e := &b.Events[i]
		what, item, _ := strings.Cut(e.Scope, ":")
		if what == scopeItem && e.Title != "" && !yield(e, item) {
			return
		}
	}
}

func (ap *appender) writeEvents(ctx context.Context) error {
	events := slices.SortedFunc(slices.Values(ap.batch.Events), func(a, b Event) int { return cmp.Compare(a.Ref, b.Ref) })
	var refs, titles, texts, links, scopes, removed []string
	var at []time.Time
	var until []*time.Time
	for _, e := range events {
		if e.Title == "" {
			removed = append(removed, e.Ref)
			continue
		}
		refs, titles, texts, links = append(refs, e.Ref), append(titles, e.Title), append(texts, e.Text), append(links, e.Link)
		scopes, at = append(scopes, cmp.Or(e.Scope, ScopeAll)), append(at, micro(e.At))
		var end *time.Time
		if !e.Until.IsZero() {
			t := micro(e.Until)
			end = &t
		}
		until = append(until, end)
	}
	if len(events) == 0 {
		return nil
	}
	var batch pgx.Batch
	const write = `
		INSERT INTO events AS known (ref, at, until, title, text, link, scope)
		SELECT ref, at, until, title, text, link, scope
		FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
			WITH ORDINALITY AS new (ref, at, until, title, text, link, scope, nr)
		ORDER BY nr
		ON CONFLICT (ref) DO UPDATE SET at = excluded.at, until = excluded.until, title = excluded.title,
			text = excluded.text, link = excluded.link, scope = excluded.scope
		WHERE known IS DISTINCT FROM excluded
		RETURNING ref` // on Citus, only what is returned is counted right
	batch.Queue(write, refs, at, until, titles, texts, links, scopes)
	batch.Queue(`DELETE FROM events WHERE ref = ANY($1)`, removed)
	results := ap.tx.SendBatch(ctx, &batch)
	defer results.Close()
	for range batch.Len() {
		tag, err := results.Exec()
		if err != nil {
			return fmt.Errorf("write events: %w", err)
		}
		ap.changed[tagEvents] = ap.changed[tagEvents] || tag.RowsAffected() > 0
	}
	return nil
}

// MostEvents is how many events Events returns at most.
const MostEvents = 200

// Events returns the events of a scope, and of the whole economy, that are at from
// or later and before to, or that last until then: the newest [MostEvents], oldest
// first.
func (l *Ledger) Events(ctx context.Context, scope string, from, to time.Time) ([]Event, error) {
	const query = `
		SELECT * FROM (
			SELECT ref, at, until, title, text, link, scope FROM events
			WHERE scope IN ('all', $1) AND at < $3 AND (at >= $2 OR until >= $2)
			ORDER BY at DESC, ref DESC LIMIT $4) AS newest
		ORDER BY at, ref`
	rows, _ := l.db.Query(ctx, query, scope, from, to, MostEvents)
	all, err := pgx.CollectRows(rows, eventOf)
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", scope, err)
	}
	return all, nil
}
