package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// thinTraders is the number of traders below which a price says little, where
// the ledger knows who traded.
const thinTraders = 3

// fillMedians sets the median prices of the period and of each candle.
func (i *Item) fillMedians(ctx context.Context, tx pgx.Tx, s span, id int64, buckets []bucket) error {
	const query = `
		SELECT day, price, pieces, quantity FROM price_days
		WHERE item = $1 AND day BETWEEN $2::date AND $3::date`
	whole := map[priced]ledger.Sum{} // quantities by price
	parts := make([]map[priced]ledger.Sum, len(buckets))
	rows, _ := tx.Query(ctx, query, id, s.Start, s.Today)
	var at time.Time
	var p priced
	var quantity ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&at, &p.money, &p.pieces, &quantity}, func() error {
		place := bucketOf(buckets, s.index(at))
		if parts[place] == nil {
			parts[place] = map[priced]ledger.Sum{}
		}
		parts[place][p] = parts[place][p].Plus(quantity)
		whole[p] = whole[p].Plus(quantity)
		return nil
	})
	if err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	i.Prices.Median = medianPrice(whole)
	for place, part := range parts {
		i.Candles[place].Prices.Median = medianPrice(part)
	}
	return nil
}

// fillTraders counts who sold and who bought.
func (i *Item) fillTraders(ctx context.Context, tx pgx.Tx, s span, id int64) error {
	const query = `
		SELECT count(DISTINCT account) FILTER (WHERE side = 'seller'), count(DISTINCT account) FILTER (WHERE side = 'buyer'),
			count(DISTINCT account)
		FROM trader_days WHERE item = $1 AND day BETWEEN $2::date AND $3::date`
	var traders int64
	if err := tx.QueryRow(ctx, query, id, s.Start, s.Today).Scan(&i.Sellers, &i.Buyers, &traders); err != nil {
		return fmt.Errorf("traders: %w", err)
	}
	i.Thin = i.Sales.Now < thinSales || traders > 0 && traders < thinTraders
	return nil
}
