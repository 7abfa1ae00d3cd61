package main

import (
	"context"
	"log/slog"
	"time"

	"exchequer/ledger"
)

// keepHolders adds up what holders have, at once and then every few seconds, once more
// than exact accounts have been used.
func keepHolders(ctx context.Context, db *database, exact int64, log *slog.Logger) {
	const every = 5 * time.Second
	for {
		foldHolders(ctx, db, exact, log)
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

func foldHolders(ctx context.Context, db *database, exact int64, log *slog.Logger) {
	began := time.Now()
	folded, err := ledger.FoldHolders(ctx, db.Pool, exact)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.ErrorContext(ctx, "adding up what holders have failed", "error", err)
	case folded:
		log.DebugContext(ctx, "what holders have is added up", "took", time.Since(began))
	}
}
