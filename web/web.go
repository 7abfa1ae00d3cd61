package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
	"exchequer/static"
	"exchequer/views"
)

// Deps are what the pages stand on.
type Deps struct {
	Economy *aggregates.Economy
	API     *aggregates.API
	// Now is the fleet's time, by which windows begin: cache.Cache.Now. It is
	// what browsers are told. time.Now if nil.
	Now func() time.Time
	// Cache holds the memos, for operators and "/health/cache".
	Cache *cache.Cache
	// Settings is asked at every request, so it must answer from memory.
	Settings func() ledger.Settings
	// Ready are the things that "/readyz" looks at.
	Ready    []Check
	Log      *slog.Logger
	Registry *prometheus.Registry // gets the metrics of requests, shown with all others at "/metrics"
	// MetricsApart leaves "/metrics" to a server of its own: see MetricsHandler.
	MetricsApart bool
	Version      string // of the program

	// Budget is how long a page waits for all its panels together. 10 s if zero.
	Budget time.Duration
	// SharedCache allows a cache in front of this server to keep a page until
	// its next refresh.
	SharedCache bool
	// OperatorToken lets operators in; without one their endpoints are off.
	OperatorToken string
	// Leaving ends when the process is about to, and with it what may last.
	// May be nil.
	Leaving context.Context
	// TrustedProxies are the address ranges whose X-Forwarded-For,
	// X-Forwarded-Proto and X-Request-Id are believed.
	TrustedProxies []string
}

// A Check is something that is to be there before requests are sent to us.
type Check struct {
	Name    string // "database"
	Missing string // what to do, for whoever reads the probe: "run exchequer migrate"
	Check   func(context.Context) error
	// Spared says that pages go on without it, with what they know. It is told,
	// and does not make "/readyz" say no: where it is away for all processes,
	// nobody would be left to send requests to.
	Spared bool
}

type server struct {
	Deps
	assets    views.Assets
	pages     *memory
	documents *memory           // of the API, which has many more addresses
	failed    map[string][]byte // error pages, by what they say
	colds     colds
	gzip      *encoder
	brotli    *encoder
	metrics   *metrics
	router    http.Handler

	accounts *download
	warming  *semaphore.Weighted
	proxies  proxies
	gate     *gate // before the operators' endpoints
}

// New returns the handler of the whole site. What it starts for a request ends
// with it, save for a file to download, which ends within a minute or with
// Leaving.
func New(d Deps) (http.Handler, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Budget == 0 {
		d.Budget = 10 * time.Second
	}
	if d.Leaving == nil {
		d.Leaving = context.Background()
	}
	s := &server{
		Deps:      d,
		assets:    views.Assets{CSS: static.URL("app.css"), Script: static.URL("app.js"), Icon: static.URL("icons/mark.svg")},
		pages:     newMemory(pageMemory),
		documents: newMemory(documentMemory),
		colds:     colds{streams: map[pageKey]*stream{}},

		warming: semaphore.NewWeighted(1),
	}
	s.accounts = &download{
		name: "economy-richest.csv", header: csvHeader("richest"), window: d.Economy.Richest.Policy().Window,
		write: s.writeAccounts, now: d.Now, leaving: d.Leaving, log: d.Log,
	}
	s.gzip, s.brotli = newEncoders()
	var err error
	if s.proxies, err = parseProxies(d.TrustedProxies); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.metrics, err = newMetrics(d.Registry); err != nil {
		return nil, fmt.Errorf("web: register metrics: %w", err)
	}
	if s.failed, err = s.drawErrorPages(); err != nil {
		return nil, fmt.Errorf("web: draw the error pages: %w", err)
	}
	if s.gate, err = newGate(d.OperatorToken, d.Log); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.router, err = s.routes(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return s, nil
}

// site is what every page knows. Path and query are canonical, so that they
// can be part of the bytes.
func (s *server) site(path, query string) views.Site {
	return views.Site{Settings: s.Settings(), Assets: s.assets, Path: path, Query: query, Version: s.Version}
}
