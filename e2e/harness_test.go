// Package e2e_test tests the whole site as visitors see it: over a simulated town on
// a real Postgres, in a real browser.
package e2e_test

import (
	"context"
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
	"exchequer/web"
)

// window is short, so that a test sees several boundaries.
const window = 3 * time.Second

// base is what the site calls itself in absolute addresses.
const base = "https://economy.test"

// addresses returns every page of the site map, and a page of each kind that it
// does not list.
func (s *site) addresses(t *testing.T) []string {
	t.Helper()
	response, err := http.Get(s.URL + "/sitemap/pages.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var m struct {
		Locs []string `xml:"url>loc"`
	}
	if err := xml.NewDecoder(response.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	if len(m.Locs) < 10 {
		t.Fatalf("the site map lists %d pages", len(m.Locs))
	}
	var all []string
	for _, loc := range m.Locs {
		all = append(all, strings.TrimPrefix(loc, base))
	}
	before := time.Now().UTC().AddDate(0, 0, -2).Format(time.DateOnly)
	all = append(all, "/economy?at="+before, "/accounts?at="+before)
	return append(all, s.things(t)...)
}

// things returns the addresses of things that have pages, and of pages that were asked
// for something.
func (s *site) things(t *testing.T) []string {
	t.Helper()
	all := []string{
		"/economy?days=all", "/appraise?i=diamond:64~bread:2000~dimond:3~wheat:0",
	}
	for path, query := range map[string]string{
		"/accounts/":        `SELECT ref FROM accounts JOIN balances ON account = id ORDER BY postings DESC LIMIT 1`,
		"/holders/":         `SELECT holder FROM accounts JOIN account_days ON account = id WHERE kind = 'business' GROUP BY holder ORDER BY sum(postings) DESC LIMIT 1`,
		"/market/items/":    `SELECT ref FROM items JOIN item_days ON item = id GROUP BY ref ORDER BY sum(sales) DESC LIMIT 1`,
		"/market/shops/":    `SELECT shops.ref FROM shops JOIN sales ON shop = shops.id GROUP BY shops.ref ORDER BY count(*) DESC LIMIT 1`,
		"/economy/sources/": `SELECT source FROM flow_hours GROUP BY source ORDER BY sum(volume) DESC LIMIT 1`,
	} {
		var ref string
		if err := s.db.QueryRow(t.Context(), query).Scan(&ref); err != nil {
			t.Fatal(err)
		}
		all = append(all, path+url.PathEscape(ref))
		if path == "/market/items/" {
			all = append(all, "/compare?s=supply~item:"+url.QueryEscape(ref), "/market/shops?item="+url.QueryEscape(ref), "/watch?i=nothing~"+url.QueryEscape(ref))
		}
	}
	return append(all, "/reports", "/reports/"+s.report(t))
}

// report makes the reports that there will be in a month, and returns the last month.
func (s *site) report(t *testing.T) string {
	t.Helper()
	later := time.Now().AddDate(0, 1, 2)
	if _, err := aggregates.UpdateSnapshots(t.Context(), s.db, later, aggregates.DefaultExact); err != nil {
		t.Fatal(err)
	}
	if _, err := (aggregates.Reporter{DB: s.ahead(t), Version: "test"}).Update(t.Context(), later, time.Minute); err != nil {
		t.Fatal(err)
	}
	// The other pages are those of now.
	if _, err := s.db.Exec(t.Context(), `DELETE FROM day_snapshots`); err != nil {
		t.Fatal(err)
	}
	all, err := aggregates.ListReports(t.Context(), s.db, "", 1)
	if err != nil || len(all) == 0 {
		t.Fatalf("reports %v, %v", all, err)
	}
	return all[0].Month
}

// ahead returns the database with a clock that is more than a month ahead.
func (s *site) ahead(t *testing.T) *pgxpool.Pool {
	t.Helper()
	const clock = `
		CREATE SCHEMA IF NOT EXISTS ahead;
		CREATE OR REPLACE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
			AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 month 3 days' $$;
		CREATE OR REPLACE FUNCTION ahead.now() RETURNS timestamptz LANGUAGE sql STABLE
			AS $$ SELECT pg_catalog.now() + interval '1 month 3 days' $$`
	if _, err := s.db.Exec(t.Context(), clock); err != nil {
		t.Fatal(err)
	}
	config := s.db.Config()
	config.ConnConfig.RuntimeParams["search_path"] = "ahead, pg_catalog, public"
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// pages returns the pages of the menu, and those that addresses adds to the site map.
func (s *site) pages(t *testing.T) []string {
	t.Helper()
	response, err := http.Get(s.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	doc, err := goquery.NewDocumentFromReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	doc.Find("nav.pages a[href]").Each(func(_ int, link *goquery.Selection) {
		if address, _ := link.Attr("href"); !slices.Contains(all, address) {
			all = append(all, address)
		}
	})
	if len(all) < 8 {
		t.Fatalf("the menu has %v", all)
	}
	return append(all, s.things(t)...)
}

// A site is the whole program, served by the test process.
type site struct {
	*httptest.Server
	db   *pgxpool.Pool
	down atomic.Bool // connections are cut
	mu   sync.Mutex
	seen []visit
}

// A visit is a request for the page and its answer.
type visit struct {
	at     time.Time
	status int
}

// newSite serves a small town with short windows.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteIn(t, "UTC", ofHome)
}

// ofHome reports whether a memo is of the home page.
func ofHome(memo string) bool { return strings.HasPrefix(memo, "economy.") }

// newSiteIn serves a small town in a time zone, with short windows of the memos whose
// names are quick. Change may change what the site is made of.
func newSiteIn(t *testing.T, zone string, quick func(memo string) bool, change ...func(*site, *web.Deps)) *site {
	t.Helper()
	url := ""
	if zone == "UTC" {
		url = smallTown.URL(t)
	} else {
		url = testkit.PostgresURL(t)
		fillTown(t, url, zone)
	}
	db, err := postgres.Open(t.Context(), url, postgres.Options{MaxConns: 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s, record := &site{db: db}, ledger.New(db)
	settings, err := record.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	log := slog.New(slog.DiscardHandler)
	memos := cache.New(cache.Deps{Store: cache.NewMemory(), Log: log, Policies: policiesOf(s.db, quick)})
	deps := web.Deps{
		Economy:   aggregates.NewEconomy(memos, s.db),
		API:       aggregates.NewAPI(memos, s.db),
		Soundness: aggregates.NewSoundnessMemos(context.Background(), memos, s.db, nil),
		Record:    record,
		Reports:   aggregates.NewReports(s.db),
		Cache:     memos,
		Settings:  func() ledger.Settings { return settings },
		Log:       log,
		Registry:  prometheus.NewRegistry(),
		Version:   "test",
		BaseURL:   base,
	}
	for _, c := range change {
		c(s, &deps)
	}
	handler, err := web.New(deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := memos.CheckPolicies(); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s.watch(handler))
	t.Cleanup(func() {
		s.Server.CloseClientConnections()
		s.Server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := memos.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// smallTown is the ledger of the sites in UTC.
var smallTown = testkit.NewFilled(func(t testing.TB, url string) { fillTown(t, url, "UTC") })

// fillTown writes the history of a small town, which ends now.
func fillTown(t testing.TB, url, zone string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	simulated := town.New(town.Config{Seed: 7, Players: 150, Days: 12, End: time.Now()})
	record := ledger.New(db)
	settings := simulated.Settings()
	settings.Timezone = zone
	if err := record.SetSettings(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	err = simulated.History(t.Context(), func(b ledger.Batch) error {
		_, err := record.Append(t.Context(), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// policiesOf returns the short windows of the memos whose names are quick.
func policiesOf(db *pgxpool.Pool, quick func(memo string) bool) map[string]cache.Policy {
	memos := cache.New(cache.Deps{Store: cache.NewMemory(), Log: slog.New(slog.DiscardHandler)})
	defer memos.Close(context.Background())
	aggregates.NewEconomy(memos, db)
	aggregates.NewAPI(memos, db)
	aggregates.NewSoundnessMemos(context.Background(), memos, db, nil)
	policies := map[string]cache.Policy{}
	for _, p := range memos.Policies() {
		if quick(p.Memo) {
			policies[p.Memo] = cache.Policy{Window: window}
		}
	}
	return policies
}

// watch records the requests for the page, and cuts all connections while the site
// is down.
func (s *site) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			panic(http.ErrAbortHandler)
		}
		if r.URL.Path != "/" && r.URL.Path != "/economy" {
			next.ServeHTTP(w, r)
			return
		}
		s.mu.Lock()
		s.seen = append(s.seen, visit{at: time.Now(), status: http.StatusOK})
		noted := &noting{ResponseWriter: w, site: s, place: len(s.seen) - 1}
		s.mu.Unlock()
		next.ServeHTTP(noted, r)
	})
}

// visits returns the requests for the page since a time.
func (s *site) visits(since time.Time) []visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []visit
	for _, v := range s.seen {
		if !v.at.Before(since) {
			found = append(found, v)
		}
	}
	return found
}

// A noting writer records the status of a visit.
type noting struct {
	http.ResponseWriter
	site  *site
	place int
}

func (n *noting) WriteHeader(status int) {
	n.site.mu.Lock()
	n.site.seen[n.place].status = status
	n.site.mu.Unlock()
	n.ResponseWriter.WriteHeader(status)
}

func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func (n *noting) Flush() { _ = http.NewResponseController(n.ResponseWriter).Flush() }
