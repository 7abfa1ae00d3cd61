package telemetry_test

import (
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
