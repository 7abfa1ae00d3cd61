package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A ShopStock is how much of what a shop sells is in stock now.
type ShopStock struct {
	Shop      string // ref
	Place     string
	Owner     string // ref; empty if the holder is hidden
	OwnerName string
	Asks      int64 // offers to sell
	Stand     int64 // of them in stock, or of unknown stock
}

// ReadShopStocks reads the stock of shops, by one query. What is no shop has none.
func ReadShopStocks(ctx context.Context, tx pgx.Tx, shops []string) (map[string]ShopStock, error) {
	const query = `
		SELECT s.ref, s.place, CASE WHEN hidden THEN '' ELSE t.ref END, CASE WHEN hidden THEN '` + ledger.HiddenName + `' ELSE t.name END, stock.asks, stock.stand
		FROM shops s JOIN accounts a ON a.id = s.owner LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id)
		CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders WHERE holders.hidden AND ref = t.holder) AS hidden) AS h
		CROSS JOIN LATERAL (
			SELECT count(*) AS asks, count(*) FILTER (WHERE ` + askStands + `) AS stand
			FROM offers o WHERE o.shop = s.id AND o.active AND o.ask IS NOT NULL) AS stock
		WHERE s.ref = ANY($1)`
	rows, _ := tx.Query(ctx, query, shops)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ShopStock])
	if err != nil {
		return nil, fmt.Errorf("stock of shops: %w", err)
	}
	stocks := make(map[string]ShopStock, len(all))
	for _, s := range all {
		stocks[s.Shop] = s
	}
	return stocks, nil
}
