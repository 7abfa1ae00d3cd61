package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"runtime/debug"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// What visitors read instead of a panel that has no value.
const (
	textComputing = "Still being computed. It will be here after the next refresh."
	textFailed    = "These numbers could not be computed."
	textUndrawn   = "This panel could not be drawn."
)

// A source is one memo of a page, with its result once it was asked.
type source interface {
	// get asks the memo, and waits for a first value until ctx ends.
	get(ctx context.Context)
	// peek takes what the memo holds, and does not wait.
	peek()
	// settled reports whether the memo returned a value or a reason for having
	// none, rather than still computing its first one.
	settled() bool
	// failure returns why there is no value, nil if there is one.
	failure() error
	// version changes whenever what the source shows changes.
	version() uint64
	// clock merges the source's times into those of the page.
	clock(*views.Clock)
	// window returns how long one computation serves.
	window() time.Duration
	// draw writes the source's panel. It returns the errors of w only: a panel
	// that cannot be drawn is replaced by a text.
	draw(ctx context.Context, w io.Writer, s *server, site views.Site, choice views.Choice) error
	// result returns the value with its times, for programs.
	result() result
}

// A result is a cache.Result without its type.
type result struct {
	value  any
	asOf   time.Time
	next   time.Time
	state  cache.State
	reason string
}

type memoSource[P cache.Params, T any] struct {
	memo  *cache.Memo[P, T]
	p     P
	panel *views.Panel[T]
	err   error
	view  func(views.Site, views.Choice, views.Panel[T]) templ.Component
}

func (a *memoSource[P, T]) get(ctx context.Context) {
	a.set(func() (cache.Result[T], error) { return a.memo.Get(ctx, a.p) })
}

func (a *memoSource[P, T]) peek() {
	a.set(func() (cache.Result[T], error) { return a.memo.Peek(a.p) })
}

// set keeps the result of get, or its error. A panic of get is an error.
func (a *memoSource[P, T]) set(get func() (cache.Result[T], error)) {
	defer func() {
		if caught := recover(); caught != nil {
			a.err = fmt.Errorf("memo panicked: %v\n%s", caught, debug.Stack())
			a.panel.Err = textFailed
		}
	}()
	a.panel.Result, a.err = get()
	var unavailable *cache.UnavailableError
	switch {
	case a.err == nil:
		a.panel.Err = ""
	case a.pending():
		a.panel.Err = textComputing
	case errors.As(a.err, &unavailable) && unavailable.Reason != "":
		a.panel.Err = sentence(unavailable.Reason)
	default:
		a.panel.Err = textFailed
	}
}

// pending reports whether there is no value yet because this reader stopped
// waiting. An error of the producer, a timeout included, is an UnavailableError.
func (a *memoSource[P, T]) pending() bool {
	var unavailable *cache.UnavailableError
	return !errors.As(a.err, &unavailable) &&
		(errors.Is(a.err, cache.ErrAbsent) || errors.Is(a.err, context.Canceled) || errors.Is(a.err, context.DeadlineExceeded))
}

func (a *memoSource[P, T]) settled() bool  { return a.err == nil || !a.pending() }
func (a *memoSource[P, T]) failure() error { return a.err }

var seed = maphash.MakeSeed()

func (a *memoSource[P, T]) version() uint64 {
	if a.panel.Missing() {
		// The page shows when the source is computed again.
		return maphash.Comparable(seed, missing{a.panel.Err, a.retryAt().UnixNano()})
	}
	return a.panel.Result.Version
}

type missing struct {
	reason  string
	retryAt int64
}

// retryAt returns when a source that failed is computed again, zero if unknown.
func (a *memoSource[P, T]) retryAt() time.Time {
	var unavailable *cache.UnavailableError
	if errors.As(a.err, &unavailable) {
		return unavailable.RetryAt
	}
	return time.Time{}
}

func (a *memoSource[P, T]) clock(c *views.Clock) {
	r := a.panel.Result
	if a.panel.Missing() {
		r = cache.Result[T]{Next: a.retryAt(), Lag: time.Second}
		if r.Next.IsZero() {
			return
		}
	} else if c.AsOf.IsZero() || r.AsOf.Before(c.AsOf) {
		c.AsOf = r.AsOf
	}
	switch {
	case c.Next.IsZero() || r.Next.Before(c.Next):
		c.Next, c.Lag = r.Next, r.Lag
	case r.Next.Equal(c.Next):
		c.Lag = max(c.Lag, r.Lag)
	}
}

func (a *memoSource[P, T]) window() time.Duration { return a.memo.Policy().Window }

func (a *memoSource[P, T]) result() result {
	r := a.panel.Result
	return result{value: r.Value, asOf: r.AsOf, next: r.Next, state: r.State, reason: r.Reason}
}

// draw replaces a panel that cannot be drawn by a text, so that the others are
// still sent.
func (a *memoSource[P, T]) draw(ctx context.Context, w io.Writer, s *server, site views.Site, choice views.Choice) error {
	var drawn bytes.Buffer
	if err := safely(func() error { return a.view(site, choice, *a.panel).Render(ctx, &drawn) }); err != nil {
		s.Log.ErrorContext(ctx, "panel cannot be drawn", "path", site.Path, "error", err)
		drawn.Reset()
		missing := views.Panel[T]{Err: textUndrawn}
		if err := safely(func() error { return a.view(site, choice, missing).Render(ctx, &drawn) }); err != nil {
			drawn.Reset()
		}
	}
	_, err := w.Write(drawn.Bytes())
	return err
}

// safely returns a panic of f as an error that wraps errPanic.
func safely(f func() error) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, caught, debug.Stack())
		}
	}()
	return f()
}

type (
	overviewSource   = memoSource[aggregates.Days, *aggregates.Overview]
	inequalitySource = memoSource[aggregates.Population, *aggregates.Inequality]
	activitySource   = memoSource[aggregates.Days, *aggregates.Activity]
	rhythmSource     = memoSource[aggregates.Days, *aggregates.Rhythm]
	wealthSource     = memoSource[aggregates.NoParams, *aggregates.WealthByKind]
	richestSource    = memoSource[aggregates.NoParams, *aggregates.Richest]
)

// sources returns the memos of the home page, in its order. Their results go into
// page.
func (s *server) sources(page *views.EconomyPage) []source {
	e, days, population := s.Economy, page.Days, page.Population
	return []source{
		&overviewSource{memo: e.Overview, p: days, panel: &page.Overview, view: views.OverviewPanel},
		&inequalitySource{memo: e.Inequality, p: population, panel: &page.Inequality, view: views.InequalityPanels},
		&activitySource{memo: e.Activity, p: days, panel: &page.Activity, view: views.ActivityPanel},
		&rhythmSource{memo: e.Rhythm, p: days, panel: &page.Rhythm, view: views.RhythmPanel},
		&wealthSource{memo: e.WealthByKind, panel: &page.Wealth, view: views.WealthPanel},
		&richestSource{memo: e.Richest, panel: &page.Richest, view: views.RichestPanel},
	}
}

// sentence returns a reason with a capital letter and a full stop.
func sentence(reason string) string {
	return string(bytes.ToUpper([]byte(reason[:1]))) + reason[1:] + "."
}
