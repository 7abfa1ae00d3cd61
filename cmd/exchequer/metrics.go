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

// metricsConnections is enough for a few scrapers and browsers.
const metricsConnections = 64

// serveMetrics serves the registry on MetricsListen until end is called. If that
// is empty, it does nothing and returns an empty address.
func (f serverFlags) serveMetrics(ctx context.Context, registry *prometheus.Registry, log *slog.Logger) (address string, end func(), err error) {
	if f.MetricsListen == "" {
		return "", func() {}, nil
	}
	listener, err := listen(ctx, f.MetricsListen, "--metrics-listen")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", web.MetricsHandler(registry))
	server := web.Server(listener.Addr().String(), mux)
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	web.LimitConnections(server, metricsConnections)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); err != http.ErrServerClosed {
			log.Error("metrics are no longer served", "error", err)
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
