package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/internal/telemetry"
	"exchequer/web"
)

// runSeveral serves several ledgers. Whether the database of one can be reached is nothing
// to the others.
func (c serveCommand) runSeveral(ctx context.Context, s streams, log *slog.Logger, token string) (err error) {
	if c.DatabaseURL+c.DatabaseURLFile+c.DatabaseReadURL+c.DatabaseReadURLFile+c.IngestDatabaseURL+c.IngestDatabaseURLFile+c.AdminDatabaseURL+c.AdminDatabaseURLFile+c.Sync+c.Alerts != "" {
		return errors.New("with EXCHEQUER_LEDGERS, its file names the databases, what is followed and the rules of alerts: unset DATABASE_URL, DATABASE_READ_URL, EXCHEQUER_INGEST_DATABASE_URL, EXCHEQUER_ADMIN_DATABASE_URL, EXCHEQUER_SYNC and EXCHEQUER_ALERTS")
	}
	file, err := loadLedgers(c.Ledgers)
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
	end := drain{until: time.Now().Add(c.Drain)}
	conns := c.Connections.of(len(file.All))
	c.Connections = poolSize(conns) // what readers' connections leave room for
	at := place{metrics: metrics, operators: operators.address, end: &end, ledgers: file, open: file.open(conns)}
	all, always, err := c.standings(file, at.open)
	if err != nil {
		return err
	}
	var open *roster
	sessions := func() *pgxpool.Pool { return open.firstPool() }
	if at.signIn, err = c.service(c.URL, sessions, log); err != nil {
		return err
	}
	r := server{streams: s, log: log, token: token, listener: listener, tracing: tracing}
	open = newRoster(ctx, all, rosterDeps{places: at.open - always, log: log, open: func(ctx, within context.Context, s *standing) (*openLedger, error) {
		at, r := at, r
		at.name, r.log = s.Name, log.With("ledger", s.Name)
		return c.of(s.ledgerEntry).openOne(ctx, within, r, at, conns/int32(at.open))
	}})
	defer func() {
		ending, cancel := end.left(ctx)
		defer cancel()
		err = errors.Join(err, open.close(ending))
	}()
	open.register(registry)
	working, stopWork := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stopWork()
	c.openFirst(ctx, open, &work, func(s *standing, err error) { stop(fmt.Errorf("%w: ledger %s: %w", errMistake, s.Name, err)) })
	if mistake := context.Cause(ctx); errors.Is(mistake, errMistake) {
		return mistake
	}
	if at.signIn != nil {
		work.Go(func() { at.signIn.Keep(working, log) })
	}
	if always < len(all) {
		work.Go(func() { c.tend(working, open, log) })
	}
	index, err := web.NewIndex(web.IndexDeps{
		Title: file.Title, Ledgers: open.entries(), Version: version, BaseURL: string(c.URL), Log: log, Registry: registry,
		MetricsApart: metrics != "" || operators.address != "", TrustedProxies: addresses(c.TrustedProxies), Ready: open.readiness(&end.begun),
		SignIn: at.signIn, OnSignIn: noteSignIn(sessions, log), Listed: mostListed,
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

// standings returns the ledgers, and how many of them are always open: all, where there is
// room for all; else those that follow a source or have rules of alerts, and the one whose
// database has who has signed in.
func (c serveCommand) standings(file *ledgers, places int) (all []*standing, always int, err error) {
	for i, e := range file.All {
		s := &standing{ledgerEntry: e, always: len(file.All) <= places || e.Sync != "" || e.Alerts != "" || i == 0 && c.signs()}
		if s.always {
			always++
		}
		all = append(all, s)
	}
	if always < len(all) && always > places-places/4 {
		return nil, 0, fmt.Errorf("EXCHEQUER_LEDGERS: %d ledgers have sync or alerts (or are the first, whose database has who has signed in), which keeps them open, and of %d that can be open a quarter is for the others: set EXCHEQUER_POSTGRES_CONNECTIONS to %d or more (%d ledgers at most are open)",
			always, places, leastConns*(always*4/3+2), mostOpen)
	}
	return all, always, nil
}

// openFirst opens the ledgers that are always open, and waits a while for them. Where there
// is none, it opens the first one, so that a mistake that all have in common is found.
func (c serveCommand) openFirst(ctx context.Context, r *roster, work *sync.WaitGroup, mistaken func(*standing, error)) {
	var opening sync.WaitGroup
	for _, s := range r.all {
		if !s.always {
			continue
		}
		opening.Add(1)
		work.Go(func() {
			opened := sync.OnceFunc(opening.Done)
			defer opened()
			if err := r.openAlways(s, opened); err != nil && r.ctx.Err() == nil {
				mistaken(s, err)
			}
		})
	}
	if !r.anyAlways() {
		opening.Add(1)
		work.Go(func() {
			defer opening.Done()
			_, release, err := r.obtain(ctx, r.all[0], atOnce)
			if err == nil {
				release()
			} else if errors.Is(err, errMistake) {
				mistaken(r.all[0], err)
			}
		})
	}
	first := make(chan struct{})
	go func() { opening.Wait(); close(first) }()
	select {
	case <-first:
	case <-time.After(ledgersWait):
	case <-ctx.Done():
	}
}

// ledgersWait is how long the start waits for the databases of ledgers. Those that answer
// later are served from then on.
const ledgersWait = 5 * time.Second

// openOne opens a ledger and starts what runs beside its requests, until it is closed.
// What its database cannot mend is an errMistake.
func (c serveCommand) openOne(ctx, within context.Context, r server, at place, conns int32) (_ *openLedger, err error) {
	mistake := func(err error) error { return fmt.Errorf("%w: %w", errMistake, err) }
	if r.follow, err = c.sources(); err != nil {
		return nil, mistake(err)
	}
	if r.shared, err = c.shared(c.Tenant); err != nil {
		return nil, mistake(err)
	}
	db, err := c.open(within, r.log, access{tracer: r.tracing.Queries(), conns: conns})
	if err != nil {
		return nil, err
	}
	if err := c.openReplica(within, db, conns, r.tracing.Queries()); err != nil {
		return nil, mistake(errors.Join(err, db.close()))
	}
	r.db, at.registry = db, prometheus.NewRegistry()
	ctx, stop := context.WithCancel(ctx)
	site, err := c.newSite(ctx, r, at)
	if err != nil {
		stop()
		if db.Ping(within) == nil {
			err = mistake(err)
		}
		return nil, errors.Join(err, db.close())
	}
	var work sync.WaitGroup
	site.start(ctx, &work)
	select { // what was written while nobody listened is not to pass as shown
	case <-site.listening:
	case <-time.After(listenWithin):
	case <-within.Done():
	}
	return &openLedger{handler: site.handler, db: db, registry: at.registry, busy: site.busy, close: func(ctx context.Context) error {
		stop()
		work.Wait()
		return errors.Join(site.close(ctx), db.close())
	}}, nil
}

// listenWithin is how long an opening waits until it listens for writes.
const listenWithin = time.Second

// anyAlways reports whether a ledger is always open.
func (r *roster) anyAlways() bool {
	for _, s := range r.all {
		if s.always {
			return true
		}
	}
	return false
}

// entries returns the ledgers for the index.
func (r *roster) entries() (all []web.Ledger) {
	for _, s := range r.all {
		all = append(all, web.Ledger{
			Name: s.Name, Privacy: s.Privacy, Away: func() bool { return r.away(s) },
			Hold: func(reads bool) (http.Handler, func()) {
				if open, release := r.hold(s, reads); open != nil {
					return open.handler, release
				}
				return nil, nil
			},
			Open: func(ctx context.Context, begin func(context.Context) (func(), error)) (http.Handler, func(), error) {
				open, release, err := r.obtain(ctx, s, begin)
				if err != nil {
					return nil, nil, err
				}
				return open.handler, release, nil
			},
		})
	}
	return all
}

// firstPool returns the database of the first ledger, which has who has signed in. Nil: it
// was not opened yet.
func (r *roster) firstPool() *pgxpool.Pool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first := r.all[0]; first.open != nil {
		return first.open.db.Pool
	}
	return nil
}

// readiness returns the checks of /readyz: one ledger that can be read is enough, and none
// is missed where nobody reads any.
func (r *roster) readiness(shuttingDown *atomic.Bool) []web.Check {
	checks := []web.Check{shutdownCheck(shuttingDown), {Name: "ledgers", Missing: "see that the database of one can be reached", Check: func(context.Context) error {
		if open, failing, _, _ := r.stands(); open == 0 && (len(failing) > 0 || r.anyAlways()) {
			return errNoLedger
		}
		return nil
	}}}
	for _, s := range r.all {
		if !s.always {
			continue
		}
		checks = append(checks, web.Check{Name: "ledger " + s.Name, Missing: missingLedger, Spared: true, Check: func(ctx context.Context) error {
			open, release := r.hold(s, false)
			if open == nil {
				return errNoLedger
			}
			defer release()
			return open.db.Ping(ctx)
		}})
	}
	return append(checks, web.Check{Name: "ledgers that were asked for", Missing: "see in the log which cannot be opened; " + missingLedger, Spared: true, Check: func(context.Context) error {
		_, failing, _, _ := r.stands()
		if len(failing) > 0 {
			return fmt.Errorf("cannot be opened: %s", strings.Join(failing[:min(len(failing), mostListed)], ", "))
		}
		return nil
	}})
}

const missingLedger = "see that its database runs, can be reached and is migrated"

var (
	errNoLedger = errors.New("it was not opened yet")
	errMistake  = errors.New("a ledger cannot be served as it is configured")
)

// register registers the metrics of the roster, and those of the ledgers that are open.
// Series of others are gone: how many there are does not follow from how many ledgers are
// known.
func (r *roster) register(registry prometheus.Registerer) {
	const prefix = "exchequer_ledgers_"
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + "open", Help: "Ledgers that are open."}, func() float64 {
			open, _, _, _ := r.stands()
			return float64(open)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + "failing", Help: "Ledgers that could not be opened when that was tried last."}, func() float64 {
			_, failing, _, _ := r.stands()
			return float64(len(failing))
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: prefix + "opened_total", Help: "Openings of ledgers."}, func() float64 {
			_, _, opens, _ := r.stands()
			return float64(opens)
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: prefix + "closed_total", Help: "Ledgers that were closed: they were idle, or another one needed their place."}, func() float64 {
			_, _, _, closes := r.stands()
			return float64(closes)
		}),
		unchecked(func(to chan<- prometheus.Metric) {
			r.holdAll(func(s *standing, open *openLedger) {
				prometheus.WrapCollectorWith(prometheus.Labels{"ledger": s.Name}, open.registry).Collect(to)
			})
		}),
	)
}

// An unchecked collects metrics that are not the same at all times.
type unchecked func(chan<- prometheus.Metric)

// Describe implements prometheus.Collector.
func (unchecked) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (u unchecked) Collect(to chan<- prometheus.Metric) { u(to) }
