package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestTheThemeCookieIsSecureWhereTheVisitorsConnectionIs(t *testing.T) {
	for _, c := range []struct {
		proxy, proto string
		secure       bool
	}{
		{"127.0.0.0/8", "https", true}, {"127.0.0.0/8", "https, http", true}, {"127.0.0.0/8", "http", false}, {"127.0.0.0/8", "", false},
		{"10.0.0.0/8", "https", false},
	} {
		tn := newTown()
		tn.change = func(d *Deps) { d.TrustedProxies = []string{c.proxy} }
		response, _ := ask(t, "POST", tn.start(t).URL+"/theme?theme=dark", "X-Forwarded-Proto", c.proto)
		if got := response.Cookies()[0].Secure; got != c.secure {
			t.Errorf("%q by a proxy when %s is trusted: secure %t, want %t", c.proto, c.proxy, got, c.secure)
		}
	}
}

func TestTheThemeIsKeptInACookieAndNotInThePages(t *testing.T) {
	server := newTown().start(t)
	post := func(theme, back string, headers ...string) *http.Response {
		form := url.Values{"theme": {theme}, "back": {back}}.Encode()
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/theme", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		response, _ := send(t, r, append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
		return response
	}
	response := post("dark", "/economy?days=7")
	if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/economy?days=7" {
		t.Errorf("status %d to %s", response.StatusCode, response.Header.Get("Location"))
	}
	cookie := response.Cookies()[0]
	if cookie.Value != "dark" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %v", cookie)
	}
	css, body := ask(t, "GET", server.URL+"/theme.css", "Cookie", "theme=dark")
	contains(t, body, "color-scheme:dark")
	if css.Header.Get("Cache-Control") != "private, no-cache" || css.Header.Get("Vary") != "Cookie" {
		t.Errorf("theme.css: %v", css.Header)
	}
	ask(t, "GET", server.URL+"/economy") // a cold page may come as a stream
	_, dark := ask(t, "GET", server.URL+"/economy", "Cookie", "theme=dark")
	_, none := ask(t, "GET", server.URL+"/economy")
	if dark != none {
		t.Error("the page differs by theme")
	}
	if response := post("dark", "/", "Sec-Fetch-Site", "cross-site"); response.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: status %d, want 403", response.StatusCode)
	}
	if response := post(strings.Repeat("x", bodyLimit), "/"); response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a form over the limit: status %d, want 413", response.StatusCode)
	}
}

func FuzzLocalPathStaysHere(f *testing.F) {
	for _, s := range []string{"/economy?days=7", "//evil.example", `/\evil.example`, "/\t/evil.example", "https://evil.example", "", "/a b", "/%2f/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		base, _ := url.Parse("https://here.example/economy")
		to, err := base.Parse(localPath("", s))
		if err != nil || to.Host != "here.example" || to.Scheme != "https" {
			t.Errorf("localPath(%q) leads to %v (%v)", s, to, err)
		}
	})
}
