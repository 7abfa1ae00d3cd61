package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/web"
)

// metricsConnections is enough for some scrapers and people who look.
const metricsConnections = 64

// serveMetrics serves the registry on the address that is for it alone, until
// end is called. Without such an address it does nothing, and address is empty.
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
			_ = server.Close() // a scraper that is slow at the very end
		}
		<-ended
	}, nil
}
