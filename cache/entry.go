package cache

import (
	"cmp"
	"time"

	"github.com/cespare/xxhash/v2"
)

// An entry is what the process knows of a key at one time. It never changes:
// what is learnt later is another entry.
type entry[T any] struct {
	value      T
	has        bool // whether there is a value
	window     Window
	generation int64
	computedAt time.Time
	took       time.Duration
	lag        time.Duration
	softUntil  time.Time // from here on a refresh is due
	hardUntil  time.Time // from here on the value is not shown
	failures   int       // in a row, to replace it
	retryAt    time.Time // before this it is not tried again
	reason     string    // why it is degraded, for visitors
	err        error     // the same for operators; only where it happened

	hash   uint64 // of the value's JSON
	bytes  int    // of the value's JSON
	memory int    // of the value, about

	freshFrom, freshUntil int64     // in Unix nanoseconds; 0: not fresh
	fresh                 Result[T] // what Get returns then
}

// sealed returns the entry with what follows from its other fields.
func (e entry[T]) sealed() *entry[T] {
	e.freshUntil = 0
	if e.has && e.reason == "" {
		e.freshFrom = e.window.Start.Add(-clockSlack).UnixNano()
		e.freshUntil = min(e.softUntil.UnixNano(), e.hardUntil.UnixNano())
		e.fresh = e.result(Fresh, e.softUntil)
	}
	return &e
}

// result is what a reader is given.
func (e *entry[T]) result(s State, next time.Time) Result[T] {
	r := Result[T]{Value: e.value, AsOf: e.window.Start, Next: next, Lag: e.lag, State: s}
	if s == Degraded {
		r.Reason = e.reason
	}
	r.Version = version(e.hash, r.AsOf, r.Next, r.Lag, r.State, r.Reason)
	return r
}

// version mixes all that a page shows by FNV-1a.
func version(hash uint64, asOf, next time.Time, lag time.Duration, s State, reason string) uint64 {
	const prime = 1099511628211
	v := uint64(14695981039346656037)
	for _, x := range [...]uint64{hash, uint64(asOf.UnixNano()), uint64(next.UnixNano()), uint64(lag), uint64(s)} {
		for range 8 {
			v = (v ^ x&0xff) * prime
			x >>= 8
		}
	}
	for i := range len(reason) {
		v = (v ^ uint64(reason[i])) * prime
	}
	return v
}

// readAt is when the producer began: of two runs for one window, the one that
// began later has read the newer numbers, whichever ended first.
func (e *entry[T]) readAt() time.Time { return e.computedAt.Add(-e.took) }

// early says whether an entry is of a time that has not come: the clock that
// it was made by was wrong.
func (e *entry[T]) early(now time.Time) bool {
	return e.window.Start.After(now.Add(clockSlack)) || e.retryAt.After(longest(now))
}

// backsOff says whether it is too soon after a failure to try again.
func (e *entry[T]) backsOff(now time.Time) bool {
	return now.Before(e.retryAt) && !e.retryAt.After(longest(now))
}

// longest is how far a back-off can reach, if the clocks are right.
func longest(now time.Time) time.Time { return now.Add(circuitOpen + clockSlack) }

// follows says whether e is to replace o: a later window or generation, or
// news of the same. What is known never goes back, except to the present.
func (e *entry[T]) follows(o *entry[T], now time.Time) bool {
	if o == nil {
		return true
	}
	if early := o.early(now); early != e.early(now) {
		return early
	}
	if e.has != o.has {
		return e.has
	}
	return cmp.Or(
		e.window.Start.Compare(o.window.Start),
		cmp.Compare(e.generation, o.generation),
		e.readAt().Compare(o.readAt()),
		e.retryAt.Compare(o.retryAt),
	) > 0
}

// entryOf reads a blob.
func entryOf[T any](b blob) (*entry[T], error) {
	e := entry[T]{
		has:        len(b.value) > 0,
		window:     Window{b.Window.UTC(), b.WindowEnd.UTC()},
		generation: b.Generation,
		computedAt: b.ComputedAt,
		took:       b.Took,
		lag:        b.Lag,
		softUntil:  b.SoftUntil.UTC(),
		hardUntil:  b.HardUntil,
		failures:   b.Failures,
		retryAt:    b.RetryAt.UTC(),
		reason:     b.Reason,
	}
	if e.has {
		var err error
		if e.value, err = unmarshal[T](b.value); err != nil {
			return nil, err
		}
		e.hash, e.bytes = xxhash.Sum64(b.value), len(b.value)
		e.memory = b.Memory + len(b.value) // the strings of the value point into a copy of it
	}
	return e.sealed(), nil
}

// blob returns the entry with its value's JSON, which is written if it is nil.
func (e *entry[T]) blob(value []byte) (blob, error) {
	b := blob{
		Window:     e.window.Start,
		WindowEnd:  e.window.End,
		Generation: e.generation,
		ComputedAt: e.computedAt,
		Took:       e.took,
		Lag:        e.lag,
		SoftUntil:  e.softUntil,
		HardUntil:  e.hardUntil,
		Failures:   e.failures,
		RetryAt:    e.retryAt,
		Reason:     e.reason,
		Memory:     e.memory,
		value:      value,
	}
	if e.has && value == nil {
		var err error
		if b.value, err = marshal(e.value); err != nil {
			return b, err
		}
	}
	return b, nil
}
