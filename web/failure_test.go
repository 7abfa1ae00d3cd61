package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFailuresAreInTheReadersFormat(t *testing.T) {
	server := newTown().start(t)
	for _, test := range []struct {
		method, path, accept string
		status               int
		kind, text           string
	}{
		{"GET", "/nowhere", "text/html", 404, "text/html", "There is nothing at this address."},
		{"GET", "/nowhere", "application/json", 404, "application/json", `"status":404`},
		{"GET", "/nowhere", "*/*", 404, "text/plain", "There is nothing"},
		{"GET", "/economy/nothing.csv", "text/html", 404, "text/plain", "There is nothing"},
		{"PUT", "/economy", "text/html", 405, "text/html", "does not answer"},
		{"GET", "/theme", "*/*", 405, "text/plain", "does not answer"},
	} {
		response, body := ask(t, test.method, server.URL+test.path, "Accept", test.accept)
		if response.StatusCode != test.status || !strings.HasPrefix(response.Header.Get("Content-Type"), test.kind) {
			t.Errorf("%s %s: %d %s", test.method, test.path, response.StatusCode, response.Header.Get("Content-Type"))
		}
		contains(t, body, test.text)
		if response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s may be kept", test.method, test.path)
		}
	}
	response, _ := ask(t, "PUT", server.URL+"/economy")
	if diff := cmp.Diff([]string{"GET", "HEAD"}, response.Header.Values("Allow")); diff != "" {
		t.Errorf("Allow: %s", diff)
	}
	response, _ = ask(t, "GET", server.URL+"/theme")
	if diff := cmp.Diff([]string{"POST"}, response.Header.Values("Allow")); diff != "" {
		t.Errorf("Allow: %s", diff)
	}
}
