package cache

import (
	"errors"
	"fmt"
	"time"
)

// A State says how good a result is.
type State int

// The states of a result.
const (
	Fresh    State = iota // of the current window
	Stale                 // of an earlier window, or invalidated; a refresh is under way or about to start
	Degraded              // of an earlier window; the refresh failed, Reason says why
)

func (s State) String() string {
	switch s {
	case Fresh:
		return "fresh"
	case Stale:
		return "stale"
	default:
		return "degraded"
	}
}

// A Result is what a memo knows. Value is shared by all readers: never change it.
type Result[T any] struct {
	Value T
	AsOf  time.Time // the start of the window that Value describes
	// Next is when a newer value is due. Fresh: the end of its window. Stale: a
	// moment that has passed, since the refresh is under way; or, within a second
	// of the last one, when it starts. Degraded: when it is tried again. The
	// value can be had about Lag later.
	Next    time.Time
	Lag     time.Duration
	State   State
	Reason  string // why it is degraded, for visitors
	Version uint64 // changes whenever anything above changes, and is the same in all processes that know the same
}

// The reasons that visitors read.
const (
	reasonFailed = "the newest numbers could not be computed"
	reasonSlow   = "computing the newest numbers took too long"
	reasonLarge  = "the newest numbers were too large to keep"
	reasonPaused = "computing is paused after repeated failures"

	reasonCrowded = "too many numbers of this kind are being computed at the moment"
)

var reasons = []string{reasonFailed, reasonSlow, reasonLarge, reasonPaused}

var (
	errTooLarge = errors.New("value exceeds the size limit")
	errStuck    = errors.New("earlier runs of the producer still hang")
	errClosed   = errors.New("cache is closed")
	errSlow     = errors.New("producer passed its deadline")
	errCrowded  = errors.New("too many keys of the memo are being computed")
	errLockLost = errors.New("another process took the lock")
)

// An UnavailableError says that a memo has nothing to show. Reason is for
// visitors, the text and what it wraps are for operators.
type UnavailableError struct {
	Memo    string
	Reason  string
	RetryAt time.Time // when it is tried again; zero: at the next request
	Err     error
}

func (e *UnavailableError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("memo %s: %v", e.Memo, e.Err)
	}
	return fmt.Sprintf("memo %s: %s", e.Memo, e.Reason)
}

func (e *UnavailableError) Unwrap() error { return e.Err }
