package web

import (
	"context"
	"net/http"
	"time"

	"exchequer/aggregates"
	"exchequer/views"
)

const (
	cardCacheBytes = 4 << 20
	cardWait       = 2 * time.Second        // for the place to draw
	cardRest       = 125 * time.Millisecond // after one of a thing, which takes a third of it
	cardKept       = 10 * time.Minute
)

// cardAddress returns the address of the picture of a page.
func (p *page) cardAddress(params views.Params) string {
	return p.at(params.Ref) + "/card.png" + params.Of(p.panelParams()).Query()
}

// card serves the picture by which other sites preview links to a page. It shows what is
// in memory, and starts no producer. One is drawn at a time, and kept until the page's
// next numbers, for at most cardKept, since it may name somebody who hides. Those of
// which there are as many as things are drawn a quarter of the time: who asks for all
// of them has that much of a processor.
func (s *server) card(i int) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.edition(r.Context()).pages[i]
		params, err := p.params(r)
		if err != nil {
			return err
		}
		if asOf(params) != "" {
			p = p.past
		}
		params = params.Of(p.panelParams())
		sources := p.open(params)
		for _, src := range sources {
			src.peek()
		}
		if p.ofThings() && len(sources) > 0 && sources[0].empty() {
			return p.gone(params)
		}
		if len(sources) > 0 {
			if err := p.moved(params, sources); err != nil {
				return err
			}
		}
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		drawn, first, err := s.cards.get(s.pageKey(r, p.key+" card", params), versionOf(sources), func() (*rendering, error) {
			ctx, cancel := context.WithTimeout(r.Context(), cardWait)
			defer cancel()
			free, err := s.cardPlace.take(ctx, client(r))
			if err != nil {
				return nil, err
			}
			defer func() {
				if p.ofThings() || params.Free() {
					time.AfterFunc(cardRest, free)
				} else {
					free()
				}
			}()
			return s.drawCard(p, params, sources)
		})
		if err != nil {
			return err
		}
		s.serve(w, r, drawn, first)
		return nil
	}
}

func (s *server) drawCard(p *page, params views.Params, sources []source) (*rendering, error) {
	view := s.viewWith(p, params, sources)
	view.Clock = s.pageClock(sources, sources)
	var said []views.Sentence
	var tables []aggregates.Table
	for i, panel := range p.panels {
		res := sources[p.readBy[i]].result()
		if res.Missing != "" {
			continue
		}
		_ = safely(func() error { // a value that cannot be shown says nothing
			said = append(said, panel.draw(view, res).Says)
			t, err := panel.tableOf(res)
			tables = append(tables, t)
			return err
		})
	}
	b, err := views.CardOf(view, said, tables).PNG()
	if err != nil {
		return nil, err
	}
	due := view.Clock.Next.Add(view.Clock.Lag)
	if latest := s.Now().Add(cardKept); due.After(latest) {
		due = latest
	}
	drawn := newRendering(http.Header{"Content-Type": {"image/png"}}, b, due)
	drawn.keep = len(said) > 0
	return drawn, nil
}
