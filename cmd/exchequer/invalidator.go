package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
	"exchequer/ledger"
)

// An invalidator invalidates what each write to the ledger makes stale. A process
// gets its own writes from its Ledger, and the writes of all processes, its own
// included, from Postgres. However often a fleet gets a write, it invalidates
// once.
type invalidator struct {
	cache     *cache.Cache
	log       *slog.Logger
	listening chan struct{} // closed once it listens, and what was written before is stale

	connected             prometheus.Gauge
	reconnects, announced prometheus.Counter
}

func newInvalidator(c *cache.Cache, log *slog.Logger, registry prometheus.Registerer) invalidator {
	const prefix = "exchequer_ledger_listen_"
	i := invalidator{
		cache:      c,
		log:        log,
		listening:  make(chan struct{}),
		connected:  prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "connected", Help: "1 while the process listens to Postgres for writes, else 0."}),
		reconnects: prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + "reconnects_total", Help: "Connections to listen for writes after the first."}),
		announced:  prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + "notifications_total", Help: "Writes announced by Postgres, this process's own included."}),
	}
	registry.MustRegister(i.connected, i.reconnects, i.announced)
	return i
}

// invalidateTimeout bounds how long a write waits for the cache.
const invalidateTimeout = 2 * time.Second

// onChange invalidates what a change touches. It returns no error, since the write
// has been committed: without it, the new numbers appear a window later.
func (i invalidator) onChange(ctx context.Context, change ledger.Change) {
	mode, scopes := cache.Soft, []cache.Scope(nil)
	for _, tag := range change.Tags {
		scopes = append(scopes, cache.Touched(tag))
	}
	if change.Rewritten {
		mode, scopes = cache.Hard, []cache.Scope{cache.Tenant()}
	}
	ctx, cancel := context.WithTimeout(ctx, invalidateTimeout)
	defer cancel()
	if err := i.cache.InvalidateOnce(ctx, change.ID, mode, scopes...); err != nil {
		i.log.WarnContext(ctx, "invalidating what a write touched failed", "tags", change.Tags, "error", err)
	}
}

// listen calls onChange for the writes of all processes until ctx ends.
func (i invalidator) listen(ctx context.Context, config *pgx.ConnConfig) {
	defer i.connected.Set(0)
	first, ready := true, sync.OnceFunc(func() { close(i.listening) })
	ledger.Listen(ctx, config,
		func() {
			i.connected.Set(1)
			if !first {
				i.reconnects.Inc()
			}
			first = false
		},
		func(change ledger.Change) {
			if change.ID != "" { // empty for the change that stands for missed ones
				i.announced.Inc()
			}
			i.onChange(ctx, change)
			ready()
		},
		func(err error) {
			i.connected.Set(0)
			i.log.WarnContext(ctx, "listening for writes failed; trying again", "error", err)
		})
}
