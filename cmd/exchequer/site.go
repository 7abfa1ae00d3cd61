package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/admin"
	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/claims"
	"exchequer/connector"
	"exchequer/keys"
	"exchequer/ledger"
	"exchequer/ledger/dump"
	"exchequer/signin"
	"exchequer/views"
	"exchequer/vitals"
	"exchequer/web"
)

// A place is where a site is served: alone, or as one of several.
type place struct {
	registry  *prometheus.Registry
	signIn    *signin.Service // nil: nobody can
	metrics   string          // the separate address of /metrics; empty: that of the pages
	operators string
	end       *drain
	ledgers   *ledgers // of which it is one; nil: it is alone
	name      string   // among them
	open      int      // how many of them are open at a time
}

// A site is a ledger that is ready to be served.
type site struct {
	handler   http.Handler
	start     func(ctx context.Context, work *sync.WaitGroup) // what runs beside requests, until ctx ends
	close     func(context.Context) error                     // after all that
	busy      func() bool                                     // an admin's job runs
	listening <-chan struct{}                                 // closed once it listens for writes
}

// parts are what the site of a ledger is made of.
type parts struct {
	server
	place
	settings  *settings
	memos     openCache
	writes    invalidator
	writers   *pgxpool.Pool // by which programs and sources write
	owner     *pgxpool.Pool // by which admins change what the pages may not; nil: none is named
	record    *ledger.Ledger
	api       *aggregates.API
	soundness *aggregates.SoundnessMemos

	apiRate, ingestRate *web.Rate // nil: no limit
	beacons             *web.Beacons
	vitals              *vitals.Store   // nil: browsers send nothing here
	dump                *dump.Published // nil: there is none
	dumpWhole           bool            // it has single dealings
	rules               *alerts.Config  // of operators; nil: there are none
	own                 *alerts.Own     // rules of people who sign in; nil: nobody can
	admin               *admin.Pages    // nil: nobody can sign in
	followers           []*connector.Follower
	followed            *followed
	watchReplica        func(context.Context, *slog.Logger)

	ends []func(context.Context) error // of what was opened, in its order
}

// newSite returns the site of a ledger.
func (f serverFlags) newSite(ctx context.Context, r server, at place) (_ *site, err error) {
	p := &parts{server: r, place: at}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close(context.WithoutCancel(ctx)))
		}
	}()
	if err := f.assemble(ctx, p); err != nil {
		return nil, err
	}
	handler, err := f.pages(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := p.memos.CheckPolicies(); err != nil {
		return nil, err
	}
	r.log.Info("in force", "version", version, "address", r.listener.Addr().String(), "redis", p.memos.redis, "tenant", f.Tenant,
		"policies", f.Policies.text(), "signs", f.Signs.of.String(), "verify", f.Verify, "privacy", f.Privacy, "sign-in", ways(at.signIn), "operators", r.token != "", "postgres", r.db.kind(), "metrics", at.metrics, "admin", at.operators)
	return &site{handler, func(working context.Context, work *sync.WaitGroup) { f.work(working, work, p) }, p.close, p.busy, p.writes.listening}, nil
}

// busy reports whether a job of an admin runs, which closing would end.
func (p *parts) busy() bool { return p.admin != nil && p.admin.Busy() }

// close closes what was opened, the last first.
func (p *parts) close(ctx context.Context) (err error) {
	for _, end := range slices.Backward(p.ends) {
		err = errors.Join(err, end(ctx))
	}
	return err
}

// closing has f called when the site closes.
func (p *parts) closing(f func()) {
	p.ends = append(p.ends, func(context.Context) error { f(); return nil })
}

// assemble opens the parts. Those that it has opened when it fails are for close.
func (f serverFlags) assemble(ctx context.Context, p *parts) (err error) {
	if p.settings, err = newSettings(ctx, ledger.New(p.db.Pool)); err != nil {
		return err
	}
	if p.memos, err = p.shared.open(ctx, p.db.Pool, p.bounded(cache.Deps{Log: p.log, Registerer: p.registry, Policies: f.Policies}), p.tracing); err != nil {
		return err
	}
	p.ends = append(p.ends, p.memos.close)
	poolMetrics(p.registry, p.db.Pool)
	p.watchReplica = p.db.replicaMetrics(p.registry)
	p.writes = newInvalidator(p.memos.Cache, p.log, p.registry)
	var end func()
	if p.writers, end, err = f.writers(ctx, p.db); err != nil {
		return err
	}
	p.closing(end)
	if p.owner, end, err = f.owner(ctx); err != nil {
		return err
	}
	p.closing(end)
	p.record = ledger.New(p.writers, p.writes.onChange)
	p.soundness = aggregates.NewSoundnessMemos(ctx, p.memos.Cache, p.db.Pool, f.Signs.of, aggregates.ExactUpTo(f.ExactHolders))
	p.api = aggregates.NewAPI(p.memos.Cache, p.db.Pool, p.db.options(f.ExactHolders)...)
	p.apiRate, p.ingestRate, p.beacons = newRate(f.APIRate, p.memos), newRate(f.IngestRate, p.memos), web.NewBeacons(fleetCounts(p.memos))
	if f.Dump != "" {
		if p.dumpWhole, err = f.whole(); err != nil {
			return err
		}
		if p.dump, err = dump.Open(f.Dump); err != nil {
			return err
		}
		p.closing(func() { p.dump.Close() })
	}
	if p.rules, err = f.load(); err != nil {
		return err
	}
	if p.vitals, err = f.vitals(p.server, p.memos.Now, p.registry); err != nil {
		return err
	}
	if p.signIn != nil {
		p.own = alerts.NewOwn(p.db.Pool, p.settings.get)
		p.admin = f.admin(ctx, p)
		p.ends = append(p.ends, p.admin.Close)
	}
	for _, source := range p.follow {
		follower, err := connector.New(connector.Deps{Ledger: p.record, DB: p.writers, Log: p.log}, source)
		if err != nil {
			return err
		}
		p.followers = append(p.followers, follower)
	}
	p.followed = newFollowed(p.registry)
	return nil
}

// pages returns what answers requests.
func (f serverFlags) pages(ctx context.Context, p *parts) (http.Handler, error) {
	var told *cache.Memo[alerts.SentQuery, *alerts.Sent]
	if p.rules != nil {
		told = alerts.NewFeed(p.memos.Cache, p.db.Pool)
	}
	return web.New(web.Deps{
		Admin:          p.admin,
		Audit:          p.db.Pool,
		OnSignIn:       noteSignIn(func() *pgxpool.Pool { return p.db.Pool }, p.log),
		Vitals:         p.vitals,
		Beacons:        p.beacons,
		Faro:           string(f.FaroURL),
		Sample:         float64(f.RUMSample),
		Data:           p.dump,
		Alerts:         told,
		OwnAlerts:      p.own,
		Economy:        aggregates.NewEconomy(p.memos.Cache, p.db.Pool, p.db.options(f.ExactHolders)...),
		API:            p.api,
		Soundness:      p.soundness,
		Record:         p.db.record(),
		Until:          p.db.until,
		Reports:        aggregates.NewReports(p.db.Pool),
		Now:            p.memos.Now,
		Cache:          p.memos.Cache,
		OperatorToken:  p.token,
		Leaving:        ctx,
		Settings:       p.settings.get,
		Ready:          readiness(p.db, &p.end.begun),
		Log:            p.log,
		Registry:       p.registry,
		MetricsApart:   p.metrics != "" || p.ledgers != nil,
		OperatorsApart: p.operators != "",
		Root:           p.root(),
		Ledgers:        p.links(),
		Share:          p.open,
		Version:        version,
		SharedCache:    f.CDN,
		BaseURL:        string(f.URL),
		Licence:        f.Licence,
		MapURL:         views.MapURL(f.Map),
		EmbedAncestors: string(f.Ancestors),
		TrustedProxies: addresses(f.TrustedProxies),
		APIRate:        p.apiRate,
		Ledger:         p.record,
		Keys:           keys.NewStore(p.db.Pool),
		Claims:         claims.NewStore(p.db.Pool),
		IngestRate:     p.ingestRate,
		Privacy:        f.Privacy,
		SignIn:         p.signIn,
		AskUserAgent:   f.APIUserAgent == "ask",
	})
}

// work starts what runs beside requests, until ctx ends.
func (f serverFlags) work(ctx context.Context, work *sync.WaitGroup, p *parts) {
	work.Go(func() { p.db.keepRunning(ctx, p.log) })
	work.Go(func() { keepSnapshots(ctx, p.db, f.ExactHolders, p.log) })
	work.Go(func() { keepHolders(ctx, p.db, f.ExactHolders, p.log) })
	work.Go(func() { f.keepMonths(ctx, p.db, p.log) })
	work.Go(func() { keepBooks(ctx, p.soundness, f.Verify == "nightly", p.log) })
	if p.dump != nil {
		work.Go(func() { keepDump(ctx, p.db, f.Dump, f.Licence, p.dumpWhole, p.log) })
	}
	if p.vitals != nil {
		work.Go(func() { p.vitals.Keep(ctx) })
	}
	work.Go(func() { p.settings.refresh(ctx, p.log) })
	work.Go(func() { p.watchReplica(ctx, p.log) })
	work.Go(func() { p.apiRate.Share(ctx) })
	work.Go(func() { p.ingestRate.Share(ctx) })
	work.Go(func() { p.beacons.Share(ctx) })
	work.Go(func() { p.writes.listen(ctx, p.db.Config().ConnConfig) })
	for _, follower := range p.followers {
		work.Go(func() { follower.Follow(ctx) })
	}
	if p.rules != nil || p.own != nil {
		work.Go(func() { f.alerting(p).run(ctx, p.server) })
	}
	work.Go(func() { p.followed.keep(ctx, p.db.Pool, p.log) })
	if p.background != nil {
		work.Go(func() { p.background(ctx, ledger.New(p.db.Pool, p.writes.onChange)) })
	}
}
