package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Health is the state of a cache as its process knows it without asking. All of
// it may be public, except Shared.Reason.
type Health struct {
	Status      string       `json:"status" enum:"ok,degraded" doc:"degraded: it goes on without Redis, a refresh has failed, or a circuit is open."`
	Shared      SharedHealth `json:"shared"`
	ClockOffset Seconds      `json:"clockOffsetSeconds" doc:"The fleet's clock minus this process's; it is corrected for."`
	Memos       []MemoHealth `json:"memos" nullable:"false" doc:"By name."`
}

// MemoHealth is of one memo, as in MemoStats.
type MemoHealth struct {
	Memo     string   `json:"memo"`
	HitRatio *float64 `json:"hitRatio" doc:"Of the last five minutes; null where nobody asked."`
	Keys     int      `json:"keys" doc:"Asked for in the last two windows."`
	Degraded int      `json:"degraded" doc:"Of these, those whose refresh failed: readers see earlier numbers with a reason, or none."`
	Circuit  string   `json:"circuit" enum:"closed,half-open,open"`
}

// A HealthReport is the health with what only operators may read.
type HealthReport struct {
	Health
	Reasons []string     `json:"reasons" nullable:"false" doc:"What is wrong, and the heading of the runbook that helps. The memos are below."`
	Process ProcessStats `json:"process"`
	Server  *RedisStats  `json:"server" doc:"Redis; null where the shared level is the process's own memory."`
}

// Health returns the cache's health. It never waits for the store.
func (c *Cache) Health() Health {
	h := Health{Status: "ok", Shared: c.sharedHealth(), ClockOffset: c.clockOffset(), Memos: []MemoHealth{}}
	for _, m := range c.all() {
		s := &m.stats
		ratio, asked := s.recent.ratio(s.now(), s.since())
		keys, degraded := m.degraded()
		h.Memos = append(h.Memos, MemoHealth{m.spec.Name, ratioOf(ratio, asked), keys, degraded, m.circuit.State().String()})
	}
	if len(h.Reasons()) > 0 {
		h.Status = "degraded"
	}
	return h
}

func (c *Cache) sharedHealth() SharedHealth {
	h := SharedHealth{Kind: c.kind}
	if o := c.outage(); o != nil {
		h.Down, h.DownSince, h.Reason = true, o.Since, o.Err.Error()
	}
	return h
}

// Reasons returns what is wrong, each with the heading of docs/runbook.md that
// describes what to do. They may name hosts.
func (h Health) Reasons() []string {
	reasons := []string{}
	if h.Shared.Down {
		reasons = append(reasons, "going on without Redis: "+h.Shared.Reason+" (runbook: Redis is down)")
	}
	for _, wrong := range []struct {
		what string
		is   func(MemoHealth) bool
	}{
		{"refresh failed (runbook: A producer fails)", func(m MemoHealth) bool { return m.Degraded > 0 }},
		{"circuit open (runbook: A circuit is open)", func(m MemoHealth) bool { return m.Circuit == "open" }},
		{"circuit half-open (runbook: A circuit is open)", func(m MemoHealth) bool { return m.Circuit == "half-open" }},
	} {
		var memos []string
		for _, m := range h.Memos {
			if wrong.is(m) {
				memos = append(memos, m.Memo)
			}
		}
		switch n := len(memos); n {
		case 0:
		case 1:
			reasons = append(reasons, memos[0]+": "+wrong.what)
		default:
			reasons = append(reasons, fmt.Sprintf("%d memos: %s", n, wrong.what))
		}
	}
	return reasons
}

// HealthReport returns the health and, as Stats does, asks the servers of the
// shared level for their state.
func (c *Cache) HealthReport(ctx context.Context) HealthReport {
	h, s := c.Health(), c.Stats(ctx)
	return HealthReport{h, h.Reasons(), s.Process, s.Shared.Server}
}

// degraded returns the numbers of active keys and of those whose refresh failed.
func (m *memo) degraded() (keys, degraded int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.active), len(m.failing)
}

// A RoundTrip is how long each step of TestRoundTrip took, zero for steps that
// were not reached.
type RoundTrip struct {
	Set    Seconds `json:"setSeconds"`
	Get    Seconds `json:"getSeconds"`
	Delete Seconds `json:"deleteSeconds"`
}

const roundTripBound = 3 * time.Second

// TestRoundTrip takes a lock of its own at the shared level, reads its owner, and
// releases it. It calls the servers in an outage too, so that its error says what
// is wrong with them now.
func (c *Cache) TestRoundTrip(ctx context.Context) (RoundTrip, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTripBound)
	defer cancel()
	store, owner := c.store.Direct(), c.newOwner()
	key := fmt.Sprintf("exchequer:{%s:test}:%s", c.space, rand.Text())
	var trip RoundTrip
	for _, step := range []struct {
		name string
		took *Seconds
		do   func() error
	}{
		{"set", &trip.Set, func() error {
			_, err := store.Lock(ctx, key, owner, leaseFor)
			return err
		}},
		{"get", &trip.Get, func() error {
			read, _, err := store.Holder(ctx, key)
			if err == nil && read != owner {
				err = errors.New("what was read is not what was written")
			}
			return err
		}},
		{"delete", &trip.Delete, func() error { return store.Unlock(ctx, key, owner) }},
	} {
		began := time.Now()
		err := step.do()
		*step.took = SecondsOf(max(time.Since(began), 1)) // not zero: the step was reached
		if err != nil {
			return trip, fmt.Errorf("round trip: %s: %w", step.name, err)
		}
	}
	return trip, nil
}
