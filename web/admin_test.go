package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/admin"
	"exchequer/admin/audit"
	"exchequer/cache"
	"exchequer/claims"
	"exchequer/internal/testkit"
	"exchequer/signin"
)

// administeredSite is a site with pages of admins. What they would read is not there.
func administeredSite(t *testing.T) *server {
	t.Helper()
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "admin:1"})
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	deps := newTown().deps(t, c)
	deps.Registry = prometheus.NewRegistry()
	deps.Log = slog.New(slog.DiscardHandler)
	deps.Admin = admin.New(admin.Deps{Cache: c, Settings: deps.Settings, Log: deps.Log, Leaving: t.Context()})
	deps.SignIn, deps.Claims = signInService(t, nil, nil), claims.NewStore(nil)
	s, err := New(deps)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*server)
}

// askAs asks for an address as somebody.
func askAs(t *testing.T, s *server, who signin.Identity, method, address, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(signin.With(t.Context(), who), method, address, strings.NewReader(body))
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestThePagesOfAdminsAreForAdminsAlone(t *testing.T) {
	s := administeredSite(t)
	routes := 0
	err := chi.Walk(s.mux, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !strings.HasPrefix(pattern, "/admin") {
			return nil
		}
		routes++
		visitors := http.StatusUnauthorized
		if method == http.MethodGet || method == http.MethodHead {
			visitors = http.StatusSeeOther // to the sign-in
		}
		address := strings.NewReplacer("{id}", "1", "{action}", "cache.reset").Replace(pattern)
		for _, c := range []struct {
			who    signin.Identity
			status int
		}{
			{signin.Identity{}, visitors},
			{signin.Identity{Subject: "local:bo", Name: "Bo", Role: signin.Viewer}, http.StatusForbidden},
		} {
			w := askAs(t, s, c.who, method, address, "confirm=yes")
			if w.Code != c.status || w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Header().Get("X-Robots-Tag"), "noindex") {
				t.Errorf("%s %s by %+v = %d, %v, want %d", method, address, c.who, w.Code, w.Header(), c.status)
			}
			if strings.Contains(w.Body.String(), "Audit log") {
				t.Errorf("%s %s by %+v shows a page of admins", method, address, c.who)
			}
		}
		return nil
	})
	if err != nil || routes < 30 {
		t.Errorf("%d routes, %v", routes, err)
	}
}

func TestAdminsFindTheirPagesFromTheirOwn(t *testing.T) {
	s := administeredSite(t)
	db := testkit.Postgres(t)
	s.Claims = claims.NewStore(db)
	for who, want := range map[signin.Identity]bool{{Subject: "a", Role: signin.Admin}: true, {Subject: "b", Role: signin.Viewer}: false} {
		if body := askAs(t, s, who, http.MethodGet, "/me", "").Body.String(); strings.Contains(body, `href="/admin"`) != want || !strings.Contains(body, "My page") {
			t.Errorf("the page of %+v leads to those of admins: %t, want %t", who, !want, want)
		}
	}
}

func TestAPostFromAnotherSiteDoesNothing(t *testing.T) {
	s := administeredSite(t)
	ann := signin.Identity{Subject: "local:ann", Name: "Ann", Role: signin.Admin}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		if w := askAs(t, s, ann, http.MethodPost, "/admin/do/cache.reset", "confirm=yes", headers...); w.Code != http.StatusForbidden {
			t.Errorf("%q = %d", headers, w.Code)
		}
	}
	if w := askAs(t, s, ann, http.MethodPost, "/admin/do/cache.reset", `{"confirm":"yes"}`, "Content-Type", "application/json"); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("JSON = %d", w.Code)
	}
	if w := askAs(t, s, ann, http.MethodPost, "/admin/do/cache.reset", "", "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "What will happen") {
		t.Errorf("of this site = %d: %.300s", w.Code, w.Body)
	}
	if w := askAs(t, s, ann, http.MethodGet, "/admin/policies", ""); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Etag") != "" {
		t.Errorf("policies = %d, %v", w.Code, w.Header())
	}
	if w := askAs(t, s, ann, http.MethodDelete, "/admin/policies", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE = %d", w.Code)
	}
	if w := askAs(t, s, ann, http.MethodGet, "/admin/do/nothing", ""); w.Code != http.StatusNotFound {
		t.Errorf("an action that is not there = %d", w.Code)
	}
}

func TestWithoutPagesOfAdminsThereIsNothing(t *testing.T) {
	server := newTown().start(t)
	for _, path := range []string{"/admin", "/admin/", "/admin/cache", "/admin/do/cache.reset"} {
		if response, _ := ask(t, http.MethodGet, server.URL+path, "Accept", "text/html"); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s = %s", path, response.Status)
		}
	}
}

func TestWhatOperatorsDoIsNotedInTheDatabase(t *testing.T) {
	db, _, _ := dealt(t)
	tn := operated(nil)
	change := tn.change
	tn.change = func(d *Deps) { change(d); d.Audit = db }
	server := tn.start(t)
	if status, _ := operate(t, server, "POST", "invalidate", `{"memo":"stats","how":"hard"}`); status != http.StatusOK {
		t.Fatal(status)
	}
	operate(t, server, "POST", "invalidate", `{"memo":"nothing"}`)
	operate(t, server, "GET", "stats", "")
	if response, _ := ask(t, "POST", server.URL+"/api/v1/cache/test", "Authorization", "Bearer wrong"); response.StatusCode != http.StatusForbidden {
		t.Errorf("a wrong token = %s", response.Status)
	}
	all, err := audit.List(t.Context(), db, audit.Filter{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 {
		t.Fatalf("noted: %+v", all)
	}
	if e := all[1]; e.Action != "api.cache.invalidate" || e.Result != audit.Done || e.Subject != "token" || e.Address != "127.0.0.1" || !strings.Contains(e.Detail, "scope=memo stats") || !strings.Contains(e.Detail, "how=hard") {
		t.Errorf("an invalidation was noted as %+v", e)
	}
	if e := all[0]; e.Result != audit.Failed || !strings.Contains(e.Detail, "there is no memo") {
		t.Errorf("one that failed was noted as %+v", e)
	}
}
