package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/web"
)

// longestProfile is how long an answer to operators may take: a profile of 30 s, which is
// what pprof asks for, and its way to a slow reader.
const longestProfile = 65 * time.Second

// operators is what is served on AdminListen.
type operators struct {
	address string // empty: there is none, and the site serves it itself
	end     func()
	site    atomic.Pointer[http.Handler]
}

// serveOperators serves what is for operators on AdminListen. If that is empty, it does
// nothing.
func (f serverFlags) serveOperators(ctx context.Context, registry *prometheus.Registry, log *slog.Logger) (*operators, error) {
	o := &operators{end: func() {}}
	if f.AdminListen == "" {
		return o, nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", web.MetricsHandler(registry))
	// Not cmdline: flags may hold a secret.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if site := o.site.Load(); site != nil {
			(*site).ServeHTTP(w, r)
			return
		}
		http.Error(w, "starting", http.StatusServiceUnavailable)
	})
	var err error
	o.address, o.end, err = serveApart(ctx, f.AdminListen, "--admin-listen", mux, longestProfile, log)
	return o, err
}

// open lets operators at what a site leaves out for them, once there is one.
func (o *operators) open(site http.Handler) {
	handler := web.Operators(site)
	o.site.Store(&handler)
}
