package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"exchequer/views"
)

// Operators returns the handler of what a site, or an index of several, leaves out by
// OperatorsApart: the operators' API, the health of the cache, and the pages of admins. The
// paths are those that it has in the site.
func Operators(site http.Handler) http.Handler {
	own := operatorsOf(site)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), apartKey{}, true))
		path := strings.TrimPrefix(r.URL.Path, string(views.LedgerRoot(ledgerOf(r.URL.Path))))
		if views.NeededByAdmins(path) {
			site.ServeHTTP(w, r)
			return
		}
		own.ServeHTTP(w, r)
	})
}

type apartKey struct{}

type operatorsKey struct{}

// ofOperators reports whether a request is for what a site leaves out for operators.
func ofOperators(ctx context.Context) bool { return ctx.Value(operatorsKey{}) != nil }

// apart reports whether a request came to the operators' own address.
func apart(ctx context.Context) bool { return ctx.Value(apartKey{}) != nil }

// siteFor returns what is around a page for who asks: at the operators' own address, nothing
// that is not there.
func (s *server) siteFor(ctx context.Context) views.Site {
	shell := s.site()
	if apart(ctx) {
		shell.Apart, shell.Search, shell.Monitoring = true, "", views.Monitoring{}
	}
	return shell
}

func operatorsOf(site http.Handler) http.Handler {
	switch site := site.(type) {
	case *server:
		return http.StripPrefix(string(site.Root), site.operators.handler)
	case *index:
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, found := site.byName[ledgerOf(r.URL.Path)]; !found {
				http.NotFound(w, r)
				return
			}
			site.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), operatorsKey{}, true)))
		})
	}
	return http.NotFoundHandler()
}

// newRouter returns a router without routes that knows the address of each client.
func (s *server) newRouter() chi.Router {
	r := chi.NewRouter()
	if len(s.TrustedProxies) > 0 {
		r.Use(withoutPorts, middleware.ClientIPFromXFF(s.TrustedProxies...), s.unreadableClients())
	} else {
		r.Use(middleware.ClientIPFromRemoteAddr)
	}
	return r
}

// getting returns what adds a handler of GET and HEAD to a router.
func (s *server) getting(r chi.Router) func(pattern string, shows views.Level, h handler) {
	return func(pattern string, shows views.Level, h handler) {
		instrumented := s.instrument(pattern, shows, h)
		r.Method(http.MethodGet, pattern, instrumented)
		r.Method(http.MethodHead, pattern, instrumented)
	}
}

// finish makes the handler of a router with all its routes: it refuses what other sites
// send, and what there is not.
func (s *server) finish(r chi.Router) http.Handler {
	r.NotFound(s.instrument("none", views.ShowsNothing, func(http.ResponseWriter, *http.Request) error { return errNotFound }).ServeHTTP)
	r.MethodNotAllowed(s.instrument("none", views.ShowsNothing, func(w http.ResponseWriter, req *http.Request) error {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			if r.Match(chi.NewRouteContext(), method, req.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		return errMethod
	}).ServeHTTP)
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(s.instrument("none", views.ShowsNothing, func(http.ResponseWriter, *http.Request) error { return errForeign }))
	return protection.Handler(r)
}
