package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// What visitors read instead of a panel that has no value.
const (
	textComputing = "Still being computed. This fills by itself."
	textFailed    = "These numbers could not be computed."
	textUndrawn   = "This panel could not be drawn."
)

// A reading is a memo of a page, and how its parameters follow from the page's.
type reading[P cache.Params, T any] struct {
	memo     *cache.Memo[P, T]
	past     *cache.Memo[aggregates.AsOf[P], T] // of days that are over; nil: it knows none
	declared []*views.Param                     // on which the key depends
	key      func(views.Params) P
}

// readMemo returns the reading of a memo. The parameters of its keys follow by key
// from the declared ones.
func readMemo[P cache.Params, T any](memo *cache.Memo[P, T], key func(views.Params) P, declared ...*views.Param) *reading[P, T] {
	return &reading[P, T]{memo: memo, declared: declared, key: key}
}

// readAsOf returns the reading of a memo that has one of days that are over beside it.
func readAsOf[P cache.Params, T any](memo *cache.Memo[P, T], past *cache.Memo[aggregates.AsOf[P], T], key func(views.Params) P, declared ...*views.Param) *reading[P, T] {
	return &reading[P, T]{memo: memo, past: past, declared: append(declared, views.AtParam), key: key}
}

func (r *reading[P, T]) open(p views.Params) source {
	if at := asOf(p); at != "" && r.past != nil {
		return &memoSource[aggregates.AsOf[P], T]{memo: r.past, p: aggregates.AsOf[P]{Of: r.key(p), At: at}}
	}
	return &memoSource[P, T]{memo: r.memo, p: r.key(p)}
}

// get returns the value for the parameters of a page.
func (r *reading[P, T]) get(ctx context.Context, p views.Params) (T, error) {
	if at := asOf(p); at != "" && r.past != nil {
		res, err := r.past.Get(ctx, aggregates.AsOf[P]{Of: r.key(p), At: at})
		return res.Value, err
	}
	res, err := r.memo.Get(ctx, r.key(p))
	return res.Value, err
}

// An opener is a reading without its types.
type opener interface {
	open(views.Params) source
}

// A source is one memo of a page, with its result once it was asked.
type source interface {
	// get asks the memo, and waits for a first value until ctx ends.
	get(ctx context.Context)
	// peek takes what the memo holds, and does not wait.
	peek()
	// settled reports whether the memo returned a value or a reason for having
	// none, rather than still computing its first one.
	settled() bool
	// empty reports whether the value says that there is no such thing.
	empty() bool
	// failure returns why there is no value, nil if there is one.
	failure() error
	// valued reports whether there is a value of a panel.
	valued() bool
	// version changes whenever what the source shows changes.
	version() uint64
	// clock merges the source's times into those of the page.
	clock(*views.Clock)
	// window returns how long one computation serves.
	window() time.Duration
	// result returns the value with its times.
	result() result
}

// A result is a cache.Result without its type.
type result struct {
	value any // nil if there is none
	views.Status
}

type memoSource[P cache.Params, T any] struct {
	memo *cache.Memo[P, T]
	p    P
	res  cache.Result[T]
	err  error
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
		}
	}()
	a.res, a.err = get()
}

// missing returns why there is no value, for visitors.
func (a *memoSource[P, T]) missing() string {
	var unavailable *cache.UnavailableError
	switch {
	case a.err == nil:
		return ""
	case !a.settled():
		return textComputing
	case errors.As(a.err, &unavailable) && unavailable.Reason != "":
		return sentence(unavailable.Reason)
	default:
		return textFailed
	}
}

// settled is false while this reader has no value because it stopped waiting. An
// error of the producer, a timeout included, is an UnavailableError.
func (a *memoSource[P, T]) settled() bool {
	var unavailable *cache.UnavailableError
	return a.err == nil || errors.As(a.err, &unavailable) ||
		!errors.Is(a.err, cache.ErrAbsent) && !errors.Is(a.err, context.Canceled) && !errors.Is(a.err, context.DeadlineExceeded)
}

func (a *memoSource[P, T]) failure() error { return a.err }

func (a *memoSource[P, T]) valued() bool { return a.err == nil }

func (a *memoSource[P, T]) empty() bool {
	v := reflect.ValueOf(a.res.Value)
	return a.err == nil && v.Kind() == reflect.Pointer && v.IsNil()
}

var seed = maphash.MakeSeed()

func (a *memoSource[P, T]) version() uint64 {
	if a.err != nil {
		// The page shows when the source is computed again.
		return maphash.Comparable(seed, missing{a.missing(), a.retryAt().UnixNano()})
	}
	return a.res.Version
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
	next, lag := a.res.Next, a.res.Lag
	if a.err != nil {
		if next, lag = a.retryAt(), time.Second; next.IsZero() {
			return
		}
	} else {
		if c.AsOf.IsZero() || a.res.AsOf.Before(c.AsOf) {
			c.AsOf = a.res.AsOf
		}
		if a.res.AsOf.After(c.Newest) {
			c.Newest = a.res.AsOf
		}
	}
	switch {
	case c.Next.IsZero() || next.Before(c.Next):
		c.Next, c.Lag = next, lag
	case next.Equal(c.Next):
		c.Lag = max(c.Lag, lag)
	}
}

func (a *memoSource[P, T]) window() time.Duration { return a.memo.Policy().Window }

func (a *memoSource[P, T]) result() result {
	if a.err != nil {
		return result{Status: views.Status{Missing: a.missing()}}
	}
	r := a.res
	return result{r.Value, views.Status{AsOf: r.AsOf, Next: r.Next, State: r.State, Reason: r.Reason}}
}

// warm peeks at all sources and reports whether each has a value, or a reason why
// it has none.
func warm(sources []source) bool {
	for _, src := range sources {
		if src.peek(); !src.settled() {
			return false
		}
	}
	return true
}

// complete reports whether each source has a value, as far as panels have one of it.
func complete(sources []source) bool {
	return !slices.ContainsFunc(sources, func(src source) bool {
		_, beside := src.(asideSource)
		return !beside && !src.valued()
	})
}

// getAll gets each source in a goroutine of its own. The channel receives the
// index of each source once, when it has its result.
func getAll(ctx context.Context, running *sync.WaitGroup, sources []source) <-chan int {
	done := make(chan int, len(sources))
	for i, src := range sources {
		running.Go(func() {
			src.get(ctx)
			done <- i
		})
	}
	return done
}

// pageClock returns the clock of a page of these sources, of which those of ready
// have their result. Its window is the shortest, so that browsers ask for the page
// again whenever one of its sources is due.
func (s *server) pageClock(sources, ready []source) views.Clock {
	if len(sources) == 0 {
		return views.Clock{} // the page is of what never changes
	}
	c := views.Clock{Window: sources[0].window()}
	for _, src := range sources {
		c.Window = min(c.Window, src.window())
	}
	for _, src := range ready {
		if src.settled() {
			src.clock(&c)
		}
	}
	if c.Next.IsZero() {
		c.Next, c.Lag = cache.WindowAt(s.Now(), c.Window).End, time.Second
	}
	return c
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

// sentence returns a reason with a capital letter and a full stop.
func sentence(reason string) string {
	return string(bytes.ToUpper([]byte(reason[:1]))) + reason[1:] + "."
}
