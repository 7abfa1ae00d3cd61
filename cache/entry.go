package cache

import (
	"cmp"
	"time"

	"github.com/cespare/xxhash/v2"
)

// An entry is the state of a key in a process: its value, if there is one, and
// the failures to replace it. It never changes; later news make another entry.
type entry[T any] struct {
	value      T
	has        bool // whether there is a value
	window     Window
	generation int64
	computedAt time.Time
	took       time.Duration
	lag        time.Duration
	softUntil  time.Time // a refresh is due from here on
	hardUntil  time.Time // the value is not shown from here on
	failures   int       // in a row, to replace the value
	retryAt    time.Time // the next attempt is not before this
	reason     string    // why it is degraded, for visitors
	err        error     // the same for operators, in the process where it happened

	hash   uint64 // of the value's JSON
	bytes  int    // of the value's JSON
	memory int    // of the value, about

	// Set by sealed.
	freshFrom, freshUntil int64     // in Unix nanoseconds; 0: never fresh
	fresh                 Result[T] // what Get returns in between
}

// sealed returns the entry with the fields that are derived from the others.
func (e entry[T]) sealed() *entry[T] {
	e.freshUntil = 0
	if e.has && e.reason == "" {
		e.freshFrom = e.window.Start.Add(-clockSlack).UnixNano()
		e.freshUntil = min(e.softUntil.UnixNano(), e.hardUntil.UnixNano())
		e.fresh = e.result(Fresh, e.softUntil)
	}
	return &e
}

// result returns what a reader gets of the entry.
func (e *entry[T]) result(s State, next time.Time) Result[T] {
	r := Result[T]{Value: e.value, AsOf: e.window.Start, Next: next, Lag: e.lag, State: s}
	if s == Degraded {
		r.Reason = e.reason
	}
	r.Version = version(e.hash, r.AsOf, r.Next, r.Lag, r.State, r.Reason)
	return r
}

// version returns a hash, by FNV-1a, of all that a page shows of a result.
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

// readAt returns when the producer began. Of two runs for one window, the one
// that began later has read the newer numbers, whichever ended first.
func (e *entry[T]) readAt() time.Time { return e.computedAt.Add(-e.took) }

// early reports whether an entry is of the future, which means that its maker's
// clock was wrong.
func (e *entry[T]) early(now time.Time) bool {
	return e.window.Start.After(now.Add(clockSlack)) || e.retryAt.After(latestRetry(now))
}

// backsOff reports whether it is too early after a failure to try again.
func (e *entry[T]) backsOff(now time.Time) bool {
	return now.Before(e.retryAt) && !e.retryAt.After(latestRetry(now))
}

// latestRetry returns the end of the longest back-off that can begin now.
func latestRetry(now time.Time) time.Time { return now.Add(circuitOpen + clockSlack) }

// replaces reports whether e is newer than o: by its reading, then failure. An
// entry without a value is older than one with a value, and one of the future is
// older than both.
func (e *entry[T]) replaces(o *entry[T], now time.Time) bool {
	if o == nil {
		return true
	}
	if early := o.early(now); early != e.early(now) {
		return early
	}
	if e.has != o.has {
		return e.has
	}
	return cmp.Or(e.reading().compare(o.reading()), e.retryAt.Compare(o.retryAt)) > 0
}

func (e *entry[T]) reading() reading {
	return reading{e.window.Start.UnixNano(), e.generation, e.readAt().UnixNano()}
}

// entryOf returns the entry of a blob, or nil where it does not replace known,
// whose value is then not decoded. The error is that of decoding the value.
func entryOf[T any](b blob, known *entry[T], now time.Time) (*entry[T], error) {
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
	if !e.replaces(known, now) {
		return nil, nil
	}
	if e.has {
		var err error
		if e.value, err = unmarshal[T](b.value); err != nil {
			return nil, err
		}
		e.hash, e.bytes = xxhash.Sum64(b.value), len(b.value)
		e.memory = b.Memory + len(b.value) // the value's strings point into a copy of the JSON
	}
	return e.sealed(), nil
}

// blob returns the blob of the entry. Value is the JSON of its value; blob
// encodes the value if that is nil, and returns the error of doing so.
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

// A verdict is what may be done with an entry at a given time.
type verdict struct {
	usable bool      // the value may be shown
	fresh  bool      // the value may be shown and none can be newer
	soft   bool      // the value was invalidated softly
	due    bool      // a refresh is due
	next   time.Time // when the next refresh is due; in the past, or zero, if due
}

// softFloor is the least time between two refreshes of a key in the whole fleet
// because of soft invalidations, so that many writes do not keep a producer
// running.
const softFloor = time.Second

// judge decides what may be done with e, which may be nil. No other code decides
// about freshness.
func (m *Memo[P, T]) judge(s *slot[P, T], e *entry[T], now time.Time) verdict {
	if e == nil {
		return verdict{due: true}
	}
	hard := m.cache.generations.invalidated(e.generation, m.scopes, s.scope, Hard)
	v := verdict{soft: m.cache.generations.invalidated(e.generation, m.scopes, s.scope, Soft)}
	v.usable = e.has && !hard && now.Before(e.hardUntil)
	settled := v.usable && !e.early(now) && now.Before(e.softUntil)
	v.fresh = settled && !v.soft && e.reason == ""
	switch {
	case settled && !v.soft:
		v.next = e.softUntil
	case settled && now.Sub(e.computedAt).Abs() < softFloor:
		v.next = e.computedAt.Add(softFloor)
	}
	if e.backsOff(now) && v.next.Before(e.retryAt) {
		v.next = e.retryAt
	}
	v.due = !now.Before(v.next)
	return v
}

// invalidated reports whether any invalidation concerns the entry. A no is
// remembered until the next invalidation of any scope, so that a hit between two
// of them costs one comparison.
func (m *Memo[P, T]) invalidated(s *slot[P, T], e *entry[T]) bool {
	g := &m.cache.generations
	if e.generation >= g.newest.Load() {
		return false
	}
	changes := g.changes.Load() // before the marks are read
	if c := s.clear.Load(); c != nil && c.entry == e && c.changes == changes {
		return false
	}
	if g.invalidated(e.generation, m.scopes, s.scope, Soft) || g.invalidated(e.generation, m.scopes, s.scope, Hard) {
		return true
	}
	s.clear.Store(&clearance[T]{e, changes})
	return false
}

// read returns what a reader gets of a usable entry.
func (m *Memo[P, T]) read(e *entry[T], v verdict, now time.Time) Result[T] {
	switch {
	case v.fresh:
		return e.fresh
	case e.reason != "":
		next := v.next
		if !v.soft && next.Before(e.softUntil) {
			next = e.softUntil
		}
		return e.result(Degraded, next)
	case !v.due:
		return e.result(Stale, v.next)
	default:
		return e.result(Stale, WindowAt(now, m.policy.Window).Start)
	}
}
