package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"exchequer/aggregates"
)

// snapshots makes the day snapshots that the import has made necessary.
func snapshots(ctx context.Context, s streams, db *database) error {
	began := time.Now()
	made, err := aggregates.UpdateSnapshots(ctx, db.Pool, began, aggregates.DefaultExact)
	if err != nil {
		return fmt.Errorf("the import is complete, but making its day snapshots failed (serve will make them): %w", err)
	}
	if made > 0 {
		fmt.Fprintf(s.out, "%s made in %.1f s\n", count(made, "day snapshot"), time.Since(began).Seconds())
	}
	return nil
}

// snapshotsEvery is how often that is looked for, which is soon enough after midnight and
// after an append into the past.
const snapshotsEvery = 5 * time.Minute

// keepSnapshots makes what days and months lack, at once and then every few minutes.
func keepSnapshots(ctx context.Context, db *database, exact int64, log *slog.Logger) {
	for {
		catchUp(ctx, db, exact, log)
		select {
		case <-ctx.Done():
			return
		case <-time.After(snapshotsEvery):
		}
	}
}

// catchUp makes missing day snapshots, judges new sales and makes the reports of months.
func catchUp(ctx context.Context, db *database, exact int64, log *slog.Logger) {
	made, err := aggregates.UpdateSnapshots(ctx, db.Pool, time.Now(), aggregates.ExactUpTo(exact))
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		log.ErrorContext(ctx, "day snapshots failed", "error", err)
	case made > 0:
		log.InfoContext(ctx, "day snapshots made", "days", made)
	}
	judgeOffsetting(ctx, db, log)
	makeReports(ctx, db, log)
}
