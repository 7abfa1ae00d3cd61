package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"exchequer/internal/testkit"
	"exchequer/signin"
)

func TestOperatorsHaveAnAddressOfTheirOwn(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	t.Setenv("EXCHEQUER_OPERATOR_TOKEN", strings.Repeat("t", 16))
	t.Setenv("EXCHEQUER_LINGER", "0s")
	const password = "correct horse battery"
	hash, err := signin.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("EXCHEQUER_ADMIN_PASSWORD_HASH", hash)
	s := start(t, "serve", "--log-format", "json", "--admin-listen", "127.0.0.1:0")
	_, rest, _ := strings.Cut(s.said.String(), `"admin":"`)
	address, _, _ := strings.Cut(rest, `"`)
	own := "http://" + address
	for path, want := range map[string]int{
		"/metrics": http.StatusOK, "/health/cache": http.StatusOK, "/debug/pprof/": http.StatusOK, "/debug/pprof/heap": http.StatusOK,
		"/debug/pprof/cmdline": http.StatusNotFound, "/api/v1/cache/stats": http.StatusUnauthorized, "/api/v1/openapi.json": http.StatusOK,
		"/economy": http.StatusNotFound, "/api/v1/stats": http.StatusNotFound,
	} {
		if status, body := get(t, own+path); status != want {
			t.Errorf("%s for operators = %d, want %d: %.200s", path, status, want, body)
		}
	}
	// Admins sign in there, and have their pages.
	jar, _ := cookiejar.New(nil)
	browser := http.Client{Jar: jar}
	response, err := browser.PostForm(own+"/sign-in", url.Values{"name": {"admin"}, "password": {password}, "next": {"/admin"}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || response.Request.URL.Path != "/admin" || !strings.Contains(string(body), "What needs attention") {
		t.Errorf("an admin who signs in there is at %s, status %d, %v", response.Request.URL, response.StatusCode, err)
	}
	for _, path := range []string{"/metrics", "/health/cache", "/debug/pprof/", "/debug/pprof/heap", "/api/v1/cache/stats", "/admin"} {
		if status, _ := get(t, s.url+path); status != http.StatusNotFound {
			t.Errorf("%s with the pages = %d, want 404", path, status)
		}
	}
	if _, described := get(t, s.url+"/api/v1/openapi.json"); strings.Contains(described, "cache-invalidate") {
		t.Error("the description of the public API has what is for operators")
	}
	if code, out, said := exchequer(t, "cache", "stats", "--server", own); code != 0 {
		t.Errorf("cache stats = %d, %s%s", code, out, said)
	}
	taken, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--admin-listen", address)
	if taken != 1 || !strings.Contains(said, "--admin-listen") {
		t.Errorf("a second process on the address = %d, %q", taken, said)
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit code = %d, want 0; it said:\n%s", code, s.said)
	}
}

func TestNothingForOperatorsOnlyIsThereWithoutAnAddressOfItsOwn(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	t.Setenv("EXCHEQUER_LINGER", "0s")
	s := start(t, "serve")
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile?seconds=1"} {
		if status, _ := get(t, s.url+path); status != http.StatusNotFound {
			t.Errorf("%s = %d, want 404", path, status)
		}
	}
}

func TestOperatorsOfSeveralLedgersHaveOneAddress(t *testing.T) {
	town := economy(t, "Town", "₤", 6, 1_000_00)
	t.Setenv("EXCHEQUER_OPERATOR_TOKEN", strings.Repeat("t", 16))
	t.Setenv("EXCHEQUER_LINGER", "0s")
	s := start(t, "serve", "--log-format", "json", "--admin-listen", "127.0.0.1:0", "--ledgers", ledgersFile(t, entry("town", town.Config().ConnString(), "")))
	_, rest, _ := strings.Cut(s.said.String(), `"admin":"`)
	address, _, _ := strings.Cut(rest, `"`)
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/c/town/health/cache": http.StatusOK, "/c/town/api/v1/cache/stats": http.StatusUnauthorized, "/c/other/health/cache": http.StatusNotFound} {
		if status, _ := get(t, "http://"+address+path); status != want {
			t.Errorf("%s = %d, want %d", path, status, want)
		}
	}
	if status, _ := get(t, s.url+"/c/town/api/v1/cache/stats"); status != http.StatusNotFound {
		t.Errorf("with the pages = %d, want 404", status)
	}
}
