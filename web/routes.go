package web

import (
	"fmt"
	"net/http"
	"strings"

	"exchequer/ledger/dump"
	"exchequer/signin"
	"exchequer/views"
	"exchequer/vitals"
)

// routes lists every address of the site.
func (s *server) routes() (http.Handler, error) {
	r := s.newRouter()
	s.mux, s.operators.router = r, r
	if s.OperatorsApart {
		s.operators.router = s.newRouter()
	}
	get, getOperators := s.getting(r), s.getting(s.operators.router)

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
	get(views.MePath, views.ShowsNothing, s.require(signin.Viewer, s.me))
	r.Method(http.MethodPost, views.MePath, s.instrument(views.MePath, views.ShowsNothing, s.require(signin.Viewer, s.changeMe)))
	get(views.MyFeed+"{token}.atom", views.ShowsNothing, s.myFeed)
	get("/sitemap.xml", views.ShowsNames, s.siteMapIndex)
	get(siteMapPath+"{name}", views.ShowsNames, s.siteMap)
	get("/robots.txt", views.ShowsNothing, s.robots)
	get("/manifest.webmanifest", views.ShowsNothing, s.manifest)

	s.api(r, get, getOperators)
	get("/theme.css", views.ShowsNothing, s.themeCSS)
	r.Method(http.MethodPost, views.StandPath, s.instrument(views.StandPath, views.ShowsSums, s.standAnswer))
	r.Method(http.MethodPost, views.AppraisePath, s.instrument(views.AppraisePath, views.ShowsSums, s.appraisePosted))
	r.Method(http.MethodPost, "/theme", s.instrument("/theme", views.ShowsNothing, s.chooseTheme))

	if s.Vitals != nil {
		r.Method(http.MethodPost, views.BeaconPath, s.instrumentBody(views.BeaconPath, views.ShowsNothing, vitals.MostBytes, s.beacon))
	}
	s.signInRoutes(r)
	s.administered(s.operators.router, getOperators)

	files := staticFiles()
	get("/static/*", views.ShowsNothing, files)
	get("/favicon.ico", views.ShowsNothing, files)

	get("/healthz", views.ShowsNothing, s.healthz)
	get("/readyz", views.ShowsNothing, s.readyz)
	getOperators("/health/cache", views.ShowsNames, s.healthCache)
	if !s.MetricsApart && !s.OperatorsApart {
		get("/metrics", views.ShowsNames, fromHTTP(MetricsHandler(s.Registry)))
	}
	if len(s.unsaid) > 0 {
		return nil, fmt.Errorf("what these show of the ledger is not said: %q", s.unsaid)
	}
	if s.OperatorsApart {
		s.operators.handler = s.finish(s.operators.router)
	}
	return s.finish(r), nil
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
