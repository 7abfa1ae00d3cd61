package web

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// ask sends one request with headers given as pairs. It follows no redirect
// and decompresses nothing.
func ask(t testing.TB, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, r, headers...)
}

func send(t testing.TB, r *http.Request, headers ...string) (*http.Response, string) {
	t.Helper()
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read %s: %v", r.URL, err)
	}
	return response, string(body)
}

// contains fails the test for every text that is not in body.
func contains(t testing.TB, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("body lacks %q in:\n%.3000s", text, body)
		}
	}
}
