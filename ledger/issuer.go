package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// An Issuing says whether an account issues money.
type Issuing struct {
	Kind    Kind
	Issuer  bool
	Balance int64
}

// Issuer returns whether an account issues money, and what is at stake if that
// changes.
func (l *Ledger) Issuer(ctx context.Context, ref string) (Issuing, error) {
	const query = `
		SELECT kind, issuer, coalesce(balance, 0) AS balance
		FROM accounts LEFT JOIN balances ON account = id WHERE ref = $1`
	rows, _ := l.db.Query(ctx, query, ref)
	i, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Issuing])
	if errors.Is(err, pgx.ErrNoRows) {
		return i, fmt.Errorf("account %s is unknown", quote(ref))
	}
	if err != nil {
		return i, fmt.Errorf("read account: %w", err)
	}
	return i, nil
}
