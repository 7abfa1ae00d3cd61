package cache

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

// metrics exports the cache's counters to Prometheus, labelled by memo name only.
type metrics struct {
	cache      *Cache
	registerer prometheus.Registerer
	descs      []*prometheus.Desc // of Collect

	producer, store, lockWait *prometheus.HistogramVec
	storeErrors               *prometheus.CounterVec

	hits, misses, stale, errors, refreshes         *prometheus.Desc
	ratio, circuit, degraded, flights              *prometheus.Desc
	offset, bytes                                  *prometheus.Desc
	producersRunning, producersLimit, background   *prometheus.Desc
	up, outages                                    *prometheus.Desc
	redisUsed, redisMax, redisPing                 *prometheus.Desc
	redisConnections, redisIdle, redisPoolTimeouts *prometheus.Desc

	redis atomic.Pointer[RedisStats] // the last sample, nil if there is none
}

// storeOperations are the values of the label op of store errors.
var storeOperations = []string{"load", "publish", "lock", "extend", "unlock", "invalidate", "poll", "restore", "clock", "notify"}

func newMetrics(c *Cache, r prometheus.Registerer) *metrics {
	m := &metrics{cache: c, registerer: r}
	histogram := func(name, help string, buckets ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "exchequer_cache_" + name, Help: help, Buckets: buckets}, []string{"memo"})
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc("exchequer_cache_"+name, help, labels, nil)
		m.descs = append(m.descs, d)
		return d
	}
	m.producer = histogram("producer_seconds", "Duration of producer runs.", .01, .03, .1, .3, 1, 3, 10, 30)
	m.store = histogram("store_seconds", "Duration of loading and publishing at the shared level.", .0003, .001, .003, .01, .03, .1, .3)
	m.lockWait = histogram("lock_wait_seconds", "Time spent taking a lock or waiting for its holder.", .0003, .001, .003, .01, .03, .1, .3, 1, 3)
	m.storeErrors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "exchequer_cache_store_errors_total", Help: "Calls of the shared level that failed, by operation.",
	}, []string{"op"})
	for _, op := range storeOperations {
		m.storeErrors.WithLabelValues(op) // 0, so that the first one is an increase
	}
	m.hits = desc("hits_total", "Readers served without waiting for a producer.", "memo", "level")
	m.misses = desc("misses_total", "Readers who waited for a producer.", "memo")
	m.stale = desc("stale_serves_total", "Readers served an earlier value, stale or degraded.", "memo")
	m.errors = desc("errors_total", "Readers who got nothing.", "memo")
	m.refreshes = desc("refreshes_total", "Refreshes by outcome.", "memo", "outcome")
	m.ratio = desc("hit_ratio_5m", "Share of the readers of the last five minutes served without waiting; absent where nobody asked.", "memo")
	m.circuit = desc("circuit_open", "1 while the memo's circuit is open, 0.5 while it is tried.", "memo")
	m.degraded = desc("degraded_keys", "Of the keys asked for in the last two windows, those whose refresh failed: readers see an earlier value with a reason, or nothing.", "memo")
	m.flights = desc("flights", "Refreshes for readers that are under way or wait for their turn.", "memo")
	m.producersRunning = desc("producers_running", "Producers that run.")
	m.producersLimit = desc("producers_limit", "Producers that may run at the same time.")
	m.background = desc("refreshes_background", "Refreshes in the background: their keys have values to show meanwhile. Not counted after two seconds.")
	m.offset = desc("clock_offset_seconds", "The fleet's clock minus this machine's.")
	m.bytes = desc("process_level_bytes", "Weight of the values at the process level.")
	m.up = desc("store_up", "0 while the process goes on without the shared level, else 1.")
	m.outages = desc("store_outages_total", "Times that the process went on without the shared level, however briefly.")
	m.redisUsed = desc("redis_used_bytes", "Memory that Redis uses; absent where it is not known.")
	m.redisMax = desc("redis_max_bytes", "Memory that Redis may use, 0 without a limit; absent where it is not known.")
	m.redisPing = desc("redis_ping_seconds", "Time of a ping; absent where Redis did not answer.")
	m.redisConnections = desc("redis_connections", "Connections to Redis in the pool.")
	m.redisIdle = desc("redis_idle_connections", "Of these, those that wait for their next use.")
	m.redisPoolTimeouts = desc("redis_pool_timeouts_total", "Calls that waited for a connection of the pool in vain.")
	if r != nil {
		r.MustRegister(m.collectors()...)
	}
	return m
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m, m.producer, m.store, m.lockWait, m.storeErrors}
}

func (m *metrics) unregister() {
	if m.registerer != nil {
		for _, c := range m.collectors() {
			m.registerer.Unregister(c)
		}
	}
}

// storeError counts a call of the store that failed. Op is one of
// storeOperations. ErrUnavailable itself is not counted: the breaker was open
// and there was no call.
func (m *metrics) storeError(op string, err error) {
	if err != nil && err != ErrUnavailable && !errors.Is(err, context.Canceled) {
		m.storeErrors.WithLabelValues(op).Inc()
	}
}

// sampleRedis keeps what Redis reports, so that a scrape does not wait for it.
func (m *metrics) sampleRedis() {
	if m.registerer != nil {
		m.redis.Store(m.cache.store.Stats(m.cache.ctx).Server)
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range m.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It does not wait for the store.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	c := m.cache
	gauge(m.offset, float64(c.clockOffset()))
	gauge(m.bytes, float64(c.level.WeightedSize()))
	gauge(m.producersRunning, float64(len(c.producers)))
	gauge(m.producersLimit, float64(cap(c.producers)))
	gauge(m.background, float64(len(c.background)))
	up := 1.
	outage, outages := c.store.Outage()
	if outage != nil {
		up = 0
	}
	gauge(m.up, up)
	count(m.outages, outages)
	if r := m.redis.Load(); r != nil {
		gauge(m.redisConnections, float64(r.Connections))
		gauge(m.redisIdle, float64(r.Idle))
		count(m.redisPoolTimeouts, r.Timeouts)
		if r.Version != "" { // INFO was answered
			gauge(m.redisUsed, float64(r.UsedMemory))
			gauge(m.redisMax, float64(r.MaxMemory))
		}
		if r.Ping > 0 {
			gauge(m.redisPing, float64(r.Ping))
		}
	}
	for _, memo := range c.all() {
		name, s := memo.spec.Name, &memo.stats
		count(m.hits, s.fresh.Load(), name, "process")
		count(m.hits, s.shared.Load(), name, "shared")
		count(m.misses, s.misses.Load(), name)
		count(m.stale, s.stale.Load(), name)
		count(m.errors, s.errors.Load(), name)
		r := &s.refreshes
		for outcome, n := range map[string]*atomic.Uint64{
			"done": &r.done, "failed": &r.failed, "lost": &r.lost, "paused": &r.paused, "found": &r.found, "left": &r.left, "crowded": &r.crowded,
		} {
			count(m.refreshes, n.Load(), name, outcome)
		}
		if ratio, asked := s.recent.ratio(s.now(), counts{}); asked > 0 {
			gauge(m.ratio, ratio, name)
		}
		gauge(m.circuit, circuitValue(memo.circuit.State()), name)
		_, degraded := memo.degraded()
		gauge(m.degraded, float64(degraded), name)
		gauge(m.flights, float64(len(memo.flights)), name)
	}
}

// circuitValue returns the metric of a circuit.
func circuitValue(s gobreaker.State) float64 {
	switch s {
	case gobreaker.StateOpen:
		return 1
	case gobreaker.StateHalfOpen:
		return 0.5
	default:
		return 0
	}
}
