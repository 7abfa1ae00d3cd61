package cache

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stats is what a memo counts, since its start.
type stats struct {
	fresh     atomic.Uint64 // served fresh from the process level
	shared    atomic.Uint64 // served from the shared level after a look
	stale     atomic.Uint64 // served stale or degraded
	misses    atomic.Uint64 // served after a producer's run
	errors    atomic.Uint64 // not served
	refreshes struct {
		done, failed, lost, paused atomic.Uint64 // by the producer
		found, left                atomic.Uint64 // by another process
		crowded                    atomic.Uint64 // refused, with too many of the memo under way
	}
	producer, store timer
	lockWait        prometheus.Observer

	recent recent
	mu     sync.Mutex
	base   counts // operators count from here
}

// A timer takes durations for Prometheus and for operators.
type timer struct {
	histogram prometheus.Observer
	latencies
}

// Observe takes a duration in seconds.
func (t *timer) Observe(seconds float64) {
	t.histogram.Observe(seconds)
	t.record(time.Duration(seconds * float64(time.Second)))
}

// count counts a served reader, who may have waited, and then for a producer.
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

func (s *stats) bind(m *metrics, memo string) {
	s.producer.histogram = m.producer.WithLabelValues(memo)
	s.store.histogram = m.store.WithLabelValues(memo)
	s.lockWait = m.lockWait.WithLabelValues(memo)
}

// counts are a memo's counters at a moment.
type counts struct {
	at                                   time.Time
	fresh, shared, stale, misses, errors uint64
	done, failed                         uint64
}

// hits are the readers who did not wait for a producer.
func (n counts) hits() uint64 { return n.fresh + n.shared + n.stale }

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

// tally remembers what the memos have counted until now, and what Redis
// reports.
func (c *Cache) sampleCounts() {
	c.tasks.start(c.metrics.sampleRedis)
	for _, m := range c.all() {
		m.stats.recent.sample(m.stats.now())
	}
}
