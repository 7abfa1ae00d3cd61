package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
// Prometheus, in the format of OpenMetrics, which has exemplars, to whom accepts it.
func MetricsHandler(registry *prometheus.Registry) http.Handler {
	gather := promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
	var scrapes [2][2]scrape // plain and OpenMetrics, each as it is and compressed
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, format, coding := http.Header{}, 0, 0
		if strings.Contains(r.Header.Get("Accept"), openMetrics) {
			format = 1
			asked.Set("Accept", openMetrics+";version=1.0.0")
		}
		if static.Accepts(r.Header.Get("Accept-Encoding"), "gzip") {
			coding = 1
			asked.Set("Accept-Encoding", "gzip")
		}
		text := scrapes[format][coding].get(gather, asked)
		h := w.Header()
		for name, values := range text.header {
			h[name] = values
		}
		h["Cache-Control"] = noStore
		h["Vary"] = varyScrape
		h["Content-Length"] = []string{strconv.Itoa(text.Len())}
		w.WriteHeader(text.status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(text.Bytes())
		}
	})
}

const openMetrics = "application/openmetrics-text"

var varyScrape = []string{"Accept, Accept-Encoding"}

// A scrape holds the last answer in one format and encoding.
type scrape struct {
	mu   sync.Mutex // held while gathering: others wait and share the answer
	at   time.Time
	text *recorded
}

// get returns an answer that is not older than metricsAge.
func (s *scrape) get(gather http.Handler, asked http.Header) *recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == nil || time.Since(s.at) >= metricsAge {
		text := &recorded{header: http.Header{}, status: http.StatusOK}
		gather.ServeHTTP(text, &http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: "/metrics"}, Header: asked,
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
