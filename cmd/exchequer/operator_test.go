package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exchequer/cache"
)

// answering is a server that answers everything with one thing, for what a
// good server does not do.
func answering(t *testing.T, status int, body string, header ...string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Connection", "close")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestErrorsTellOperatorsWhatToDo(t *testing.T) {
	const end = `{"done":1,"of":2,"memo":"stats","key":"stats::"}` + "\n"
	for name, c := range map[string]struct {
		status int
		body   string
		header []string
		args   string
		want   []string
	}{
		"nobody is there":      {args: "stats", want: []string{"connection refused", "exchequer serve", "EXCHEQUER_SERVER"}},
		"a wrong token":        {403, `{"detail":"this is not the operators' token"}`, nil, "stats", []string{"not the operators' token", "EXCHEQUER_OPERATOR_TOKEN_FILE"}},
		"a proxy's own 401":    {401, "<html>", nil, "health", []string{"401", "EXCHEQUER_OPERATOR_TOKEN"}},
		"too often":            {429, `{"title":"Too Many Requests","detail":"too many requests"}`, []string{"Retry-After", "41"}, "test", []string{"too many requests", "in 41 s"}},
		"an order that is bad": {422, `{"title":"Unprocessable Entity","detail":"validation failed","errors":[{"message":"expected length <= 128","location":"body.memo"}]}`, nil, "invalidate --memo x", []string{"validation failed", "body.memo: expected length"}},
		"another program":      {404, "nothing here", nil, "policies", []string{"404", "of this version?"}},
		"something else":       {200, "<html>", nil, "policies", []string{"of this version?"}},
		"moved elsewhere":      {301, "", []string{"Location", "https://elsewhere.example/"}, "policies", []string{"301"}},
		"a broken server":      {500, `{"title":"Internal Server Error"}`, nil, "reset", []string{"Internal Server Error"}},
		"warming is cut":       {200, end, nil, "warm", []string{"stopped answering before it was done"}},
		"warming is stopped":   {200, end + `{"finished":false,"failed":0,"error":"the server is shutting down"}`, nil, "warm", []string{"did not finish: the server is shutting down"}},
		"warming fails":        {200, end + `{"done":2,"of":2,"key":"flow:7","error":"no database"}` + "\n" + `{"finished":true,"failed":1}`, nil, "warm", []string{"1 of 2 keys are not up to date"}},
		"the round trip fails": {200, `{"kind":"redis","ok":false,"error":"set: i/o timeout"}`, nil, "test", []string{"redis: set: i/o timeout"}},
		"all is not well":      {200, `{"status":"degraded","reasons":["flow: circuit open"],"shared":{"kind":"redis"}}`, nil, "health", []string{"degraded: flow: circuit open"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("EXCHEQUER_OPERATOR_TOKEN", "hush-hush-hush-hush")
			t.Setenv("EXCHEQUER_SERVER", "http://127.0.0.1:1")
			if c.status != 0 {
				t.Setenv("EXCHEQUER_SERVER", answering(t, c.status, c.body, c.header...))
			}
			code, _, said := exchequer(t, append([]string{"cache"}, strings.Fields(c.args)...)...)
			if code != 1 || strings.Count(said, "\n") != 1 || strings.Contains(said, "hush-") {
				t.Errorf("exchequer cache %s = %d, %q, want 1 and one line without the token", c.args, code, said)
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("exchequer cache %s said %q, want %q", c.args, said, want)
				}
			}
		})
	}
}

func TestTheOperatorsTokenIsGivenByEnvironmentOrFile(t *testing.T) {
	t.Setenv("EXCHEQUER_OPERATOR_TOKEN", "")
	if code, _, said := exchequer(t, "cache", "stats"); code != 1 || !strings.Contains(said, "EXCHEQUER_OPERATOR_TOKEN_FILE") {
		t.Errorf("without a token = %d, %q, want where it comes from", code, said)
	}
	var authorized string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorized = r.Header.Get("Authorization")
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, `{"policies":[]}`)
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EXCHEQUER_OPERATOR_TOKEN_FILE", file)
	if code, _, said := exchequer(t, "cache", "policies", "--server", s.URL+"/"); code != 0 || authorized != "Bearer from-a-file" {
		t.Errorf("with a file = %d, %q, sent %q", code, said, authorized)
	}
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for seconds, want := range map[cache.Seconds]string{
		0: "0 s", 0.000123: "123 µs", 0.0123456: "12.3 ms", 0.9999: "1 s", 59.94: "59.9 s", 30: "30 s", 600: "10 min", 7200: "2 h", 604800: "7 days", 216000: "2.5 days",
	} {
		if got := formatSeconds(seconds); got != want {
			t.Errorf("formatSeconds(%v) = %q, want %q", seconds, got, want)
		}
	}
	for bytes, want := range map[int64]string{1023: "1023 B", 1536: "1.5 KiB", 64 << 20: "64.0 MiB", 3 << 30: "3.0 GiB"} {
		if got := formatBytes(bytes); got != want {
			t.Errorf("formatBytes(%d) = %q, want %q", bytes, got, want)
		}
	}
}
