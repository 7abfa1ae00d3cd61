package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
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
		"state": "fresh", "money": map[string]any{"symbol": "₤", "decimals": 2.0}, "timezone": "UTC",
		"value": map[string]any{"rows": []any{map[string]any{
			"kind": "personal", "issuer": false, "status": "active", "accounts": 2317.0, "balance": 821_490_600.0, "transactions": 49_122.0,
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

func TestTheAPIAnswersFailuresWithProblems(t *testing.T) {
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
			t.Errorf("%s leaks what is internal: %s", test.name, body)
		}
		if test.status == 405 && !slices.Equal(response.Header.Values("Allow"), []string{"GET", "HEAD"}) {
			t.Errorf("Allow: %v", response.Header.Values("Allow"))
		}
		if test.status == 503 && response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", test.name)
		}
	}
}

func TestAnOperationsUnforeseenErrorIsForTheLog(t *testing.T) {
	var log strings.Builder
	metrics, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Deps: Deps{Log: slog.New(slog.NewJSONHandler(&log, nil))}, metrics: metrics}
	router := chi.NewRouter()
	api := s.emptyAPI(apiAdapter{s, router})
	broken := func(context.Context, *struct{}) (*struct{}, error) { return nil, errors.New("secret") }
	huma.Get(api, "/broken", broken)
	auth, err := newOperatorAuth(operatorToken, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	huma.Get(api, "/operators", broken, func(op *huma.Operation) { op.Middlewares = huma.Middlewares{auth.operation} })
	huma.Get(api, "/panics", func(context.Context, *struct{}) (*struct{}, error) { panic("secret") })
	huma.Get(api, "/refuses", func(context.Context, *struct{}) (*struct{}, error) { return nil, huma.Error403Forbidden("not you") })
	for path, want := range map[string]string{
		"/broken":    `{"title":"Internal Server Error","status":500,"detail":"Something went wrong on our side. It has been logged."}`,
		"/panics":    `{"title":"Internal Server Error","status":500,"detail":"Something went wrong on our side. It has been logged."}`,
		"/operators": `{"title":"Internal Server Error","status":500,"detail":"Something went wrong on our side. It has been logged."}`,
		"/refuses":   `{"title":"Forbidden","status":403,"detail":"not you"}`,
	} {
		log.Reset()
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", apiRoot+path, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+operatorToken)
		router.ServeHTTP(w, r)
		if got := strings.TrimSpace(w.Body.String()); got != want || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s as %s, want %s", path, got, w.Header().Get("Content-Type"), want)
		}
		if secret := w.Code == http.StatusInternalServerError; strings.Contains(log.String(), "secret") != secret {
			t.Errorf("%s: the log says %s", path, log.String())
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 {
			t.Errorf("%s: %d lines in the log, want 1:\n%s", path, lines, log.String())
		}
	}
}

func TestRequestsOfTheAPIAreCountedByRoute(t *testing.T) {
	server := newTown().start(t)
	ask(t, "GET", server.URL+"/api/v1/stats?kind=business")
	_, metrics := ask(t, "GET", server.URL+"/metrics")
	contains(t, metrics, `exchequer_http_requests_total{method="GET",route="/api/v1/stats",status="200"} 1`)
}

// describedAPI returns the OpenAPI document of the site, and fails the test if it is
// not valid.
func describedAPI(t testing.TB, url string) *openapi3.T {
	t.Helper()
	_, body := ask(t, "GET", url+"/api/v1/openapi.json")
	description, err := openapi3.NewLoader().LoadFromData([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := description.Validate(t.Context()); err != nil {
		t.Fatalf("the description is not valid: %v", err)
	}
	return description
}

func TestTheAPIDescribesItself(t *testing.T) {
	server := newTown().start(t)
	response, body := ask(t, "GET", server.URL+"/api/v1/openapi.json")
	if response.Header.Get("Content-Type") != "application/openapi+json" || response.Header.Get("ETag") == "" {
		t.Errorf("headers %v", response.Header)
	}
	contains(t, body, `"openapi":"3.1.0"`, `"url":"/api/v1"`)
	response, yaml := ask(t, "GET", server.URL+"/api/v1/openapi.yaml")
	if response.Header.Get("Content-Type") != "application/openapi+yaml" {
		t.Errorf("headers %v", response.Header)
	}
	contains(t, yaml, "openapi: 3.1.0", "/stats:")

	description := describedAPI(t, server.URL)
	for path, failures := range map[string][]int{
		"/stats": {422, 503}, "/flow": {503}, "/market": {503}, "/health": {503}, "/items/{id}": {404, 503}, "/accounts/{id}": {404, 503},
	} {
		item := description.Paths.Find(path)
		if item == nil || item.Get == nil || item.Get.Summary == "" || item.Get.OperationID == "" {
			t.Errorf("%s is not described", path)
			continue
		}
		for _, status := range append(failures, 200, 304) {
			if item.Get.Responses.Status(status) == nil {
				t.Errorf("%s: no word of status %d", path, status)
			}
		}
	}
}

// TestAnswersAreAsDescribed asks a real ledger for everything, and one that has
// nothing to say yet.
func TestAnswersAreAsDescribed(t *testing.T) {
	for name, b := range map[string]ledger.Batch{"a small ledger": smallLedger(), "an empty ledger": {
		Accounts: smallLedger().Accounts, Items: smallLedger().Items,
	}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testkit.Postgres(t)
			if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			memos := cache.New(cache.Deps{Store: cache.NewMemory()})
			t.Cleanup(func() { _ = memos.Close(context.Background()) })
			tn := newTown()
			tn.change = func(d *Deps) { d.API = aggregates.NewAPI(memos, db) }
			server := tn.start(t)
			description := describedAPI(t, server.URL)
			for path, asked := range map[string][]string{
				"/stats": {"/stats", "/stats?kind=system", "/stats?status=archived"},
				"/flow":  {"/flow", "/flow?days=7"}, "/market": {"/market?days=all"}, "/health": {"/health", "/health?days=all"},
				"/items/{id}": {"/items/apple", "/items/unused?days=365"}, "/accounts/{id}": {"/accounts/ann", "/accounts/bob?days=7", "/accounts/mint"},
			} {
				responses := description.Paths.Find(path).Get.Responses
				for _, address := range asked {
					response, body := ask(t, "GET", server.URL+"/api/v1"+address)
					schema := responses.Status(http.StatusOK).Value.Content["application/json"].Schema.Value
					if err := schema.VisitJSON(decoded(t, body), openapi3.EnableJSONSchema2020()); err != nil || response.StatusCode != http.StatusOK {
						t.Errorf("%s: status %d, not as described: %v\n%s", address, response.StatusCode, err, body)
					}
				}
			}
			_, body := ask(t, "GET", server.URL+"/api/v1/accounts/nobody")
			problem := description.Paths.Find("/accounts/{id}").Get.Responses.Status(404).Value.Content["application/problem+json"].Schema.Value
			if err := problem.VisitJSON(decoded(t, body), openapi3.EnableJSONSchema2020()); err != nil {
				t.Errorf("a problem is not as described: %v\n%s", err, body)
			}
		})
	}
}

// smallLedger has some of everything, lately.
func smallLedger() ledger.Batch {
	now := time.Now().UTC().Truncate(time.Second)
	opened := now.AddDate(0, 0, -20)
	tx := func(ref string, ago time.Duration, from, to string, amount int64) ledger.Transaction {
		return ledger.Transaction{Origin: "test", Ref: ref, At: now.Add(-ago), Source: "test",
			Postings: []ledger.Posting{{Account: from, Amount: -amount}, {Account: to, Amount: amount}}}
	}
	const day = 24 * time.Hour
	return ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "mint", Kind: ledger.System, Opened: opened}, {Ref: "ann", Kind: ledger.Personal, Opened: opened},
			{Ref: "bob", Kind: ledger.Personal, Opened: opened, Archived: now.Add(-day)},
		},
		Items:        []ledger.Item{{Ref: "apple", Name: "Apple"}, {Ref: "unused"}},
		Transactions: []ledger.Transaction{tx("a", 19*day, "mint", "ann", 500), tx("b", 9*day, "ann", "bob", 70), tx("c", 2*day, "bob", "ann", 70)},
		Sales: []ledger.Sale{
			{Origin: "test", Ref: "a", At: now.Add(-9 * day), Item: "apple", Direction: ledger.DirectionSale, Quantity: 3, Total: 70},
			{Origin: "test", Ref: "b", At: now.Add(-2 * day), Item: "apple", Direction: ledger.DirectionSale, Quantity: -3, Total: -70},
		},
	}
}
