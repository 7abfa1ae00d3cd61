package hostile_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every kind of answer has the headers that keep browsers from doing with it what it is not
// for.
func TestEveryAnswerHasTheHeadersOfSecurity(t *testing.T) {
	t.Parallel()
	p := start(t)
	visitor := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	admin, apart := p.signedIn(p.address), p.signedIn(p.admin)
	for _, c := range []struct {
		what, method, address string
		by                    *http.Client
		want                  int
		headers               []string
	}{
		{"a page", "GET", "/economy", visitor, 200, nil},
		{"a page that is compressed", "GET", "/market", visitor, 200, []string{"Accept-Encoding", "br"}},
		{"a panel", "GET", "/economy/overview", visitor, 200, nil},
		{"JSON", "GET", "/economy/overview.json", visitor, 200, nil},
		{"CSV", "GET", "/economy/overview.csv", visitor, 200, nil},
		{"a download", "GET", "/economy/richest.csv?full=1", visitor, 200, nil},
		{"the API", "GET", "/api/v1/stats", visitor, 200, nil},
		{"the API's description", "GET", "/api/v1/openapi.json", visitor, 200, nil},
		{"a list", "GET", "/transactions", visitor, 200, nil},
		{"the search", "GET", "/search?q=Account", visitor, 200, nil},
		{"a file of the site", "GET", "/favicon.ico", visitor, 200, nil},
		{"a file that is not there", "GET", "/static/none.js", visitor, 404, nil},
		{"the theme", "GET", "/theme.css", visitor, 200, nil},
		{"a redirect", "GET", "/search?q=bread", visitor, 302, nil},
		{"a feed", "GET", "/feeds/events.atom", visitor, 200, nil},
		{"a badge", "GET", "/badges/supply.svg", visitor, 200, nil},
		{"a panel for other sites", "GET", "/embed/economy/overview", visitor, 200, nil},
		{"a picture", "GET", "/economy/card.png", visitor, 200, nil},
		{"an error", "GET", "/nowhere", visitor, 404, nil},
		{"an error of the API", "GET", "/api/v1/items/nothing", visitor, 404, nil},
		{"another method", "DELETE", "/economy", visitor, 405, nil},
		{"a post of another site", "POST", "/theme", visitor, 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"a probe", "GET", "/healthz", visitor, 200, nil},
		{"a beacon", "POST", "/rum", visitor, 400, nil},
		{"the sign-in", "GET", "/sign-in", visitor, 200, nil},
		{"a page of somebody, to others", "GET", "/me", visitor, 303, nil},
		{"a page of somebody", "GET", "/me", admin, 200, nil},
		{"a page to who has signed in", "GET", "/economy", admin, 200, nil},
		{"admins' pages, where they are not", "GET", "/admin", admin, 404, nil},
		{"admins' pages", "GET", "apart/admin", apart, 200, nil},
		{"an action of admins", "POST", "apart/admin/do/cache.reset", apart, 200, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"the audit log as a file", "GET", "apart/admin/audit.csv", apart, 200, nil},
		{"operators, without a token", "GET", "apart/api/v1/cache/stats", visitor, 401, nil},
		{"operators", "GET", "apart/api/v1/cache/stats", visitor, 200, []string{"Authorization", "Bearer " + operatorToken}},
		{"metrics", "GET", "apart/metrics", visitor, 200, nil},
	} {
		at, path := p.address, c.address
		if rest, found := strings.CutPrefix(c.address, "apart"); found {
			at, path = p.admin, rest
		}
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+at+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		response, err := c.by.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		h := response.Header
		if err != nil || response.StatusCode != c.want {
			t.Errorf("%s, %s %s = %s, %v, want %d: %.200s", c.what, c.method, c.address, response.Status, err, c.want, body)
			continue
		}
		policy, framed := h.Get("Content-Security-Policy"), "frame-ancestors 'none'"
		if strings.HasPrefix(path, "/embed/") {
			framed = "frame-ancestors *"
		}
		for _, part := range []string{"default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'", framed} {
			if !slices.ContainsFunc(strings.Split(policy, ";"), func(of string) bool { return strings.TrimSpace(of) == part }) {
				t.Errorf("%s: the policy %q lacks %q", c.what, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", c.what, policy)
		}
		for name, want := range map[string][]string{
			"X-Content-Type-Options": {"nosniff"}, "Referrer-Policy": {"same-origin", "no-referrer"}, "Cross-Origin-Opener-Policy": {"same-origin"},
			"Cross-Origin-Resource-Policy": {"same-origin", "cross-origin"},
		} {
			if !slices.Contains(want, h.Get(name)) {
				t.Errorf("%s: %s is %q", c.what, name, h.Get(name))
			}
		}
		if h.Get("Permissions-Policy") == "" || h.Get("X-Request-Id") == "" && path != "/metrics" || h.Get("Server") != "" || h.Get("X-Powered-By") != "" {
			t.Errorf("%s: %v", c.what, h)
		}
		if len(body) > 0 && h.Get("Content-Type") == "" {
			t.Errorf("%s has no type", c.what)
		}
		if control := h.Get("Cache-Control"); control == "" && !strings.HasSuffix(path, "/metrics") || c.by != visitor && !strings.Contains(control, "no-store") && !strings.HasPrefix(control, "private") {
			t.Errorf("%s: Cache-Control is %q", c.what, control)
		}
		for _, cookie := range response.Cookies() {
			if !cookie.HttpOnly || cookie.SameSite == 0 {
				t.Errorf("%s sets the cookie %v", c.what, cookie)
			}
		}
	}
}
