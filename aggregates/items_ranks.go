package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// ItemRanks is which items were sold most in a period, without what they cost.
type ItemRanks struct {
	Basis
	Sold  int64            `json:"sold" doc:"Items sold in the period."`
	Ranks map[string]int64 `json:"ranks" nullable:"false" doc:"The place of each in the list of items, from 1, by its id; of 20,000 items at most."`
}

// ComputeItemRanks reads which items were sold most in the period that ends with w's
// start.
func ComputeItemRanks(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*ItemRanks, error) {
	v := &ItemRanks{Ranks: map[string]int64{}}
	if err := v.read(ctx, db, w, days, v.fill); err != nil {
		return nil, fmt.Errorf("ranks of items: %w", err)
	}
	return v, nil
}

func (v *ItemRanks) fill(ctx context.Context, tx pgx.Tx, s span) error {
	const query = `
		SELECT ref, count(*) OVER () FROM items JOIN (
			SELECT item, sum(volume) AS volume FROM item_days_without
			WHERE day BETWEEN @start::date AND @today::date AND sales > 0 GROUP BY item) AS sold ON item = id
		ORDER BY volume DESC, name, ref LIMIT @limit`
	args := s.args()
	args["limit"] = mostListed
	rows, _ := tx.Query(ctx, query, args)
	var ref string
	_, err := pgx.ForEachRow(rows, []any{&ref, &v.Sold}, func() error {
		v.Ranks[ref] = int64(len(v.Ranks)) + 1
		return nil
	})
	if err != nil {
		return fmt.Errorf("what was sold: %w", err)
	}
	return nil
}
