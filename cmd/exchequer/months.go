package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

type monthlyFlags struct {
	MonthlyFrom int64 `name:"monthly-from" default:"10000000" env:"EXCHEQUER_MONTHLY_FROM" placeholder:"NUMBER" group:"data" help:"From how many postings on the tables that are written most are divided by month, so that writing stays as quick as it is (default: ${default}). A ledger that is divided stays so."`
}

// keepMonths divides the ledger by month once it is large, and from then on makes months
// before they begin.
func (f monthlyFlags) keepMonths(ctx context.Context, db *database, log *slog.Logger) {
	const first, most = time.Second, time.Minute
	for wait := first; ; {
		if f.tendMonths(ctx, db, log) {
			wait = min(2*wait, most)
		} else {
			wait = most
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// tendMonths does so once. It reports whether somebody was in the way.
func (f monthlyFlags) tendMonths(ctx context.Context, db *database, log *slog.Logger) (later bool) {
	later = f.divide(ctx, db.Pool, false, log)
	if err := ledger.KeepMonths(ctx, db.Pool); err != nil && ctx.Err() == nil {
		log.ErrorContext(ctx, "making the tables of the next month failed", "error", err)
	}
	return later
}

// divide divides the ledger by month if it is large. Importing: see [ledger.DivideByMonth].
// It reports whether somebody was in the way.
func (f monthlyFlags) divide(ctx context.Context, db *pgxpool.Pool, importing bool, log *slog.Logger) (later bool) {
	done, err := ledger.DivideByMonth(ctx, db, f.MonthlyFrom, importing)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.ErrorContext(ctx, "dividing the ledger by month failed; it goes on as it is", "error", err)
	case !done.Starts.IsZero():
		log.InfoContext(ctx, "the ledger is divided by month", "from", done.Starts.Format(time.DateOnly), "took", done.Took.Round(time.Millisecond))
	}
	return done.Later
}
