package ledger

import (
	"context"
	"fmt"
	"time"
)

// LastTransactionAt returns the time of the latest transaction, false when
// there is none. It reads one row an account.
func (l *Ledger) LastTransactionAt(ctx context.Context) (time.Time, bool, error) {
	var last *time.Time
	if err := l.db.QueryRow(ctx, `SELECT max(last_at) FROM balances`).Scan(&last); err != nil {
		return time.Time{}, false, fmt.Errorf("last transaction: %w", err)
	}
	if last == nil {
		return time.Time{}, false, nil
	}
	return last.UTC(), true, nil
}
