package aggregates

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// Reads chooses the database of a read, when the read begins: the ledger's, or a replica
// of it. Until is zero, or the time up to which that database has all that was written,
// if it is not known whether there is more.
type Reads func(context.Context) (db *pgxpool.Pool, until time.Time)

// always returns Reads of one database.
func always(db *pgxpool.Pool) Reads {
	return func(context.Context) (*pgxpool.Pool, time.Time) { return db, time.Time{} }
}

// pool returns the database of a read that begins now.
func (r Reads) pool(ctx context.Context) *pgxpool.Pool {
	db, _ := r(ctx)
	return db
}

// readsOf returns the given Reads, and those of db if there are none.
func readsOf(db *pgxpool.Pool, given []Reads) Reads {
	if len(given) > 0 {
		return given[0]
	}
	return always(db)
}

type untilKey struct{}

// on returns the producer that calls compute with the database that is chosen for it.
func on[P, T any](reads Reads, compute func(context.Context, *pgxpool.Pool, cache.Window, P) (T, error)) func(context.Context, cache.Window, P) (T, error) {
	return func(ctx context.Context, w cache.Window, params P) (T, error) {
		db, until := reads(ctx)
		return compute(context.WithValue(ctx, untilKey{}, until), db, w, params)
	}
}

// untilOf returns the time up to which what a producer reads has all that was written,
// zero if it has all.
func untilOf(ctx context.Context) time.Time {
	until, _ := ctx.Value(untilKey{}).(time.Time)
	return until
}
