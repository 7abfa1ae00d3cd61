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

// An Option is how memos read: [Reads], of the ledger's database if there are none, or
// [ExactUpTo], which is [DefaultExact] if it is not given.
type Option interface{ set(*source) }

// source is what memos read, and how.
type source struct {
	reads Reads
	exact ExactUpTo
}

func (r Reads) set(s *source)     { s.reads = r }
func (e ExactUpTo) set(s *source) { s.exact = e }

func sourceOf(db *pgxpool.Pool, options []Option) source {
	s := source{always(db), DefaultExact}
	for _, o := range options {
		o.set(&s)
	}
	return s
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
