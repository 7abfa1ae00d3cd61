package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

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
	Listed         int // a page of the index lists so many
}

// A Ledger is one of several that are served together. Its site, what New returned, need not
// be open.
type Ledger struct {
	Name    string // in addresses
	Privacy Privacy
	Away    func() bool // it could not be opened when that was tried last
	// Hold returns the site if it is open, and what lets go of it: until then it stays open.
	// It says whether somebody reads it, or whether it is only looked at.
	Hold func(reads bool) (site http.Handler, release func())
	// Open is Hold for a reader, and opens the site if it is not open. Before that it calls
	// begin, once for all who wait, and free when it is done.
	Open func(ctx context.Context, begin func(context.Context) (free func(), err error)) (site http.Handler, release func(), err error)
}

// Why a ledger is not shown.
var (
	errLedgerAway = &refusal{http.StatusServiceUnavailable, "This ledger cannot be read right now. The others can."}
	errOwnOpening = &refusal{http.StatusTooManyRequests, fmt.Sprintf("At most %d ledgers are opened for one reader while others wait. Ask again in a moment.", 2*openPlaces)}
	// ErrLedgersFull means that as many ledgers are read as can be open.
	ErrLedgersFull error = errLedgersFull
	errLedgersFull       = &refusal{http.StatusServiceUnavailable, "As many ledgers are being read as can be at a time. Try again in a moment."}
)

const (
	openPlaces  = 4                // ledgers that are opened at once
	openWaiting = 64               // further ones that wait for that
	openLasts   = 10 * time.Second // for one who waits
)

// An index is the handler of several sites: each below its root, a page that compares them
// at "/", and what is of the process and not of a ledger.
type index struct {
	server  *server // without an economy
	ledgers []Ledger
	byName  map[string]Ledger
	listed  int
	opening http.Handler // of requests to ledgers that are closed
	places  *queue       // for opening them

	mu   sync.Mutex
	seen map[string]views.LedgerSummary // what was known last, by name
}

// NewIndex returns the handler of several sites.
func NewIndex(d IndexDeps) (http.Handler, error) {
	settings := ledger.Settings{Name: d.Title}
	x := &index{ledgers: d.Ledgers, byName: map[string]Ledger{}, listed: d.Listed, seen: map[string]views.LedgerSummary{}, server: &server{
		Deps: Deps{
			Ready: d.Ready, Log: d.Log, Registry: d.Registry, Version: d.Version, BaseURL: d.BaseURL, TrustedProxies: d.TrustedProxies,
			SignIn: d.SignIn, OnSignIn: d.OnSignIn,
			Now: time.Now, Settings: func() ledger.Settings { return settings }, Leaving: context.Background(),
		},
		assets: newAssets(), index: true, fixed: fixedHeaders, tries: NewRate(freeTries, nil), signIns: NewRate(freeSignIns, nil),
	}}
	for _, l := range d.Ledgers {
		x.byName[l.Name] = l
	}
	x.places = newQueueOf(openPlaces, openPlaces, errOwnOpening)
	x.places.waiting.all = openWaiting
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
	l, found := x.byName[ledgerOf(r.URL.Path)]
	if !found {
		x.server.router.ServeHTTP(w, r)
		return
	}
	if site, release := l.Hold(true); site != nil {
		defer release()
		answerAs(site, w, r)
		return
	}
	x.opening.ServeHTTP(w, r)
}

// answerAs has a site answer, or what it leaves out for operators if they ask at their own
// address. When the site is closed, what it answers ends.
func answerAs(site http.Handler, w http.ResponseWriter, r *http.Request) {
	if s, is := site.(*server); is {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.Leaving, cancel)()
		r = r.WithContext(ctx)
	}
	if ofOperators(r.Context()) {
		site = operatorsOf(site)
	}
	site.ServeHTTP(w, r)
}

// open opens a ledger for a request that needs it.
func (x *index) open(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), openLasts)
	defer cancel()
	site, release, err := x.byName[ledgerOf(r.URL.Path)].Open(ctx, func(ctx context.Context) (func(), error) {
		return x.places.take(ctx, client(r))
	})
	if err != nil {
		x.server.router.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), notOpenKey{}, err)))
		return
	}
	defer release()
	answerAs(site, w, r)
}

type notOpenKey struct{}

// notOpen answers for a ledger that could not be opened.
func (x *index) notOpen(_ http.ResponseWriter, r *http.Request) error {
	err, is := r.Context().Value(notOpenKey{}).(error)
	var refused *refusal
	switch {
	case !is:
		return errNotFound
	case errors.As(err, &refused), errors.Is(err, errBusy):
		return err
	}
	return errors.Join(errLedgerAway, err)
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
	s, r := x.server, x.server.newRouter()
	s.mux = r
	getting := s.getting(r)
	get := func(pattern string, h handler) { getting(pattern, views.ShowsNothing, h) }
	get("/", x.page)
	get(string(views.LedgerRoot("*")), x.notOpen)
	r.Method(http.MethodPost, string(views.LedgerRoot("*")), s.instrument(string(views.LedgerRoot("*")), views.ShowsNothing, x.notOpen))
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
	opening := s.newRouter()
	opening.HandleFunc("/*", x.open)
	x.opening = opening
	return s.finish(r)
}

// anyClosed reports whether a ledger is for viewers only. The metrics of all are then no
// more for everybody than its own would be.
func (x *index) anyClosed() bool {
	for _, l := range x.ledgers {
		if l.Privacy == Closed {
			return true
		}
	}
	return false
}

// indexWait is how long the index waits for numbers that are not in memory.
const indexWait = 2 * time.Second

// page compares the ledgers, by what their memos have. It opens none: of one that is closed
// it says what was known last.
func (x *index) page(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), indexWait)
	defer cancel()
	pages := max(1, (len(x.ledgers)+x.listed-1)/x.listed)
	number, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		number = 1
	}
	number = min(max(number, 1), pages)
	listed := x.ledgers[(number-1)*x.listed : min(number*x.listed, len(x.ledgers))]
	all := make([]views.LedgerSummary, len(listed))
	var reading sync.WaitGroup
	for i, l := range listed {
		reading.Go(func() { all[i] = x.summary(ctx, l) })
	}
	reading.Wait()
	view := views.Page{Site: x.server.site(), Info: views.PageInfo{Path: "/", Name: x.server.Settings().Name, Description: "The ledgers of this site: what each has, in its own money."}}
	var b bytes.Buffer
	if err := views.LedgersPage(view, all, views.IndexPages{Number: number, Of: pages}).Render(context.WithoutCancel(r.Context()), &b); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	x.server.serve(w, r, newRendering(pageHeader(view), b.Bytes(), time.Time{}), true)
	return nil
}

// summary returns what is known of a ledger, and remembers it for the time when the ledger
// is closed.
func (x *index) summary(ctx context.Context, l Ledger) views.LedgerSummary {
	site, release := l.Hold(false)
	if site == nil {
		if l.Away() {
			return views.LedgerSummary{Name: l.Name, Why: errLedgerAway.text}
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if seen, is := x.seen[l.Name]; is {
			return seen
		}
		return views.LedgerSummary{Name: l.Name, Why: "Not read since this server was started."}
	}
	defer release()
	sum := site.(*server).summary(ctx, l.Name)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen[l.Name] = sum
	return sum
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
		sum.AddWeek(res.Value)
	}
	if res, err := s.Economy.Overview.Get(ctx, aggregates.Days(30)); err == nil {
		sum.AddMonth(res.Value, res.AsOf)
	}
	if res, err := s.Economy.Inequality.Get(ctx, aggregates.InequalityQuery{Population: aggregates.PopulationPersonal}); err == nil {
		sum.Gini = res.Value.Gini.Value
	}
	return sum
}

// robots has the rules of all ledgers: programs ask for them at the root of a host only.
func (x *index) robots(w http.ResponseWriter, r *http.Request) error {
	var b strings.Builder
	b.WriteString("User-agent: *\n" + robotsRules(views.LedgerRoot("*"), Open, ""))
	for _, l := range x.ledgers {
		root := views.LedgerRoot(l.Name)
		switch {
		case l.Privacy == Closed:
			b.WriteString(robotsRules(root, l.Privacy, ""))
		case x.server.BaseURL != "":
			b.WriteString(siteMapRule(x.server.BaseURL + string(root)))
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
