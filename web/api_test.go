package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
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
		{"an unknown item", "GET", "/items/nobody", 404, "The ledger knows no item by this id.", ""},
		{"an unknown account", "GET", "/accounts/nobody?days=7", 404, "The ledger knows no account by this id.", ""},
		{"an id that no ledger can have", "GET", "/accounts/a%00b", 404, "The ledger knows no account by this id.", ""},
		{"no id", "GET", "/accounts/", 404, "There is nothing at this address.", ""},
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

func TestAPeriodIsSentToTheNearest(t *testing.T) {
	server := newTown().start(t)
	for path, want := range map[string]string{
		"/flow": "30", "/flow?days=": "30", "/flow?days=8": "7", "/market?days=1000": "365", "/health?days=all": "all", "/health?days=x": "30",
		"/items/apple": "30", "/items/apple?days=0": "7", "/accounts/ada?days=99999999999999999999": "365",
	} {
		response, body := ask(t, "GET", server.URL+"/api/v1"+path)
		value, _ := decoded(t, body)["value"].(map[string]any)
		period, _ := value["period"].(map[string]any)
		if response.StatusCode != http.StatusOK || period["days"] != want {
			t.Errorf("%s: status %d, %v days, want %s", path, response.StatusCode, period["days"], want)
		}
	}
}

func TestAnIDIsWhatTheLedgerCallsIt(t *testing.T) {
	server := newTown().start(t)
	for path, want := range map[string]string{
		"/items/minecraft:diamond": "minecraft:diamond", "/items/unit%2FArts%20%26%20Culture?days=7": "unit/Arts & Culture",
		"/accounts/caf%C3%A9": "café",
	} {
		response, body := ask(t, "GET", server.URL+"/api/v1"+path)
		value, _ := decoded(t, body)["value"].(map[string]any)
		if response.StatusCode != http.StatusOK || value["id"] != want {
			t.Errorf("%s: status %d, id %v, want %s", path, response.StatusCode, value["id"], want)
		}
	}
}

func TestNamesThatAreTriedOutBecomeNoKeys(t *testing.T) {
	tn := newTown()
	var runs atomic.Int64
	account := tn.account
	tn.account = func(ctx context.Context, w cache.Window, q aggregates.AccountQuery) (*aggregates.Account, error) {
		runs.Add(1)
		return account(ctx, w, q)
	}
	down := false
	tn.known = func(_ context.Context, ref string) (bool, error) {
		if down {
			return false, errors.New("database is down")
		}
		return ref == "ada", nil
	}
	server := tn.start(t)
	for i := range 20 {
		if response, _ := ask(t, "GET", fmt.Sprint(server.URL, "/api/v1/accounts/", i)); response.StatusCode != http.StatusNotFound {
			t.Errorf("account %d: status %d", i, response.StatusCode)
		}
	}
	if n := runs.Load(); n != 0 {
		t.Errorf("20 unknown accounts caused %d producer runs", n)
	}
	ask(t, "GET", server.URL+"/api/v1/accounts/ada")
	// What is known is shown, whatever happens to the database.
	down = true
	for _, ref := range []string{"ada", "bob"} { // bob: the memo may know him from another process
		if response, body := ask(t, "GET", server.URL+"/api/v1/accounts/"+ref); response.StatusCode != http.StatusOK {
			t.Errorf("%s, with the database down: status %d: %s", ref, response.StatusCode, body)
		}
	}
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

	// Every operation is described, and with what it answers.
	paths, _ := description["paths"].(map[string]any)
	for _, path := range []string{"/stats", "/flow", "/market", "/health", "/items/{id}", "/accounts/{id}"} {
		operations, _ := paths[path].(map[string]any)
		get, _ := operations["get"].(map[string]any)
		responses, _ := get["responses"].(map[string]any)
		for _, status := range []string{"200", "304", "503"} {
			if responses[status] == nil {
				t.Errorf("%s: no word of status %s", path, status)
			}
		}
		if get["summary"] == "" || get["operationId"] == "" {
			t.Errorf("%s: no summary or no name", path)
		}
	}
	for _, ref := range references(description) {
		name, found := strings.CutPrefix(ref, "#/components/schemas/")
		components, _ := description["components"].(map[string]any)
		schemas, _ := components["schemas"].(map[string]any)
		if !found || schemas[name] == nil {
			t.Errorf("%s leads nowhere", ref)
		}
	}
}

// references lists every $ref below v.
func references(v any) (all []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, below := range v {
			if ref, ok := below.(string); ok && name == "$ref" {
				all = append(all, ref)
			}
			all = append(all, references(below)...)
		}
	case []any:
		for _, below := range v {
			all = append(all, references(below)...)
		}
	}
	return all
}
