package web

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
)

const operatorToken = "correct-horse-battery-staple"

// gated serves a handler behind an operatorAuth. Log is the audit log.
func gated(t *testing.T, token string, h http.HandlerFunc) (url string, log *journal) {
	t.Helper()
	log = &journal{}
	g, err := newOperatorAuth(token, slog.New(slog.NewJSONHandler(log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(middleware.ClientIPFromXFF("127.0.0.0/8")(g.middleware(h)))
	t.Cleanup(server.Close)
	return server.URL, log
}

// A journal is a log that a test reads while it is written.
type journal struct{ testkit.Buffer }

// lines returns the audit lines of a log.
func (j *journal) lines(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for dec := json.NewDecoder(strings.NewReader(j.String())); ; {
		var line map[string]any
		if err := dec.Decode(&line); err == io.EOF {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		if line["msg"] == "operator" {
			lines = append(lines, line)
		}
	}
}

func TestOnlyTheTokenIsAllowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, token, authorization string
		status                     int
		detail                     string
	}{
		{"the token", operatorToken, "Bearer " + operatorToken, 204, ""},
		{"the scheme in other letters, with spaces", operatorToken, "bearer   " + operatorToken + " ", 204, ""},
		{"no token is configured", "", "Bearer " + operatorToken, 403, "set EXCHEQUER_OPERATOR_TOKEN"},
		{"no token is configured, none sent", "", "", 403, "set EXCHEQUER_OPERATOR_TOKEN"},
		{"nothing is sent", operatorToken, "", 401, "Authorization: Bearer TOKEN"},
		{"another scheme", operatorToken, "Basic " + operatorToken, 401, "Authorization: Bearer TOKEN"},
		{"the scheme alone", operatorToken, "Bearer", 401, "Authorization: Bearer TOKEN"},
		{"an empty token", operatorToken, "Bearer  ", 401, "Authorization: Bearer TOKEN"},
		{"the token without a scheme", operatorToken, operatorToken, 401, "Authorization: Bearer TOKEN"},
		{"another token", operatorToken, "Bearer wrong", 403, "not the operators' token"},
		{"a beginning of it", operatorToken, "Bearer " + operatorToken[:20], 403, "not the operators' token"},
		{"more than it", operatorToken, "Bearer " + operatorToken + "x", 403, "not the operators' token"},
		{"a long one", operatorToken, "Bearer " + strings.Repeat("x", 10_000), 403, "not the operators' token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			entered := false
			url, log := gated(t, c.token, func(w http.ResponseWriter, r *http.Request) {
				entered = true
				w.WriteHeader(http.StatusNoContent)
			})
			var headers []string
			if c.authorization != "" {
				headers = []string{"Authorization", c.authorization}
			}
			response, body := ask(t, "GET", url, headers...)
			if response.StatusCode != c.status || entered != (c.status == 204) {
				t.Fatalf("%q: status %d, entered %v, want %d", c.authorization, response.StatusCode, entered, c.status)
			}
			if challenged := response.Header.Get("WWW-Authenticate"); (c.status == 401) != strings.HasPrefix(challenged, "Bearer") {
				t.Errorf("status %d with the challenge %q", c.status, challenged)
			}
			if got := response.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control: %q, want no-store", got)
			}
			lines := log.lines(t)
			if c.status == 204 {
				if len(lines) != 0 {
					t.Errorf("reading wrote %v to the audit log", lines)
				}
				return
			}
			var got huma.ErrorModel
			if err := json.Unmarshal([]byte(body), &got); err != nil || got.Status != c.status || !strings.Contains(got.Detail, c.detail) {
				t.Errorf("got %s, want a problem with %q", body, c.detail)
			}
			if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type: %q", got)
			}
			if len(lines) != 1 || lines[0]["outcome"] != "refused" || lines[0]["client"] != "127.0.0.1" || lines[0]["asked"] != "GET /" {
				t.Errorf("audit log %v, want one line of a operatorError", lines)
			}
			if sent := strings.Fields(c.authorization); len(sent) == 2 && strings.Contains(log.String()+body, sent[1]) {
				t.Error("what was sent as a token is in the log or the answer")
			}
		})
	}
}

func TestTwoTokensAtOnceAreNone(t *testing.T) {
	t.Parallel()
	url, _ := gated(t, operatorToken, func(http.ResponseWriter, *http.Request) { t.Error("let in") })
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Authorization"] = []string{"Bearer wrong", "Bearer " + operatorToken}
	if response, _ := send(t, r); response.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", response.StatusCode)
	}
}

func TestGuessingTokensIsHeldBackByAddress(t *testing.T) {
	t.Parallel()
	url, log := gated(t, operatorToken, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	statuses := map[int]int{}
	var last *http.Response
	for range operatorRequests + 10 {
		last, _ = ask(t, "POST", url, "Authorization", "Bearer wrong", "X-Forwarded-For", "192.0.2.1")
		statuses[last.StatusCode]++
	}
	// A slow machine may let a second window begin, which lets a few more in.
	if statuses[403] < operatorRequests || statuses[429] == 0 || statuses[403]+statuses[429] != operatorRequests+10 {
		t.Errorf("%d guesses were answered %v, want %d times 403, then 429", operatorRequests+10, statuses, operatorRequests)
	}
	if last.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	if response, _ := ask(t, "POST", url, "Authorization", "Bearer "+operatorToken, "X-Forwarded-For", "192.0.2.1"); response.StatusCode != 429 {
		t.Errorf("the right token from there: status %d; a guesser must not learn that it is right", response.StatusCode)
	}
	if response, _ := ask(t, "POST", url, "Authorization", "Bearer "+operatorToken, "X-Forwarded-For", "192.0.2.2"); response.StatusCode != 204 {
		t.Errorf("the right token from elsewhere: status %d, want 204", response.StatusCode)
	}
	lines := log.lines(t)
	if len(lines) != operatorRequests+12 {
		t.Errorf("%d audit lines, want one for each", len(lines))
	}
	if end := lines[len(lines)-1]; end["client"] != "192.0.2.2" || end["outcome"] != "done" || end["asked"] != "POST /" {
		t.Errorf("the last audit line is %v", end)
	}
}

func TestTheAuditLineHasTheOutcome(t *testing.T) {
	t.Parallel()
	url, log := gated(t, operatorToken, func(w http.ResponseWriter, r *http.Request) {
		annotate(r.Context(), slog.String("memo", "stats"))
		switch r.URL.Path {
		case "/panic":
			panic(http.ErrAbortHandler)
		case "/fail":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	for _, path := range []string{"/done", "/fail", "/panic"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", url+path, bytes.NewReader(nil))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+operatorToken)
		if response, err := http.DefaultTransport.RoundTrip(r); err == nil {
			response.Body.Close()
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	var outcomes []any
	for _, line := range log.lines(t) {
		outcomes = append(outcomes, line["outcome"], line["memo"])
	}
	if want := []any{"done", "stats", "failed", "stats", "broken off", "stats"}; cmp.Diff(want, outcomes) != "" {
		t.Errorf("outcomes (-want +got):\n%s", cmp.Diff(want, outcomes))
	}
	if strings.Contains(log.String(), operatorToken) {
		t.Error("the token is in the log")
	}
}

func TestAWeakTokenIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"short", "with spaces in it, though long", "pässwörter-sind-gut", "two\nlines-of-a-secret-file"} {
		if _, err := newOperatorAuth(token, slog.New(slog.DiscardHandler), nil); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%q: error %v, want one that does not repeat it", token, err)
		}
	}
}
