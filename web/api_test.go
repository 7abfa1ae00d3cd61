package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/aggregates"
	"exchequer/cache"
)

// decoded reads a JSON object.
func decoded(t testing.TB, body string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Fatalf("%v in:\n%.2000s", err, body)
	}
	return object
}

func TestStatsAreADocumentWithItsStateAndMoney(t *testing.T) {
	server := newTown().start(t)
	response, body := ask(t, "GET", server.URL+"/api/v1/stats?kind=personal")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" ||
		response.Header.Get("Cache-Control") != "public, no-cache" || response.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("status %d, headers %v", response.StatusCode, response.Header)
	}
	got := decoded(t, body)
	if got["asOf"] == nil || got["next"] == nil {
		t.Errorf("no time in %s", body)
	}
	delete(got, "asOf")
	delete(got, "next")
	want := map[string]any{
		"state": "fresh", "money": map[string]any{"symbol": "₤", "decimals": 2.0},
		"value": map[string]any{"rows": []any{map[string]any{
			"kind": "personal", "status": "active", "accounts": 2317.0, "balance": 821_490_600.0, "transactions": 49_122.0,
		}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}

	again, nothing := ask(t, "GET", server.URL+"/api/v1/stats?kind=personal", "If-None-Match", response.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified || nothing != "" {
		t.Errorf("with its own tag: status %d, body %q", again.StatusCode, nothing)
	}
	other, _ := ask(t, "GET", server.URL+"/api/v1/stats", "If-None-Match", response.Header.Get("ETag"))
	if other.StatusCode != http.StatusOK {
		t.Errorf("another question with that tag: status %d", other.StatusCode)
	}
	head, nothing := ask(t, "HEAD", server.URL+"/api/v1/stats?kind=personal")
	if head.StatusCode != http.StatusOK || nothing != "" || head.Header.Get("ETag") != response.Header.Get("ETag") {
		t.Errorf("HEAD: status %d, body %q, tag %s", head.StatusCode, nothing, head.Header.Get("ETag"))
	}
	small, _ := ask(t, "GET", server.URL+"/api/v1/stats?kind=personal", "Accept-Encoding", "gzip")
	if small.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("to a reader of gzip it is encoded as %q", small.Header.Get("Content-Encoding"))
	}
}

func TestTheAPITellsFailuresAsProblems(t *testing.T) {
	tn := newTown()
	tn.stats = func(_ context.Context, _ cache.Window, q aggregates.StatsQuery) (*aggregates.Stats, error) {
		if q.Kind == "system" {
			return nil, errors.New("secret: no route to database")
		}
		panic("secret")
	}
	server := tn.start(t)
	for _, test := range []struct {
		name, method, path string
		status             int
		detail, more       string
	}{
		{"an unknown kind", "GET", "/stats?kind=alien", 422, "validation failed", "personal, business, government, system"},
		{"an unknown status", "GET", "/stats?status=asleep", 422, "validation failed", "active, archived"},
		{"an unknown address", "GET", "/nowhere", 404, "There is nothing at this address.", ""},
		{"another method", "POST", "/stats", 405, "This address does not answer to that kind of request.", ""},
		{"a failing producer", "GET", "/stats?kind=system", 503, "The newest numbers could not be computed.", ""},
		{"a panicking producer", "GET", "/stats", 503, "The newest numbers could not be computed.", ""},
	} {
		// What the reader accepts does not matter: programs read this.
		response, body := ask(t, test.method, server.URL+"/api/v1"+test.path, "Accept", "text/html")
		problem := decoded(t, body)
		if response.StatusCode != test.status || problem["status"] != float64(test.status) || problem["detail"] != test.detail ||
			problem["title"] != http.StatusText(test.status) {
			t.Errorf("%s: status %d: %s", test.name, response.StatusCode, body)
		}
		if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: content type %s", test.name, got)
		}
		if got := response.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %s", test.name, got)
		}
		contains(t, body, test.more)
		if strings.Contains(body, "secret") {
			t.Errorf("%s tells what is ours to know: %s", test.name, body)
		}
		if test.status == 405 && !slices.Equal(response.Header.Values("Allow"), []string{"GET", "HEAD"}) {
			t.Errorf("Allow: %v", response.Header.Values("Allow"))
		}
		if test.status == 503 && response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", test.name)
		}
	}
}

func TestRequestsOfTheAPIAreCountedByRoute(t *testing.T) {
	server := newTown().start(t)
	ask(t, "GET", server.URL+"/api/v1/stats?kind=business")
	_, metrics := ask(t, "GET", server.URL+"/metrics")
	contains(t, metrics, `exchequer_http_requests_total{method="GET",route="/api/v1/stats",status="200"} 1`)
}

func TestTheAPIDescribesItself(t *testing.T) {
	server := newTown().start(t)
	response, body := ask(t, "GET", server.URL+"/api/v1/openapi.json")
	if response.Header.Get("Content-Type") != "application/openapi+json" || response.Header.Get("ETag") == "" {
		t.Errorf("headers %v", response.Header)
	}
	description := decoded(t, body)
	if description["openapi"] != "3.1.0" {
		t.Errorf("openapi is %v", description["openapi"])
	}
	response, yaml := ask(t, "GET", server.URL+"/api/v1/openapi.yaml")
	if response.Header.Get("Content-Type") != "application/openapi+yaml" {
		t.Errorf("headers %v", response.Header)
	}
	contains(t, yaml, "openapi: 3.1.0", "/stats:")
}
