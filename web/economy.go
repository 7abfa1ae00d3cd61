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

// economy is the home page.
func (s *server) economy(w http.ResponseWriter, r *http.Request) error {
	chosen := choice(r)
	asked := &views.EconomyPage{Site: s.site("/economy", query(chosen)), Choice: chosen}
	parts := s.parts(asked)
	if warm(parts) {
		return s.economyPage(w, r, asked, parts)
	}
	return s.economyCold(w, r, asked, parts)
}

// warm reports whether all parts have something to say without a wait.
func warm(parts []part) bool {
	for _, p := range parts {
		if p.peek(); !p.settled() {
			return false
		}
	}
	return true
}

// askTogether asks each part in a goroutine of its own. Each part is sent once,
// when it has its answer.
func askTogether(ctx context.Context, asking *sync.WaitGroup, parts []part) <-chan part {
	answered := make(chan part, len(parts))
	for _, p := range parts {
		asking.Go(func() {
			p.ask(ctx)
			answered <- p
		})
	}
	return answered
}

// economyPage answers with the whole page, which is drawn only if it has not
// been for these versions.
func (s *server) economyPage(w http.ResponseWriter, r *http.Request, asked *views.EconomyPage, parts []part) error {
	draw := func() (*page, error) {
		s.pageClock(&asked.Clock, parts, parts)
		var b bytes.Buffer
		panels := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
			for _, p := range parts {
				if err := p.draw(ctx, w, s, asked.Site, asked.Choice); err != nil {
					return err
				}
			}
			return nil
		})
		frame := views.EconomyFrame(asked.Site, asked.Clock, asked.Choice, false, panels)
		if err := frame.Render(context.WithoutCancel(r.Context()), &b); err != nil {
			return nil, fmt.Errorf("economy page: %w", err)
		}
		return newPage(pageHeader(asked.Site), b.Bytes(), asked.Clock.Next.Add(asked.Clock.Lag)), nil
	}
	return s.remembered(w, r, pageKey{"/economy", asked.Choice, asked.Settings}, parts, draw)
}

// remembered serves the page of a key and of its parts' versions. Where a part
// is still being computed the page is drawn for this reader alone, and where no
// part has a value it is an answer that says so.
func (s *server) remembered(w http.ResponseWriter, r *http.Request, key pageKey, parts []part, draw func() (*page, error)) error {
	version := uint64(14695981039346656037)
	settled, valued := true, false
	for _, p := range parts {
		settled = settled && p.settled()
		valued = valued || p.failure() == nil
		version = (version ^ p.version()) * 1099511628211
	}
	if !settled || !valued {
		p, err := draw()
		if err != nil {
			return err
		}
		return s.once(w, r, p, valued)
	}
	p, drawn, err := s.pages.get(key, version, draw)
	if err != nil {
		return err
	}
	s.serve(w, r, p, drawn)
	return nil
}

// once answers with a page that nobody may keep.
func (s *server) once(w http.ResponseWriter, r *http.Request, p *page, valued bool) error {
	h := w.Header()
	h["Content-Type"] = p.header["Content-Type"]
	h["Cache-Control"] = noStore
	h["Content-Length"] = p.plain.length
	h["Server-Timing"] = []string{clock(s.Now())}
	s.metrics.pages.WithLabelValues("incomplete").Inc()
	if !valued {
		h.Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(p.plain.bytes)
	}
	return nil
}

// pageClock is the state of time of a page of these parts, of which some may
// have been asked. Its window is the shortest: it is asked for again whenever
// one of its parts is due.
func (s *server) pageClock(c *views.Clock, parts, asked []part) {
	*c = views.Clock{Window: parts[0].window()}
	for _, p := range parts {
		c.Window = min(c.Window, p.window())
	}
	for _, p := range asked {
		if p.settled() {
			p.clock(c)
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

// choice is the nearest that exists to what the address asks for.
func choice(r *http.Request) views.Choice {
	if r.URL.RawQuery == "" {
		return views.Choice{Days: 30, Population: aggregates.PopulationPersonal}
	}
	q := r.URL.Query()
	return views.Choice{Days: aggregates.ParseDays(q.Get("days")), Population: aggregates.ParsePopulation(q.Get("population"))}
}

// query is the canonical query of a choice: what is usual is not said.
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
