package main

import (
	"context"
	"errors"
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
	"exchequer/signin"
	"exchequer/views"
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
}

// A site is a ledger that is ready to be served.
type site struct {
	handler http.Handler
	start   func(ctx context.Context, work *sync.WaitGroup) // what runs beside requests, until ctx ends
	close   func(context.Context) error                     // after all that
}

// newSite returns the site of a ledger.
func (f serverFlags) newSite(ctx context.Context, r server, at place) (_ *site, err error) {
	settings, err := newSettings(ctx, ledger.New(r.db.Pool))
	if err != nil {
		return nil, err
	}
	registry := at.registry
	memos, err := r.shared.open(ctx, r.db.Pool, at.ledgers.bounded(cache.Deps{Log: r.log, Registerer: registry, Policies: f.Policies}), r.tracing)
	if err != nil {
		return nil, err
	}
	ends := []func(context.Context) error{memos.close}
	end := func(ctx context.Context) (err error) {
		for _, end := range slices.Backward(ends) {
			err = errors.Join(err, end(ctx))
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, end(context.WithoutCancel(ctx)))
		}
	}()
	poolMetrics(registry, r.db.Pool)
	writes := newInvalidator(memos.Cache, r.log, registry)
	writers, endWriters, err := f.writers(ctx, r.db)
	if err != nil {
		return nil, err
	}
	ends = append(ends, func(context.Context) error { endWriters(); return nil })
	owner, endOwner, err := f.owner(ctx)
	if err != nil {
		return nil, err
	}
	ends = append(ends, func(context.Context) error { endOwner(); return nil })
	soundness := aggregates.NewSoundnessMemos(ctx, memos.Cache, r.db.Pool, f.Signs.of)
	rate, ingestRate, beacons := newRate(f.APIRate, memos), newRate(f.IngestRate, memos), web.NewBeacons(fleetCounts(memos))
	data, err := openDump(f.Dump)
	if err != nil {
		return nil, err
	}
	if data != nil {
		ends = append(ends, func(context.Context) error { data.Close(); return nil })
	}
	whole, err := f.whole()
	if err != nil && data != nil {
		return nil, err
	}
	api := aggregates.NewAPI(memos.Cache, r.db.Pool)
	rules, err := f.load()
	if err != nil {
		return nil, err
	}
	var told *cache.Memo[alerts.SentQuery, *alerts.Sent]
	if rules != nil {
		told = alerts.NewFeed(memos.Cache, r.db.Pool)
	}
	measured, err := f.vitals(r, memos.Now, registry)
	if err != nil {
		return nil, err
	}
	record := ledger.New(writers, writes.onChange)
	var pages *admin.Pages
	var own *alerts.Own // of people who sign in
	if at.signIn != nil {
		own = alerts.NewOwn(r.db.Pool, settings.get)
		pages = f.admin(ctx, r, at, administered{r.db.Pool, owner, record, memos, soundness, settings, rules, measured})
		ends = append(ends, pages.Close)
	}
	handler, err := web.New(web.Deps{
		Admin:          pages,
		Audit:          r.db.Pool,
		OnSignIn:       noteSignIn(func() *pgxpool.Pool { return r.db.Pool }, r.log),
		Vitals:         measured,
		Beacons:        beacons,
		Faro:           string(f.FaroURL),
		Sample:         float64(f.RUMSample),
		Data:           data,
		Alerts:         told,
		OwnAlerts:      own,
		Economy:        aggregates.NewEconomy(memos.Cache, r.db.Pool),
		API:            api,
		Soundness:      soundness,
		Record:         ledger.New(r.db.Pool),
		Reports:        aggregates.NewReports(r.db.Pool),
		Now:            memos.Now,
		Cache:          memos.Cache,
		OperatorToken:  r.token,
		Leaving:        ctx,
		Settings:       settings.get,
		Ready:          readiness(r.db, &at.end.begun),
		Log:            r.log,
		Registry:       registry,
		MetricsApart:   at.metrics != "" || at.ledgers != nil,
		OperatorsApart: at.operators != "",
		Root:           at.root(),
		Ledgers:        at.ledgers.names(),
		Share:          at.ledgers.number(),
		Version:        version,
		SharedCache:    f.CDN,
		BaseURL:        string(f.URL),
		Licence:        f.Licence,
		MapURL:         views.MapURL(f.Map),
		EmbedAncestors: string(f.Ancestors),
		TrustedProxies: addresses(f.TrustedProxies),
		APIRate:        rate,
		Ledger:         record,
		Keys:           keys.NewStore(r.db.Pool),
		Claims:         claims.NewStore(r.db.Pool),
		IngestRate:     ingestRate,
		Privacy:        f.Privacy,
		SignIn:         at.signIn,
		AskUserAgent:   f.APIUserAgent == "ask",
	})
	if err != nil {
		return nil, err
	}
	if err := memos.CheckPolicies(); err != nil {
		return nil, err
	}
	var followers []*connector.Follower
	for _, source := range r.follow {
		follower, err := connector.New(connector.Deps{Ledger: ledger.New(writers, writes.onChange), DB: writers, Log: r.log}, source)
		if err != nil {
			return nil, err
		}
		followers = append(followers, follower)
	}
	followed := newFollowed(registry)
	r.log.Info("in force", "version", version, "address", r.listener.Addr().String(), "redis", memos.redis, "tenant", f.Tenant,
		"policies", f.Policies.text(), "signs", f.Signs.of.String(), "verify", f.Verify, "privacy", f.Privacy, "sign-in", ways(at.signIn), "operators", r.token != "", "postgres", r.db.kind(), "metrics", at.metrics, "admin", at.operators)
	start := func(working context.Context, work *sync.WaitGroup) {
		work.Go(func() { r.db.keepRunning(working, r.log) })
		work.Go(func() { keepSnapshots(working, r.db, r.log) })
		work.Go(func() { keepBooks(working, soundness, f.Verify == "nightly", r.log) })
		if data != nil {
			work.Go(func() { keepDump(working, r.db, f.Dump, f.Licence, whole, r.log) })
		}
		if measured != nil {
			work.Go(func() { measured.Keep(working) })
		}
		work.Go(func() { settings.refresh(working, r.log) })
		work.Go(func() { rate.Share(working) })
		work.Go(func() { ingestRate.Share(working) })
		work.Go(func() { beacons.Share(working) })
		work.Go(func() { writes.listen(working, r.db.Config().ConnConfig) })
		for _, follower := range followers {
			work.Go(func() { follower.Follow(working) })
		}
		if rules != nil || own != nil {
			work.Go(func() { f.alerting(r, at, rules, memos, api, soundness, settings, own != nil).run(working, r) })
		}
		work.Go(func() { followed.keep(working, r.db.Pool, r.log) })
		if r.background != nil {
			work.Go(func() { r.background(working, ledger.New(r.db.Pool, writes.onChange)) })
		}
	}
	return &site{handler, start, end}, nil
}
