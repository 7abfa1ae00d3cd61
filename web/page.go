package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"exchequer/aggregates"
	"exchequer/views"
)

// A page is declared once. From the declaration follow its addresses and those of
// its panels, the menu, the site map, the description of the API, and the tests
// that open every page.
type page struct {
	views.PageInfo
	menu     []views.MenuGroup
	panels   []panel
	readings []opener     // of the panels and of their events, each once
	readBy   []int        // index in readings of each panel's
	eventsBy []int        // of each panel's events, -1 without
	key      string       // of what is remembered: the path, and what is left out
	thing    unknownError // what an address of the page names; empty: nothing
	// exists returns an error unless there is a thing by this ref, a *movedError if
	// it is the name of one. It is nil for pages without a ref in their path.
	exists func(ctx context.Context, ref string) error
	forget func(views.Params) // what exists for them, which is hidden now; may be nil
	// check returns an error unless the query is answered: a *refusal, or one that
	// says that there is nothing by the refs in it. It is nil for pages that answer all.
	check func(ctx context.Context, params views.Params, query url.Values) error
	// subject returns the name of the thing, from the value of the first reading.
	subject func(value any) string
	// shown returns the ref under which the thing is shown, from the value of the
	// first reading. Nil: that of the address.
	shown func(value any) string
	// note returns what the thing is among others, from the value of the last
	// reading, which no panel shows. It is nil for pages without one.
	note func(value any, params views.Params) string
	list *listing // the part that is read exactly, or nil
	// days is the reading of the days of the ledger, nil for a page that knows no day but
	// now; nearest returns the parameters with the nearest of these days, and past is the
	// page as of a day that is over.
	days         opener
	nearest      func(context.Context, views.Params) (views.Params, error)
	past         *page
	feed         *newsFeed // what programs come back for, or nil
	balancesOnly bool      // all that the ledger has are changes of balances
	// worth reports whether a page without panels is worth showing of such a ledger.
	worth func(aggregates.Profile) bool
}

// declare returns a page of these panels. It depends on the parameters on which
// its panels depend.
func declare(info views.PageInfo, panels ...panel) *page {
	p := &page{PageInfo: info, panels: panels, key: info.Path}
	for _, panel := range panels {
		p.key += " " + panel.Name
		p.readBy = append(p.readBy, p.reading(panel.from))
		p.eventsBy = append(p.eventsBy, p.reading(panel.events))
		p.Panels = append(p.Panels, panel.PanelInfo)
		for _, d := range panel.Params {
			if !slices.Contains(p.Params, d) {
				p.Params = append(p.Params, d)
			}
		}
	}
	return p
}

// reading returns the index of a reading, which it adds if it is new, and -1 for
// none.
func (p *page) reading(of opener) int {
	if of == nil {
		return -1
	}
	i := slices.Index(p.readings, of)
	if i < 0 {
		i = len(p.readings)
		p.readings = append(p.readings, of)
	}
	return i
}

// events returns the events of a panel, nil if it has none or not yet.
func (p *page) events(panel int, sources []source) *aggregates.Events {
	if i := p.eventsBy[panel]; i >= 0 {
		return eventsOf(sources[i])
	}
	return nil
}

// beside adds a reading to the page that no panel shows, and what the page says of
// its value beside its heading.
func (p *page) beside(reading opener, note func(value any, params views.Params) string) {
	p.readings = append(p.readings, reading)
	p.note = note
}

// noteOf returns the note beside the heading, empty without a value.
func (p *page) noteOf(sources []source, params views.Params) (note string) {
	if p.note == nil {
		return ""
	}
	if last := sources[len(sources)-1]; last.failure() == nil {
		_ = safely(func() error { note = p.note(last.result().value, params); return nil })
	}
	return note
}

// open returns the sources of the page, in the order of its readings.
func (p *page) open(params views.Params) []source {
	sources := make([]source, len(p.readings))
	for i, r := range p.readings {
		sources[i] = r.open(params)
	}
	return sources
}

// in returns the page as a ledger of this profile has it: without the panels that
// are not worth showing, if any is left. An empty ledger has a greeting instead.
func (p *page) in(profile aggregates.Profile, greeting panel) *page {
	if !profile.Transactions && p.exists == nil {
		info := p.PageInfo
		info.Heading, info.Panels, info.Params = "This ledger is empty", nil, nil
		return declare(info, greeting)
	}
	worth := slices.DeleteFunc(slices.Clone(p.panels), func(panel panel) bool { return !panel.worthShowing(profile) })
	if len(worth) == 0 || len(worth) == len(p.panels) {
		return p
	}
	return p.of(worth)
}

// of returns the page with some of its panels.
func (p *page) of(panels []panel) *page {
	info := p.PageInfo
	info.Panels = nil
	part := declare(info, panels...)
	part.menu, part.nearest = p.menu, p.nearest
	part.thing, part.exists, part.forget, part.check, part.subject, part.shown, part.list, part.feed = p.thing, p.exists, p.forget, p.check, p.subject, p.shown, p.list, p.feed
	if p.days != nil {
		part.days = p.days
		part.readings = append(part.readings, p.days)
	}
	if p.note != nil {
		part.beside(p.readings[len(p.readings)-1], p.note)
	}
	part.Params = p.Params
	return part
}

// params returns the parameters of a request, and an error if there is nothing by the
// ref in its path, or the page does not answer its query.
func (p *page) params(r *http.Request) (views.Params, error) {
	ref, err := p.ref(r)
	params := views.ParseParams(p.Params, ref, r.URL.RawQuery)
	if err == nil && p.nearest != nil {
		params, err = p.nearest(r.Context(), params)
	}
	if err == nil && p.check != nil {
		err = p.check(r.Context(), params, r.URL.Query())
	}
	if err != nil {
		return params, err
	}
	if d := views.Unreadable(p.Params, r.URL.RawQuery); d != nil {
		return params, &unreadableError{d.Misread(), p.at(params.Ref) + params.Query()}
	}
	return params, nil
}

// ofThings reports whether the page is about things that an address names, so that
// there may be none by their refs.
func (p *page) ofThings() bool { return p.thing != "" }

// at returns the address of the page for a ref, without a query.
func (p *page) at(ref string) string { return at(p.Path, ref) }

// pattern returns the pattern of the page's address with a suffix.
func (p *page) pattern(suffix string) string { return p.Path + suffix }

// worthShowing reports whether the page has something to show of such a ledger.
func (p *page) worthShowing(profile aggregates.Profile) bool {
	if p.worth != nil {
		return p.worth(profile)
	}
	return slices.ContainsFunc(p.panels, func(panel panel) bool { return panel.worthShowing(profile) })
}

// viewOf returns the page as its views see it. Only is the panel that is shown by
// itself, or nil.
func (s *server) viewOf(p *page, params views.Params, only *views.PanelInfo) views.Page {
	v := views.Page{Site: s.site(), Info: p.PageInfo, Params: params, Only: only}
	v.Menu, v.Card, v.BalancesOnly = p.menu, p.cardAddress(params), p.balancesOnly
	return v
}

// viewWith returns the page as its views see it, with what its sources know of its
// numbers as a whole.
func (s *server) viewWith(p *page, params views.Params, sources []source) views.Page {
	v := s.viewOf(p, params, nil)
	v.Clock, v.Period, v.Subject, v.Note = s.pageClock(sources, sources), p.period(sources), p.subjectOf(sources), p.noteOf(sources, params)
	v.Known = p.daysKnown(sources)
	if asOf(params) != "" && complete(sources) {
		v.Clock = views.Clock{} // it does not change, so it need not be asked for again
	}
	return v
}

// page returns the handler of a page.
func (s *server) page(i int) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.edition(r.Context()).pages[i]
		params, err := p.params(r)
		if err != nil {
			return err
		}
		if asOf(params) != "" {
			p = p.past
		}
		sources := p.open(params)
		isWarm := warm(sources)
		if !isWarm && (p.ofThings() || p.list != nil) { // its name is not known before its values are
			if err := s.gather(r, sources); err != nil {
				return err
			}
			isWarm = true
		}
		if p.ofThings() && len(sources) > 0 && sources[0].empty() {
			return p.gone(params)
		}
		if err := p.moved(params, sources); err != nil {
			return err
		}
		switch {
		case p.list != nil:
			return s.listPage(w, r, p, params, sources)
		case isWarm:
			return s.wholePage(w, r, p, params, sources)
		}
		return s.streamPage(w, r, p, params, sources)
	}
}

// wholePage answers with the page at once. It is drawn only if the page of these
// versions is not in memory.
func (s *server) wholePage(w http.ResponseWriter, r *http.Request, p *page, params views.Params, sources []source) error {
	key := s.pageKey(r, p.key, params)
	return s.respondCached(w, r, key, sources, func() (*rendering, error) {
		view := s.viewWith(p, params, sources)
		var b bytes.Buffer
		if err := s.drawWhole(context.WithoutCancel(r.Context()), &b, view, p, sources, drawnList{panel: templ.NopComponent}); err != nil {
			return nil, fmt.Errorf("page %s: %w", p.Path, err)
		}
		return newRendering(pageHeader(view), b.Bytes(), view.Clock.Next.Add(view.Clock.Lag)), nil
	})
}

// A drawnList is the list of a page, ready to be drawn.
type drawnList struct {
	panel templ.Component
	leads bool // it comes before the panels
	says  []views.Sentence
}

// drawWhole draws a page whose sources have their results, and its list.
func (s *server) drawWhole(ctx context.Context, w io.Writer, view views.Page, p *page, sources []source, list drawnList) error {
	ctx = views.Below(ctx, view.Root)
	var panels bytes.Buffer
	after := list.panel
	if list.leads {
		if err := list.panel.Render(ctx, &panels); err != nil {
			return fmt.Errorf("list %s: %w", p.list.Name, err)
		}
		after = templ.NopComponent
	}
	said := make([]views.Sentence, len(p.panels))
	for i, panel := range p.panels {
		var err error
		view.Events = p.events(i, sources)
		if said[i], err = s.drawPanel(ctx, &panels, view, panel, sources[p.readBy[i]].result()); err != nil {
			return fmt.Errorf("panel %s: %w", panel.Name, err)
		}
	}
	view.Lede = views.Lede(append(list.says, said...), view.Description())
	return views.Frame(view, false, templ.Raw(panels.String()), after).Render(ctx, w)
}

// subjectOf returns the name of what a page is about, empty if it has no ref or
// its value is missing.
func (p *page) subjectOf(sources []source) (name string) {
	if p.subject == nil || len(sources) == 0 || sources[0].failure() != nil {
		return ""
	}
	_ = safely(func() error { name = p.subject(sources[0].result().value); return nil }) // else the ref is shown
	return name
}

// period returns the period that the page's numbers describe: that of the first
// panel of those that depend on the days, if it has a value, else of any.
func (p *page) period(sources []source) (period aggregates.Period) {
	for i, panel := range p.panels {
		about := panel.period(sources[p.readBy[i]].result())
		if about.End.IsZero() {
			continue
		}
		if period = about; slices.Contains(panel.Params, views.DaysParam) {
			break
		}
	}
	return period
}

// drawPanel draws a panel, and returns what the page may say of it. Its errors are
// those of w only: a panel that cannot be drawn is replaced by a text, so that the
// others are still sent.
func (s *server) drawPanel(ctx context.Context, w io.Writer, view views.Page, p panel, r result) (views.Sentence, error) {
	var drawn bytes.Buffer
	var d views.Drawing
	err := safely(func() error {
		d = p.draw(view, r)
		return views.Panel(d).Render(ctx, &drawn)
	})
	if err != nil {
		s.Log.ErrorContext(ctx, "panel cannot be drawn", "path", view.Path(), "panel", p.Name, "error", err)
		drawn.Reset()
		d = p.draw(view, result{Status: views.Status{Missing: textUndrawn}})
		if err := views.Panel(d).Render(ctx, &drawn); err != nil {
			return views.Sentence{}, err
		}
	}
	_, err = w.Write(drawn.Bytes())
	return d.Says, err
}

// mostLocation is how many bytes of an address a header has: proxies refuse answers
// whose headers are longer than a few thousand.
const mostLocation = 1 << 10

// pageHeader returns the header of a page. It names the address without a host
// only, unless that is known.
func pageHeader(p views.Page) http.Header {
	header := http.Header{"Content-Type": textHTML}
	if address := p.Address(); len(address) <= mostLocation {
		header.Set("Content-Location", p.Root.Of(address))
	}
	return header
}

// ref returns the ref in a request's path, unescaped.
func (p *page) ref(r *http.Request) (string, error) {
	if p.exists == nil {
		return "", nil
	}
	ref, err := refIn(r, "ref")
	if err != nil {
		return "", err
	}
	if strings.Contains(p.Path, "{origin}") {
		origin, err := refIn(r, "origin")
		if err != nil || strings.ContainsRune(origin+ref, 0) {
			return "", errNotFound
		}
		ref = views.TwoParts(origin, ref)
	}
	return ref, p.exists(r.Context(), ref)
}

// refIn returns the ref in a part of a request's path.
func refIn(r *http.Request, name string) (string, error) {
	return unescapeRef(r, chi.URLParam(r, name))
}

// unescapeRef returns the ref that a part of a request's path stands for.
func unescapeRef(r *http.Request, ref string) (string, error) {
	if r.URL.RawPath != "" {
		unescaped, err := url.PathUnescape(ref)
		if err != nil {
			return "", errNotFound
		}
		ref = unescaped
	}
	return views.RefIn(ref), nil
}
