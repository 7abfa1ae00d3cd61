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

// What visitors read in the place of a panel that has no value.
const (
	textComputing = "Still being computed. It will be here after the next refresh."
	textFailed    = "These numbers could not be computed."
	textUndrawn   = "This panel could not be drawn."
)

// A part is one memo of a page.
type part interface {
	// ask asks the memo, and waits for a first value until ctx ends.
	ask(ctx context.Context)
	// peek asks what the memo holds, and does not wait.
	peek()
	// settled reports whether the memo gave a value, or said that it has none.
	settled() bool
	// failure is why there is no value.
	failure() error
	// version changes with anything that the part shows.
	version() uint64
	// clock adds the part's state of time to that of the page.
	clock(*views.Clock)
	// window is how long one computation of the part serves.
	window() time.Duration
	// draw writes the part's panel. It does not fail for what it draws, only
	// for where it writes to.
	draw(ctx context.Context, w io.Writer, s *server, site views.Site, choice views.Choice) error
	// answer is the value and what is known about it, for programs.
	answer() answer
}

// An answer is a memo's result without its type.
type answer struct {
	value  any
	asOf   time.Time
	next   time.Time
	state  cache.State
	reason string
}

type memoPart[P cache.Params, T any] struct {
	memo  *cache.Memo[P, T]
	p     P
	panel *views.Panel[T]
	err   error
	view  func(views.Site, views.Choice, views.Panel[T]) templ.Component
}

func (a *memoPart[P, T]) ask(ctx context.Context) {
	a.take(func() (cache.Result[T], error) { return a.memo.Get(ctx, a.p) })
}

func (a *memoPart[P, T]) peek() {
	a.take(func() (cache.Result[T], error) { return a.memo.Peek(a.p) })
}

// take keeps what the memo answers.
func (a *memoPart[P, T]) take(answer func() (cache.Result[T], error)) {
	defer func() {
		if caught := recover(); caught != nil {
			a.err = fmt.Errorf("memo panicked: %v\n%s", caught, debug.Stack())
			a.panel.Err = textFailed
		}
	}()
	a.panel.Result, a.err = answer()
	var unavailable *cache.UnavailableError
	switch {
	case a.err == nil:
		a.panel.Err = ""
	case a.waits():
		a.panel.Err = textComputing
	case errors.As(a.err, &unavailable) && unavailable.Reason != "":
		a.panel.Err = sentence(unavailable.Reason)
	default:
		a.panel.Err = textFailed
	}
}

// waits reports whether our own patience ended, and not the producer's: that
// error is an UnavailableError whatever it wraps.
func (a *memoPart[P, T]) waits() bool {
	var unavailable *cache.UnavailableError
	return !errors.As(a.err, &unavailable) &&
		(errors.Is(a.err, cache.ErrAbsent) || errors.Is(a.err, context.Canceled) || errors.Is(a.err, context.DeadlineExceeded))
}

func (a *memoPart[P, T]) settled() bool  { return a.err == nil || !a.waits() }
func (a *memoPart[P, T]) failure() error { return a.err }

var seed = maphash.MakeSeed()

func (a *memoPart[P, T]) version() uint64 {
	if a.panel.Missing() {
		// The page says when the part is computed again.
		return maphash.Comparable(seed, missing{a.panel.Err, a.retryAt().UnixNano()})
	}
	return a.panel.Result.Version
}

type missing struct {
	reason  string
	retryAt int64
}

// retryAt is when a part that failed is computed again, zero if unknown.
func (a *memoPart[P, T]) retryAt() time.Time {
	var unavailable *cache.UnavailableError
	if errors.As(a.err, &unavailable) {
		return unavailable.RetryAt
	}
	return time.Time{}
}

func (a *memoPart[P, T]) clock(c *views.Clock) {
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

func (a *memoPart[P, T]) window() time.Duration { return a.memo.Policy().Window }

func (a *memoPart[P, T]) answer() answer {
	r := a.panel.Result
	return answer{value: r.Value, asOf: r.AsOf, next: r.Next, state: r.State, reason: r.Reason}
}

// draw keeps a panel that cannot be drawn from taking the page with it.
func (a *memoPart[P, T]) draw(ctx context.Context, w io.Writer, s *server, site views.Site, choice views.Choice) error {
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

func safely(f func() error) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, caught, debug.Stack())
		}
	}()
	return f()
}

type (
	overviewPart   = memoPart[aggregates.Days, *aggregates.Overview]
	inequalityPart = memoPart[aggregates.Population, *aggregates.Inequality]
	activityPart   = memoPart[aggregates.Days, *aggregates.Activity]
	rhythmPart     = memoPart[aggregates.Days, *aggregates.Rhythm]
	wealthPart     = memoPart[aggregates.NoParams, *aggregates.WealthByKind]
	richestPart    = memoPart[aggregates.NoParams, *aggregates.Richest]
)

// parts are the memos of the home page, in its order. Their answers go into page.
func (s *server) parts(page *views.EconomyPage) []part {
	e, days, population := s.Economy, page.Days, page.Population
	return []part{
		&overviewPart{memo: e.Overview, p: days, panel: &page.Overview, view: views.OverviewPanel},
		&inequalityPart{memo: e.Inequality, p: population, panel: &page.Inequality, view: views.InequalityPanels},
		&activityPart{memo: e.Activity, p: days, panel: &page.Activity, view: views.ActivityPanel},
		&rhythmPart{memo: e.Rhythm, p: days, panel: &page.Rhythm, view: views.RhythmPanel},
		&wealthPart{memo: e.WealthByKind, panel: &page.Wealth, view: views.WealthPanel},
		&richestPart{memo: e.Richest, panel: &page.Richest, view: views.RichestPanel},
	}
}

// sentence makes one of a reason.
func sentence(reason string) string {
	return string(bytes.ToUpper([]byte(reason[:1]))) + reason[1:] + "."
}
