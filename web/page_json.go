package web

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/views"
)

// A pageDocument is the values of all panels of a page, for programs.
type pageDocument struct {
	Page       string            `json:"page" doc:"The address of the page."`
	Title      string            `json:"title"`
	Parameters map[string]string `json:"parameters" doc:"Those on which the panels depend."`
	AsOf       time.Time         `json:"asOf" doc:"The moment that the oldest of the numbers describe."`
	Next       time.Time         `json:"next" doc:"When the first newer numbers are due."`
	Money      money             `json:"money" doc:"How amounts are written: they are whole minor units."`
	Timezone   string            `json:"timezone" doc:"Whose days are counted: UTC, or a name such as Europe/Berlin."`
	Panels     []pagePanel       `json:"panels" nullable:"false"`
}

// A pagePanel is a panel of a pageDocument.
type pagePanel struct {
	Panel   string     `json:"panel"`
	Title   string     `json:"title"`
	AsOf    *time.Time `json:"asOf" doc:"The moment that the numbers describe; null: there are none."`
	Next    *time.Time `json:"next" doc:"When newer numbers are due."`
	State   string     `json:"state" enum:"fresh,stale,degraded,missing"`
	Reason  string     `json:"reason,omitempty" doc:"Why it is degraded or missing."`
	Value   any        `json:"value,omitempty" doc:"As in the panel's own document, which describes it. It begins with its period."`
	ValueOf string     `json:"valueOf,omitempty" doc:"An earlier panel of the page, whose value this one shows too; there is no value then."`
}

// document returns the pattern of the address of the page's JSON. A ref may have a dot in
// it, and what programs come back for may have the shorter address.
func (p *page) document() string {
	if p.exists != nil || p.Feed == p.Path {
		return p.pattern("/page.json")
	}
	return p.pattern(".json")
}

// meta returns the pattern of the page's .meta.json.
func (p *page) meta() string { return strings.TrimSuffix(p.document(), ".json") + ".meta.json" }

// panelParams returns the parameters on which the page's panels depend.
func (p *page) panelParams() []*views.Param {
	var all []*views.Param
	for _, panel := range p.panels {
		for _, d := range panel.Params {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all
}

// pageJSON serves the values of a page's panels, which are read as those of the page are.
func (s *server) pageJSON(i int) handler {
	return s.pageFile(i, "page.json", func(r *http.Request, p *page, params views.Params, sources []source) any {
		all := s.pages[i]
		clock := s.pageClock(sources, sources)
		settings := s.Settings()
		return pageDocument{
			Page: s.Root.Of(p.at(params.Ref)), Title: s.viewWith(p, params, sources).WindowTitle(), Parameters: params.Values(p.panelParams()), AsOf: clock.AsOf, Next: clock.Next,
			Money: money{settings.Symbol, settings.Decimals}, Timezone: settings.Zone().String(), Panels: p.values(sources, func(panel panel) bool { return all.wholly(panel, s.sees(r.Context())) }),
		}
	})
}

// A pageMeta is what the numbers of a page mean.
type pageMeta struct {
	Title       string         `json:"title"`
	Economy     string         `json:"economy"`
	Description string         `json:"description"`
	Page        string         `json:"page" doc:"The address of the page."`
	Licence     string         `json:"licence,omitempty" doc:"Of the data, as the operator states it."`
	Panels      []metaDocument `json:"panels" nullable:"false" doc:"Those that have a value now."`
}

// pageMeta serves what the numbers of a page's panels mean.
func (s *server) pageMeta(i int) handler {
	return s.pageFile(i, "page.meta.json", func(_ *http.Request, p *page, params views.Params, sources []source) any {
		view := s.viewWith(p, params, sources)
		d := pageMeta{
			Title: view.WindowTitle(), Economy: view.Settings.Name, Description: view.Description(), Page: s.whole(view.Address()), Licence: s.Licence, Panels: []metaDocument{},
		}
		for i, panel := range p.panels {
			of := params.Of(panel.Params)
			v := panelView{Page: s.viewOf(p, of, &panel.PanelInfo), panel: panel, result: sources[p.readBy[i]].result()}
			if t, err := panel.tableOf(v.result); err == nil && v.result.Missing == "" {
				d.Panels = append(d.Panels, s.meta(v, t))
			}
		}
		return d
	})
}

// pageFile serves a document of a page's panels.
func (s *server) pageFile(i int, name string, document func(r *http.Request, p *page, params views.Params, sources []source) any) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.edition(r.Context()).pages[i]
		whole, err := p.params(r)
		if err != nil {
			return err
		}
		if err := p.refuseDay(r, whole); err != nil {
			return err
		}
		if asOf(whole) != "" {
			p = p.past
		}
		if len(p.panels) == 0 {
			return errNotFound
		}
		params := whole.Of(p.panelParams())
		sources := p.open(params)
		if !warm(sources) {
			if err := s.gather(r, sources); err != nil {
				return err
			}
		}
		if p.ofThings() && sources[0].empty() {
			return p.gone(whole)
		}
		if err := p.moved(whole, sources); err != nil {
			return err
		}
		if !slices.ContainsFunc(sources, source.valued) {
			return sources[0].failure()
		}
		return s.respondCached(w, r, s.pageKey(r, p.key+" "+name, params), sources, func() (*rendering, error) {
			header, b, err := encodeJSON(document(r, p, params, sources))
			if err != nil {
				return nil, err
			}
			clock := s.pageClock(sources, sources)
			return s.keptFor(params, newRendering(header, b, clock.Next.Add(clock.Lag))), nil
		})
	}
}

// values returns the values of the page's panels, each value once, and only those that the
// reader may see as a whole.
func (p *page) values(sources []source, wholly func(panel) bool) []pagePanel {
	all := make([]pagePanel, len(p.panels))
	for i, panel := range p.panels {
		all[i] = pagePanel{Panel: panel.Name, Title: panel.Title}
		one := &all[i]
		res := sources[p.readBy[i]].result()
		if res.Missing != "" {
			one.State, one.Reason = "missing", res.Missing
			continue
		}
		one.AsOf, one.Next, one.State, one.Reason = &res.AsOf, &res.Next, res.State.String(), res.Reason
		if !wholly(panel) {
			continue
		}
		if first := slices.Index(p.readBy, p.readBy[i]); first < i {
			one.ValueOf = all[first].Panel
			continue
		}
		one.Value = res.value
	}
	return all
}

// describePage adds the JSON of a page to the description of the API.
func (s *server) describePage(doc *huma.OpenAPI, p *page) {
	if len(p.panels) == 0 {
		return
	}
	schema := doc.Components.Schemas.Schema(reflect.TypeFor[pageDocument](), true, "Page")
	doc.Paths[p.document()] = s.describe(p, panel{PanelInfo: views.PanelInfo{Params: p.panelParams()}}, "all panels", schema)
	meta := doc.Components.Schemas.Schema(reflect.TypeFor[pageMeta](), true, "PageMeta")
	doc.Paths[p.meta()] = s.describe(p, panel{PanelInfo: views.PanelInfo{Params: p.panelParams()}}, "What all panels mean", meta)
}
