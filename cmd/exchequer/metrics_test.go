package main

import (
	"net/http"
	"strings"
	"testing"

	"exchequer/internal/testkit"
)

func TestMetricsHaveAnAddressOfTheirOwn(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	s := start(t, "serve", "--log-format", "json", "--metrics-listen", "127.0.0.1:0")
	_, rest, _ := strings.Cut(s.said.String(), `"metrics":"`)
	address, _, _ := strings.Cut(rest, `"`)
	if status, _ := get(t, s.url+"/metrics"); status != http.StatusNotFound {
		t.Errorf("/metrics with the pages = %d, want 404", status)
	}
	if status, body := get(t, "http://"+address+"/metrics"); status != http.StatusOK || !strings.Contains(body, "exchequer_http_requests_total") {
		t.Errorf("/metrics at %s = %d", address, status)
	}
	if status, _ := get(t, "http://"+address+"/economy"); status != http.StatusNotFound {
		t.Errorf("a page at the address of the metrics = %d, want 404", status)
	}
	taken, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--metrics-listen", address)
	if taken != 1 || !strings.Contains(said, "--metrics-listen") {
		t.Errorf("a second process on the address = %d, %q", taken, said)
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit code = %d, want 0; it said:\n%s", code, s.said)
	}
}
