package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"exchequer/views"
)

// oembedPath answers by oEmbed 1.0 (https://oembed.com) with what shows a panel on a page
// of another site.
const oembedPath = "/oembed"

var (
	errOEmbedFormat = &refusal{http.StatusNotImplemented, "This address answers as JSON only: format=json."}
	errOEmbedURL    = &refusal{http.StatusBadRequest, "Name the page or panel by its whole address, in the parameter url."}
	errOEmbedSize   = &refusal{http.StatusBadRequest, "maxwidth and maxheight are whole numbers of pixels above 0."}
)

// An oembedDocument is an answer of the type rich.
type oembedDocument struct {
	Version      string `json:"version"`
	Type         string `json:"type"`
	Title        string `json:"title"`
	ProviderName string `json:"provider_name"`
	ProviderURL  string `json:"provider_url"`
	CacheAge     int    `json:"cache_age"`
	HTML         string `json:"html"`
	Width        int    `json:"width"`
	Height       int    `json:"height"`
}

// A shownPanel is a panel that an address of ours shows: of a page the first one.
type shownPanel struct{ page, panel int }

// firstPanel is the panel of a page's own address.
const firstPanel = -1

// shownPanels are the panels by the patterns of the addresses that show them.
type shownPanels struct {
	router  *chi.Mux
	byRoute map[string]shownPanel
}

func newShownPanels(pages []*page) *shownPanels {
	f := &shownPanels{chi.NewRouter(), map[string]shownPanel{}}
	add := func(pattern string, shown shownPanel) {
		f.router.Get(pattern, func(http.ResponseWriter, *http.Request) {})
		f.byRoute[pattern] = shown
	}
	add("/", shownPanel{0, firstPanel})
	for i, p := range pages {
		add(p.Path, shownPanel{i, firstPanel})
		for j, panel := range p.panels {
			add(p.pattern("/"+panel.Name), shownPanel{i, j})
		}
	}
	return f
}

// oembed answers for an address of a page or a panel.
func (s *server) oembed(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if format := query.Get("format"); format != "" && format != "json" {
		return errOEmbedFormat
	}
	width, height, err := atMost(query)
	if err != nil {
		return err
	}
	view, err := s.shownAt(r, query.Get("url"))
	if err != nil {
		return err
	}
	d := oembedDocument{Version: "1.0", Type: "rich", Title: view.WindowTitle(), ProviderName: view.Author(), ProviderURL: s.whole("/"), CacheAge: int(time.Hour.Seconds())}
	d.Width, d.Height = views.EmbedSize(*view.Only)
	d.Width, d.Height = min(d.Width, width), min(d.Height, height)
	d.HTML = views.EmbedCode(view, d.Width, d.Height)
	header, b, err := encodeJSON(d)
	if err != nil {
		return err
	}
	s.serve(w, r, newRendering(header, b, time.Time{}), true)
	return nil
}

// atMost returns the size that the parameters maxwidth and maxheight allow.
func atMost(query url.Values) (width, height int, err error) {
	size := [2]int{}
	for i, name := range []string{"maxwidth", "maxheight"} {
		size[i] = 10_000
		if given := query.Get(name); given != "" {
			if size[i], err = strconv.Atoi(given); err != nil || size[i] <= 0 {
				return 0, 0, errOEmbedSize
			}
		}
	}
	return size[0], size[1], nil
}

// shownAt returns the panel that an address of this site shows, as its views see it. What
// the address names is known to exist.
func (s *server) shownAt(r *http.Request, address string) (views.Page, error) {
	if address == "" {
		return views.Page{}, errOEmbedURL
	}
	site, err := url.Parse(s.BaseURL)
	if err != nil || s.BaseURL == "" {
		return views.Page{}, errNotFound // there is no address that others could ask for
	}
	u, err := url.Parse(address)
	if err != nil || u.Host != site.Host || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return views.Page{}, errNotFound
	}
	path := u.Path
	if u.RawPath != "" {
		path = u.RawPath
	}
	path, below := strings.CutPrefix(path, string(s.Root))
	if !below {
		return views.Page{}, errNotFound
	}
	if path == "" {
		path = "/"
	}
	route := chi.NewRouteContext()
	shown, found := s.shownPanels.byRoute[s.shownPanels.router.Find(route, http.MethodGet, path)]
	if !found {
		return views.Page{}, errNotFound
	}
	asked := r.Clone(context.WithValue(r.Context(), chi.RouteCtxKey, route))
	asked.URL = u
	p, at := s.pages[shown.page], shown.panel
	if at == firstPanel {
		p, at = s.edition(r.Context()).pages[shown.page], 0
	}
	params, err := p.params(asked)
	if err != nil {
		return views.Page{}, err
	}
	if shown.panel == firstPanel && asOf(params) != "" {
		p = p.past
	}
	if len(p.panels) == 0 {
		return views.Page{}, errNotFound
	}
	if p.panels[at].shows() > s.sees(r.Context()) {
		return views.Page{}, s.Privacy.restricted()
	}
	view := s.viewOf(p, params.Of(p.panels[at].Params), &p.panels[at].PanelInfo)
	first := []source{p.readings[0].open(params)}
	first[0].peek()
	view.Subject = p.subjectOf(first)
	return view, nil
}
