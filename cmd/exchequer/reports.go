package main

import (
	"context"
	"log/slog"
	"time"

	"exchequer/aggregates"
)

// makeReports makes the reports of months that are over, and corrects those of months
// into which something was written since. It works a few seconds at a time, so that
// those of an old ledger come little by little.
func makeReports(ctx context.Context, db *database, log *slog.Logger) {
	const atMost = 10 * time.Second
	done, err := aggregates.Reporter{DB: db.Pool, Version: version, Settled: aggregates.SettledAfter}.Update(ctx, time.Now(), atMost)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.ErrorContext(ctx, "monthly reports failed", "error", err)
	case done.Made > 0 || done.Errata > 0:
		log.InfoContext(ctx, "monthly reports made", "reports", done.Made, "errata", done.Errata)
	}
}
