package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/web"
)

// apartConnections is enough for a few scrapers and browsers.
const apartConnections = 64

// serveMetrics serves the registry on MetricsListen until end is called. If that
// is empty, it does nothing and returns an empty address.
func (f serverFlags) serveMetrics(ctx context.Context, registry *prometheus.Registry, log *slog.Logger) (address string, end func(), err error) {
	if f.MetricsListen == "" {
		return "", func() {}, nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", web.MetricsHandler(registry))
	return serveApart(ctx, f.MetricsListen, "--metrics-listen", mux, 0, log)
}

// serveApart serves a handler on an address of its own until end is called. Longest is how
// long an answer may take, if that is longer than those of pages.
func serveApart(ctx context.Context, at, flag string, handler http.Handler, longest time.Duration, log *slog.Logger) (address string, end func(), err error) {
	listener, err := listen(ctx, at, flag)
	if err != nil {
		return "", nil, err
	}
	server := web.Server(listener.Addr().String(), web.Guarded(handler))
	server.WriteTimeout = max(server.WriteTimeout, longest)
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	web.LimitConnections(server, apartConnections)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); err != http.ErrServerClosed {
			log.Error("an address is no longer served", "flag", flag, "error", err)
		}
	}()
	return listener.Addr().String(), func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(ending) != nil {
			_ = server.Close() // cuts slow scrapers off
		}
		<-ended
	}, nil
}

// poolMetrics registers the metrics of the pool of connections to Postgres.
func poolMetrics(registry prometheus.Registerer, pool *pgxpool.Pool) {
	const prefix = "exchequer_postgres_pool_"
	gauge := func(name, help string, value func(*pgxpool.Stat) int32) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + name, Help: help},
			func() float64 { return float64(value(pool.Stat())) }))
	}
	counter := func(name, help string, value func(*pgxpool.Stat) float64) {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: prefix + name, Help: help},
			func() float64 { return value(pool.Stat()) }))
	}
	gauge("connections", "Connections that there are: in use, idle or being made.", (*pgxpool.Stat).TotalConns)
	gauge("acquired_connections", "Connections in use.", (*pgxpool.Stat).AcquiredConns)
	gauge("idle_connections", "Connections that wait for their next use.", (*pgxpool.Stat).IdleConns)
	gauge("max_connections", "Connections that there can be.", (*pgxpool.Stat).MaxConns)
	counter("waits_total", "Uses that waited for a connection to become free or to be made.",
		func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) })
	counter("wait_seconds_total", "Time that these waited.",
		func(s *pgxpool.Stat) float64 { return s.EmptyAcquireWaitTime().Seconds() })
	counter("cancelled_total", "Uses that were given up before they got a connection.",
		func(s *pgxpool.Stat) float64 { return float64(s.CanceledAcquireCount()) })
}
