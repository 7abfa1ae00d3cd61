package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// snapshotLock is the key of the advisory lock between appends, which share
// it, and the writer of day snapshots, who has it alone.
const snapshotLock int64 = 0x6578636865717565 // "exchequer", as far as it fits

// LockSnapshots waits until no append is under way and holds off new ones
// until tx ends: what tx reads from now on is the whole record, and a snapshot
// that it writes is seen, and deleted, by the next append that makes it wrong.
//
// tx must be read committed. Any other would read the record as it was when it
// began to wait.
func LockSnapshots(ctx context.Context, tx pgx.Tx) error {
	var isolation string
	if err := tx.QueryRow(ctx, `SHOW transaction_isolation`).Scan(&isolation); err != nil {
		return fmt.Errorf("lock snapshots: %w", err)
	}
	if isolation != string(pgx.ReadCommitted) {
		return errors.New("lock snapshots: the transaction is " + isolation + ", not read committed")
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, snapshotLock); err != nil {
		return fmt.Errorf("lock snapshots: %w", err)
	}
	return nil
}
