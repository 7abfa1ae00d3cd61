package web

import (
	"cmp"
	"maps"
	"net/http"
	"strings"

	"exchequer/views"
)

// A movedError means that what was asked for is at the address of another ref.
type movedError struct {
	ref     string
	code    int    // http.StatusMovedPermanently or http.StatusFound
	address string // instead of the same address with the ref, if not empty
}

func (e *movedError) Error() string { return "it is at " + cmp.Or(e.address, "the ref "+e.ref) }

// mergedInto returns a *movedError if what has a ref is shown under another one.
func mergedInto(ref, shown string) error {
	if ref == shown {
		return nil
	}
	return &movedError{ref: shown, code: http.StatusMovedPermanently}
}

// movedFor is the Cache-Control of a redirect. It is short, since a merge may be
// undone, and a name may become that of another account.
const movedFor = "public, max-age=60"

// redirect answers with the same address for another ref, or with another address.
func (s *server) redirect(w *responseWriter, r *http.Request, to *movedError) {
	address := at(strings.Replace(w.route, "{id}", "{ref}", 1), to.ref)
	if r.URL.RawQuery != "" {
		address += "?" + r.URL.RawQuery
	}
	if to.address != "" {
		address = to.address
	}
	h := w.Header()
	if strings.HasSuffix(w.route, ".json") {
		maps.Copy(h, anyOriginHeaders) // else a script of another site could not follow
	}
	h.Set("Location", s.Root.Of(address))
	h.Set("Cache-Control", movedFor)
	w.WriteHeader(to.code)
}

// at returns the address of a pattern for a ref.
func at(pattern, ref string) string {
	info := views.PageInfo{Path: pattern}
	if pattern == views.AccountInfo.Path {
		info = views.AccountInfo // of what moves, only accounts have refs with another address
	}
	return views.Page{Info: info, Params: views.Params{Ref: ref}}.Path()
}

// gone returns the error for what exists and has no value any more, such as an account
// that is hidden since.
func (p *page) gone(params views.Params) error {
	if p.forget != nil {
		p.forget(params)
	}
	return p.thing
}

// moved returns a *movedError if the thing is shown under another ref, by the first
// reading of the page.
func (p *page) moved(params views.Params, sources []source) error {
	if p.shown == nil || sources[0].failure() != nil || sources[0].empty() {
		return nil
	}
	return mergedInto(params.Ref, p.shown(sources[0].result().value))
}

// stays returns a *movedError as moved does, for an address that needs the first reading
// for nothing else. It waits for a first value within the budget.
func (s *server) stays(r *http.Request, p *page, params views.Params) error {
	if p.shown == nil {
		return nil
	}
	first := []source{p.readings[0].open(params)}
	if !warm(first) {
		if err := s.gather(r, first); err != nil {
			return err
		}
	}
	if first[0].empty() {
		return p.gone(params)
	}
	return p.moved(params, first)
}
