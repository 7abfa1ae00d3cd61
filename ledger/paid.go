package ledger

import (
	"context"
	"fmt"
	"time"
)

// mostPayments is how many of the latest payments of an account are looked through.
const mostPayments = 1000

// PaidWith reports whether an account has paid since a time with a text in the message,
// whatever its case. It looks through its latest payments.
func (l *Ledger) PaidWith(ctx context.Context, account, text string, since time.Time) (bool, error) {
	const query = `
		SELECT EXISTS (
			SELECT FROM (
				SELECT transaction FROM postings WHERE account = (SELECT id FROM accounts WHERE ref = $1) AND at >= $2 AND amount < 0
				ORDER BY at DESC LIMIT $4) AS paid
			JOIN transactions t ON t.id = paid.transaction WHERE strpos(upper(t.message), upper($3)) > 0)`
	var paid bool
	if err := l.reads(ctx).QueryRow(ctx, query, account, since, text, mostPayments).Scan(&paid); err != nil {
		return false, fmt.Errorf("look for a payment: %w", err)
	}
	return paid, nil
}
