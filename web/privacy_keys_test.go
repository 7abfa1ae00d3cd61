package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
	"exchequer/keys"
)

func TestViewersAndVisitorsShareNoPage(t *testing.T) {
	db, reader, _ := dealt(t)
	s, _ := privateSite(t, db, Balances, t.TempDir())
	const address = "/accounts/a1"
	for key, want := range map[string]int{"": http.StatusUnauthorized, reader: http.StatusOK} {
		if w := visit(t, s, http.MethodGet, "/oembed?url="+url.QueryEscape("https://economy.test/accounts/a1/income"), key); w.Code != want {
			t.Errorf("oEmbed of whom an account dealt with: %d, want %d", w.Code, want)
		}
	}
	viewers := visit(t, s, http.MethodGet, address, reader)
	contains(t, viewers.Body.String(), "With whom", secretText)
	for range 2 {
		visitors := visit(t, s, http.MethodGet, address, "")
		contains(t, visitors.Body.String(), "For viewers", "Balance over time")
		if strings.Contains(visitors.Body.String(), secretText) {
			t.Error("a visitor gets the page of a viewer")
		}
	}
	// A tag that a viewer has is no answer to a visitor.
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	r.Header.Set("If-None-Match", viewers.Header().Get("Etag"))
	s.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("a viewer's tag, sent by a visitor: %d", w.Code)
	}
}

// A forum that shows a panel neither shows what its reader has signed in for, nor lets
// the browser ask for a password there.
func TestAPageOfAnotherSiteShowsNothingForViewers(t *testing.T) {
	db, reader, _ := dealt(t)
	s, _ := privateSite(t, db, Balances, t.TempDir())
	for _, address := range []string{"/embed/accounts/a1/balance", "/embed/accounts/a1/parties"} {
		w := visit(t, s, http.MethodGet, address, reader)
		if policy := w.Header().Get("Content-Security-Policy"); w.Code != http.StatusOK || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s = %d, may be framed for a viewer: %q", address, w.Code, policy)
		}
	}
	if w := visit(t, s, http.MethodGet, "/embed/accounts/a1/balance", ""); !strings.Contains(w.Header().Get("Content-Security-Policy"), "frame-ancestors *;") {
		t.Errorf("what everybody sees: %q", w.Header().Get("Content-Security-Policy"))
	}
	for site, ways := range map[string]int{"cross-site": 1, "same-origin": 2} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/embed/accounts/a1/parties", http.NoBody)
		r.Header.Set("Sec-Fetch-Dest", "iframe")
		r.Header.Set("Sec-Fetch-Site", site)
		s.ServeHTTP(w, r)
		if got := w.Header().Values("WWW-Authenticate"); w.Code != http.StatusUnauthorized || len(got) != ways {
			t.Errorf("in a frame, %s: %d, %q", site, w.Code, got)
		}
	}
}

// Who has closed the browser's question for a key is told what to do, and can have it
// asked again.
func TestThePageForViewersLeadsToItself(t *testing.T) {
	db, _, _ := dealt(t)
	s, _ := privateSite(t, db, Closed, t.TempDir())
	doc := parse(t, visit(t, s, http.MethodGet, "/accounts/a1", "").Body.String())
	link := doc.Find("main a").First()
	if href, is := link.Attr("href"); !is || href != "" || link.Text() != "Sign in" || !strings.Contains(doc.Find("main").Text(), "as the password") {
		t.Errorf("the page says %q", doc.Find("main").Text())
	}
}

func TestKeysThatAreNotKnownAreTriedAFewTimes(t *testing.T) {
	db, reader, _ := dealt(t)
	s, _ := privateSite(t, db, Closed, t.TempDir())
	codes := map[int]int{}
	for i := range freeTries + 5 {
		codes[visit(t, s, http.MethodGet, "/economy", fmt.Sprintf("exq_%010d_secret", i)).Code]++
	}
	// While they are made a few more may be allowed.
	if tried := codes[http.StatusUnauthorized]; tried < freeTries || codes[http.StatusTooManyRequests] == 0 || tried+codes[http.StatusTooManyRequests] != freeTries+5 {
		t.Errorf("of the guesses %v were answered", codes)
	}
	if w := visit(t, s, http.MethodGet, "/economy", reader); w.Code != http.StatusOK {
		t.Errorf("a right key, from where others were guessed: %d", w.Code)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/economy", http.NoBody)
	r.SetBasicAuth("proxy", "its own password")
	s.ServeHTTP(w, r)
	if got := w.Header().Values("WWW-Authenticate"); w.Code != http.StatusUnauthorized || len(got) != 2 || !strings.Contains(w.Body.String(), "viewers only") {
		t.Errorf("a password of a proxy = %d, %q", w.Code, got)
	}
	if w := visit(t, s, http.MethodGet, "/robots.txt", ""); !strings.Contains(w.Body.String(), "Disallow: /\n") {
		t.Errorf("robots: %s", w.Body)
	}
}

func TestASiteThatIsNotOpenNeedsKeys(t *testing.T) {
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "privacy:1"})
	defer func() { _ = c.Close(t.Context()) }()
	deps := newTown().deps(t, c)
	deps.Privacy, deps.Registry = Closed, prometheus.NewRegistry()
	if _, err := New(deps); err == nil || !strings.Contains(err.Error(), "keys") {
		t.Errorf("New = %v", err)
	}
}

func TestTheDescriptionSaysWhatAsksForAKey(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.Privacy, d.Keys = Balances, keys.NewStore(nil) }
	_, text := ask(t, http.MethodGet, tn.start(t).URL+"/api/v1/openapi.json")
	var doc struct {
		Paths map[string]struct {
			Get *struct {
				Security  []map[string][]string
				Responses map[string]any
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	for path, ways := range map[string]int{"/accounts/{id}": 1, "/accounts/{ref}/statement.json": 1, "/accounts/{ref}/figures.json": 2, "/stats": 2} {
		get := doc.Paths[path].Get
		if get == nil || len(get.Security) != ways || get.Responses["401"] == nil {
			t.Errorf("%s: %+v, want %d ways to ask, and a 401", path, get, ways)
		}
	}
}
