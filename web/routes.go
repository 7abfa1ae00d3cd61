package web

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"exchequer/ledger/dump"
	"exchequer/static"
	"exchequer/views"
)

// routes lists every address of the site.
func (s *server) routes() (http.Handler, error) {
	r := chi.NewRouter()
	if len(s.TrustedProxies) > 0 {
		r.Use(withoutPorts, middleware.ClientIPFromXFF(s.TrustedProxies...), s.unreadableClients())
	} else {
		r.Use(middleware.ClientIPFromRemoteAddr)
	}
	get := func(pattern string, h handler) {
		instrumented := s.instrument(pattern, h)
		r.Method(http.MethodGet, pattern, instrumented)
		r.Method(http.MethodHead, pattern, instrumented)
	}

	get("/", s.page(0))
	for i, p := range s.pages {
		get(p.Path, s.page(i))
		if p.feed != nil {
			get(p.Feed+".atom", s.feedOf(p, ".atom", s.atom))
			get(p.Feed+".json", s.feedOf(p, ".json", s.jsonFeed))
		}
		if p.list != nil {
			get(p.pattern("/"+p.list.Name+".csv"), s.listCSV(p))
			get(p.pattern("/"+p.list.Name+".json"), s.listJSON(p))
		}
		for j, panel := range p.panels {
			get(p.pattern("/"+panel.Name), s.panelPage(p, j))
			get(p.pattern("/"+panel.Name+".csv"), s.panelCSV(p, j))
			get(p.pattern("/"+panel.Name+".json"), s.panelJSON(p, j))
			get(p.pattern("/"+panel.Name+".meta.json"), s.panelMeta(p, j))
		}
	}
	for _, p := range s.pages {
		if p.Path == views.ReportPath {
			get(p.pattern(".json"), s.reportJSON(p))
		}
	}
	s.elsewhere(get)
	get("/about/numbers", s.aboutNumbers)
	get(views.SearchPath, s.search)
	get(views.SearchPath+".json", s.searchJSON)
	get(views.ComparePath+"/add", s.addSeries)
	get(views.WatchPath+"/add", s.addWatched)
	get(dataPath, s.dataPage)
	get(dataPath+dump.ManifestName, s.dataManifest)
	get(dataPath+"feed.atom", s.dataFeed)
	get(dataPath+"*", s.dataFile)
	get("/sitemap.xml", s.siteMap)
	get("/robots.txt", s.robots)
	get("/manifest.webmanifest", s.manifest)

	s.api(r, get)
	get("/theme.css", s.themeCSS)
	r.Method(http.MethodPost, views.StandPath, s.instrument(views.StandPath, s.standAnswer))
	r.Method(http.MethodPost, views.AppraisePath, s.instrument(views.AppraisePath, s.appraisePosted))
	r.Method(http.MethodPost, "/theme", s.instrument("/theme", s.chooseTheme))

	embedded := static.Handler()
	files := func(w http.ResponseWriter, r *http.Request) error {
		if !static.Known(r.URL.Path) {
			return errNotFound
		}
		embedded.ServeHTTP(w, r)
		return nil
	}
	get("/static/*", files)
	get("/favicon.ico", files)

	get("/healthz", s.healthz)
	get("/readyz", s.readyz)
	get("/health/cache", s.healthCache)
	if !s.MetricsApart {
		get("/metrics", fromHTTP(MetricsHandler(s.Registry)))
	}

	r.NotFound(s.instrument("none", func(http.ResponseWriter, *http.Request) error { return errNotFound }).ServeHTTP)
	r.MethodNotAllowed(s.instrument("none", func(w http.ResponseWriter, req *http.Request) error {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			if r.Match(chi.NewRouteContext(), method, req.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		return errMethod
	}).ServeHTTP)
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(s.instrument("none", func(http.ResponseWriter, *http.Request) error { return errForeign }))
	return protection.Handler(r), nil
}

// fromHTTP returns a handler that never fails.
func fromHTTP(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// elsewhere lists the addresses of what other sites and programs show of the pages.
func (s *server) elsewhere(get func(pattern string, h handler)) {
	for _, p := range s.pages {
		for j, panel := range p.panels {
			get(views.EmbedPath+strings.TrimPrefix(p.pattern("/"+panel.Name), "/"), s.embed(p, j))
		}
	}
	get(oembedPath, s.oembed)
	for _, b := range s.badges() {
		get(badgesPath+b.name+".svg", s.badge(b))
	}
	get(badgesPath+"items/{ref}", s.itemBadge())
	for i, p := range s.pages {
		get(p.pattern("/card.png"), s.card(i))
		if len(p.panels) > 0 {
			get(p.document(), s.pageJSON(i))
		}
	}
}
