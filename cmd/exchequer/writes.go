package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
	"exchequer/ledger"
)

// writes invalidate what was computed before them. A process hears of its own
// from its Ledger, and of all, its own again, from Postgres; a fleet that hears
// of one write in so many ways invalidates once.
type writes struct {
	cache *cache.Cache
	log   *slog.Logger

	connected             prometheus.Gauge
	reconnects, announced prometheus.Counter
}

func newWrites(c *cache.Cache, log *slog.Logger, registry prometheus.Registerer) writes {
	const prefix = "exchequer_ledger_listen_"
	w := writes{
		cache:      c,
		log:        log,
		connected:  prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "connected", Help: "1 while the process hears of writes from Postgres, else 0."}),
		reconnects: prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + "reconnects_total", Help: "Connections to hear of writes after the first."}),
		announced:  prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + "notifications_total", Help: "Writes heard of from Postgres, this process's own included."}),
	}
	registry.MustRegister(w.connected, w.reconnects, w.announced)
	return w
}

// touchLimit bounds how long a write can wait for the cache.
const touchLimit = 2 * time.Second

// touched is told of one change. The write has been committed, whatever becomes
// of this: without it, the new numbers are there a window later.
func (w writes) touched(ctx context.Context, change ledger.Change) {
	var scopes []cache.Scope
	for _, tag := range change.Tags {
		scopes = append(scopes, cache.Touched(tag))
	}
	ctx, cancel := context.WithTimeout(ctx, touchLimit)
	defer cancel()
	if err := w.cache.InvalidateOnce(ctx, change.ID, cache.Soft, scopes...); err != nil {
		w.log.WarnContext(ctx, "a write has not invalidated what it touched", "tags", change.Tags, "error", err)
	}
}

// listen hears of all writes until ctx ends.
func (w writes) listen(ctx context.Context, config *pgx.ConnConfig) {
	defer w.connected.Set(0)
	first := true
	ledger.Listen(ctx, config,
		func() {
			w.connected.Set(1)
			if !first {
				w.reconnects.Inc()
			}
			first = false
		},
		func(change ledger.Change) {
			if change.ID != "" { // not the stand-in for what was missed
				w.announced.Inc()
			}
			w.touched(ctx, change)
		},
		func(err error) {
			w.connected.Set(0)
			w.log.WarnContext(ctx, "writes of others are not heard of; trying again", "error", err)
		})
}
