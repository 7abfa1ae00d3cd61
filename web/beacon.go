package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"exchequer/views"
	"exchequer/vitals"
)

// What beacons a process takes in any minute.
const (
	beaconsOfClient = 30
	beaconsOfAll    = 3000
)

var (
	errBeacon      = &refusal{http.StatusBadRequest, "This address takes what the pages' own script measures, and nothing else."}
	errManyBeacons = &refusal{http.StatusTooManyRequests, "More has been measured from here in the last minute than is counted."}
)

// measured maps the routes of pages to those by which their views are counted: the panels
// of a page, shown by themselves, are one.
func measured(pages []*page) map[string]string {
	routes := map[string]string{"/": pages[0].Path, "/about/numbers": "/about/numbers", views.SearchPath: views.SearchPath, dataPath: dataPath, apiPagePath: apiPagePath, views.MePath: views.MePath, views.SignInPath: views.SignInPath}
	for _, p := range pages {
		routes[p.Path] = p.Path
		for _, panel := range p.panels {
			routes[p.pattern("/"+panel.Name)] = views.OnePanel(p.Path)
		}
	}
	return routes
}

// served returns the counts of what the server takes for a route, nil if they are not kept.
func (s *server) served(route string) *vitals.Server {
	if by := s.measured[route]; s.Vitals != nil && by != "" {
		return s.Vitals.Server(by)
	}
	return nil
}

// beacon counts what a browser measured. Nothing that is sent makes a new route, so the
// number of counts is bounded.
func (s *server) beacon(w http.ResponseWriter, r *http.Request) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		drain(r.Body)
		return errBeacon
	}
	now := s.Now()
	if _, _, ok := s.beacons.take(counted(client(r)), now); !ok {
		return errManyBeacons
	}
	if _, _, ok := s.allBeacons.take([]string{"all"}, now); !ok {
		return errManyBeacons
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(formTime)) // if it fails, the server's holds
	body, err := io.ReadAll(r.Body)
	if err != nil {
		drain(r.Body)
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return err
		}
		return fmt.Errorf("%w: %w", errForm, err)
	}
	_ = control.SetReadDeadline(time.Time{})
	b, err := vitals.Parse(body)
	if err != nil || !s.counts[b.Route] {
		return errBeacon
	}
	s.Vitals.Add(b)
	w.Header()["Cache-Control"] = noStore
	w.WriteHeader(http.StatusNoContent)
	return nil
}
