package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
	"exchequer/ledger"
)

// writes invalidate what was computed before them. A process hears of its own
// from its Ledger, and of all, its own again, from Postgres; a fleet that hears
// of one write in so many ways invalidates once.
type writes struct {
	cache *cache.Cache
	log   *slog.Logger
}

// touchLimit bounds how long a write can wait for the cache.
const touchLimit = 2 * time.Second

// touched is told of one change. The write has been committed, whatever becomes
// of this: without it, the new numbers are there a window later.
func (w writes) touched(ctx context.Context, change ledger.Change) {
	var scopes []cache.Scope
	for _, tag := range change.Tags {
		scopes = append(scopes, cache.OfTouched(tag))
	}
	if change.ID != "" {
		scopes = append(scopes, cache.Once(change.ID))
	}
	ctx, cancel := context.WithTimeout(ctx, touchLimit)
	defer cancel()
	if err := w.cache.Invalidate(ctx, cache.Soft, scopes...); err != nil {
		w.log.WarnContext(ctx, "a write has not invalidated what it touched", "tags", change.Tags, "error", err)
	}
}

// listen hears of all writes until ctx ends.
func (w writes) listen(ctx context.Context, config *pgx.ConnConfig) {
	ledger.Listen(ctx, config,
		func(change ledger.Change) { w.touched(ctx, change) },
		func(err error) {
			w.log.WarnContext(ctx, "writes of others are not heard of; trying again", "error", err)
		})
}
