package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A priceShare has the prices of all items.
type priceShare = shared[priceMoment, map[int64]Price]

// A priceMoment is what prices depend on: the ledger, and the end of a period.
type priceMoment struct {
	snapshot            string
	today, end, through int64
}

// readAllPrices is readPrices of all items, shared where the producer shares. The
// caller does not change what it returns.
func readAllPrices(ctx context.Context, tx pgx.Tx, s span) (map[int64]Price, error) {
	read := func() (map[int64]Price, error) {
		items, err := allItems(ctx, tx)
		if err != nil {
			return nil, err
		}
		return readPricesOf(ctx, tx, s, items)
	}
	prices := shareOf[priceMoment, map[int64]Price](ctx)
	if prices == nil {
		return read()
	}
	snapshot, err := snapshotOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	return prices.get(ctx, priceMoment{snapshot, s.Today.Unix(), s.End.UnixNano(), s.Through.Unix()}, read)
}

func allItems(ctx context.Context, tx pgx.Tx) ([]int64, error) {
	rows, _ := tx.Query(ctx, `SELECT id FROM items`)
	items, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	return items, nil
}
