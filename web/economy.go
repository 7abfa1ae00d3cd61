package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// economy serves the home page.
func (s *server) economy(w http.ResponseWriter, r *http.Request) error {
	chosen := choice(r)
	data := &views.EconomyPage{Site: s.site("/economy", query(chosen)), Choice: chosen}
	sources := s.sources(data)
	if warm(sources) {
		return s.economyPage(w, r, data, sources)
	}
	return s.economyStream(w, r, data, sources)
}

// warm peeks at all sources and reports whether each has a value, or a reason why
// it has none.
func warm(sources []source) bool {
	for _, src := range sources {
		if src.peek(); !src.settled() {
			return false
		}
	}
	return true
}

// getAll gets each source in a goroutine of its own. The channel receives each
// source once, when it has its result.
func getAll(ctx context.Context, running *sync.WaitGroup, sources []source) <-chan source {
	done := make(chan source, len(sources))
	for _, src := range sources {
		running.Go(func() {
			src.get(ctx)
			done <- src
		})
	}
	return done
}

// economyPage answers with the whole page. It is drawn only if the page of these
// versions is not in memory.
func (s *server) economyPage(w http.ResponseWriter, r *http.Request, data *views.EconomyPage, sources []source) error {
	draw := func() (*page, error) {
		s.pageClock(&data.Clock, sources, sources)
		var b bytes.Buffer
		panels := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
			for _, src := range sources {
				if err := src.draw(ctx, w, s, data.Site, data.Choice); err != nil {
					return err
				}
			}
			return nil
		})
		frame := views.EconomyFrame(data.Site, data.Clock, data.Choice, false, panels)
		if err := frame.Render(context.WithoutCancel(r.Context()), &b); err != nil {
			return nil, fmt.Errorf("economy page: %w", err)
		}
		return newPage(pageHeader(data.Site), b.Bytes(), data.Clock.Next.Add(data.Clock.Lag)), nil
	}
	return s.respondCached(w, r, pageKey{"/economy", data.Choice, data.Settings}, sources, draw)
}

// pageClock sets c to the clock of a page of these sources, of which ready have
// their result. Its window is the shortest, so that browsers ask for the page
// again whenever one of its sources is due.
func (s *server) pageClock(c *views.Clock, sources, ready []source) {
	*c = views.Clock{Window: sources[0].window()}
	for _, src := range sources {
		c.Window = min(c.Window, src.window())
	}
	for _, src := range ready {
		if src.settled() {
			src.clock(c)
		}
	}
	if c.Next.IsZero() {
		c.Next, c.Lag = cache.WindowAt(s.Now(), c.Window).End, time.Second
	}
}

func pageHeader(site views.Site) http.Header {
	address := site.Path
	if site.Query != "" {
		address += "?" + site.Query
	}
	return http.Header{"Content-Type": textHTML, "Link": {"<" + address + `>; rel="canonical"`}}
}

// choice returns the choice that is nearest to the request's parameters.
func choice(r *http.Request) views.Choice {
	if r.URL.RawQuery == "" {
		return views.Choice{Days: 30, Population: aggregates.PopulationPersonal}
	}
	q := r.URL.Query()
	return views.Choice{Days: aggregates.ParseDays(q.Get("days")), Population: aggregates.ParsePopulation(q.Get("population"))}
}

// query returns the canonical query of a choice. It leaves out the defaults.
func query(c views.Choice) string {
	q := url.Values{}
	if c.Days != 30 {
		q.Set("days", c.Days.Key())
	}
	if c.Population != aggregates.PopulationPersonal {
		q.Set("population", c.Population.Key())
	}
	return q.Encode()
}
