package telemetry_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"exchequer/internal/telemetry"
)

// nobody trusts no request.
func nobody(*http.Request) bool { return false }

func TestTracesAreSentOnlyWhereAnEndpointIsNamed(t *testing.T) {
	got := make(chan string, 8)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	request := httptest.NewRequest("GET", "/economy?token=secret", nil)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })

	none, err := telemetry.StartTracing(t.Context(), func(string) string { return "" }, "1.2.3", slog.New(slog.DiscardHandler))
	if err != nil || none != nil || none.Queries() != nil || none.Memos() != nil || none.Redis(nil) != nil {
		t.Errorf("tracing without an endpoint = %v, %v, want none", none, err)
	}
	none.Handler(handler, nobody).ServeHTTP(httptest.NewRecorder(), request)
	if err := none.Close(t.Context()); err != nil {
		t.Error(err)
	}

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	tracing, err := telemetry.StartTracing(t.Context(), os.Getenv, "1.2.3", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tracing.Handler(handler, nobody).ServeHTTP(httptest.NewRecorder(), request)
	if err := tracing.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("%d exports, want 1, of the traced request", len(got))
	}
	export := <-got
	for _, want := range []string{"/v1/traces ", "exchequer", "1.2.3", "/economy"} {
		if !strings.Contains(export, want) {
			t.Errorf("the export does not hold %q", want)
		}
	}
	if strings.Contains(export, "secret") {
		t.Error("the export holds the query of the address")
	}
}

func TestAShareOfTheRequestsIsRecordedAndEachOnce(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, c := range []struct {
		name, share, parent string
		trusted             bool
		spans               int
	}{
		{name: "none", share: "0"},
		{name: "all", share: "1", spans: 1},
		{name: "a proxy's own trace", share: "0", parent: parent, trusted: true, spans: 1},
		{name: "a stranger's own trace", share: "0", parent: parent},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got bytes.Buffer
			collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(&got, r.Body) }))
			defer collector.Close()
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
			t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", c.share)
			tracing, err := telemetry.StartTracing(t.Context(), os.Getenv, "1.2.3", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, span := tracing.Memos().Start(r.Context(), "a memo")
				span.End()
			})
			request := httptest.NewRequest("GET", "/a-page", nil)
			request.Header.Set("traceparent", c.parent)
			tracing.Handler(inner, func(*http.Request) bool { return c.trusted }).ServeHTTP(httptest.NewRecorder(), request)
			if err := tracing.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if pages, memos := strings.Count(got.String(), "/a-page"), strings.Count(got.String(), "a memo"); pages != c.spans || memos != c.spans {
				t.Errorf("%d spans of the request and %d of its memo were sent, want %d of each", pages, memos, c.spans)
			}
			if c.parent != "" && c.spans > 0 && !strings.Contains(got.String(), "\x0a\xf7\x65\x19\x16\xcd\x43\xdd") {
				t.Error("the trace of the proxy is not continued")
			}
		})
	}
}
