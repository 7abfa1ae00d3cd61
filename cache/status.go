package cache

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Status is what is known of a key: by the shared level, and by this process.
type Status struct {
	Key      string // as operators write it: "stats:personal:active"
	StoreKey string // as the shared level knows it
	Away     bool   // the shared level is away: below is nothing of it

	Cached     bool // whether the shared level has a value
	Window     Window
	Generation int64
	ComputedAt time.Time
	Took       time.Duration
	SoftUntil  time.Time
	HardUntil  time.Time
	Failures   int // in a row, to replace the value
	RetryAt    time.Time
	Reason     string // why it is degraded
	Bytes      int    // of the blob as it is kept
	// Invalidated is how the value was invalidated since it was computed:
	// "soft" (stale), "hard" (not shown again), "" (not at all).
	Invalidated string

	Process *ProcessStatus // nil where the process knows nothing of the key
	Lock    *LockStatus    // nil where nobody computes it
}

// A ProcessStatus is what a process knows of a key.
type ProcessStatus struct {
	Cached     bool
	State      string // "fresh", "stale", "degraded", "forbidden" (it must not be shown), "none" (no value)
	Reason     string // why it is degraded, or why there is none
	Window     Window
	Generation int64
	ComputedAt time.Time
	Bytes      int // of the value's JSON
}

// A LockStatus says who computes a key, and until when it is theirs unless they
// say that they are still at it.
type LockStatus struct {
	Owner string // host and pid
	Left  time.Duration
}

// An UnknownMemoError says that there is no memo of a name.
type UnknownMemoError struct {
	Name  string
	Known []string
}

func (e *UnknownMemoError) Error() string {
	return fmt.Sprintf("there is no memo %q (there are %s)", e.Name, strings.Join(e.Known, ", "))
}

// named returns the memo of a name, or an *UnknownMemoError.
func (c *Cache) named(name string) (*memo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.memos[name]; ok {
		return m, nil
	}
	return nil, &UnknownMemoError{name, slices.Sorted(maps.Keys(c.memos))}
}

// Status says what is known of a memo's key.
func (c *Cache) Status(ctx context.Context, memo, params string) (Status, error) {
	m, err := c.named(memo)
	if err != nil {
		return Status{}, err
	}
	c.catchUp() // what was invalidated while nobody asked is known then
	s := Status{Key: keyName(memo, params), StoreKey: m.prefix + params, Away: c.outage() != nil}
	for _, found := range c.level.All() {
		if slot := found.(anySlot); slot.storeKey() == s.StoreKey {
			s.Process = slot.status()
		}
	}
	if s.Away {
		return s, nil
	}
	owner, left, err := c.store.Holder(ctx, s.StoreKey)
	if err != nil {
		return s, fmt.Errorf("status: who holds the lock: %w", err)
	}
	if owner != "" {
		s.Lock = &LockStatus{Owner: processOf(owner), Left: left}
	}
	data, err := c.store.Load(ctx, s.StoreKey)
	if err != nil {
		return s, fmt.Errorf("status: %w", err)
	}
	if data == nil {
		return s, nil
	}
	b, err := c.codec.decode(data)
	if err != nil {
		s.Reason = err.Error() // readers take it as missing
		return s, nil
	}
	s.Cached = len(b.value) > 0
	s.Window, s.Generation, s.ComputedAt, s.Took = Window{b.Window, b.WindowEnd}, b.Generation, b.ComputedAt, b.Took
	s.SoftUntil, s.HardUntil, s.Failures, s.RetryAt, s.Reason = b.SoftUntil, b.HardUntil, b.Failures, b.RetryAt, b.Reason
	s.Bytes = len(data)
	for _, how := range []Strength{Soft, Hard} {
		if s.Cached && c.generations.invalidated(s.Generation, m.scopes, scopeKey(c.space, memo, params), how) {
			s.Invalidated = how.String()
		}
	}
	return s, nil
}

// keyName is how operators write a key.
func keyName(memo, params string) string {
	if params == "" {
		return memo
	}
	return memo + ":" + params
}

// processOf is the process in an owner's token. The rest is the owner's secret.
func processOf(owner string) string {
	if at := strings.LastIndex(owner, ":"); at >= 0 {
		return owner[:at]
	}
	return owner
}

func (s *slot[P, T]) storeKey() string { return s.key }

func (s *slot[P, T]) names() (memo, key string) {
	return s.memo.about.Name, keyName(s.memo.about.Name, s.p.Key())
}

// status is what the process knows, nil where it has not looked yet.
func (s *slot[P, T]) status() *ProcessStatus {
	e := s.known.Load()
	if e == nil {
		return nil
	}
	v := s.memo.judge(s, e, s.memo.cache.now())
	p := &ProcessStatus{Cached: e.has, Window: e.window, Generation: e.generation, ComputedAt: e.computedAt, Reason: e.reason, Bytes: e.bytes}
	switch {
	case !e.has:
		p.State = "none"
	case !v.usable:
		p.State = "forbidden"
	case v.fresh:
		p.State = Fresh.String()
	case e.reason != "":
		p.State = Degraded.String()
	default:
		p.State = Stale.String()
	}
	return p
}
