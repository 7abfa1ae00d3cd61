package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Stats is what operators want to know of a memo, since the process started.
type Stats struct {
	Memo        string
	Hits        uint64  // readers served fresh from the process level
	Shared      uint64  // served fresh from the shared level
	Stale       uint64  // served an earlier value
	Misses      uint64  // who waited for a producer
	Errors      uint64  // who got nothing
	Refreshes   uint64  // producer runs that succeeded
	Failures    uint64  // and failed
	HitRatio    float64 // of the last five minutes: served without waiting for a producer
	Keys        int     // asked for in the last two windows
	CircuitOpen bool
}

// Stats lists the memos' counts, by name.
func (c *Cache) Stats() []Stats {
	var list []Stats
	for _, m := range c.all() {
		m.mu.Lock()
		keys := len(m.asked)
		m.mu.Unlock()
		s := &m.stats
		list = append(list, Stats{
			Memo:        m.about.Name,
			Hits:        s.fresh.Load(),
			Shared:      s.shared.Load(),
			Stale:       s.stale.Load(),
			Misses:      s.misses.Load(),
			Errors:      s.errors.Load(),
			Refreshes:   s.refreshes.done.Load(),
			Failures:    s.refreshes.failed.Load(),
			HitRatio:    c.metrics.recent(m),
			Keys:        keys,
			CircuitOpen: openness(m.circuit.State()) == 1,
		})
	}
	return list
}

// A Status is what the shared level knows of a key.
type Status struct {
	Key        string
	Cached     bool
	Window     Window
	Generation int64
	ComputedAt time.Time
	Took       time.Duration
	SoftUntil  time.Time
	HardUntil  time.Time
	Failures   int
	RetryAt    time.Time
	Reason     string
	Bytes      int // of the blob as it is kept
}

// Status says what the shared level knows of a memo's key.
func (c *Cache) Status(ctx context.Context, memo, params string) (Status, error) {
	for _, m := range c.all() {
		if m.about.Name != memo {
			continue
		}
		s := Status{Key: m.prefix + params}
		data, err := c.store.Load(ctx, s.Key)
		if err != nil || data == nil {
			return s, err
		}
		b, err := c.codec.decode(data)
		if err != nil {
			return s, err
		}
		s.Cached = len(b.Value) > 0
		s.Window, s.Generation, s.ComputedAt, s.Took = Window{b.Window, b.WindowEnd}, b.Generation, b.ComputedAt, b.Took
		s.SoftUntil, s.HardUntil, s.Failures, s.RetryAt, s.Reason = b.SoftUntil, b.HardUntil, b.Failures, b.RetryAt, b.Reason
		s.Bytes = len(data)
		return s, nil
	}
	return Status{}, fmt.Errorf("status: there is no memo %q", memo)
}

// A RoundTrip is how long the steps of TestRoundTrip took.
type RoundTrip struct{ Lock, Publish, Load, Unlock time.Duration }

// TestRoundTrip writes a small blob to the shared level, reads it back, and
// leaves it to expire.
func (c *Cache) TestRoundTrip(ctx context.Context) (RoundTrip, error) {
	var r RoundTrip
	key, owner := fmt.Sprintf("exchequer:{%s:test}:%s", c.tenant, rand.Text()), rand.Text()
	var read []byte
	for _, step := range []struct {
		name string
		took *time.Duration
		do   func() (bool, error)
	}{
		{"lock", &r.Lock, func() (bool, error) { return c.store.Lock(ctx, key, owner, time.Second) }},
		{"publish", &r.Publish, func() (bool, error) {
			return c.store.Publish(ctx, Publication{Key: key, Owner: owner, Blob: []byte(owner), Keep: time.Second})
		}},
		{"load", &r.Load, func() (ok bool, err error) {
			read, err = c.store.Load(ctx, key)
			return string(read) == owner, err
		}},
		{"unlock", &r.Unlock, func() (bool, error) { return true, c.store.Unlock(ctx, key, owner) }},
	} {
		began := time.Now()
		ok, err := step.do()
		*step.took = time.Since(began)
		if err != nil {
			return r, fmt.Errorf("round trip: %s: %w", step.name, err)
		}
		if !ok {
			return r, fmt.Errorf("round trip: %s was refused", step.name)
		}
	}
	return r, nil
}

// Warm brings up to date the keys that were asked for in the last two windows,
// of the named memos or of all, and calls progress after each. It waits for
// them one by one, so that readers do not notice.
func (c *Cache) Warm(ctx context.Context, names []string, progress func(done, of int)) error {
	var slots []anySlot
	known := map[string]bool{}
	for _, m := range c.all() {
		known[m.about.Name] = true
		if len(names) > 0 && !slices.Contains(names, m.about.Name) {
			continue
		}
		m.mu.Lock()
		for _, s := range m.asked {
			slots = append(slots, s)
		}
		m.mu.Unlock()
	}
	var unknown []string
	for _, name := range names {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("warm: there is no memo %s", strings.Join(unknown, ", "))
	}
	var failed error
	for i, s := range slots {
		failed = errors.Join(failed, s.warm(ctx))
		if ctx.Err() != nil {
			return fmt.Errorf("warm: %w", ctx.Err())
		}
		progress(i+1, len(slots))
	}
	return failed
}
