package web

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/keys"
	"exchequer/ledger/dump"
	"exchequer/signin"
	"exchequer/views"
)

// others are the routes that no page declares, with what each shows.
var others = map[string]views.Level{
	"/": views.ShowsSums, "/about/numbers": views.ShowsSums, "/search": views.ShowsNames, "/search.json": views.ShowsNames,
	"/compare/add": views.ShowsNames, "/watch/add": views.ShowsNames, "/oembed": views.ShowsNames,
	"/badges/books.svg": views.ShowsSums, "/badges/supply.svg": views.ShowsSums, "/badges/holders.svg": views.ShowsSums, "/badges/gini.svg": views.ShowsSums, "/badges/transactions.svg": views.ShowsSums, "/badges/items/{ref}": views.ShowsSums,
	"/data/": views.ShowsNames, "/data/manifest.json": views.ShowsNames, "/data/feed.atom": views.ShowsNames, "/data/*": views.ShowsNames,
	"/sitemap.xml": views.ShowsNames, "/sitemap/{name}": views.ShowsNames, "/robots.txt": views.ShowsNothing, "/manifest.webmanifest": views.ShowsNothing, "/theme.css": views.ShowsNothing, "/theme": views.ShowsNothing,
	"/static/*": views.ShowsNothing, "/favicon.ico": views.ShowsNothing, "/healthz": views.ShowsNothing, "/readyz": views.ShowsNothing, "/health/cache": views.ShowsNames, "/metrics": views.ShowsNames,
	"/api": views.ShowsNames, "/api/v1/openapi.json": views.ShowsNames, "/api/v1/openapi.yaml": views.ShowsNames, "/api/v1/markers.json": views.ShowsSums,
	"/api/v1/stats": views.ShowsSums, "/api/v1/flow": views.ShowsSums, "/api/v1/market": views.ShowsSums, "/api/v1/health": views.ShowsSums, "/api/v1/items": views.ShowsSums,
	"/api/v1/items/{id}": views.ShowsSums, "/api/v1/accounts/{id}": views.ShowsDealings, "/api/v1/prices/latest": views.ShowsSums, "/api/v1/prices/1h": views.ShowsSums, "/api/v1/prices/{item}/series": views.ShowsSums,
	"/reports/{ref}.json": views.ShowsSums, "/watch.atom": views.ShowsSums, "/watch.json": views.ShowsSums, "/feeds/events.atom": views.ShowsSums, "/feeds/events.json": views.ShowsSums,
	"/rum": views.ShowsNothing, "/alerts.atom": views.ShowsSums, "/alerts.json": views.ShowsSums, "/me": views.ShowsNothing, "/me/alerts/{token}.atom": views.ShowsNothing,
	"/sign-in": views.ShowsNothing, "/sign-in/provider": views.ShowsNothing, "/sign-in/callback": views.ShowsNothing, "/sign-out": views.ShowsNothing, "/sign-out/everywhere": views.ShowsNothing,
}

// toKeys begin the routes that ask for keys of their own.
var toKeys = []string{"/api/v1/cache/", "/api/v1/pages", "/api/v1/accounts", "/api/v1/transactions", "/api/v1/sales", "/api/v1/offers", "/api/v1/events", "/api/v1/balances"}

// A visited is a route with what it shows, and addresses of it.
type visited struct {
	method, pattern string
	shows           views.Level
	addresses       []string
}

// declaredBy returns the routes that follow from the pages, with what each shows.
func declaredBy(s *server) map[string]views.Level {
	declared := map[string]views.Level{}
	for _, p := range s.pages {
		declared[p.Path], declared[p.pattern("/card.png")], declared[p.document()], declared[p.meta()] = p.shows(), p.shows(), p.panelsShow(), p.panelsShow()
		if p.list != nil {
			declared[p.pattern("/"+p.list.Name+".csv")], declared[p.pattern("/"+p.list.Name+".json")] = p.list.Shows, p.list.Shows
		}
		for _, panel := range p.panels {
			for _, suffix := range []string{"", ".csv", ".json", ".meta.json"} {
				declared[p.pattern("/"+panel.Name+suffix)] = panel.shows()
			}
			declared["/embed"+p.pattern("/"+panel.Name)] = panel.shows()
		}
	}
	return declared
}

// routesOf returns all routes, and fails for those of which it does not know what they
// show.
func routesOf(t *testing.T, s *server) []visited {
	t.Helper()
	declared := declaredBy(s)
	var all []visited
	err := chi.Walk(s.mux, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method == http.MethodHead {
			return nil
		}
		shows := max(declared[pattern], others[pattern])
		if method == http.MethodPost && slices.ContainsFunc(toKeys, func(begin string) bool { return strings.HasPrefix(pattern, begin) }) || strings.HasPrefix(pattern, toKeys[0]) || strings.HasPrefix(pattern, toKeys[1]) {
			shows = views.ShowsNothing
		}
		if shows == 0 {
			t.Errorf("%s %s is new: say in this test what it shows, and give it an address", method, pattern)
			return nil
		}
		all = append(all, visited{method, pattern, shows, addressesOf(pattern)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// addressesOf returns addresses of a route: of what there is, and of what is hidden.
func addressesOf(pattern string) []string {
	known := map[string]string{"/accounts/": "a1", "/holders/": "a1", "/items/": "bread", "/shops/": "stall", "/sources/": "shop", "/prices/": "bread"}
	hidden := map[string]string{"/accounts/": hiddenName, "/holders/": "h:" + hiddenName, "/shops/": "den"}
	fill := func(by map[string]string) (string, bool) {
		address := strings.NewReplacer("{origin}", "town", "/static/*", "/static/nothing", "/data/*", "/data/accounts.csv.zst").Replace(pattern)
		for _, name := range []string{"{ref}", "{id}", "{item}"} {
			before, after, found := strings.Cut(address, name)
			if !found {
				continue
			}
			ref := ""
			for begin, of := range by {
				if strings.HasSuffix(before, begin) {
					ref = of
				}
			}
			if strings.HasPrefix(pattern, "/transactions/") {
				ref = secretRef + "1"
			}
			if ref == "" && strings.HasPrefix(pattern, "/economy/") {
				ref = "shop"
			}
			if ref == "" {
				ref = "2026-01"
			}
			address = before + ref + after
		}
		return address, true
	}
	one, _ := fill(known)
	all := []string{one}
	if other, _ := fill(hidden); other != one && !strings.HasSuffix(other, "2026-01") {
		all = append(all, other)
	}
	switch pattern {
	case "/search", "/search.json":
		all = []string{pattern + "?q=stall", pattern + "?q=" + secretRef, pattern + "?q=forbidden", pattern + "?q=harr"}
	case "/oembed":
		all = []string{pattern + "?url=" + url.QueryEscape("https://economy.test/accounts/a1/balance"), pattern + "?url=" + url.QueryEscape("https://economy.test/holders/h:"+hiddenName)}
	case "/sitemap/{name}":
		all = []string{"/sitemap/pages.xml", "/sitemap/accounts-1.xml", "/sitemap/firms-1.xml", "/sitemap/shops-1.xml", "/sitemap/items-1.xml"}
	case "/badges/items/{ref}":
		all = []string{"/badges/items/bread.svg"}
	case "/compare":
		all = append(all, "/compare?s=account:a1", "/compare?s=account:"+hiddenName)
	case "/compare/add":
		all = append(all, "/compare/add?kind=account&name=Account+1")
	case "/watch", "/watch.atom", "/watch.json", "/watch/news", "/watch/news.json", "/watch/news.csv":
		all = append(all, pattern+"?i=bread&a=a1,a0", pattern+"?a="+hiddenName)
	case "/accounts", "/economy/flow", "/accounts/{ref}":
		all = append(all, one+"?at="+time.Now().AddDate(0, 0, -3).Format(time.DateOnly))
	case "/transactions", "/transactions/list.csv", "/transactions/list.json":
		all = append(all, pattern+"?message=bread")
	}
	return all
}

func TestEachRouteShowsWhatItsReaderMaySee(t *testing.T) {
	db, reader, writer := dealt(t)
	dir := t.TempDir()
	if _, err := dump.Write(t.Context(), db, dir, "", true, time.Now()); err != nil {
		t.Fatal(err)
	}
	roles := map[string]string{"visitor": "", "writer": writer, "viewer": reader}
	for _, mode := range []Privacy{Open, Balances, Closed} {
		for name, key := range roles {
			if mode == Open && name == "viewer" || mode == Closed && name == "writer" {
				continue // as the others
			}
			t.Run(string(mode)+" "+name, func(t *testing.T) {
				s, c := privateSite(t, db, mode, dir)
				sees := mode.sees(signin.Visitor)
				if name == "viewer" {
					sees = views.ShowsDealings
				}
				for _, route := range routesOf(t, s) {
					if strings.HasSuffix(route.pattern, ".png") && route.shows <= sees && mode != Closed {
						continue // drawn once, for the viewer, since it is most of the work
					}
					for _, address := range route.addresses {
						w := visit(t, s, route.method, address, key)
						answered(t, mode, sees, name, route, address, w)
					}
				}
				held, err := c.Keys(cache.KeyQuery{Limit: 1000})
				if err != nil {
					t.Fatal(err)
				}
				for _, k := range held.Keys {
					of := slices.Contains([]string{"account.sides", "account.trade", "holder.sides", "item.offsetting", "account.news"}, k.Memo)
					if of && sees < views.ShowsDealings || sees == views.ShowsNothing {
						t.Errorf("the key %s was computed for who may not see it", k.Key)
					}
					if strings.Contains(k.Key, hiddenName) {
						t.Errorf("the key %s is of a hidden account", k.Key)
					}
				}
			})
		}
	}
}

func visit(t *testing.T, s *server, method, address, key string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	r.Header.Set("Accept", "text/html")
	if key != "" {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("me:"+key)))
	}
	s.ServeHTTP(w, r)
	return w
}

func answered(t *testing.T, mode Privacy, sees views.Level, name string, route visited, address string, w *httptest.ResponseRecorder) {
	t.Helper()
	body, control := w.Body.String(), w.Header().Get("Cache-Control")
	varies := slices.Contains(w.Header().Values("Vary"), "Authorization")
	switch {
	case route.shows > sees:
		if want := map[bool]int{true: http.StatusForbidden, false: http.StatusUnauthorized}[name == "writer"]; w.Code != want || control != "no-store" || w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s = %d, %q, want %d", route.method, address, w.Code, control, want)
		}
		if w.Header().Get("Etag") != "" {
			t.Errorf("%s has a tag", address)
		}
	case route.method == http.MethodGet && !strings.HasPrefix(route.pattern, toKeys[0]):
		of := strings.TrimPrefix(address, "/embed")
		if ofFew := route.shows == views.ShowsSums && (strings.HasPrefix(of, "/firms") || strings.HasPrefix(of, "/government")); ofFew && sees < views.ShowsDealings && mode == Balances && strings.Contains(body, "fewer than 5 holders") {
			break // the ledger has one office and two firms
		}
		if w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden || w.Code >= 500 {
			t.Errorf("%s = %d: %.300s", address, w.Code, body)
		}
		if want := mode != Open && route.shows > views.ShowsNothing; varies != want {
			t.Errorf("%s: Vary = %q in mode %s", address, w.Header().Values("Vary"), mode)
		}
		if name == "viewer" && mode != Open && route.shows > views.ShowsNothing && !strings.HasPrefix(control, "private") && control != "no-store" {
			t.Errorf("%s: Cache-Control = %q for a viewer", address, control)
		}
	}
	said := strings.ToLower(body)
	for _, named := range []string{"hidden " + hiddenName, "holder " + hiddenName, hiddenName} {
		// Pages repeat their own address.
		if at := strings.Index(said, named); at >= 0 && !strings.Contains(address, named) {
			t.Errorf("%s %s names who is hidden: …%s", name, address, said[max(0, at-200):min(len(said), at+100)])
		}
	}
	if sees < views.ShowsDealings {
		for _, secret := range []string{secretText, secretRef} {
			if at := strings.Index(said, secret); at >= 0 && !strings.Contains(address, secret) {
				t.Errorf("%s %s has a dealing: …%s", name, address, said[max(0, at-200):min(len(said), at+100)])
			}
		}
	}
}

func TestARouteThatDoesNotSayWhatItShowsIsRefused(t *testing.T) {
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "privacy:1"})
	defer func() { _ = c.Close(t.Context()) }()
	deps := newTown().deps(t, c)
	deps.Registry = prometheus.NewRegistry()
	s, err := New(deps)
	if err != nil {
		t.Fatal(err)
	}
	of := s.(*server)
	of.pages[0].panels[0].Shows = 0
	if _, err := of.routes(); err == nil || !strings.Contains(err.Error(), "/economy/overview.csv") {
		t.Errorf("routes = %v", err)
	}
}

func TestReportsNameNoFirmToVisitors(t *testing.T) {
	tn := sampled(sample.Town(30))
	tn.change = func(d *Deps) { d.Privacy, d.Keys = Balances, keys.NewStore(nil) } // of whom no key is asked for
	server := tn.start(t)
	firm := sample.Town(30).Firms.Firms[0].Name
	_, list := ask(t, http.MethodGet, server.URL+"/reports/months.json")
	month := regexp.MustCompile(`20\d\d-\d\d`).FindString(list)
	for _, address := range []string{"/reports/" + month, "/reports/" + month + ".json", "/reports/" + month + "/figures.csv"} {
		response, body := ask(t, http.MethodGet, server.URL+address, "Accept", "text/html")
		if response.StatusCode != http.StatusOK || strings.Contains(body, "Turnover of the firm") || strings.Contains(body, firm) {
			t.Errorf("%s = %s, and names a firm: %.300s", address, response.Status, body)
		}
	}
}
