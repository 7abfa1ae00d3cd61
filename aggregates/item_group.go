package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// mostOfGroup bounds the items of a group that are listed.
const mostOfGroup = 50

// ItemGroup is the other items of an item's group.
type ItemGroup struct {
	Basis
	Group string       `json:"group" doc:"Empty: it belongs to none."`
	Count int64        `json:"count" doc:"How many others there are."`
	Items []ListedItem `json:"items" nullable:"false" doc:"Largest volume in the period first, then by name; at most 50."`
}

// ComputeItemGroup reads the other items of an item's group, and what was sold of them
// in the period that ends with w's start. It returns nil if there is no such item.
func ComputeItemGroup(ctx context.Context, db *pgxpool.Pool, w cache.Window, q RoutesQuery) (*ItemGroup, error) {
	g := &ItemGroup{Items: []ListedItem{}}
	id, _, err := findItem(ctx, db, q.Item)
	if err != nil || id == 0 {
		return nil, err
	}
	if err := g.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error { return g.fill(ctx, tx, s, id) }); err != nil {
		return nil, fmt.Errorf("group of an item: %w", err)
	}
	return g, nil
}

func (g *ItemGroup) fill(ctx context.Context, tx pgx.Tx, s span, item int64) error {
	if err := tx.QueryRow(ctx, `SELECT grouping FROM items WHERE id = $1`, item).Scan(&g.Group); err != nil || g.Group == "" {
		return err
	}
	const others = `grouping = @group AND id <> @item`
	args := s.args()
	args["group"], args["item"], args["limit"] = g.Group, item, mostOfGroup
	rows, _ := tx.Query(ctx, listedItems(others, `item = ANY (ARRAY(SELECT id FROM items WHERE `+others+`))`)+` LIMIT @limit`, args)
	var id int64
	var ids []int64
	var i ListedItem
	_, err := pgx.ForEachRow(rows, append(i.columns(&id), &g.Count, nil, nil, nil), func() error {
		ids, g.Items = append(ids, id), append(g.Items, i)
		return nil
	})
	if err != nil {
		return fmt.Errorf("others: %w", err)
	}
	return priceListed(ctx, tx, s, ids, g.Items)
}

// Table has one row an item.
func (g *ItemGroup) Table() Table { return ItemsTable(g.Items) }
