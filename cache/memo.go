package cache

import (
	"context"
	"time"
)

// A Spec declares a memo. Name is unique in a cache: "economy.overview".
type Spec struct {
	Name    string
	Window  time.Duration // how long one computation serves
	Timeout time.Duration // of one producer run; 15 s if zero
	Tags    []string      // by which it is invalidated with others
}

// A State says how good a result is.
type State int

// The states of a result.
const (
	Fresh    State = iota // of the current window
	Stale                 // of an earlier window; a refresh is under way
	Degraded              // of an earlier window; the refresh failed, Reason says why
)

// A Result is what a memo knows. Value is shared by all readers: never change it.
type Result[T any] struct {
	Value   T
	AsOf    time.Time     // the start of the window that Value describes
	Next    time.Time     // when the next window's value is due
	Lag     time.Duration // how long after Next it is expected
	State   State
	Reason  string // why it is degraded, for visitors
	Version uint64 // changes whenever anything above changes that a page shows
}

// A Memo is one number, or one panel, for each of its parameters.
type Memo[P Params, T any] struct{}

// Params are the parameters of a memo. They are comparable, few, and bounded.
type Params interface {
	comparable
	Key() string // short, stable, unique: "days=30"
}

// Get returns the value of the current window, or the newest one before it
// while a refresh runs. It waits only when there is no value at all; then an
// error says why there is none.
func (m *Memo[P, T]) Get(ctx context.Context, p P) (Result[T], error) {
	panic("stub")
}

// NewMemo registers a memo with its producer.
func NewMemo[P Params, T any](c *Cache, spec Spec, produce func(context.Context, Window, P) (T, error)) *Memo[P, T] {
	panic("stub")
}

// A Cache holds memos over a store.
type Cache struct{}
