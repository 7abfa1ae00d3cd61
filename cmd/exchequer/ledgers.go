package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
	"exchequer/internal/telemetry"
	"exchequer/ledger/importer"
	"exchequer/views"
	"exchequer/web"
)

// ledgers are several ledgers that one process serves, each whole below a path of its own.
type ledgers struct {
	Title string         `toml:"title"`
	All   []*ledgerEntry `toml:"ledgers"`
}

// A ledgerEntry is one of them.
type ledgerEntry struct {
	Name               string      `toml:"name"`
	Database           string      `toml:"database"`
	DatabaseFile       string      `toml:"database_file"`
	ReadDatabase       string      `toml:"read_database"`
	ReadDatabaseFile   string      `toml:"read_database_file"`
	IngestDatabase     string      `toml:"ingest_database"`
	IngestDatabaseFile string      `toml:"ingest_database_file"`
	AdminDatabase      string      `toml:"admin_database"`
	AdminDatabaseFile  string      `toml:"admin_database_file"`
	Tenant             string      `toml:"tenant"`
	Privacy            web.Privacy `toml:"privacy"`
	Sync               string      `toml:"sync"`
	Alerts             string      `toml:"alerts"`

	opened atomic.Pointer[site] // nil while its database cannot be reached
	db     atomic.Pointer[database]
}

// What all ledgers of a process share: see docs/decisions/0032-several-ledgers.md.
const (
	mostLedgers    = 16
	leastConns     = 8       // of a ledger
	leastProducers = 2       // of a ledger
	leastMemory    = 4 << 20 // of a ledger's values
	sharedMemory   = 32 << 20
	sharedProducer = 8
)

// inAddresses matches names that stand in addresses as they are.
var inAddresses = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// loadLedgers reads a file of ledgers.
func loadLedgers(file string) (*ledgers, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("EXCHEQUER_LEDGERS: %w", err)
	}
	l := &ledgers{Title: "Economies"}
	if err := importer.Decode(text, l); err != nil {
		return nil, fmt.Errorf("EXCHEQUER_LEDGERS: %s: %w", file, err)
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("EXCHEQUER_LEDGERS: %s: %w", file, err)
	}
	return l, nil
}

func (l *ledgers) check() error {
	if len(l.All) == 0 || len(l.All) > mostLedgers {
		return fmt.Errorf("it has %d [[ledgers]]: want 1 to %d", len(l.All), mostLedgers)
	}
	taken := map[string]bool{}
	for i, e := range l.All {
		if !inAddresses.MatchString(e.Name) {
			return fmt.Errorf("ledger %d: the name %q: want small letters, digits and hyphens, 40 at most", i+1, e.Name)
		}
		url, err := secret("database", e.Database, e.DatabaseFile)
		if err != nil {
			return fmt.Errorf("ledger %s: %w", e.Name, err)
		}
		if url == "" {
			return fmt.Errorf("ledger %s: name its database, with database or database_file", e.Name)
		}
		if e.Tenant == "" {
			e.Tenant = e.Name
		}
		switch e.Privacy {
		case "":
			e.Privacy = web.Open
		case web.Open, web.Balances, web.Closed:
		default:
			return fmt.Errorf("ledger %s: the privacy %q: want open, balances or closed", e.Name, e.Privacy)
		}
		for _, own := range [][2]string{{"name", e.Name}, {"tenant", e.Tenant}, {"database", url}} {
			what := own[0] + " " + own[1]
			if taken[what] {
				return fmt.Errorf("ledger %s: another one has the same %s", e.Name, own[0])
			}
			taken[what] = true
		}
	}
	return nil
}

// names returns the ledgers for the switcher. Nil: there is one, which needs none.
func (l *ledgers) names() (all []views.LedgerLink) {
	if l != nil {
		for _, e := range l.All {
			all = append(all, views.LedgerLink{Name: e.Name})
		}
	}
	return all
}

// number returns how many there are.
func (l *ledgers) number() int {
	if l == nil {
		return 1
	}
	return len(l.All)
}

// share returns an equal part of what one ledger would have, and at least so much.
func share[N int | int32 | int64](l *ledgers, whole, least N) N {
	if l == nil {
		return whole
	}
	return max(whole/N(len(l.All)), min(whole, least))
}

// bounded returns what a ledger's cache is made of, within its share.
func (l *ledgers) bounded(d cache.Deps) cache.Deps {
	if l != nil {
		d.Memory, d.Producers = share(l, int64(sharedMemory), leastMemory), share(l, sharedProducer, leastProducers)
	}
	return d
}

// root returns the path below which a site is.
func (p place) root() views.Root {
	if p.ledgers == nil {
		return ""
	}
	return views.LedgerRoot(p.name)
}

// url returns where visitors reach the site, empty if that is not known.
func (p place) url(host baseURL) string {
	if host == "" {
		return ""
	}
	return string(host) + string(p.root())
}

// runSeveral serves several ledgers. Whether the database of one can be reached is nothing
// to the others.
func (c serveCommand) runSeveral(ctx context.Context, s streams, log *slog.Logger, token string) (err error) {
	if c.DatabaseURL+c.DatabaseURLFile+c.DatabaseReadURL+c.DatabaseReadURLFile+c.IngestDatabaseURL+c.IngestDatabaseURLFile+c.AdminDatabaseURL+c.AdminDatabaseURLFile+c.Sync+c.Alerts != "" {
		return errors.New("with EXCHEQUER_LEDGERS, its file names the databases, what is followed and the rules of alerts: unset DATABASE_URL, DATABASE_READ_URL, EXCHEQUER_INGEST_DATABASE_URL, EXCHEQUER_ADMIN_DATABASE_URL, EXCHEQUER_SYNC and EXCHEQUER_ALERTS")
	}
	all, err := loadLedgers(c.Ledgers)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	listener, err := listen(ctx, c.Listen, "--listen")
	if err != nil {
		return err
	}
	defer listener.Close()
	tracing, err := startTracing(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lastly(tracing.Close)) }()
	limitMemory(log, memlimit.FromCgroup, shareOfMemory(false))
	registry := telemetry.NewRegistry()
	metrics, endMetrics, err := c.serveMetrics(ctx, registry, log)
	if err != nil {
		return err
	}
	defer endMetrics()
	operators, err := c.serveOperators(ctx, registry, log)
	if err != nil {
		return err
	}
	defer operators.end()
	export, err := telemetry.StartExport(ctx, os.Getenv, version, registry, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lastly(export.Close)) }()
	signIn, err := c.service(c.URL, all.sessions, log)
	if err != nil {
		return err
	}
	end := drain{until: time.Now().Add(c.Drain)}
	defer func() {
		ending, cancel := end.left(ctx)
		defer cancel()
		for _, e := range all.All {
			if site := e.opened.Load(); site != nil {
				err = errors.Join(err, site.close(ending))
			}
			if db := e.db.Load(); db != nil {
				err = errors.Join(err, db.close())
			}
		}
	}()
	working, stopWork := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stopWork()
	var opening sync.WaitGroup
	for _, e := range all.All {
		opening.Add(1)
		work.Go(func() {
			log := log.With("ledger", e.Name)
			at := place{registry: prometheus.NewRegistry(), metrics: metrics, operators: operators.address, signIn: signIn, end: &end, ledgers: all, name: e.Name}
			opened := sync.OnceFunc(opening.Done)
			defer opened()
			err := c.of(e).runOne(working, e, server{streams: s, log: log, token: token, listener: listener, tracing: tracing}, at, &work, opened)
			if err != nil && working.Err() == nil {
				stop(fmt.Errorf("%w: ledger %s: %w", errMistake, e.Name, err))
				return
			}
			prometheus.WrapRegistererWith(prometheus.Labels{"ledger": e.Name}, registry).MustRegister(at.registry)
		})
	}
	if signIn != nil {
		work.Go(func() { signIn.Keep(working, log) })
	}
	first := make(chan struct{})
	go func() { opening.Wait(); close(first) }()
	select {
	case <-first:
	case <-time.After(ledgersWait):
	case <-ctx.Done():
	}
	if mistake := context.Cause(ctx); errors.Is(mistake, errMistake) {
		return mistake
	}
	index, err := web.NewIndex(web.IndexDeps{
		Title: all.Title, Ledgers: all.entries(), Version: version, BaseURL: string(c.URL), Log: log, Registry: registry,
		MetricsApart: metrics != "" || operators.address != "", TrustedProxies: addresses(c.TrustedProxies), Ready: all.readiness(&end.begun),
		SignIn: signIn, OnSignIn: noteSignIn(all.sessions, log),
	})
	if err != nil {
		return err
	}
	operators.open(index)
	if err := c.answer(ctx, server{streams: s, log: log, listener: listener, tracing: tracing}, index, &end); err != nil {
		return err
	}
	if mistake := context.Cause(ctx); errors.Is(mistake, errMistake) {
		return mistake
	}
	return nil
}

// ledgersWait is how long the start waits for the databases of all ledgers. Those that
// answer later are served from then on.
const ledgersWait = 5 * time.Second

// of returns the flags of one ledger.
func (c serveCommand) of(e *ledgerEntry) serveCommand {
	c.DatabaseURL, c.DatabaseURLFile = e.Database, e.DatabaseFile
	c.DatabaseReadURL, c.DatabaseReadURLFile = e.ReadDatabase, e.ReadDatabaseFile
	c.IngestDatabaseURL, c.IngestDatabaseURLFile = e.IngestDatabase, e.IngestDatabaseFile
	c.AdminDatabaseURL, c.AdminDatabaseURLFile = e.AdminDatabase, e.AdminDatabaseFile
	c.Tenant, c.Privacy, c.Sync, c.Alerts = e.Tenant, e.Privacy, e.Sync, e.Alerts
	c.SyncSource, c.SyncSourceFile = "", ""
	if c.Dump != "" {
		c.Dump = filepath.Join(c.Dump, e.Name)
	}
	return c
}

// runOne opens a ledger, however long that takes, and starts what runs beside its
// requests. It calls waits if that takes long. What its database cannot mend is an error.
func (c serveCommand) runOne(ctx context.Context, e *ledgerEntry, r server, at place, work *sync.WaitGroup, waits func()) error {
	var err error
	if r.follow, err = c.sources(); err != nil {
		return err
	}
	if r.shared, err = c.shared(c.Tenant); err != nil {
		return err
	}
	registry, mistaken := at.registry, false // whatever the database does
	err = retry(ctx, func() error {
		db, err := c.open(ctx, r.log, access{tracer: r.tracing.Queries(), conns: share[int32](at.ledgers, maxConns, leastConns)})
		if err != nil {
			return err
		}
		if err := c.openReplica(ctx, db, share[int32](at.ledgers, maxConns, leastConns), r.tracing.Queries()); err != nil {
			mistaken = true
			return errors.Join(err, db.close())
		}
		r.db, at.registry = db, prometheus.NewRegistry() // an attempt may leave metrics behind
		site, err := c.newSite(ctx, r, at)
		if err != nil {
			mistaken = db.Ping(ctx) == nil
			return errors.Join(err, db.close())
		}
		registry.MustRegister(at.registry)
		e.db.Store(db)
		e.opened.Store(site)
		return nil
	}, func(err error, pause time.Duration) bool {
		if mistaken {
			return false
		}
		waits() // the start does not
		r.log.ErrorContext(ctx, "this ledger cannot be read; trying again", "in", pause.String(), "error", err)
		return true
	})
	if err != nil {
		return err
	}
	e.opened.Load().start(ctx, work)
	return nil
}

// entries returns the ledgers for the index.
func (l *ledgers) entries() (all []web.Ledger) {
	for _, e := range l.All {
		all = append(all, web.Ledger{Name: e.Name, Closed: e.Privacy == web.Closed, Site: func() http.Handler {
			if site := e.opened.Load(); site != nil {
				return site.handler
			}
			return nil
		}})
	}
	return all
}

// sessions returns the database of who has signed in, which is that of the first ledger.
// Nil: it was not opened yet.
func (l *ledgers) sessions() *pgxpool.Pool {
	if db := l.All[0].db.Load(); db != nil {
		return db.Pool
	}
	return nil
}

// readiness returns the checks of /readyz: one ledger that can be read is enough.
func (l *ledgers) readiness(shuttingDown *atomic.Bool) []web.Check {
	checks := []web.Check{shutdownCheck(shuttingDown), {Name: "ledgers", Missing: "see that the database of one can be reached", Check: func(context.Context) error {
		for _, e := range l.All {
			if e.opened.Load() != nil {
				return nil
			}
		}
		return errNoLedger
	}}}
	for _, e := range l.All {
		checks = append(checks, web.Check{Name: "ledger " + e.Name, Missing: "see that its database runs, can be reached and is migrated", Spared: true, Check: func(ctx context.Context) error {
			db := e.db.Load()
			if db == nil {
				return errNoLedger
			}
			return db.Ping(ctx)
		}})
	}
	return checks
}

var (
	errNoLedger = errors.New("it was not opened yet")
	errMistake  = errors.New("a ledger cannot be served as it is configured")
)
