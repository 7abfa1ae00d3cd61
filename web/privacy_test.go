package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/internal/testkit"
	"exchequer/keys"
	"exchequer/ledger"
	"exchequer/ledger/dump"
	"exchequer/views"
)

// What nobody may read of the ledger of these tests, and what visitors may not where
// dealings are for viewers.
const (
	hiddenName = "harriet"
	secretText = "forbidden bread"
	secretRef  = "secretref"
)

// dealt is a ledger of a dozen holders who trade, one of them hidden.
func dealt(t *testing.T) (*pgxpool.Pool, string, string) {
	t.Helper()
	db := testkit.Postgres(t)
	now := time.Now().UTC().Truncate(time.Hour)
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "treasury", Kind: ledger.Government},
			{Ref: hiddenName, Name: "Hidden " + hiddenName, Holder: "h:" + hiddenName, Kind: ledger.Business}},
		Holders: []ledger.Holder{{Ref: "h:" + hiddenName, Name: "Holder " + hiddenName, Hidden: true}},
		Items:   []ledger.Item{{Ref: "bread", Name: "Bread"}},
		Shops:   []ledger.Shop{{Ref: "stall", Place: "Market stall", Owner: "a0", World: "town", Active: true, Seen: now}, {Ref: "den", Place: "The den", Owner: hiddenName, World: "town", Active: true, Seen: now}},
		Offers:  []ledger.Offer{{Shop: "stall", Item: "bread", Ask: ptr(int64(100)), Batch: 1, Active: true, Seen: now}, {Shop: "den", Item: "bread", Ask: ptr(int64(90)), Batch: 1, Active: true, Seen: now}},
	}
	pay := func(ref, source, from, to string, amount int64, at time.Time) {
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "town", Ref: ref, At: at, Source: source, Message: secretText,
			Postings: []ledger.Posting{{Account: from, Amount: -amount}, {Account: to, Amount: amount}}})
	}
	for i := range 12 {
		ref, kind := fmt.Sprint("a", i), ledger.Personal
		if i == 0 {
			kind = ledger.Business
		}
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Name: fmt.Sprint("Account ", i), Kind: kind})
		pay(fmt.Sprint("grant", i), "grant", "mint", ref, 100_000+int64(i), now.AddDate(0, -2, 0))
	}
	for i := range 40 {
		at, ref, seller := now.AddDate(0, 0, -i), fmt.Sprint(secretRef, i), "a0"
		if i%5 == 4 {
			seller = hiddenName
		}
		buyer, shop := fmt.Sprint("a", 1+i%11), map[string]string{"a0": "stall", hiddenName: "den"}[seller]
		pay(ref, "shop", buyer, seller, 150, at)
		pay(ref+"t", "tax", buyer, "treasury", 10, at)
		pay(ref+"h", "wages", "treasury", hiddenName, 5, at)
		b.Sales = append(b.Sales, ledger.Sale{Origin: "town", Ref: ref, At: at, Item: "bread", Shop: shop, Seller: seller, Buyer: buyer, Direction: ledger.DirectionSale, Quantity: 1, Total: 150, Transaction: ref})
	}
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	// Alerts of public rules: one of a price, one of a payment, one that names who is
	// hidden now, and one of a rule that is not public.
	const told = `
		INSERT INTO alerts SELECT 'alert' || nr, '', 'rule', 'kind', '', now(), title, '', '/items/bread', nr < 4, shows, accounts, '{}'
		FROM (VALUES (1, 'Bread is dear', 3, '{}'::text[]), (2, $1, 5, '{a1}'), (3, $2, 3, ARRAY['a1', $2]), (4, $2, 3, '{}')) AS a (nr, title, shows, accounts)`
	if _, err := db.Exec(t.Context(), told, secretText, hiddenName); err != nil {
		t.Fatal(err)
	}
	make := func(name string, scope keys.Scope) string {
		key, err := keys.Create(t.Context(), db, name, []keys.Scope{scope}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	return db, make("reader", keys.Read), make("writer", keys.Sales)
}

// privateSite returns the site of a ledger in a mode, with a cache of its own.
func privateSite(t *testing.T, db *pgxpool.Pool, mode Privacy, dir string) (*server, *cache.Cache) {
	t.Helper()
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "privacy:1"})
	data, err := dump.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{
		Economy: aggregates.NewEconomy(c, db), API: aggregates.NewAPI(c, db), Soundness: aggregates.NewSoundnessMemos(t.Context(), c, db, nil),
		Record: ledger.New(db), Reports: aggregates.NewReports(db), Now: c.Now, Cache: c, Keys: keys.NewStore(db), Privacy: mode, Data: data, Alerts: alerts.NewFeed(c, db),
		Settings: func() ledger.Settings { return ledger.Settings{Name: "Port Test", Symbol: "₤", Decimals: 2} },
		Log:      slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Budget: 20 * time.Second,
		Version: "test", BaseURL: "https://economy.test", OperatorToken: "0123456789abcdef",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close(context.WithoutCancel(t.Context()))
		data.Close()
	})
	return s.(*server), c
}

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
	"/alerts.atom": views.ShowsSums, "/alerts.json": views.ShowsSums,
}

// toKeys begin the routes that ask for keys of their own.
var toKeys = []string{"/api/v1/cache/", "/api/v1/accounts", "/api/v1/transactions", "/api/v1/sales", "/api/v1/offers", "/api/v1/events", "/api/v1/balances"}

// A visited is a route with what it shows, and addresses of it.
type visited struct {
	method, pattern string
	shows           views.Level
	addresses       []string
}

// routesOf returns all routes, and fails for those of which it does not know what they
// show.
func routesOf(t *testing.T, s *server) []visited {
	t.Helper()
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
	var all []visited
	err := chi.Walk(s.mux, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method == http.MethodHead {
			return nil
		}
		shows := max(declared[pattern], others[pattern])
		if method == http.MethodPost && slices.ContainsFunc(toKeys, func(begin string) bool { return strings.HasPrefix(pattern, begin) }) || strings.HasPrefix(pattern, toKeys[0]) {
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
				sees := mode.sees(visitor)
				if name == "viewer" {
					sees = views.ShowsDealings
				}
				for _, route := range routesOf(t, s) {
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

func TestViewersAndVisitorsShareNoPage(t *testing.T) {
	db, reader, _ := dealt(t)
	s, _ := privateSite(t, db, Balances, t.TempDir())
	const address = "/accounts/a1"
	for key, want := range map[string]int{"": http.StatusUnauthorized, reader: http.StatusOK} {
		if w := visit(t, s, http.MethodGet, "/oembed?url="+url.QueryEscape("https://economy.test/accounts/a1/income"), key); w.Code != want {
			t.Errorf("oEmbed of whom an account dealt with: %d, want %d", w.Code, want)
		}
	}
	viewers := visit(t, s, http.MethodGet, address, reader)
	contains(t, viewers.Body.String(), "With whom", secretText)
	for range 2 {
		visitors := visit(t, s, http.MethodGet, address, "")
		contains(t, visitors.Body.String(), "For viewers", "Balance over time")
		if strings.Contains(visitors.Body.String(), secretText) {
			t.Error("a visitor gets the page of a viewer")
		}
	}
	// A tag that a viewer has is no answer to a visitor.
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	r.Header.Set("If-None-Match", viewers.Header().Get("Etag"))
	s.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("a viewer's tag, sent by a visitor: %d", w.Code)
	}
}

// A forum that shows a panel neither shows what its reader has signed in for, nor lets
// the browser ask for a password there.
func TestAPageOfAnotherSiteShowsNothingForViewers(t *testing.T) {
	db, reader, _ := dealt(t)
	s, _ := privateSite(t, db, Balances, t.TempDir())
	for _, address := range []string{"/embed/accounts/a1/balance", "/embed/accounts/a1/parties"} {
		w := visit(t, s, http.MethodGet, address, reader)
		if policy := w.Header().Get("Content-Security-Policy"); w.Code != http.StatusOK || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s = %d, may be framed for a viewer: %q", address, w.Code, policy)
		}
	}
	if w := visit(t, s, http.MethodGet, "/embed/accounts/a1/balance", ""); !strings.Contains(w.Header().Get("Content-Security-Policy"), "frame-ancestors *;") {
		t.Errorf("what everybody sees: %q", w.Header().Get("Content-Security-Policy"))
	}
	for site, ways := range map[string]int{"cross-site": 1, "same-origin": 2} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/embed/accounts/a1/parties", http.NoBody)
		r.Header.Set("Sec-Fetch-Dest", "iframe")
		r.Header.Set("Sec-Fetch-Site", site)
		s.ServeHTTP(w, r)
		if got := w.Header().Values("WWW-Authenticate"); w.Code != http.StatusUnauthorized || len(got) != ways {
			t.Errorf("in a frame, %s: %d, %q", site, w.Code, got)
		}
	}
}

func TestSumsOfFewHoldersAreWithheld(t *testing.T) {
	db := testkit.Postgres(t)
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}}}
	tx := ledger.Transaction{Origin: "o", Ref: "1", At: time.Now().Add(-time.Hour), Source: "grant"}
	for i := range fewHolders - 1 {
		ref := fmt.Sprint("a", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: ledger.Personal})
		tx.Postings = append(tx.Postings, ledger.Posting{Account: ref, Amount: 10})
	}
	tx.Postings = append(tx.Postings, ledger.Posting{Account: "mint", Amount: -10 * (fewHolders - 1)})
	b.Transactions = []ledger.Transaction{tx}
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	key, err := keys.Create(t.Context(), db, "reader", []keys.Scope{keys.Read}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := privateSite(t, db, Balances, t.TempDir())
	for _, address := range []string{"/economy", "/economy/overview.csv", "/economy/overview.json", "/economy/inequality.meta.json", "/api/v1/stats", "/feeds/events.atom", "/badges/books.svg", "/compare?s=supply", "/economy/health", "/economy/health.json", "/economy/health/card.png"} {
		w := visit(t, s, http.MethodGet, address, "")
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "fewer than 5 holders") {
			t.Errorf("%s = %d, %.200s", address, w.Code, w.Body)
		}
		if w := visit(t, s, http.MethodGet, address, key); w.Code != http.StatusOK {
			t.Errorf("%s = %d for a viewer", address, w.Code)
		}
	}
	if w := visit(t, s, http.MethodGet, "/accounts", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "a1") {
		t.Errorf("balances are not shown: %d", w.Code)
	}
}

func TestAPopulationOfFewIsWithheld(t *testing.T) {
	db, _, _ := dealt(t) // of one office
	s, _ := privateSite(t, db, Balances, t.TempDir())
	w := visit(t, s, http.MethodGet, "/government", "")
	contains(t, w.Body.String(), "fewer than 5 holders", "For viewers")
	if w.Code != http.StatusOK {
		t.Errorf("/government = %d", w.Code)
	}
	if w := visit(t, s, http.MethodGet, "/government/figures.json", ""); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "fewer than 5 holders") {
		t.Errorf("its file = %d, %.200s", w.Code, w.Body)
	}
}

// Who has closed the browser's question for a key is told what to do, and can have it
// asked again.
func TestThePageForViewersLeadsToItself(t *testing.T) {
	db, _, _ := dealt(t)
	s, _ := privateSite(t, db, Closed, t.TempDir())
	doc := parse(t, visit(t, s, http.MethodGet, "/accounts/a1", "").Body.String())
	link := doc.Find("main a").First()
	if href, is := link.Attr("href"); !is || href != "" || link.Text() != "Sign in" || !strings.Contains(doc.Find("main").Text(), "as the password") {
		t.Errorf("the page says %q", doc.Find("main").Text())
	}
}

func TestKeysThatAreNotKnownAreTriedAFewTimes(t *testing.T) {
	db, reader, _ := dealt(t)
	s, _ := privateSite(t, db, Closed, t.TempDir())
	codes := map[int]int{}
	for i := range freeTries + 5 {
		codes[visit(t, s, http.MethodGet, "/economy", fmt.Sprintf("exq_%010d_secret", i)).Code]++
	}
	if codes[http.StatusUnauthorized] != freeTries || codes[http.StatusTooManyRequests] != 5 {
		t.Errorf("of the guesses %v were answered", codes)
	}
	if w := visit(t, s, http.MethodGet, "/economy", reader); w.Code != http.StatusOK {
		t.Errorf("a right key, from where others were guessed: %d", w.Code)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/economy", http.NoBody)
	r.SetBasicAuth("proxy", "its own password")
	s.ServeHTTP(w, r)
	if got := w.Header().Values("WWW-Authenticate"); w.Code != http.StatusUnauthorized || len(got) != 2 || !strings.Contains(w.Body.String(), "viewers only") {
		t.Errorf("a password of a proxy = %d, %q", w.Code, got)
	}
	if w := visit(t, s, http.MethodGet, "/robots.txt", ""); !strings.Contains(w.Body.String(), "Disallow: /\n") {
		t.Errorf("robots: %s", w.Body)
	}
}

func TestASiteThatIsNotOpenNeedsKeys(t *testing.T) {
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "privacy:1"})
	defer func() { _ = c.Close(t.Context()) }()
	deps := newTown().deps(t, c)
	deps.Privacy, deps.Registry = Closed, prometheus.NewRegistry()
	if _, err := New(deps); err == nil || !strings.Contains(err.Error(), "keys") {
		t.Errorf("New = %v", err)
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

func TestTheDescriptionSaysWhatAsksForAKey(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.Privacy, d.Keys = Balances, keys.NewStore(nil) }
	_, text := ask(t, http.MethodGet, tn.start(t).URL+"/api/v1/openapi.json")
	var doc struct {
		Paths map[string]struct {
			Get *struct {
				Security  []map[string][]string
				Responses map[string]any
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	for path, ways := range map[string]int{"/accounts/{id}": 1, "/accounts/{ref}/statement.json": 1, "/accounts/{ref}/figures.json": 2, "/stats": 2} {
		get := doc.Paths[path].Get
		if get == nil || len(get.Security) != ways || get.Responses["401"] == nil {
			t.Errorf("%s: %+v, want %d ways to ask, and a 401", path, get, ways)
		}
	}
}
