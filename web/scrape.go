package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"exchequer/static"
)

// metricsAge is how old metrics may be. Gathering and writing them costs as much
// as many pages, so scrapes within this time share one answer.
const metricsAge = 250 * time.Millisecond

// MetricsHandler returns a handler that serves the metrics of a registry to
// Prometheus.
func MetricsHandler(registry *prometheus.Registry) http.Handler {
	gather := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	var plain, zipped scrape
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, encoding := &plain, ""
		if static.Accepts(r.Header.Get("Accept-Encoding"), "gzip") {
			s, encoding = &zipped, "gzip"
		}
		text := s.get(gather, encoding)
		h := w.Header()
		for name, values := range text.header {
			h[name] = values
		}
		h["Cache-Control"] = noStore
		h["Vary"] = varyEnc
		h["Content-Length"] = []string{strconv.Itoa(text.Len())}
		w.WriteHeader(text.status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(text.Bytes())
		}
	})
}

// A scrape holds the last answer in one encoding.
type scrape struct {
	mu   sync.Mutex // held while gathering: others wait and share the answer
	at   time.Time
	text *recorded
}

// get returns an answer that is not older than metricsAge.
func (s *scrape) get(gather http.Handler, encoding string) *recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == nil || time.Since(s.at) >= metricsAge {
		text := &recorded{header: http.Header{}, status: http.StatusOK}
		gather.ServeHTTP(text, &http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: "/metrics"}, Header: http.Header{"Accept-Encoding": {encoding}},
		})
		s.text, s.at = text, time.Now()
	}
	return s.text
}

// A recorded is an http.ResponseWriter that keeps the answer.
type recorded struct {
	bytes.Buffer
	header http.Header
	status int
}

func (r *recorded) Header() http.Header    { return r.header }
func (r *recorded) WriteHeader(status int) { r.status = status }
