package web

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/admin"
	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/claims"
	"exchequer/keys"
	"exchequer/ledger"
	"exchequer/signin"
	"exchequer/views"
	"exchequer/vitals"
)

// An audience is to whom a route answers.
type audience int

const (
	everybody audience = iota + 1
	nobody             // who sends no more than the address
	viewers
	admins
	operators
	programs // with a key
)

// forms are the routes that take a POST, or a GET that is not for everybody, with to whom
// each answers. Whatever is below the addresses of admins and operators answers to these
// alone.
var forms = map[string]audience{
	"POST /theme": everybody, "POST " + views.StandPath: everybody, "POST " + views.AppraisePath: everybody, "POST " + views.BeaconPath: everybody,
	"POST /sign-in": nobody, "POST /sign-out": everybody, "POST /sign-out/everywhere": everybody,
	"GET /sign-in/provider": nobody, "GET /sign-in/callback": nobody,
	"GET /me": viewers, "POST /me": viewers, "GET /api/v1/pages/slowest": operators,
	"POST /api/v1/accounts": programs, "POST /api/v1/transactions": programs, "POST /api/v1/sales": programs, "POST /api/v1/offers": programs,
	"POST /api/v1/events": programs, "POST /api/v1/balances": programs, "POST /api/v1/items": programs, "POST /api/v1/shops": programs,
}

// wholeSite is a site with everything that one may have, over a small ledger.
func wholeSite(t testing.TB, log *slog.Logger) *server {
	t.Helper()
	db, _, _ := dealt(t)
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "matrix:1", Log: log})
	registry, settings := prometheus.NewRegistry(), func() ledger.Settings { return ledger.Settings{Name: "Port Test", Symbol: "₤", Decimals: 2} }
	measures, err := vitals.New(vitals.Deps{DB: db, Log: log, Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	soundness := aggregates.NewSoundnessMemos(t.Context(), c, db, nil)
	s, err := New(Deps{
		Economy: aggregates.NewEconomy(c, db), API: aggregates.NewAPI(c, db), Soundness: soundness,
		Record: ledger.New(db), Reports: aggregates.NewReports(db), Now: c.Now, Cache: c, Keys: keys.NewStore(db), Alerts: alerts.NewFeed(c, db),
		Settings: settings, Log: log, Registry: registry, Budget: 20 * time.Second, Version: "test", OperatorToken: strings.Repeat("t", 16),
		Vitals: measures, Ledger: ledger.New(db), SignIn: signInService(t, db, nil), Claims: claims.NewStore(db), OwnAlerts: alerts.NewOwn(db, settings),
		Admin: admin.New(admin.Deps{
			DB: db, Record: ledger.New(db), Cache: c, Soundness: soundness, Settings: settings, Vitals: measures, Requests: registry, Log: log, Leaving: t.Context(),
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return s.(*server)
}

// An asker is somebody who may ask for anything.
type asker struct {
	name    string
	who     signin.Identity
	headers []string
}

var askers = []asker{
	{"a visitor", signin.Identity{}, nil},
	{"a viewer", signin.Identity{Subject: "local:bo", Name: "Bo", Role: signin.Viewer}, nil},
	{"an admin", signin.Identity{Subject: "local:ann", Name: "Ann", Role: signin.Admin}, nil},
	{"an operator", signin.Identity{}, []string{"Authorization", "Bearer " + strings.Repeat("t", 16)}},
}

// methods are all that a client may try.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"}

// expected reports whether an answer is one that somebody gets from a route.
func expected(of audience, a asker, method string, code int) bool {
	refused := code == http.StatusUnauthorized || code == http.StatusForbidden
	turnedAway := code == http.StatusUnauthorized // or to sign in, which a form is not
	if method == "GET" || method == "HEAD" {
		turnedAway = code == http.StatusSeeOther
	}
	served := code < 500 && !refused && code != http.StatusMethodNotAllowed
	switch of {
	case everybody:
		return served || code == http.StatusServiceUnavailable
	case nobody:
		return code == http.StatusForbidden
	case viewers:
		if a.who.Role >= signin.Viewer {
			return served
		}
		return turnedAway
	case admins:
		switch a.who.Role {
		case signin.Admin:
			return served
		case signin.Viewer:
			return code == http.StatusForbidden
		}
		return turnedAway
	case operators:
		if a.headers != nil {
			return served
		}
		return code == http.StatusUnauthorized
	}
	return refused // programs have keys
}

func TestEachRouteAnswersToWhomItShouldAndToNoOtherMethod(t *testing.T) {
	t.Parallel()
	s := wholeSite(t, slog.New(slog.DiscardHandler))
	routes := map[string][]string{} // their methods, by pattern
	err := chi.Walk(s.mux, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routes[pattern] = append(routes[pattern], method)
		return nil
	})
	if err != nil || len(routes) < 500 {
		t.Fatalf("%d routes, %v", len(routes), err)
	}
	known := declaredBy(s)
	asked := 0
	for n, pattern := range slices.Sorted(maps.Keys(routes)) {
		takes := routes[pattern]
		address := addressesOf(pattern)[0]
		address = strings.NewReplacer("{id}", "1", "{action}", "cache.reset", "{token}", "t", "{name}", "pages.xml", "{method}", "x", "/*", "/x").Replace(address)
		for m, method := range methods {
			of := audienceOf(known, pattern, method)
			guarded := of != everybody && slices.Contains(takes, method)
			for i, a := range askers {
				// What is guarded is tried by all. Of the rest a third is tried, each by one
				// in turn: all would take minutes, and other tests read each public page.
				if turn := n + m; !guarded && (i != turn%len(askers) || turn%3 != 0) {
					continue
				}
				asked++
				w := tried(t, s, a, method, address, asked)
				switch {
				case !slices.Contains(takes, method):
					// Another route may have the address too.
					if allows := w.Header()["Allow"]; w.Code != http.StatusMethodNotAllowed || len(allows) == 0 || slices.Contains(allows, method) {
						t.Errorf("%s %s by %s = %d, Allow %q, want 405", method, address, a.name, w.Code, allows)
					}
				case of == 0:
					t.Fatalf("%s %s is new: say in this test to whom it answers", method, pattern)
				case !expected(of, a, method, w.Code):
					t.Errorf("%s %s by %s = %d: %.200s", method, address, a.name, w.Code, w.Body)
				}
			}
			if slices.Contains(takes, method) && method == "POST" {
				for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "null"}} {
					asked++
					if w := tried(t, s, asker{who: askers[2].who, headers: append(headers, askers[3].headers...)}, method, address, asked); w.Code != http.StatusForbidden {
						t.Errorf("POST %s of another site, %q = %d", address, headers, w.Code)
					}
				}
			}
		}
	}
	t.Logf("%d routes, %d requests", len(routes), asked)
}

// audienceOf returns to whom a route answers, 0 if that was never said.
func audienceOf(known map[string]views.Level, pattern, method string) audience {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	of := forms[method+" "+pattern]
	switch {
	case pattern == "/admin" || strings.HasPrefix(pattern, "/admin/"):
		return admins
	case strings.HasPrefix(pattern, "/api/v1/cache/"):
		return operators
	case of != 0:
		return of
	case method == http.MethodGet && max(known[pattern], others[pattern]) > 0:
		return everybody
	}
	return 0
}

// tried asks for an address as somebody, each time from another one, so that no limit of a
// client is in the way.
func tried(t *testing.T, s *server, a asker, method, address string, n int) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(signin.With(t.Context(), a.who), http.MethodGet, address, http.NoBody)
	r.Method = method
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", n>>16, n>>8&0xff, n&0xff)
	r.Header.Set("Accept", "text/html")
	for i := 0; i < len(a.headers); i += 2 {
		r.Header.Set(a.headers[i], a.headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}
