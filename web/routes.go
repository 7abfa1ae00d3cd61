package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"exchequer/ledger/dump"
	"exchequer/views"
)

// routes lists every address of the site.
func (s *server) routes() (http.Handler, error) {
	r := chi.NewRouter()
	s.mux = r
	if len(s.TrustedProxies) > 0 {
		r.Use(withoutPorts, middleware.ClientIPFromXFF(s.TrustedProxies...), s.unreadableClients())
	} else {
		r.Use(middleware.ClientIPFromRemoteAddr)
	}
	get := func(pattern string, shows views.Level, h handler) {
		instrumented := s.instrument(pattern, shows, h)
		r.Method(http.MethodGet, pattern, instrumented)
		r.Method(http.MethodHead, pattern, instrumented)
	}

	get("/", s.pages[0].shows(), s.page(0))
	for i, p := range s.pages {
		get(p.Path, p.shows(), s.page(i))
		if p.feed != nil {
			get(p.Feed+".atom", p.feed.shows(), s.feedOf(p, ".atom", s.atom))
			get(p.Feed+".json", p.feed.shows(), s.feedOf(p, ".json", s.jsonFeed))
		}
		if p.list != nil {
			get(p.pattern("/"+p.list.Name+".csv"), p.list.Shows, s.listCSV(p))
			get(p.pattern("/"+p.list.Name+".json"), p.list.Shows, s.listJSON(p))
		}
		for j, panel := range p.panels {
			get(p.pattern("/"+panel.Name), panel.shows(), s.panelPage(p, j))
			get(p.pattern("/"+panel.Name+".csv"), panel.shows(), s.panelCSV(p, j))
			get(p.pattern("/"+panel.Name+".json"), panel.shows(), s.panelJSON(p, j))
			get(p.pattern("/"+panel.Name+".meta.json"), panel.shows(), s.panelMeta(p, j))
		}
	}
	for _, p := range s.pages {
		if p.Path == views.ReportPath {
			get(p.pattern(".json"), p.shows(), s.reportJSON(p))
		}
	}
	s.elsewhere(get)
	get("/about/numbers", views.ShowsSums, s.aboutNumbers)
	get(views.SearchPath, views.ShowsNames, s.search)
	get(views.SearchPath+".json", views.ShowsNames, s.searchJSON)
	get(views.ComparePath+"/add", views.ShowsNames, s.addSeries)
	get(views.WatchPath+"/add", views.ShowsNames, s.addWatched)
	get(dataPath, views.ShowsNames, s.dataPage)
	get(dataPath+dump.ManifestName, views.ShowsNames, s.dataManifest)
	get(dataPath+"feed.atom", views.ShowsNames, s.dataFeed)
	get(dataPath+"*", views.ShowsNames, s.dataFile)
	get(views.AlertsFeed+".atom", views.ShowsSums, s.alertsFeed(".atom", s.atom))
	get(views.AlertsFeed+".json", views.ShowsSums, s.alertsFeed(".json", s.jsonFeed))
	get(views.MePath, views.ShowsNothing, s.me)
	r.Method(http.MethodPost, views.MePath, s.instrument(views.MePath, views.ShowsNothing, s.changeMe))
	get(views.MyFeed+"{token}.atom", views.ShowsNothing, s.myFeed)
	get("/sitemap.xml", views.ShowsNames, s.siteMapIndex)
	get(siteMapPath+"{name}", views.ShowsNames, s.siteMap)
	get("/robots.txt", views.ShowsNothing, s.robots)
	get("/manifest.webmanifest", views.ShowsNothing, s.manifest)

	s.api(r, get)
	get("/theme.css", views.ShowsNothing, s.themeCSS)
	r.Method(http.MethodPost, views.StandPath, s.instrument(views.StandPath, views.ShowsSums, s.standAnswer))
	r.Method(http.MethodPost, views.AppraisePath, s.instrument(views.AppraisePath, views.ShowsSums, s.appraisePosted))
	r.Method(http.MethodPost, "/theme", s.instrument("/theme", views.ShowsNothing, s.chooseTheme))

	files := staticFiles()
	get("/static/*", views.ShowsNothing, files)
	get("/favicon.ico", views.ShowsNothing, files)

	get("/healthz", views.ShowsNothing, s.healthz)
	get("/readyz", views.ShowsNothing, s.readyz)
	get("/health/cache", views.ShowsNames, s.healthCache)
	if !s.MetricsApart {
		get("/metrics", views.ShowsNames, fromHTTP(MetricsHandler(s.Registry)))
	}
	r.NotFound(s.instrument("none", views.ShowsNothing, func(http.ResponseWriter, *http.Request) error { return errNotFound }).ServeHTTP)
	r.MethodNotAllowed(s.instrument("none", views.ShowsNothing, func(w http.ResponseWriter, req *http.Request) error {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			if r.Match(chi.NewRouteContext(), method, req.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		return errMethod
	}).ServeHTTP)
	if len(s.unsaid) > 0 {
		return nil, fmt.Errorf("what these show of the ledger is not said: %q", s.unsaid)
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(s.instrument("none", views.ShowsNothing, func(http.ResponseWriter, *http.Request) error { return errForeign }))
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
func (s *server) elsewhere(get func(pattern string, shows views.Level, h handler)) {
	for _, p := range s.pages {
		for j, panel := range p.panels {
			get(views.EmbedPath+strings.TrimPrefix(p.pattern("/"+panel.Name), "/"), panel.shows(), s.embed(p, j))
		}
	}
	get(oembedPath, views.ShowsNames, s.oembed)
	for _, b := range s.badges() {
		get(badgesPath+b.name+".svg", views.ShowsSums, s.badge(b))
	}
	get(badgesPath+"items/{ref}", views.ShowsSums, s.itemBadge())
	for i, p := range s.pages {
		get(p.pattern("/card.png"), p.shows(), s.card(i))
		if len(p.panels) > 0 {
			get(p.document(), p.panelsShow(), s.pageJSON(i))
			get(p.meta(), p.panelsShow(), s.pageMeta(i))
		}
	}
}
