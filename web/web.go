package web

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"exchequer/admin"
	"exchequer/admin/audit"
	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/claims"
	"exchequer/keys"
	"exchequer/ledger"
	"exchequer/ledger/dump"
	"exchequer/signin"
	"exchequer/static"
	"exchequer/views"
	"exchequer/vitals"
)

// Deps are the dependencies and options of the site.
type Deps struct {
	Economy *aggregates.Economy
	API     *aggregates.API
	// Soundness is the memos of "/economy/health".
	Soundness *aggregates.SoundnessMemos
	// Record answers exact reads of single things.
	Record Record
	// Reports reads the reports of months.
	Reports aggregates.Reports
	// Now returns the fleet's time, to which windows are aligned: cache.Cache.Now.
	// Browsers are sent this time. time.Now if nil.
	Now func() time.Time
	// Cache holds the memos, for operators and "/health/cache".
	Cache *cache.Cache
	// Privacy is what the ledger shows to whom. Anything but Open needs Keys.
	Privacy Privacy
	// Settings is called at every request, so it must not block.
	Settings func() ledger.Settings
	// Ready are the checks of "/readyz".
	Ready    []Check
	Log      *slog.Logger
	Registry *prometheus.Registry // the metrics of requests are added to it, and "/metrics" serves it
	// MetricsApart leaves "/metrics" out, for a server of its own: see
	// MetricsHandler.
	MetricsApart bool
	// OperatorsApart leaves out all that is for operators, for a server of its own: see
	// Operators.
	OperatorsApart bool
	Version        string // of the program
	// BaseURL is how visitors reach the site: "https://economy.example.org". If
	// empty, pages name no absolute address, and there is no site map.
	BaseURL string
	// Root is the path below which the site is. The handler is asked for whole paths.
	Root views.Root
	// Until returns up to when what is read from Record has all that was written, while the
	// database that is written to cannot be reached; else the zero time. Nil: always that.
	Until func() time.Time
	// Ledgers are all that the process serves, if these are several.
	Ledgers []views.LedgerLink
	// Share is how many sites share the memory that one has for pages. 1 if zero.
	Share int
	// Licence is that of the data: "CC BY 4.0". It is stated with the numbers.
	Licence string

	// Data is the folder of a dump, which is served at "/data/". Nil: there is none.
	Data *dump.Published

	// Alerts is the memo of what public rules have told, for its feed. Nil: there are no
	// rules.
	Alerts *cache.Memo[alerts.SentQuery, *alerts.Sent]

	// MapURL is the address of the operator's map, to which shops link; may be
	// empty.
	MapURL views.MapURL

	// EmbedAncestors are the sites whose pages may show panels, as a content security
	// policy names them. All if empty.
	EmbedAncestors string

	// Vitals counts what browsers measured. Nil: they measure nothing, or send it to Faro.
	Vitals *vitals.Store
	// Beacons limits what is taken for Vitals. Nil: the process counts alone.
	Beacons *Beacons
	// Faro is the address of a receiver of Faro, to which browsers send what they measure,
	// and Sample the share of views of which they do. Neither Vitals nor Faro: none.
	Faro   string
	Sample float64

	// Budget is how long a page waits for all its panels together. 10 s if zero.
	Budget time.Duration
	// SharedCache lets a cache in front of this server keep a page until its next
	// refresh.
	SharedCache bool
	// OperatorToken is required of operators. If empty, their endpoints are off.
	OperatorToken string
	// Admin are the pages of admins. Nil: there are none.
	Admin *admin.Pages
	// Audit is where what operators do is noted. Nil: only the log has it.
	Audit audit.Writer
	// APIRate limits the requests of a client to the API. Nil: there is no limit.
	APIRate *Rate
	// AskUserAgent refuses requests to the API that do not say who asks.
	AskUserAgent bool
	// Ledger is written to by the programs that have Keys. Nil: nothing is taken.
	Ledger *ledger.Ledger
	Keys   *keys.Store
	// Claims are which accounts belong to whom of those who sign in. Needed with SignIn.
	Claims *claims.Store
	// OwnAlerts are the rules of those who sign in. Nil: there are none.
	OwnAlerts *alerts.Own
	// IngestRate limits the requests of each key. Nil: there is no limit.
	IngestRate *Rate
	// SignIn lets people sign in. Nil: nobody can.
	SignIn *signin.Service
	// OnSignIn is called with each event of signing in, such as a wrong password. May be
	// nil.
	OnSignIn func(context.Context, signin.Event)
	// Leaving ends when the process begins to shut down. Long work ends with it.
	// May be nil.
	Leaving context.Context
	// TrustedProxies are the address ranges of proxies whose X-Forwarded-For,
	// X-Forwarded-Proto and X-Request-Id are trusted.
	TrustedProxies []string
}

// A Record reads single things of the ledger exactly: see [ledger.Ledger].
type Record interface {
	Statement(ctx context.Context, q ledger.StatementQuery) (*ledger.Statement, error)
	Find(ctx context.Context, name string) ([]ledger.Found, error)
	FindLike(ctx context.Context, text string, limit int) ([]ledger.Found, error)
	Search(ctx context.Context, text string) (*ledger.Hits, error)
	PaidWith(ctx context.Context, account, text string, since time.Time) (bool, error)
	ItemSales(ctx context.Context, item string, before ledger.SaleCursor, limit int) ([]ledger.SaleLine, error)
	Transaction(ctx context.Context, origin, ref string, after int32, limit int) (*ledger.Posted, error)
	Transactions(ctx context.Context, f ledger.EntryFilter, before ledger.Cursor, limit int) (*ledger.Entries, error)
}

// A Check is a condition of being ready for requests.
type Check struct {
	Name    string // "database"
	Missing string // what to do if it fails: "run exchequer migrate"
	Check   func(context.Context) error
	// Spared means that pages still work, from memory, while the check fails.
	// "/readyz" mentions it and answers 200 all the same: if it failed for all
	// processes, a load balancer would have none left.
	Spared bool
}

type server struct {
	Deps
	assets    views.Assets
	pages     []*page                   // all
	editions  map[views.Level]*editions // by how much who asks may see
	rendered  *renderCache
	documents *renderCache // of the API
	listPages *renderCache // pages with lists, and documents of lists
	prices    *renderCache // documents of prices
	streams   streams
	gzip      *encoder
	brotli    *encoder
	metrics   *metrics
	router    http.Handler
	mux       chi.Router // in it, with all routes
	operators struct {   // what is for operators
		router  chi.Router
		handler http.Handler
	}

	embedHeaders http.Header // of panels that other sites show
	shownPanels  *shownPanels
	cards        *renderCache // pictures of pages
	cardPlace    *queue       // for drawing one

	warming  *semaphore.Weighted
	mine     *queue  // places for the pages of those who have signed in
	lists    *queue  // places for reading lists
	looks    *queue  // of these, those for lists that look through many rows
	searches *queue  // and those for the search
	sorts    *queue  // for sorting lists that are in memory
	files    *shares // of lists that are sent whole
	siteMaps siteMaps
	readings readings // of lists, of the search, and of prices
	ingests  ingests  // places for bodies
	gatherer *ledger.Gatherer
	proxies  proxies
	auth     *operatorAuth
	tries    *Rate // of keys, and of sessions, that are not known
	signIns  *Rate
	measured map[string]string // routes of pages, with those by which views are counted
	counts   map[string]bool   // the latter
	fixed    http.Header       // headers that all answers have
	unsaid   []string          // routes that do not say what they show of the ledger
	index    bool              // it is that of several ledgers, and has no economy of its own
}

// New returns the handler of the whole site. What it starts for a request ends
// with the request, except the making of a file to download, which ends within a
// minute or with Leaving.
func New(d Deps) (http.Handler, error) {
	if d.Until == nil {
		d.Until = func() time.Time { return time.Time{} }
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Budget == 0 {
		d.Budget = 10 * time.Second
	}
	if d.Privacy.sees(signin.Visitor) != views.ShowsDealings && d.Keys == nil {
		return nil, fmt.Errorf("web: who may see a ledger that is not open to everybody is known by keys, and there are none")
	}
	if d.Beacons == nil {
		d.Beacons = NewBeacons(nil)
	}
	if d.Leaving == nil {
		d.Leaving = context.Background()
	}
	if d.BaseURL != "" {
		d.BaseURL += string(d.Root)
	}
	share := uint64(max(1, d.Share))
	s := &server{
		Deps:      d,
		assets:    newAssets(),
		rendered:  newRenderCache(pageCacheBytes / share),
		documents: newRenderCache(documentCacheBytes / share),
		listPages: newRenderCache(listCacheBytes / share),
		prices:    newRenderCache(priceCacheBytes / share),
		streams:   streams{byKey: map[pageKey]*stream{}},

		embedHeaders: newEmbedHeaders(cmp.Or(d.EmbedAncestors, "*")),
		cards:        newRenderCache(cardCacheBytes / share),
		cardPlace:    newQueue(1),

		warming:  semaphore.NewWeighted(1),
		mine:     newQueue(minePlaces),
		lists:    newQueue(listPlaces),
		looks:    newQueue(lookPlaces),
		searches: newQueue(searchPlaces),
		sorts:    newQueue(runtime.GOMAXPROCS(0)),
		files:    &shares{all: listFiles, own: ownFiles, beyond: errOwnFiles},
		ingests:  newIngests(),
		gatherer: ledger.NewGatherer(d.Ledger),
		tries:    NewRate(freeTries, nil),
		signIns:  NewRate(freeSignIns, nil),
		fixed:    fixedHeadersOf(d.Faro),
	}
	s.pages = s.declarePages()
	s.measured, s.counts = measured(s.pages), map[string]bool{}
	for _, route := range s.measured {
		s.counts[route] = true
	}
	s.shownPanels = newShownPanels(s.pages)
	s.gzip, s.brotli = newEncoders()
	var err error
	if s.proxies, err = parseProxies(d.TrustedProxies); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.metrics, err = newMetrics(d.Registry); err != nil {
		return nil, fmt.Errorf("web: register metrics: %w", err)
	}
	if err = s.makeEditions(); err != nil {
		return nil, fmt.Errorf("web: draw the error pages: %w", err)
	}
	if s.auth, err = newOperatorAuth(d.OperatorToken, d.Log, d.Audit); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.router, err = s.routes(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return s, nil
}

func newAssets() views.Assets {
	return views.Assets{CSS: static.URL("app.css"), Admin: static.URL("admin.css"), Script: static.URL("app.js"), Icon: static.URL("icons/mark.svg"), Touch: static.URL("icons/touch.png"), Picture: static.URL("icons/picture.png")}
}

// whole returns an address with the host if that is known, else from its root.
func (s *server) whole(address string) string {
	if s.BaseURL == "" {
		return s.Root.Of(address)
	}
	return s.BaseURL + address
}

// site returns what every page shows, except the menu.
func (s *server) site() views.Site {
	_, _, err := s.published()
	search := views.SearchPath
	if s.index {
		search = ""
	}
	return views.Site{Settings: s.Settings(), Assets: s.assets, Search: search, Root: s.Root, BaseURL: s.BaseURL, Version: s.Version, MapURL: s.MapURL, Ledgers: s.Ledgers, Index: s.index, Data: err == nil, Alerts: s.Alerts != nil, SignIn: s.SignIn != nil, Behind: s.behind(), Monitoring: s.monitoring()}
}

// monitoring returns how browsers measure the pages.
func (s *server) monitoring() views.Monitoring {
	m := views.Monitoring{Sample: strconv.FormatFloat(s.Sample, 'g', -1, 64)}
	switch {
	case s.Sample == 0:
	case s.Faro != "":
		m.Script, m.Faro = static.URL("faro.js"), s.Faro
	case s.Vitals != nil:
		m.Script = static.URL("monitor.js")
	}
	return m
}

// behind returns how far behind its sources the ledger is, as far as that is known
// without waiting.
func (s *server) behind() views.Behind {
	if s.index {
		return views.Behind{}
	}
	res, err := s.Soundness.Followed.Peek(aggregates.NoParams{})
	if err != nil {
		return views.Behind{}
	}
	return views.BehindOf(res.Value)
}

// pageKey returns the key of an address, for all who may see as much as the request's
// reader, or for that one alone if they have signed in. The site's part of a page's bytes is part of it.
func (s *server) pageKey(r *http.Request, pattern string, params views.Params) pageKey {
	return pageKey{pattern, params, s.Settings(), s.behind(), s.sees(r.Context()), reader(r.Context())}
}
