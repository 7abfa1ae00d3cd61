package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// snapshotLock is the key of the advisory lock that appends hold shared and the
// writer of day snapshots holds exclusively.
const snapshotLock int64 = 0x6578636865717565 // "exchequer", as far as it fits

// snapshotTables hold the state at the end of days that are over. An append into the
// past deletes what it makes wrong.
var snapshotTables = []string{"day_snapshots", "closing_balances"}

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
