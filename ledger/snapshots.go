package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// snapshotLock is the key of the advisory lock that appends hold shared and the
// writer of day snapshots holds exclusively.
const snapshotLock int64 = 0x6578636865717565 // "exchequer", as far as it fits

// forgetDays deletes the state at the end of days that are over, from the day that an append
// into the past makes wrong.
const forgetDays = `
	WITH snapshots AS (DELETE FROM day_snapshots WHERE day >= date '1970-01-01' + $1::int),
		tallies AS (DELETE FROM day_tallies WHERE day >= date '1970-01-01' + $1::int)
	DELETE FROM closing_balances WHERE day >= date '1970-01-01' + $1::int`

// LockAppends waits until no append runs and locks out new ones until tx ends.
// So tx reads the whole record, and the next append that makes a snapshot of tx
// wrong sees and deletes it.
//
// tx must be read committed. Other transactions would read the record as it was
// when they began to wait.
func LockAppends(ctx context.Context, tx pgx.Tx) error {
	var isolation string
	if err := tx.QueryRow(ctx, `SHOW transaction_isolation`).Scan(&isolation); err != nil {
		return fmt.Errorf("lock out appends: %w", err)
	}
	if isolation != string(pgx.ReadCommitted) {
		return errors.New("lock out appends: the transaction is " + isolation + ", not read committed")
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1 # `+LockSalt+`)`, snapshotLock); err != nil {
		return fmt.Errorf("lock out appends: %w", err)
	}
	return nil
}

// TalliesLock is the lock of the one who makes the days of a large ledger, see [Settled].
const TalliesLock = snapshotLock + 3

// Settled calls f with two transactions while no other process does so with the same lock,
// and reports whether it did: if one does, it returns at once. What work sees, a snapshot, is
// the whole record up to a moment, of which nothing is still being written: appends are locked
// out for the moment in which it begins to see, and go on beside f. guard, read committed,
// holds the lock.
func Settled(ctx context.Context, db *pgxpool.Pool, lock int64, f func(guard, work pgx.Tx) error) (alone bool, err error) {
	// Only who has the lock takes a second connection: else all of a pool might wait for one.
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(guard pgx.Tx) error {
		if _, err := guard.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = '30min'`); err != nil {
			return err
		}
		if err := guard.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1 # `+LockSalt+`)`, lock).Scan(&alone); err != nil || !alone {
			return err
		}
		return pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(work pgx.Tx) error {
			if err := settle(ctx, guard, work); err != nil {
				return err
			}
			return f(guard, work)
		})
	})
	return alone, err
}

// settle has work begin to see while no append runs.
func settle(ctx context.Context, guard, work pgx.Tx) (err error) {
	held, err := guard.Begin(ctx) // a savepoint: when it ends, so does the lock
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Rollback(ctx)) }()
	if err := LockAppends(ctx, held); err != nil {
		return err
	}
	_, err = work.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = '30min'; SELECT`)
	return err
}
