package cache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
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

// metrics shows what the cache counts to Prometheus, by memo name only.
type metrics struct {
	cache                     *Cache
	registerer                prometheus.Registerer
	producer, store, lockWait *prometheus.HistogramVec

	hits, misses, stale, errors, refreshes *prometheus.Desc
	ratio, circuit, degraded               *prometheus.Desc
	offset, bytes                          *prometheus.Desc
	up, outages                            *prometheus.Desc
}

func newMetrics(c *Cache, r prometheus.Registerer) *metrics {
	histogram := func(name, help string, buckets ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "exchequer_cache_" + name, Help: help, Buckets: buckets}, []string{"memo"})
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("exchequer_cache_"+name, help, labels, nil)
	}
	m := &metrics{
		cache:      c,
		registerer: r,
		producer:   histogram("producer_seconds", "Duration of producer runs.", .01, .03, .1, .3, 1, 3, 10, 30),
		store:      histogram("store_seconds", "Duration of loading and publishing at the shared level.", .0003, .001, .003, .01, .03, .1, .3),
		lockWait:   histogram("lock_wait_seconds", "Time spent taking a lock or waiting for its holder.", .0003, .001, .003, .01, .03, .1, .3, 1, 3),
		hits:       desc("hits_total", "Readers served without waiting for a producer.", "memo", "level"),
		misses:     desc("misses_total", "Readers who waited for a producer.", "memo"),
		stale:      desc("stale_serves_total", "Readers served an earlier value, stale or degraded.", "memo"),
		errors:     desc("errors_total", "Readers who got nothing.", "memo"),
		refreshes:  desc("refreshes_total", "Refreshes by outcome.", "memo", "outcome"),
		ratio:      desc("hit_ratio_5m", "Share of the readers of the last five minutes served without waiting; absent where nobody asked.", "memo"),
		circuit:    desc("circuit_open", "1 while the memo's circuit is open, 0.5 while it is tried.", "memo"),
		degraded:   desc("degraded_keys", "Of the keys asked for in the last two windows, those whose refresh failed: readers see an earlier value with a reason, or nothing.", "memo"),
		offset:     desc("clock_offset_seconds", "The fleet's clock minus this machine's."),
		up:         desc("store_up", "0 while the process goes on without the shared level, else 1."),
		outages:    desc("store_outages_total", "Times that the process went on without the shared level, however briefly."),
		bytes:      desc("process_level_bytes", "Weight of the values at the process level."),
	}
	if r != nil {
		r.MustRegister(m, m.producer, m.store, m.lockWait)
	}
	return m
}

func (m *metrics) unregister() {
	if m.registerer != nil {
		for _, c := range []prometheus.Collector{m, m.producer, m.store, m.lockWait} {
			m.registerer.Unregister(c)
		}
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.hits, m.misses, m.stale, m.errors, m.refreshes, m.ratio, m.circuit, m.degraded, m.offset, m.bytes, m.up, m.outages} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, n *atomic.Uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n.Load()), labels...)
	}
	gauge(m.offset, float64(m.cache.offset.Load())/1e9)
	up := 1.
	if m.cache.storeErr() != nil {
		up = 0
	}
	gauge(m.up, up)
	if s, ok := m.cache.store.(interface{ Outages() uint64 }); ok {
		ch <- prometheus.MustNewConstMetric(m.outages, prometheus.CounterValue, float64(s.Outages()))
	}
	gauge(m.bytes, float64(m.cache.level.WeightedSize()))
	for _, memo := range m.cache.all() {
		name, s := memo.about.Name, &memo.stats
		count(m.hits, &s.fresh, name, "process")
		count(m.hits, &s.shared, name, "shared")
		count(m.misses, &s.misses, name)
		count(m.stale, &s.stale, name)
		count(m.errors, &s.errors, name)
		r := &s.refreshes
		for outcome, n := range map[string]*atomic.Uint64{
			"done": &r.done, "failed": &r.failed, "lost": &r.lost, "paused": &r.paused, "found": &r.found, "left": &r.left,
		} {
			count(m.refreshes, n, name, outcome)
		}
		if ratio, asked := s.recent.ratio(s.now(), counts{}); asked > 0 {
			gauge(m.ratio, ratio, name)
		}
		gauge(m.circuit, openness(memo.circuit.State()), name)
		_, degraded := memo.degraded()
		gauge(m.degraded, float64(degraded), name)
	}
}

func openness(s gobreaker.State) float64 {
	switch s {
	case gobreaker.StateOpen:
		return 1
	case gobreaker.StateHalfOpen:
		return 0.5
	default:
		return 0
	}
}
