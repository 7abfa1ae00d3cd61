package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/signin"
	"exchequer/static"
	"exchequer/views"
)

// IndexDeps are the dependencies of the handler of several sites.
type IndexDeps struct {
	Title          string // of the index
	Ledgers        []Ledger
	Ready          []Check
	Log            *slog.Logger
	Registry       *prometheus.Registry
	MetricsApart   bool
	Version        string
	BaseURL        string
	TrustedProxies []string
	SignIn         *signin.Service
	OnSignIn       func(context.Context, signin.Event)
}

// A Ledger is one of several that are served together.
type Ledger struct {
	Name   string              // in addresses
	Closed bool                // nothing is shown to visitors
	Site   func() http.Handler // what New returned, nil while there is none
}

var errLedgerAway = &refusal{http.StatusServiceUnavailable, "This ledger cannot be read right now. The others can."}

// An index is the handler of several sites: each below its root, a page that compares them
// at "/", and what is of the process and not of a ledger.
type index struct {
	server  *server // without an economy
	ledgers []Ledger
	byName  map[string]Ledger
}

// NewIndex returns the handler of several sites.
func NewIndex(d IndexDeps) (http.Handler, error) {
	settings := ledger.Settings{Name: d.Title}
	x := &index{ledgers: d.Ledgers, byName: map[string]Ledger{}, server: &server{
		Deps: Deps{
			Ready: d.Ready, Log: d.Log, Registry: d.Registry, Version: d.Version, BaseURL: d.BaseURL, TrustedProxies: d.TrustedProxies,
			SignIn: d.SignIn, OnSignIn: d.OnSignIn,
			Now: time.Now, Settings: func() ledger.Settings { return settings }, Leaving: context.Background(),
		},
		assets: newAssets(), index: true, tries: NewRate(freeTries, nil), signIns: NewRate(freeSignIns, nil),
	}}
	for _, l := range d.Ledgers {
		x.byName[l.Name] = l
		x.server.Ledgers = append(x.server.Ledgers, views.LedgerLink{Name: l.Name})
	}
	s := x.server
	s.gzip, s.brotli = newEncoders()
	var err error
	if s.proxies, err = parseProxies(d.TrustedProxies); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.metrics, err = newMetrics(prometheus.WrapRegistererWith(prometheus.Labels{"ledger": ""}, d.Registry)); err != nil {
		return nil, fmt.Errorf("web: register metrics: %w", err)
	}
	whole := &edition{sees: views.ShowsDealings}
	if err := whole.drawErrorPages(s.site()); err != nil {
		return nil, fmt.Errorf("web: draw the error pages: %w", err)
	}
	s.editions = map[views.Level]*editions{whole.sees: {whole: whole}}
	s.router = x.routes(d.MetricsApart)
	return x, nil
}

// ServeHTTP implements http.Handler.
func (x *index) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l, found := x.byName[ledgerOf(r.URL.Path)]; found {
		if site := l.Site(); site != nil {
			site.ServeHTTP(w, r)
			return
		}
	}
	x.server.router.ServeHTTP(w, r)
}

// ledgerOf returns the name of the ledger of which a path is, empty if it is none's.
func ledgerOf(path string) string {
	rest, below := strings.CutPrefix(path, string(views.LedgerRoot("")))
	if !below {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func (x *index) routes(metricsApart bool) http.Handler {
	s, r := x.server, chi.NewRouter()
	s.mux = r
	if len(s.TrustedProxies) > 0 {
		r.Use(withoutPorts, middleware.ClientIPFromXFF(s.TrustedProxies...), s.unreadableClients())
	} else {
		r.Use(middleware.ClientIPFromRemoteAddr)
	}
	get := func(pattern string, h handler) {
		instrumented := s.instrument(pattern, views.ShowsNothing, h)
		r.Method(http.MethodGet, pattern, instrumented)
		r.Method(http.MethodHead, pattern, instrumented)
	}
	get("/", x.page)
	get(string(views.LedgerRoot("*")), func(_ http.ResponseWriter, r *http.Request) error {
		if _, found := x.byName[ledgerOf(r.URL.Path)]; found {
			return errLedgerAway
		}
		return errNotFound
	})
	get("/robots.txt", x.robots)
	get("/theme.css", s.themeCSS)
	r.Method(http.MethodPost, "/theme", s.instrument("/theme", views.ShowsNothing, s.chooseTheme))
	s.signInRoutes(r)
	get("/static/*", staticFiles())
	get("/favicon.ico", staticFiles())
	get("/healthz", s.healthz)
	get("/readyz", s.readyz)
	if !metricsApart && !x.anyClosed() {
		get("/metrics", fromHTTP(MetricsHandler(s.Registry)))
	}
	r.NotFound(s.instrument("none", views.ShowsNothing, func(http.ResponseWriter, *http.Request) error { return errNotFound }).ServeHTTP)
	r.MethodNotAllowed(s.instrument("none", views.ShowsNothing, func(http.ResponseWriter, *http.Request) error { return errMethod }).ServeHTTP)
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(s.instrument("none", views.ShowsNothing, func(http.ResponseWriter, *http.Request) error { return errForeign }))
	return protection.Handler(r)
}

// anyClosed reports whether a ledger is for viewers only. The metrics of all are then no
// more for everybody than its own would be.
func (x *index) anyClosed() bool {
	for _, l := range x.ledgers {
		if l.Closed {
			return true
		}
	}
	return false
}

// indexWait is how long the index waits for numbers that are not in memory.
const indexWait = 2 * time.Second

// page compares the ledgers, by what their memos have.
func (x *index) page(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), indexWait)
	defer cancel()
	all := make([]views.LedgerSummary, len(x.ledgers))
	var reading sync.WaitGroup
	for i, l := range x.ledgers {
		reading.Go(func() {
			all[i] = views.LedgerSummary{Name: l.Name, Why: errLedgerAway.text}
			if s, opened := l.Site().(*server); opened {
				all[i] = s.summary(ctx, l.Name)
			}
		})
	}
	reading.Wait()
	view := views.Page{Site: x.server.site(), Info: views.PageInfo{Path: "/", Name: x.server.Settings().Name, Description: "The ledgers of this site: what each has, in its own money."}}
	var b bytes.Buffer
	if err := views.LedgersPage(view, all).Render(context.WithoutCancel(r.Context()), &b); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	x.server.serve(w, r, newRendering(pageHeader(view), b.Bytes(), time.Time{}), true)
	return nil
}

// summary returns what visitors may see of the ledger's sums. What is not known within ctx
// is left out.
func (s *server) summary(ctx context.Context, name string) views.LedgerSummary {
	sum := views.LedgerSummary{Name: name, Settings: s.Settings()}
	if s.Privacy.sees(signin.Visitor) < views.ShowsSums {
		sum.Why = "Shown to viewers only."
		return sum
	}
	if err := s.ofMany(ctx, aggregates.PopulationAll); err != nil {
		sum.Why = "Not known right now."
		if errors.Is(err, errFew) {
			sum.Why = errFew.text
		}
		return sum
	}
	if res, err := s.API.Stats.Get(ctx, aggregates.StatsQuery{}); err == nil {
		var n int64
		for _, row := range res.Value.Rows {
			n += row.Accounts
		}
		sum.Accounts = &n
	}
	if res, err := s.Economy.Overview.Get(ctx, aggregates.Days(7)); err == nil {
		sum.Week = res.Value
	}
	if res, err := s.Economy.Overview.Get(ctx, aggregates.Days(30)); err == nil {
		sum.Month, sum.AsOf = res.Value, res.AsOf
	}
	if res, err := s.Economy.Inequality.Get(ctx, aggregates.InequalityQuery{Population: aggregates.PopulationPersonal}); err == nil {
		sum.Unequal = res.Value
	}
	return sum
}

// robots has the rules of all ledgers: programs ask for them at the root of a host only.
func (x *index) robots(w http.ResponseWriter, r *http.Request) error {
	var b strings.Builder
	b.WriteString("User-agent: *\n")
	for _, l := range x.ledgers {
		if s, opened := l.Site().(*server); opened {
			b.WriteString(s.robotsRules())
		} else {
			b.WriteString("Disallow: " + views.LedgerRoot(l.Name).Of("/") + "\n")
		}
	}
	x.server.serve(w, r, newRendering(http.Header{"Content-Type": textPlain}, []byte(b.String()), time.Time{}), true)
	return nil
}

// staticFiles serves the files that are part of the program.
func staticFiles() handler {
	embedded := static.Handler()
	return func(w http.ResponseWriter, r *http.Request) error {
		if !static.Known(r.URL.Path) {
			return errNotFound
		}
		embedded.ServeHTTP(w, r)
		return nil
	}
}
