package cache

import (
	"slices"
	"sync"
	"time"
)

// A ring holds the last durations of a measurement.
type ring struct {
	last []time.Duration
	next int // index of the oldest, once the ring is full
}

// add adds d, in place of the oldest if there are keep already.
func (r *ring) add(d time.Duration, keep int) {
	if len(r.last) < keep {
		r.last = append(r.last, d)
		return
	}
	r.last[r.next] = d
	r.next = (r.next + 1) % keep
}

// percentile returns a percentile of sorted durations by the nearest rank, which
// is one of them. There must be at least one.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// recentKept is the number of durations from which a Latency has its percentiles.
const recentKept = 500

// latencies are the durations of one thing since the last reset.
type latencies struct {
	mu     sync.Mutex // guards what follows
	count  uint64
	sum    time.Duration
	recent ring
}

func (l *latencies) record(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent.add(took, recentKept)
	l.count++
	l.sum += took
}

func (l *latencies) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count, l.sum, l.recent = 0, 0, ring{}
}

func (l *latencies) latency() Latency {
	l.mu.Lock()
	n, sum, sorted := l.count, l.sum, slices.Clone(l.recent.last)
	l.mu.Unlock()
	if n == 0 {
		return Latency{}
	}
	slices.Sort(sorted)
	return Latency{
		Count: n, Mean: SecondsOf(sum / time.Duration(n)),
		P50: SecondsOf(percentile(sorted, 50)), P95: SecondsOf(percentile(sorted, 95)), P99: SecondsOf(percentile(sorted, 99)),
	}
}

const (
	minLag     = 500 * time.Millisecond
	maxLag     = 5 * time.Second
	lagMargin  = 250 * time.Millisecond
	lagSamples = 40
)

// A lag estimates how long after a boundary the new value is there: the 95th
// percentile of recent refreshes plus a margin.
type lag struct {
	mu     sync.Mutex // guards recent
	recent ring
}

// record adds a refresh and returns the new lag.
func (l *lag) record(took time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent.add(took, lagSamples)
	p95 := percentile(slices.Sorted(slices.Values(l.recent.last)), 95)
	// Rounded, so that it does not change with every run.
	return min(max((p95+lagMargin).Round(100*time.Millisecond), minLag), maxLag)
}
