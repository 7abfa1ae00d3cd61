package cache

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Stats are what operators want to know. Counts and latencies are since Since:
// the start of the process, or the last reset.
type Stats struct {
	Since   time.Time
	Process ProcessStats
	Shared  SharedStats
	Memos   []MemoStats // by name
}

// ProcessStats are of the process level.
type ProcessStats struct {
	Name         string // of the process, as an owner of locks: host and pid
	Bytes, Limit int64  // of the values, as JSON
	Values       int
	ClockOffset  time.Duration // from this process's clock to the fleet's
}

// SharedStats are of the shared level.
type SharedStats struct {
	Kind   string // "memory" or "redis"
	Away   bool   // the process goes on without it
	Since  time.Time
	Reason string      // and why
	Server *RedisStats // nil where Kind is memory
}

// RedisStats are of the connections to Redis, and of what is behind them. The
// servers are not asked in an outage.
type RedisStats struct {
	Mode        string // "single", "sentinel" or "cluster"
	Connections int
	Idle        int
	Timeouts    uint64      // waits for a connection of the pool that took too long
	RedisNode               // of a Cluster: sums over the masters, and the slowest ping
	Nodes       []RedisNode // the masters of a Cluster
}

// A RedisNode is what one server says of itself.
type RedisNode struct {
	Address    string // of a Cluster's masters
	Version    string
	Role       string // "master" or "replica"
	UsedMemory int64
	MaxMemory  int64  // 0: without a limit
	Eviction   string // what it does at the limit
	Ping       time.Duration
	Unknown    string // why it does not say: INFO may be forbidden
}

// MemoStats are of one memo.
type MemoStats struct {
	Memo      string
	Hits      uint64 // readers served fresh from the process level
	Shared    uint64 // served fresh from the shared level
	Stale     uint64 // served an earlier value
	Misses    uint64 // who waited for a producer
	Errors    uint64 // who got nothing
	Refreshes uint64 // producer runs that succeeded
	Failures  uint64 // and failed
	// Of the last five minutes, or since Since if that is later: how many
	// readers there were, and which share did not wait for a producer. Where
	// nobody asked, the ratio says nothing.
	Asked    uint64
	HitRatio float64
	Keys     int    // asked for in the last two windows
	Circuit  string // "closed", "half-open" or "open"
	Producer Latency
	Store    Latency // of loading and publishing at the shared level
}

// A Latency is how long something took. Count and Mean are of all; the
// percentiles are exact, of the last 500.
type Latency struct {
	Count               uint64
	Mean, P50, P95, P99 time.Duration
}

// Stats returns what the cache has counted, and asks the shared level how it
// does.
func (c *Cache) Stats(ctx context.Context) Stats {
	c.mu.Lock()
	s := Stats{Since: c.since}
	c.mu.Unlock()
	s.Process = ProcessStats{
		Name:        c.process,
		Bytes:       int64(c.level.WeightedSize()),
		Limit:       int64(c.level.GetMaximum()),
		Values:      c.level.EstimatedSize(),
		ClockOffset: time.Duration(c.offset.Load()),
	}
	s.Shared = c.store.Stats(ctx)
	for _, m := range c.all() {
		s.Memos = append(s.Memos, m.report())
	}
	return s
}

// ResetStats starts the counts of Stats anew. What Prometheus reads goes on:
// its counters must not fall.
func (c *Cache) ResetStats() {
	for _, m := range c.all() {
		m.stats.reset()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = c.now()
}

func (m *memo) report() MemoStats {
	m.mu.Lock()
	keys := len(m.asked)
	m.mu.Unlock()
	s := &m.stats
	base := s.since() // first: a reset meanwhile must not be above the counts
	n := s.now()
	r := MemoStats{
		Memo:      m.about.Name,
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
	r.HitRatio, r.Asked = s.recent.ratio(n, base)
	return r
}

// counts are a memo's counters at a moment.
type counts struct {
	at                                   time.Time
	fresh, shared, stale, misses, errors uint64
	done, failed                         uint64
}

// hits are the readers who did not wait for a producer.
func (n counts) hits() uint64  { return n.fresh + n.shared + n.stale }
func (n counts) asked() uint64 { return n.hits() + n.misses + n.errors }

func (s *stats) now() counts {
	return counts{
		time.Now(), s.fresh.Load(), s.shared.Load(), s.stale.Load(), s.misses.Load(), s.errors.Load(),
		s.refreshes.done.Load(), s.refreshes.failed.Load(),
	}
}

// since returns the counts from which operators count.
func (s *stats) since() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base
}

func (s *stats) reset() {
	s.mu.Lock()
	s.base = s.now()
	s.mu.Unlock()
	s.producer.reset()
	s.store.reset()
}

const ratioOver = 5 * time.Minute

// recent is what a memo had counted at moments of the last five minutes.
type recent struct {
	mu      sync.Mutex
	samples []counts // oldest first; one of them from before the five minutes
}

// sample remembers the counts. While nobody asks for anything no samples are
// taken, and need not be: nothing is counted then.
func (r *recent) sample(n counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, n)
	r.samples = slices.Delete(r.samples, 0, max(0, r.before(n.at)))
}

// before is the place of the last sample from before the five minutes that end
// at a moment, -1 if there is none: the process is younger than that.
func (r *recent) before(at time.Time) int {
	i, _ := slices.BinarySearchFunc(r.samples, at.Add(-ratioOver), func(n counts, t time.Time) int {
		return cmp.Or(n.at.Compare(t), -1)
	})
	return i - 1
}

// ratio is the share of hits among those who asked in the five minutes before
// now, or since base if that is later, and how many they were.
func (r *recent) ratio(now, base counts) (share float64, asked uint64) {
	r.mu.Lock()
	if i := r.before(now.at); i >= 0 && r.samples[i].at.After(base.at) {
		base = r.samples[i]
	}
	r.mu.Unlock()
	if asked = now.asked() - base.asked(); asked == 0 {
		return 0, 0
	}
	return float64(now.hits()-base.hits()) / float64(asked), asked
}

// tally remembers what the memos have counted until now.
func (c *Cache) tally() {
	for _, m := range c.all() {
		m.stats.recent.sample(m.stats.now())
	}
}

// nameOf is how operators know a process by what it owns.
func nameOf() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + ":" + strconv.Itoa(os.Getpid())
}
