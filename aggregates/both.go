package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// both calls f in tx, and g beside it in another transaction of db that sees the ledger
// as tx does. If one of them fails, the other is cancelled. On Citus a snapshot cannot be
// handed on to the node that has the ledger: where another transaction sees something else,
// g is called in tx after f.
func both(ctx context.Context, db *pgxpool.Pool, tx pgx.Tx, f, g func(context.Context, pgx.Tx) error) error {
	sees, err := snapshotOf(ctx, tx)
	if err != nil {
		return err
	}
	var snapshot string
	if err := tx.QueryRow(ctx, `SELECT pg_export_snapshot()`).Scan(&snapshot); err != nil {
		return fmt.Errorf("export a snapshot: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	beside := true
	wait := alongside(func() {
		err := readOnly(ctx, db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET TRANSACTION SNAPSHOT '"+snapshot+"'"); err != nil {
				return fmt.Errorf("take over a snapshot: %w", err)
			}
			other, err := snapshotOf(ctx, tx)
			if beside = other == sees; err != nil || !beside {
				return err
			}
			return g(ctx, tx)
		})
		if err != nil {
			cancel(err)
		}
	})
	if err := f(ctx, tx); err != nil {
		cancel(err)
	}
	wait()
	if err := context.Cause(ctx); err != nil || beside {
		return err
	}
	return g(ctx, tx)
}

// alongside calls f in another goroutine. Wait waits until it has ended. A panic of f
// becomes one of wait, where those of producers are recovered.
func alongside(f func()) (wait func()) {
	var failed any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { failed = recover() }()
		f()
	}()
	return func() {
		<-done
		if failed != nil {
			panic(failed)
		}
	}
}
