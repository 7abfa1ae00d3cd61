package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// firmTraders is the least number of traders of a firm price, where
// the ledger knows who traded.
const firmTraders = 3

// fillTraders counts who sold and who bought. Accounts that are merged are one.
func (i *Item) fillTraders(ctx context.Context, tx pgx.Tx, s span, id int64) error {
	query := `
		SELECT count(DISTINCT party) FILTER (WHERE side = 'seller'), count(DISTINCT party) FILTER (WHERE side = 'buyer'),
			count(DISTINCT party)
		FROM (SELECT *, coalesce(target, account) AS party FROM ` + salesOf("trader_days", i.Offsetting.Included) + ` AS d LEFT JOIN merges USING (account)) AS d
		WHERE item = $1 AND day BETWEEN $2::date AND $3::date`
	var traders int64
	if err := tx.QueryRow(ctx, query, id, s.Start, s.Today).Scan(&i.Sellers, &i.Buyers, &traders); err != nil {
		return fmt.Errorf("traders: %w", err)
	}
	i.Thin = i.Sales.Now < enoughSales || traders > 0 && traders < firmTraders
	return nil
}
