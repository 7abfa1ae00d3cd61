package cache

import (
	"errors"
	"fmt"
	"time"
)

// A State is how current a result is.
type State int

// The states of a result.
const (
	Fresh    State = iota // of the current window
	Stale                 // of an earlier window, or invalidated; a refresh is under way or about to start
	Degraded              // of an earlier window; the refresh failed, Reason says why
)

// String returns "fresh", "stale" or "degraded".
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

// A Result is a memo's value for its parameters. All readers share Value and must
// not change it.
type Result[T any] struct {
	Value T
	AsOf  time.Time // the start of the window that Value describes
	// Next is when the refresh starts that returns a newer value, about Lag later.
	// Fresh: at the end of the window. Stale: in the past, since the refresh is
	// under way, or within a second after the last one. Degraded: at the next
	// attempt.
	Next    time.Time
	Lag     time.Duration
	State   State
	Reason  string // why it is degraded, for visitors
	Version uint64 // a hash of the above, the same in all processes
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

// An UnavailableError reports that a memo has no value to show. Reason is for
// visitors; the text and the wrapped error are for operators.
type UnavailableError struct {
	Memo    string
	Reason  string
	RetryAt time.Time // the next attempt; zero: at the next request
	Err     error
}

func (e *UnavailableError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("memo %s: %v", e.Memo, e.Err)
	}
	return fmt.Sprintf("memo %s: %s", e.Memo, e.Reason)
}

func (e *UnavailableError) Unwrap() error { return e.Err }
