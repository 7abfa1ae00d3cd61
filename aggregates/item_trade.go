package aggregates

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// ItemTrade is what was paid for an item in a period, in which portions, and who
// traded it.
type ItemTrade struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Basis
	Paid    Paid  `json:"paid"`
	Sellers Side  `json:"sellers"`
	Buyers  Side  `json:"buyers"`
	Sizes   Sizes `json:"sizes"`

	Together Together `json:"together" doc:"Of the last 30 days, whatever the period."`
}

// ComputeItemTrade reads how an item was traded in the period that ends with w's
// start. It returns nil if there is no such item.
func ComputeItemTrade(ctx context.Context, db *pgxpool.Pool, w cache.Window, q ItemQuery) (*ItemTrade, error) {
	v := &ItemTrade{ID: q.Item, Paid: newPaid(nil), Sellers: newSide(), Buyers: newSide(), Sizes: newSizes(nil), Together: newTogether()}
	id, name, err := findItem(ctx, db, q.Item)
	if err != nil || id == 0 {
		return nil, err
	}
	v.Name = name
	err = v.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error {
		if err := v.Paid.fill(ctx, tx, s, id, q.With); err != nil {
			return err
		}
		recent, err := readRecent(ctx, tx, s, id, q.With)
		if err != nil {
			return err
		}
		v.Sizes = newSizes(recent)
		if v.Sellers, v.Buyers, err = readSides(ctx, tx, s, id, q.With); err != nil {
			return err
		}
		return v.Together.fill(ctx, tx, s, id, q.With)
	})
	if err != nil {
		return nil, fmt.Errorf("trade of an item: %w", err)
	}
	return v, nil
}

// findItem returns the id of an item in the database and its name; 0 if there is no
// such item.
func findItem(ctx context.Context, db *pgxpool.Pool, ref string) (id int64, name string, err error) {
	err = db.QueryRow(ctx, `SELECT id, name FROM items WHERE ref = $1`, ref).Scan(&id, &name)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", fmt.Errorf("find an item: %w", err)
	}
	return id, name, nil
}
