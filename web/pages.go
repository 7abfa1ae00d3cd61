package web

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// declarePages returns all pages, in the order of the menu. The first one is
// served at "/" too.
func (s *server) declarePages() []*page {
	return []*page{
		s.economy(),
		s.soundness(),
		s.flow(),
		s.history(),
		s.government(),
		s.source(),
		s.market(),
		s.items(),
		s.item(),
		s.shops(),
		s.shop(),
		s.arbitrage(),
		s.accounts(),
		s.account(),
		s.holder(),
		s.firms(),
		s.transactions(),
		s.transaction(),
		s.reports(),
		s.report(),
		s.appraise(),
		s.compare(),
		s.watch(),
		s.feeds(),
	}
}

// An edition is the pages as a ledger of one profile has them.
type edition struct {
	profile aggregates.Profile
	sees    views.Level // what its readers may see
	pages   []*page     // as many as there are, in the same order
	menu    []views.MenuGroup
	key     string            // of what is remembered
	failed  map[string][]byte // error pages by message
}

// editions are those of readers who may see as much.
type editions struct {
	whole *edition                // of a ledger that has everything
	shown atomic.Pointer[edition] // of the profile that was seen last
}

// makeEditions makes those of ledgers that have everything.
func (s *server) makeEditions() error {
	s.editions = map[views.Level]*editions{}
	for _, sees := range s.Privacy.sights() {
		whole, err := s.newEdition(aggregates.Full(), sees)
		if err != nil {
			return err
		}
		s.editions[sees] = &editions{whole: whole}
		s.editions[sees].shown.Store(whole)
	}
	return nil
}

// newEdition returns the edition of a profile.
func (s *server) newEdition(profile aggregates.Profile, sees views.Level) (*edition, error) {
	e := &edition{profile: profile, sees: sees, key: fmt.Sprint(profile)}
	greeting := s.greeting()
	for _, p := range s.pages {
		part := *p.in(profile, greeting).seenUpTo(sees)
		part.key = e.key + " " + part.key
		past := part.asOfADay()
		past.key = e.key + " past " + past.key
		part.balancesOnly, past.balancesOnly = profile.BalancesOnly, profile.BalancesOnly
		part.past = past
		e.pages = append(e.pages, &part)
	}
	e.menu = e.entries()
	for _, p := range e.pages {
		p.menu, p.past.menu = e.menu, e.menu
	}
	site := s.site()
	site.Behind = views.Behind{} // these are drawn once
	return e, e.drawErrorPages(site)
}

// profileWait is how long a request waits to know what the ledger has. Without an
// answer, the ledger counts as one that has everything.
const profileWait = 50 * time.Millisecond

// edition returns the pages as the ledger has them now.
func (s *server) edition(ctx context.Context) *edition {
	res, err := s.Economy.Profile.Peek(aggregates.NoParams{})
	if errors.Is(err, cache.ErrAbsent) {
		waiting, cancel := context.WithTimeout(ctx, profileWait)
		defer cancel()
		res, err = s.Economy.Profile.Get(waiting, aggregates.NoParams{})
		_, _ = s.Soundness.Followed.Get(waiting, aggregates.NoParams{}) // for behind
	}
	return s.editionOf(res.Value, s.sees(ctx), err)
}

// knownEdition is edition without waiting.
func (s *server) knownEdition(sees views.Level) *edition {
	if s.index {
		return s.editions[sees].whole
	}
	res, err := s.Economy.Profile.Peek(aggregates.NoParams{})
	return s.editionOf(res.Value, sees, err)
}

// editionOf returns the edition of a profile, which is made when it is first asked for,
// and that of all there may be if the profile is not known.
func (s *server) editionOf(profile aggregates.Profile, sees views.Level, err error) *edition {
	all := s.editions[sees]
	if err != nil {
		return all.whole
	}
	if e := all.shown.Load(); e.profile == profile {
		return e
	}
	e, err := s.newEdition(profile, sees)
	if err != nil {
		s.Log.Error("pages cannot be left out", "error", err)
		return all.whole
	}
	all.shown.Store(e) // a ledger seldom gets another profile
	return e
}

// entries returns the menu: pages with a group that have something to show, in
// groups of the order of their first page.
func (e *edition) entries() []views.MenuGroup {
	var groups []views.MenuGroup
	for i, p := range e.pages {
		if i > 0 && !e.profile.Transactions || p.Group == "" || !p.worthShowing(e.profile) || p.shows() > e.sees {
			continue
		}
		at := slices.IndexFunc(groups, func(g views.MenuGroup) bool { return g.Name == p.Group })
		if at < 0 {
			at = len(groups)
			groups = append(groups, views.MenuGroup{Name: p.Group})
		}
		groups[at].Pages = append(groups[at].Pages, views.MenuEntry{Name: p.Name, Path: p.Path, Dated: p.Dated})
	}
	return groups
}

// aboutNumbers serves the page that says how every number is computed, with the
// numbers that are in memory.
func (s *server) aboutNumbers(w http.ResponseWriter, r *http.Request) error {
	e := s.edition(r.Context())
	pages := e.pages
	sources := make([][]source, len(pages))
	var known []source // that have a value
	for i, p := range pages {
		if p.exists != nil || p.shows() > e.sees {
			continue // of which thing?
		}
		sources[i] = p.open(views.Params{})
		for _, src := range sources[i] {
			if src.peek(); src.failure() == nil {
				known = append(known, src)
			}
		}
	}
	key := s.pageKey(r, e.key+" /about/numbers", views.Params{})
	p, drawn, err := s.rendered.get(key, versionOf(known), func() (*rendering, error) {
		view := views.Page{Site: s.site(), Info: views.PageInfo{
			Path: "/about/numbers", Name: "How the numbers are made", Heading: "How the numbers are made",
			Above:       []views.MenuEntry{{Name: "Economy", Path: "/economy"}},
			Description: "What each number of {economy} means, how it is computed, and what it leaves out.",
		}}
		view.Menu = e.menu
		var all []views.Definitions
		for i, p := range pages {
			if p.shows() <= e.sees {
				all = append(all, s.definitions(p, sources[i]))
			}
		}
		var b bytes.Buffer
		if err := views.AboutNumbers(view, all).Render(context.WithoutCancel(r.Context()), &b); err != nil {
			return nil, fmt.Errorf("about the numbers: %w", err)
		}
		return newRendering(pageHeader(view), b.Bytes(), time.Time{}), nil
	})
	if err != nil {
		return err
	}
	s.serve(w, r, p, drawn)
	return nil
}

// definitions returns the panels of a page, each with the example that its value
// gives, if it has one.
func (s *server) definitions(p *page, sources []source) views.Definitions {
	d := views.Definitions{PageInfo: p.PageInfo}
	view := s.viewOf(p, views.Params{}, nil)
	for i, panel := range p.panels {
		if _, is := panel.from.(withheld); is {
			continue
		}
		drawing := views.Drawing{PanelInfo: panel.PanelInfo}
		if sources != nil && sources[p.readBy[i]].failure() == nil {
			_ = safely(func() error { // a value that cannot be drawn gives no example
				res := sources[p.readBy[i]].result()
				drawing = panel.draw(view, res)
				drawing.How.SQL = panel.period(res).Query(drawing.How.SQL)
				return nil
			})
		}
		d.Panels = append(d.Panels, drawing)
	}
	return d
}

// manifest says what the site is called and looks like on a home screen.
func (s *server) manifest(w http.ResponseWriter, r *http.Request) error {
	type icon struct {
		Source string `json:"src"`
		Sizes  string `json:"sizes"`
		Type   string `json:"type"`
	}
	header, b, err := encodeJSON(struct {
		Name    string `json:"name"`
		Start   string `json:"start_url"`
		Display string `json:"display"`
		Icons   []icon `json:"icons"`
	}{
		cmp.Or(s.Settings().Name, "Exchequer"), s.Root.Of("/"), "browser",
		[]icon{{s.assets.Icon, "any", "image/svg+xml"}, {s.assets.Touch, "180x180", "image/png"}},
	})
	if err != nil {
		return err
	}
	header["Content-Type"] = []string{"application/manifest+json"}
	s.serve(w, r, newRendering(header, b, time.Time{}), true)
	return nil
}
