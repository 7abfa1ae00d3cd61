package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/telemetry"
	"exchequer/ledger"
	"exchequer/vitals"
	"exchequer/web"
)

// BenchmarkObserved compares the time of a warm home page by gzip, without sockets, with
// that of the same page while a share of the requests is traced and sent to a collector,
// and with that of a beacon. The requests of all take turns, so that what else the machine
// does slows all of them down alike.
func BenchmarkObserved(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	registry, log := prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	store, err := vitals.New(vitals.Deps{Log: log, Registerer: registry, Version: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "bench:1", Log: log})
	defer c.Close(context.Background())
	site, err := web.New(web.Deps{
		Economy: madeEconomy(c), API: aggregates.NewAPI(c, nil), Soundness: aggregates.NewSoundnessMemos(context.Background(), c, nil, nil),
		Cache: c, Settings: func() ledger.Settings { return ledger.Settings{Name: "Bench"} },
		Log: log, Registry: registry, Version: "bench", Vitals: store, Sample: 0.1,
	})
	if err != nil {
		b.Fatal(err)
	}
	nobody := func(*http.Request) bool { return false }
	tracing := func(share string) http.Handler {
		b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
		b.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
		b.Setenv("OTEL_TRACES_SAMPLER_ARG", share)
		t, err := telemetry.StartTracing(b.Context(), os.Getenv, "bench", log)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = t.Close(context.Background()) })
		return t.Handler(site, nobody)
	}
	page := func(h http.Handler) func() int {
		return func() int {
			r := httptest.NewRequest("GET", "/economy", http.NoBody)
			r.Header.Set("Accept-Encoding", "gzip")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
	}
	client := 0
	beacon := func() int {
		client++ // each has a share of its own
		r := httptest.NewRequest("POST", "/rum", strings.NewReader(`{"route":"/market","device":"phone","connection":"fast","lcp":812.5,"inp":48,"cls":0.013,"ttfb":55.1,"errors":[]}`))
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", client>>16&255, client>>8&255, client&255)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w.Code
	}
	kinds := []struct {
		name string
		ask  func() int
		took []time.Duration
	}{
		{name: "plain", ask: page(site)}, {name: "1%", ask: page(tracing("0.01"))}, {name: "all", ask: page(tracing("1"))}, {name: "beacon", ask: beacon},
	}
	for i := range kinds {
		if code := kinds[i].ask(); code >= 300 {
			b.Fatalf("%s: status %d", kinds[i].name, code)
		}
	}
	const batch, rounds = 100, 200
	for b.Loop() {
		for range rounds {
			for i := range kinds {
				n := batch
				if kinds[i].name == "beacon" {
					n = 10 // of 3,000 a minute
				}
				began := time.Now()
				for range n {
					kinds[i].ask()
				}
				kinds[i].took = append(kinds[i].took, time.Since(began)/time.Duration(n))
			}
		}
	}
	median := func(of []time.Duration) float64 {
		slices.Sort(of)
		return float64(of[len(of)/2].Nanoseconds())
	}
	plain := median(kinds[0].took)
	b.ReportMetric(plain/1000, "plain-µs")
	for _, k := range kinds[1:] {
		b.ReportMetric(median(k.took)/plain, k.name+"-ratio")
	}
}
