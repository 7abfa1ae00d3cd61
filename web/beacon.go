package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"exchequer/views"
	"exchequer/vitals"
)

// What beacons a fleet takes in any minute.
const (
	beaconsOfClient = 30
	beaconsOfAll    = 3000
)

// Beacons limits how many beacons are taken in any minute: of a client, and of all.
type Beacons struct{ own, all *Rate }

// NewBeacons returns these limits. Shared has the counts of the fleet; nil: the process
// counts alone.
func NewBeacons(shared Counts) *Beacons {
	if shared == nil {
		return &Beacons{NewRate(beaconsOfClient, nil), NewRate(beaconsOfAll, nil)}
	}
	return &Beacons{NewRate(beaconsOfClient, counts{shared, "beacon"}), NewRate(beaconsOfAll, counts{shared, "beacons"})}
}

// Share adds the counts to those of the fleet every second until ctx ends.
func (b *Beacons) Share(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { b.own.Share(ctx) })
	both.Go(func() { b.all.Share(ctx) })
	both.Wait()
}

// take counts a beacon of a client, and reports whether it is taken.
func (b *Beacons) take(names []string, at time.Time) bool {
	if _, _, ok := b.own.take(names, at); !ok {
		return false
	}
	_, _, ok := b.all.take([]string{"all"}, at)
	return ok
}

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
	if !s.Beacons.take(counted(client(r)), s.Now()) {
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
