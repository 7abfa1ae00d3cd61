package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
)

func TestManyScrapersGatherOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gathered atomic.Int64
		registry := prometheus.NewRegistry()
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gathered"}, func() float64 {
			return float64(gathered.Add(1))
		}))
		handler := MetricsHandler(registry)
		scrape := func(headers ...string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", "/metrics", http.NoBody)
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return w
		}
		for range 100 {
			contains(t, scrape().Body.String(), "\ngathered 1\n")
		}
		for range 100 {
			w := scrape("Accept-Encoding", "gzip", "Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
			text, err := gzip.NewReader(w.Body)
			if err != nil || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/openmetrics-text") || w.Header().Get("Vary") == "" {
				t.Fatalf("%v, headers %v", err, w.Header())
			}
			_ = text.Close()
		}
		if n := gathered.Load(); n != 2 {
			t.Errorf("200 scrapes at once in two encodings gathered %d times", n)
		}
		time.Sleep(metricsAge)
		contains(t, scrape().Body.String(), "\ngathered 3\n")
	})
}

func TestMetricsAreApartWhereTheyAreToBe(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.MetricsApart = true }
	if response, _ := ask(t, "GET", tn.start(t).URL+"/metrics"); response.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, want 404", response.StatusCode)
	}
}
