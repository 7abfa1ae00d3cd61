package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"reflect"

	"github.com/a-h/templ"
	"github.com/danielgtaylor/huma/v2"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// A panel is one entry of a page's declaration: a value of a reading, how it is
// drawn, and the table behind it.
type panel struct {
	views.PanelInfo
	from   opener
	events opener // whose value its chart shows beside its own, or nil
	draw   func(views.Page, result) views.Drawing
	table  func(value any) aggregates.Table
	about  func(value any) aggregates.Basis
	schema func(huma.Registry) *huma.Schema // of its JSON document
	// worth reports whether the panel is worth showing of such a ledger. Nil:
	// of any.
	worth func(aggregates.Profile) bool
	// file is the complete list as CSV, if the table is only its beginning. It is served
	// in the place of the table.
	file *download
	full wholeFile // of all rows, if the table has only the first ones; nil: there is none
	// other is what those see who may not see this one, or nil: they see nothing.
	other *panel
}

// A described value says what it describes.
type described interface{ About() aggregates.Basis }

// show declares a panel of a memo.
func show[P cache.Params, T described](from *reading[P, T], info views.PanelInfo, draw func(views.Page, T) views.Content, table func(T) aggregates.Table) panel {
	info.Params = from.declared
	return showOf(from, info, draw, table)
}

// showOf declares a panel of a reading whose values are of type T. It depends on the
// parameters that info names.
func showOf[T described](from opener, info views.PanelInfo, draw func(views.Page, T) views.Content, table func(T) aggregates.Table) panel {
	return panel{
		PanelInfo: info,
		from:      from,
		draw: func(p views.Page, r result) views.Drawing {
			if r.Missing != "" {
				return views.Draw(p, info, r.Status, aggregates.Basis{}, nil)
			}
			v := r.value.(T)
			return views.Draw(p, info, r.Status, v.About(), func() views.Content { return draw(p, v) })
		},
		table: func(value any) aggregates.Table { return table(value.(T)) },
		about: func(value any) aggregates.Basis { return value.(T).About() },
		schema: func(registry huma.Registry) *huma.Schema {
			return registry.Schema(reflect.TypeFor[panelDocument[T]](), true, "Panel")
		},
	}
}

// flagged returns the panel as one whose chart shows the events of a reading: see
// [views.Page.FlagsOn].
func (p panel) flagged(events *reading[aggregates.EventQuery, *aggregates.Events]) panel {
	p.events = aside{events}
	return p
}

// where returns the panel as one that is shown of some ledgers only.
func (p panel) where(worth func(aggregates.Profile) bool) panel {
	p.worth = worth
	return p
}

func (p panel) worthShowing(profile aggregates.Profile) bool {
	return p.worth == nil || p.worth(profile)
}

// tableOf returns the numbers behind a panel, and an empty table if it has no
// value. The error wraps errUndrawn if the value cannot be shown, such as one with
// series of different lengths.
func (p panel) tableOf(r result) (t aggregates.Table, err error) {
	if r.Missing != "" {
		return t, nil
	}
	if err := safely(func() error { t = p.table(r.value); return nil }); err != nil {
		return t, fmt.Errorf("%s: %w: %w", p.Name, errUndrawn, err)
	}
	return t, nil
}

// period returns the period that a value describes, and zero if it has nothing to
// show.
func (p panel) period(r result) (period aggregates.Period) {
	if r.value == nil {
		return period
	}
	_ = safely(func() error { // a value that cannot be read has no period
		if about := p.about(r.value); about.Why == "" {
			period = about.Period
		}
		return nil
	})
	return period
}

// A panelView is one request for a panel by itself.
type panelView struct {
	views.Page
	panel  panel
	result result
	part   bool // its reader may not see all of the value
	whole  bool // its reader asks for all rows
}

// panelPage serves a panel by itself, with its whole table.
func (s *server) panelPage(p *page, i int) handler {
	return s.panel(p, i, "", func(ctx context.Context, v panelView, _ source) (http.Header, []byte, error) {
		t, err := v.panel.tableOf(v.result)
		if err != nil {
			return nil, nil, err
		}
		var b bytes.Buffer
		draw := func() error {
			d := v.panel.draw(v.Page, v.result)
			v.Lede = views.Lede([]views.Sentence{d.Says}, "")
			return views.Frame(v.Page, false, views.WithTable(d, t), templ.NopComponent).Render(ctx, &b)
		}
		if err := safely(draw); err != nil {
			return nil, nil, fmt.Errorf("%s: %w: %w", v.panel.Name, errUndrawn, err)
		}
		return pageHeader(v.Page), b.Bytes(), nil
	})
}

// embedded is the suffix of a panel that pages of other sites show.
const embedded = " embedded"

// embed serves a panel alone, for the pages of other sites.
func (s *server) embed(p *page, i int) handler {
	panel := s.panel(p, i, embedded, func(ctx context.Context, v panelView, _ source) (http.Header, []byte, error) {
		var b bytes.Buffer
		draw := func() error { return views.Embed(v.panel.draw(v.Page, v.result)).Render(ctx, &b) }
		if err := safely(draw); err != nil {
			return nil, nil, fmt.Errorf("%s: %w: %w", v.panel.Name, errUndrawn, err)
		}
		return http.Header{"Content-Type": textHTML}, b.Bytes(), nil
	})
	return func(w http.ResponseWriter, r *http.Request) error {
		for name, values := range s.embedHeaders {
			w.Header()[name] = values
		}
		return panel(w, r)
	}
}

// newEmbedHeaders returns what lets the pages of ancestors, sources of a content security
// policy, show a panel. Nothing else of the site may be framed.
func newEmbedHeaders(ancestors string) http.Header {
	return http.Header{
		"Content-Security-Policy":      {contentPolicy(ancestors)},
		"Cross-Origin-Resource-Policy": {"cross-origin"},
	}
}

// panelJSON serves a panel for programs.
func (s *server) panelJSON(p *page, i int) handler {
	return s.panelFile(p, i, ".json", func(v panelView, t aggregates.Table) (http.Header, []byte, error) {
		return encodeJSON(s.document(p, v, t))
	})
}

// panelMeta serves what the numbers of a panel mean.
func (s *server) panelMeta(p *page, i int) handler {
	return s.panelFile(p, i, ".meta.json", func(v panelView, t aggregates.Table) (http.Header, []byte, error) {
		return encodeJSON(s.meta(v, t))
	})
}

// panelCSV serves the table of a panel for spreadsheets.
func (s *server) panelCSV(p *page, i int) handler {
	table := s.panelFile(p, i, ".csv", func(v panelView, t aggregates.Table) (http.Header, []byte, error) {
		var b bytes.Buffer
		out := newCSV(&b, v.Settings)
		out.header(t)
		for _, row := range t.Rows {
			out.row(t.Columns, row)
		}
		if err := out.end(); err != nil {
			return nil, nil, fmt.Errorf("%s as CSV: %w", v.panel.Name, err)
		}
		header := csvHeader(csvName(v.Page, v.result.AsOf))
		markCut(header, t.Cut)
		return header, b.Bytes(), nil
	})
	if p.panels[i].file == nil {
		return table
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		if p.days != nil && r.URL.Query().Get(views.AtParam.Name) != "" {
			return table(w, r) // of such a day there is no complete list
		}
		return p.panels[i].file.serve(w, r)
	}
}

// panelFile serves a panel in a format that has nothing to say without a value. If all
// rows are asked for, and the panel has only the first ones, it serves the file that has
// them, and refuses where there is none.
func (s *server) panelFile(p *page, i int, suffix string, encode func(panelView, aggregates.Table) (http.Header, []byte, error)) handler {
	file := s.panel(p, i, suffix, func(_ context.Context, v panelView, src source) (http.Header, []byte, error) {
		if err := src.failure(); err != nil {
			return nil, nil, err
		}
		t, err := v.panel.tableOf(v.result)
		if err != nil {
			return nil, nil, err
		}
		if v.whole && t.Cut != nil {
			return nil, nil, &cutError{v, t.Cut}
		}
		return encode(v, t)
	})
	return inFull(file, suffix)
}

// panel answers from the source behind a panel, and, as a page or a document, from its
// events.
// Nothing can be sent before their results, so the reader of a cold panel waits, within the budget.
func (s *server) panel(p *page, i int, suffix string, draw func(context.Context, panelView, source) (http.Header, []byte, error)) handler {
	pattern := p.pattern("/" + p.panels[i].Name + suffix)
	return func(w http.ResponseWriter, r *http.Request) error {
		panel, ok := p.panels[i].seenUpTo(s.sees(r.Context()))
		if !ok {
			return s.Privacy.restricted()
		}
		params, err := p.params(r)
		if err != nil {
			return err
		}
		if suffix == ".csv" || suffix == ".json" {
			if err := p.refuseDay(r, params); err != nil {
				return err
			}
		}
		given := params
		params = params.Of(panel.Params)
		one := []source{panel.from.open(params)}
		isPage := suffix == "" || suffix == embedded
		if panel.events != nil && (isPage || suffix == ".json") {
			one = append(one, panel.events.open(params))
		}
		if !warm(one) {
			if err := s.gather(r, one); err != nil {
				return err
			}
		}
		if p.ofThings() && one[0].empty() {
			return p.gone(given)
		}
		first := plain(panel.from) == p.readings[0]
		if first {
			err = p.moved(params, one)
		} else {
			err = s.stays(r, p, given)
		}
		if err != nil {
			return err
		}
		whole := (suffix == ".csv" || suffix == ".json") && wantsAll(r)
		key, menu, theme := pattern, []views.MenuGroup(nil), ""
		if whole {
			key += " full"
		}
		switch suffix {
		case "": // files have no menu
			e := s.edition(r.Context())
			key, menu = e.key+" "+pattern, e.menu
		case embedded:
			theme = parseTheme(r.URL.Query().Get("theme"))
			key += " " + theme
		}
		return s.respondCached(w, r, s.pageKey(r, key, params), one, func() (*rendering, error) {
			v := panelView{Page: s.viewOf(p, params, &panel.PanelInfo), panel: panel, result: one[0].result(), part: !p.wholly(panel, s.sees(r.Context())), whole: whole}
			v.Menu, v.Theme = menu, theme
			v.Clock, v.Period = s.pageClock(one, one), panel.period(v.result)
			v.Events = eventsOf(one[1:]...)
			if isPage && asOf(params) != "" && complete(one) {
				v.Clock = views.Clock{}
			}
			if first {
				v.Subject = p.subjectOf(one)
			}
			header, b, err := draw(context.WithoutCancel(r.Context()), v, one[0])
			if err != nil {
				return nil, err
			}
			drawn := newRendering(header, b, v.Clock.Next.Add(v.Clock.Lag))
			if !isPage {
				drawn = s.keptFor(params, drawn)
			}
			return drawn, nil
		})
	}
}
