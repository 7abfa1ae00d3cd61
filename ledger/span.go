package ledger

import (
	"context"
	"fmt"
	"time"
)

// Span returns the hours of the ledger's first and last transactions. ok is false
// if it has none.
func (l *Ledger) Span(ctx context.Context) (first, last time.Time, ok bool, err error) {
	var from, to *time.Time
	const query = `SELECT min(hour), max(hour) FROM activity_hours`
	if err := l.db.QueryRow(ctx, query).Scan(&from, &to); err != nil {
		return first, last, false, fmt.Errorf("span of the ledger: %w", err)
	}
	if from == nil {
		return first, last, false, nil
	}
	return *from, *to, true, nil
}
