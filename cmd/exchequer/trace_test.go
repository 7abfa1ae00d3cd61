package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metricsv1 "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"exchequer/internal/testkit"
)

// A collector keeps what is sent to it.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []*tracev1.Span
	metrics map[string]bool // names
	text    strings.Builder // of all bodies
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{metrics: map[string]bool{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.text.Write(body)
		switch r.URL.Path {
		case "/v1/traces":
			var sent tracecollector.ExportTraceServiceRequest
			if err := proto.Unmarshal(body, &sent); err != nil {
				t.Error(err)
			}
			for _, of := range sent.ResourceSpans {
				for _, scope := range of.ScopeSpans {
					c.spans = append(c.spans, scope.Spans...)
				}
			}
		case "/v1/metrics":
			var sent metricsv1.ExportMetricsServiceRequest
			if err := proto.Unmarshal(body, &sent); err != nil {
				t.Error(err)
			}
			for _, of := range sent.ResourceMetrics {
				for _, scope := range of.ScopeMetrics {
					for _, m := range scope.Metrics {
						c.metrics[m.Name] = true
					}
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
	return c
}

// above returns the names of a span and of those that it is a part of, the last one first.
func (c *collector) above(of *tracev1.Span) (names []string) {
	for at := of; at != nil; {
		names = append(names, at.Name)
		parent := at.ParentSpanId
		at = nil
		for _, s := range c.spans {
			if string(s.SpanId) == string(parent) && string(s.TraceId) == string(of.TraceId) {
				at = s
			}
		}
	}
	return names
}

func TestAColdPageIsOneTraceFromTheRequestToTheQueries(t *testing.T) {
	db := economy(t, "Town", "₤", 6, 1_000_00)
	t.Setenv("DATABASE_URL", db.Config().ConnString())
	t.Setenv("REDIS_URL", testkit.Redis(t).URL())
	t.Setenv("EXCHEQUER_LINGER", "0s")
	c := newCollector(t)
	s := start(t, "serve", "--log-format", "json")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/accounts/town-0?days=30&token=secret", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer secret")
	request.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00") // it is not to be recorded
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	get(t, s.url+"/economy")
	until(t, "the metrics of the cache are sent", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.metrics["exchequer_cache_producer_seconds"]
	})
	if code := s.end(); code != 0 {
		t.Errorf("exit code = %d, want 0; it said:\n%s", code, s.said)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	for page, want := range map[string]string{"GET /economy": "produce economy.overview", "GET /accounts/{ref}": "produce account."} {
		found := map[string]bool{}
		for _, span := range c.spans {
			names := strings.Join(c.above(span), " < ")
			if !strings.HasSuffix(names, " < "+page) || !strings.Contains(names, want) {
				continue
			}
			memo := names[strings.Index(names, want)+len("produce "):]
			memo, _, _ = strings.Cut(memo, " ")
			if strings.HasSuffix(names, "produce "+memo+" < refresh "+memo+" < get "+memo+" < "+page) && (strings.HasPrefix(names, "SELECT < ") || strings.HasPrefix(names, "WITH < ")) {
				found["query"] = true
			}
			if strings.HasSuffix(names, "refresh "+memo+" < get "+memo+" < "+page) {
				found["memo"] = true
			}
		}
		for _, span := range c.spans {
			if names := strings.Join(c.above(span), " < "); strings.HasSuffix(names, page) && strings.HasPrefix(names, "hget ") {
				found["redis"] = true
			}
		}
		if !found["memo"] || !found["query"] || !found["redis"] {
			t.Errorf("%s: found %v of its trace", page, found)
			for _, span := range c.spans {
				t.Log(strings.Join(c.above(span), " < "))
			}
		}
	}
	for _, forbidden := range []string{"secret", "town-0", "days=30"} {
		if strings.Contains(c.text.String(), forbidden) {
			t.Errorf("%q is sent", forbidden)
		}
	}
	for _, name := range []string{"exchequer_http_request_duration_seconds", "go_goroutines"} {
		if !c.metrics[name] {
			t.Errorf("the metric %s is not sent", name)
		}
	}
	traced := false
	for line := range strings.Lines(s.log.String()) {
		traced = traced || strings.Contains(line, `"route":"/economy"`) && strings.Contains(line, `"trace_id":"`)
	}
	if !traced {
		t.Error("no line of the log has the trace of its request")
	}
}

func TestTheSlowRequestsOfAHistogramLeadToTheirTraces(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	t.Setenv("EXCHEQUER_LINGER", "0s")
	newCollector(t)
	s := start(t, "serve")
	get(t, s.url+"/healthz")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	until(t, "a bucket has an exemplar", func() bool {
		time.Sleep(300 * time.Millisecond) // scrapes share an answer
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		for line := range strings.Lines(string(body)) {
			if strings.HasPrefix(line, `exchequer_http_request_duration_seconds_bucket{route="/healthz"`) && strings.Contains(line, `# {trace_id="`) {
				return true
			}
		}
		return false
	})
}
