package web

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are rate, errors and duration of requests. They are labelled by route
// pattern, which bounds the number of series whatever addresses clients send.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	pages    *prometheus.CounterVec

	hits, rendered, notModified prometheus.Counter // of pages
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "exchequer_http_requests_total", Help: "Requests by route pattern, method and status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "exchequer_http_request_duration_seconds", Help: "Time to the end of the answer, by route pattern.",
			Buckets: []float64{.0005, .0025, .01, .05, .25, 1, 2.5, 10}, // few: each route has them all
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "exchequer_http_requests_in_flight", Help: "Requests that are being answered.",
		}),
		pages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "exchequer_pages_total", Help: "Pages by how they were made: hit, rendered, streamed, incomplete, not_modified.",
		}, []string{"how"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.inFlight, m.pages} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	m.rendered = m.pages.WithLabelValues("rendered")
	m.hits, m.notModified = m.pages.WithLabelValues("hit"), m.pages.WithLabelValues("not_modified")
	return m, nil
}

// route returns a function that counts a request of the route. Its series begin with
// its first request: with all routes from the start they would be ten thousand.
func (m *metrics) route(pattern string) func(ctx context.Context, method string, status int, took time.Duration) {
	duration := sync.OnceValue(func() prometheus.Observer { return m.duration.WithLabelValues(pattern) })
	requests := m.requests.MustCurryWith(prometheus.Labels{"route": pattern})
	usual := sync.OnceValue(func() prometheus.Counter { return requests.WithLabelValues(http.MethodGet, "200") })
	return func(ctx context.Context, method string, status int, took time.Duration) {
		observeTraced(ctx, duration(), took.Seconds())
		if method == http.MethodGet && status == http.StatusOK {
			usual().Inc()
			return
		}
		requests.WithLabelValues(methodName(method), strconv.Itoa(status)).Inc()
	}
}
