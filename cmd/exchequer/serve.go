package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/telemetry"
	"exchequer/ledger"
	"exchequer/web"
)

// serverFlags are what serve and demo share.
type serverFlags struct {
	Listen         string        `default:"127.0.0.1:8080" env:"EXCHEQUER_LISTEN" help:"Address to serve on."`
	Tenant         string        `default:"default" env:"TENANT" help:"Name of this deployment in a shared cache."`
	CDN            bool          `env:"EXCHEQUER_CDN" help:"Let shared caches keep pages until the next refresh (s-maxage)."`
	TrustedProxies []string      `name:"trusted-proxy" env:"EXCHEQUER_TRUSTED_PROXIES" placeholder:"CIDR" help:"Address ranges of proxies whose X-Forwarded-For is believed."`
	Drain          time.Duration `default:"20s" env:"EXCHEQUER_DRAIN" help:"How long open requests may take to end at shutdown."`
	LogLevel       slog.Level    `default:"info" env:"EXCHEQUER_LOG_LEVEL" help:"debug, info, warn or error."`
	LogFormat      string        `default:"auto" enum:"auto,text,json" env:"EXCHEQUER_LOG_FORMAT" help:"auto: text on a terminal, JSON otherwise."`
}

type serveCommand struct {
	databaseFlags
	serverFlags
}

func (c serveCommand) Run(ctx context.Context, s streams) (err error) {
	log := c.logger(s)
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	db, err := c.open(ctx, log, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	return c.serve(ctx, s, log, listener, db, nil)
}

// listen takes the address before anything else is started, so that a second
// server is told so at once.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve on %s: %w (choose another address with --listen)", address, err)
	}
	return listener, nil
}

// serve answers requests until ctx ends, then lets requests, producers and
// background work end in that order. The background function, which may be nil,
// runs beside it.
func (f serverFlags) serve(ctx context.Context, s streams, log *slog.Logger, listener net.Listener, db *database, background func(context.Context)) error {
	settings, err := newSettings(ctx, ledger.New(db.Pool))
	if err != nil {
		return err
	}
	registry := telemetry.NewRegistry()
	memos := cache.New(cache.Deps{Store: cache.NewMemory(), Tenant: f.Tenant, Log: log, Registerer: registry})
	site, err := web.New(web.Deps{
		Economy:        aggregates.NewEconomy(memos, db.Pool),
		Settings:       settings.get,
		Ready:          readiness(db),
		Log:            log,
		Registry:       registry,
		Version:        version,
		SharedCache:    f.CDN,
		TrustedProxies: f.TrustedProxies,
	})
	if err != nil {
		return err
	}
	server := web.Server(f.Listen, site)
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)

	working, stopWork := context.WithCancel(ctx)
	defer stopWork()
	var work sync.WaitGroup
	work.Go(func() { keepSnapshots(working, db, log) })
	work.Go(func() { settings.keep(working, log) })
	if background != nil {
		work.Go(func() { background(working) })
	}

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(s.err, "\n  Exchequer is ready at http://%s\n\n", listener.Addr())

	select {
	case err = <-served:
	case <-ctx.Done():
		log.Info("shutting down")
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.Drain)
	defer cancel()
	err = errors.Join(err, server.Shutdown(ending), memos.Close(ending))
	stopWork()
	work.Wait()
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// readiness is what must be there before a load balancer sends requests.
func readiness(db *database) []web.Check {
	return []web.Check{
		{Name: "database", Missing: "see that Postgres runs and can be reached", Check: db.Ping},
		{Name: "schema", Missing: "run exchequer migrate", Check: func(ctx context.Context) error {
			return postgres.Check(ctx, db.Pool)
		}},
	}
}

// keepSnapshots makes the missing day snapshots, at once and then every few
// minutes, which is soon enough after midnight and after a late posting.
func keepSnapshots(ctx context.Context, db *database, log *slog.Logger) {
	const every = 5 * time.Minute
	for {
		made, err := aggregates.UpdateSnapshots(ctx, db.Pool, time.Now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.ErrorContext(ctx, "day snapshots failed", "error", err)
		case made > 0:
			log.InfoContext(ctx, "day snapshots made", "days", made)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

func (f serverFlags) logger(s streams) *slog.Logger {
	file, isFile := s.err.(*os.File)
	text := f.LogFormat == "text" || f.LogFormat == "auto" && isFile && term.IsTerminal(int(file.Fd()))
	return telemetry.NewLogger(s.err, f.LogLevel, text)
}
