package cache

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stats are a memo's counters since its start. They are safe for concurrent use.
type stats struct {
	fresh     atomic.Uint64 // served fresh from the process level
	shared    atomic.Uint64 // served fresh after waiting for the shared level
	stale     atomic.Uint64 // served stale or degraded
	misses    atomic.Uint64 // served after waiting for a producer
	errors    atomic.Uint64 // not served
	refreshes struct {
		done, failed, lost, paused atomic.Uint64 // by the producer
		found, left                atomic.Uint64 // by another process
		crowded                    atomic.Uint64 // refused, with too many of the memo under way
	}
	producer, store timer
	lockWait        prometheus.Observer

	recent recent
	mu     sync.Mutex // guards base
	base   counts     // at the last reset, from which operators count
}

// A timer records durations for Prometheus and for operators.
type timer struct {
	histogram prometheus.Observer
	latencies
}

// Observe implements prometheus.Observer.
func (t *timer) Observe(seconds float64) {
	t.histogram.Observe(seconds)
	t.record(time.Duration(seconds * float64(time.Second)))
}

// count counts a reader that got a value. Waited is whether it waited, missed
// whether it waited for a producer.
func (s *stats) count(v verdict, waited, missed bool) {
	switch {
	case missed:
		s.misses.Add(1)
	case !v.fresh:
		s.stale.Add(1)
	case waited:
		s.shared.Add(1)
	default:
		s.fresh.Add(1)
	}
}

// bind sets the metrics that stats are observed in.
func (s *stats) bind(m *metrics, memo string) {
	s.producer.histogram = m.producer.WithLabelValues(memo)
	s.store.histogram = m.store.WithLabelValues(memo)
	s.lockWait = m.lockWait.WithLabelValues(memo)
}

// counts are the values of a memo's counters at a time.
type counts struct {
	at                                   time.Time
	fresh, shared, stale, misses, errors uint64
	done, failed                         uint64
}

// hits returns the number of readers that did not wait for a producer.
func (n counts) hits() uint64 { return n.fresh + n.shared + n.stale }

// asked returns the number of all readers.
func (n counts) asked() uint64 { return n.hits() + n.misses + n.errors }

func (s *stats) now() counts {
	return counts{
		time.Now(), s.fresh.Load(), s.shared.Load(), s.stale.Load(), s.misses.Load(), s.errors.Load(),
		s.refreshes.done.Load(), s.refreshes.failed.Load(),
	}
}

// since returns the counts at the last reset.
func (s *stats) since() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base
}

// reset starts the operators' counts and latencies again. Those of Prometheus go
// on.
func (s *stats) reset() {
	s.mu.Lock()
	s.base = s.now()
	s.mu.Unlock()
	s.producer.reset()
	s.store.reset()
}

const ratioOver = 5 * time.Minute

// recent has a memo's counts of the last five minutes.
type recent struct {
	mu      sync.Mutex // guards samples
	samples []counts   // oldest first; one of them from before the five minutes
}

// sample adds the counts of now, and drops samples that ratio no longer needs.
func (r *recent) sample(n counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, n)
	r.samples = slices.Delete(r.samples, 0, max(0, r.before(n.at)))
}

// before returns the index of the last sample from before the five minutes that
// end at a time, -1 if there is none.
func (r *recent) before(at time.Time) int {
	i, _ := slices.BinarySearchFunc(r.samples, at.Add(-ratioOver), func(n counts, t time.Time) int {
		return cmp.Or(n.at.Compare(t), -1)
	})
	return i - 1
}

// ratio returns the share of hits among the readers of the five minutes before
// now, or since base if that is later, and the number of readers.
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

// sampleCounts samples the counts of all memos, and what Redis reports.
func (c *Cache) sampleCounts() {
	c.tasks.start(c.metrics.sampleRedis)
	for _, m := range c.all() {
		m.stats.recent.sample(m.stats.now())
	}
}
