package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	server := newTown().start(t)
	for _, path := range []string{"/", "/economy/richest", "/economy/wealth.json", "/nowhere", "/healthz", "/theme.css", "/static/nothing.js", "/api/v1/stats", "/api/v1/nowhere", "/api/v1/openapi.json"} {
		response, _ := ask(t, "GET", server.URL+path)
		for name, want := range fixedHeaders {
			if name == "Cross-Origin-Resource-Policy" && (strings.HasSuffix(path, ".json") || path == "/api/v1/stats") {
				want = []string{"cross-origin"}
			}
			if diff := cmp.Diff(want, response.Header.Values(name)); diff != "" {
				t.Errorf("%s: %s %s", path, name, diff)
			}
		}
		if response.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s has no request id", path)
		}
	}
}

func TestARequestKeepsASaneIdOfATrustedProxy(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.TrustedProxies = []string{"10.0.0.0/8", "127.0.0.0/8"} }
	server := tn.start(t)
	for given, kept := range map[string]bool{"abc-123.DEF_9": true, "short": false, "with space in it": false, strings.Repeat("x", 65): false} {
		response, _ := ask(t, "GET", server.URL+"/healthz", "X-Request-Id", given)
		if got := response.Header.Get("X-Request-Id"); (got == given) != kept || got == "" {
			t.Errorf("id %q became %q", given, got)
		}
	}
}

func TestNobodyElseGivesARequestItsId(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.TrustedProxies = []string{"10.0.0.0/8"} }
	response, _ := ask(t, "GET", tn.start(t).URL+"/healthz", "X-Request-Id", "abc-123.DEF_9")
	if got := response.Header.Get("X-Request-Id"); got == "abc-123.DEF_9" || got == "" {
		t.Errorf("the id is %q, want one of our own", got)
	}
}

func TestAPanicBecomesTheErrorPage(t *testing.T) {
	var log strings.Builder
	tn := newTown()
	tn.log = &log
	calls := 0
	tn.change = func(d *Deps) {
		settings := d.Settings
		d.Settings = func() ledger.Settings {
			if calls++; calls > 10 {
				panic("secret")
			}
			return settings()
		}
	}
	server := tn.start(t)
	calls = 10
	response, body := ask(t, "GET", server.URL+"/economy", "Accept", "text/html")
	if response.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", response.StatusCode)
	}
	contains(t, body, "Something went wrong on our side", "<html")
	server.Close()
	contains(t, log.String(), "handler panicked", "secret", response.Header.Get("X-Request-Id"))
}
