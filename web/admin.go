package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"exchequer/admin"
	"exchequer/signin"
	"exchequer/views"
)

// administered lists the addresses of the pages of admins, if there are any. They show
// nothing to visitors or viewers, whatever the ledger shows to whom.
func (s *server) administered(r chi.Router, get func(pattern string, shows views.Level, h handler)) {
	if s.Admin == nil {
		return
	}
	site := admin.Site{Client: client, Shell: func(ctx context.Context) views.Site {
		shell := s.siteFor(ctx)
		shell.Menu = s.knownEdition(s.sees(ctx)).menu
		return shell
	}}
	for _, route := range s.Admin.Routes(site) {
		if route.Method == http.MethodGet {
			get(route.Pattern, views.ShowsNothing, s.forAdmins(route.Handle))
			continue
		}
		r.Method(route.Method, route.Pattern, s.instrument(route.Pattern, views.ShowsNothing, s.forAdmins(route.Handle)))
	}
}

// forAdmins returns a handler that answers to admins alone, and reads the form of a POST.
func (s *server) forAdmins(h handler) handler {
	admitted := s.require(signin.Admin, func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodPost {
			if err := readPosted(w, r); err != nil {
				return fmt.Errorf("form of an admin: %w", err)
			}
		}
		err := h(w, r)
		if errors.Is(err, admin.ErrUnknown) {
			return errors.Join(errNotFound, err)
		}
		return err
	})
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("X-Robots-Tag", "noindex, nofollow")
		return admitted(w, r)
	}
}
