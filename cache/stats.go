package cache

import (
	"context"
	"time"
)

// The types of this file, of health.go and of status.go are what operators
// read, in Go, over HTTP as JSON, and in the shell. The tag doc describes a
// field in the OpenAPI document.

// Seconds is a duration as JSON has it, a number.
type Seconds float64

// SecondsOf returns d in seconds.
func SecondsOf(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Duration returns s as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Stats are a cache's counts since the start of the process or the last reset.
type Stats struct {
	Since   time.Time    `json:"since" doc:"Counts and latencies are from here on."`
	Process ProcessStats `json:"process"`
	Shared  SharedStats  `json:"shared"`
	Memos   []MemoStats  `json:"memos" nullable:"false" doc:"By name."`
}

// ProcessStats are of the process level.
type ProcessStats struct {
	Name        string  `json:"name" example:"web-1:4242" doc:"Host and pid, as in the owner of a lock."`
	Bytes       int64   `json:"bytes" doc:"Of the values at the process level, in memory."`
	Limit       int64   `json:"limitBytes"`
	Values      int     `json:"values"`
	ClockOffset Seconds `json:"clockOffsetSeconds" doc:"The fleet's clock minus this process's; it is corrected for."`
}

// SharedHealth is the state of the shared level as a process knows it without
// asking. Reason may name hosts, and is for operators only.
type SharedHealth struct {
	Kind      string    `json:"kind" enum:"memory,redis"`
	Down      bool      `json:"down" doc:"The process goes on without Redis."`
	DownSince time.Time `json:"downSince,omitzero"`
	Reason    string    `json:"reason,omitempty"`
}

// SharedStats are of the shared level.
type SharedStats struct {
	SharedHealth
	Server *RedisStats `json:"server" doc:"Redis; null where the shared level is the process's own memory."`
}

// RedisStats are of the connections to Redis and of its servers. In an outage
// there is nothing of the servers.
type RedisStats struct {
	Mode        string `json:"mode" enum:"single,sentinel,cluster"`
	Connections int    `json:"connections"`
	Idle        int    `json:"idle"`
	Timeouts    uint64 `json:"timeouts" doc:"Waits for a connection that took too long."`
	RedisNode
	Nodes []RedisNode `json:"nodes,omitempty" doc:"The masters of a Cluster; above are their sums and the slowest ping."`
}

// A RedisNode is what one server reports of itself.
type RedisNode struct {
	Address    string  `json:"address,omitempty" doc:"Of a Cluster's masters."`
	Version    string  `json:"version,omitempty"`
	Role       string  `json:"role,omitempty" enum:"master,replica"`
	UsedMemory int64   `json:"usedBytes"`
	MaxMemory  int64   `json:"limitBytes" doc:"0: no limit."`
	Eviction   string  `json:"eviction,omitempty" doc:"What the server does at the limit."`
	Ping       Seconds `json:"pingSeconds"`
	Unknown    string  `json:"unknown,omitempty" doc:"Why the rest is not known; INFO may be forbidden."`
}

// MemoStats are of one memo.
type MemoStats struct {
	Memo      string   `json:"memo"`
	Hits      uint64   `json:"hits" doc:"Readers served this window's value by the process level."`
	Shared    uint64   `json:"shared" doc:"By the shared level."`
	Stale     uint64   `json:"stale" doc:"Readers served an earlier value."`
	Misses    uint64   `json:"misses" doc:"Readers who waited for a producer."`
	Errors    uint64   `json:"errors" doc:"Readers who got nothing."`
	Refreshes uint64   `json:"refreshes" doc:"Runs of the producer that succeeded."`
	Failures  uint64   `json:"failures" doc:"Runs that failed."`
	HitRatio  *float64 `json:"hitRatio" doc:"Of the last five minutes, or since the reset: readers who did not wait; null where there were none."`
	Asked     uint64   `json:"asked" doc:"Readers of that time."`
	Keys      int      `json:"keys" doc:"Asked for in the last two windows."`
	Circuit   string   `json:"circuit" enum:"closed,half-open,open"`
	Producer  Latency  `json:"producer"`
	Store     Latency  `json:"store" doc:"Loading and publishing at the shared level."`
}

// A Latency summarises durations. Count and Mean are of all of them; the
// percentiles are exact, of the last 500.
type Latency struct {
	Count uint64  `json:"count"`
	Mean  Seconds `json:"meanSeconds"`
	P50   Seconds `json:"p50Seconds"`
	P95   Seconds `json:"p95Seconds"`
	P99   Seconds `json:"p99Seconds"`
}

// Stats returns the cache's counts, and asks the servers of the shared level for
// their state.
func (c *Cache) Stats(ctx context.Context) Stats {
	c.mu.Lock()
	s := Stats{Since: c.since, Memos: []MemoStats{}}
	c.mu.Unlock()
	s.Process = ProcessStats{
		Name:        c.process,
		Bytes:       int64(c.level.WeightedSize()),
		Limit:       int64(c.level.GetMaximum()),
		Values:      c.level.EstimatedSize(),
		ClockOffset: c.clockOffset(),
	}
	s.Shared = c.store.Stats(ctx)
	for _, m := range c.all() {
		s.Memos = append(s.Memos, m.report())
	}
	return s
}

// outage returns the present outage of the shared level, or nil.
func (c *Cache) outage() *Outage {
	o, _ := c.store.Outage()
	return o
}

func (c *Cache) clockOffset() Seconds { return SecondsOf(time.Duration(c.offset.Load())) }

// ResetStats starts the counts of Stats again, and returns its time. The counters
// of Prometheus go on, since they must not fall.
func (c *Cache) ResetStats() (since time.Time) {
	for _, m := range c.all() {
		m.stats.reset()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = c.now()
	return c.since
}

// report returns the memo's counts for operators.
func (m *memo) report() MemoStats {
	m.mu.Lock()
	keys := len(m.active)
	m.mu.Unlock()
	s := &m.stats
	base := s.since() // first, so that a reset meanwhile is not above the counts
	n := s.now()
	r := MemoStats{
		Memo:      m.spec.Name,
		Hits:      n.fresh - base.fresh,
		Shared:    n.shared - base.shared,
		Stale:     n.stale - base.stale,
		Misses:    n.misses - base.misses,
		Errors:    n.errors - base.errors,
		Refreshes: n.done - base.done,
		Failures:  n.failed - base.failed,
		Keys:      keys,
		Circuit:   m.circuit.State().String(),
		Producer:  s.producer.latency(),
		Store:     s.store.latency(),
	}
	ratio, asked := s.recent.ratio(n, base)
	r.HitRatio, r.Asked = ratioOf(ratio, asked), asked
	return r
}

// ratioOf returns the ratio, or nil if there were no readers.
func ratioOf(ratio float64, asked uint64) *float64 {
	if asked == 0 {
		return nil
	}
	return &ratio
}
