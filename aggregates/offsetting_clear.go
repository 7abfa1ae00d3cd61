package aggregates

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ClearOffsetting makes sure that the trade of two accounts in an item is not marked,
// now and later. All are refs; the accounts may be the same.
func ClearOffsetting(ctx context.Context, db *pgxpool.Pool, item, a, b string) error {
	err := offsettingTx(ctx, db, func(tx pgx.Tx) error {
		return changeCleared(ctx, tx, item, a, b, func(item, low, high int64) error {
			_, err := tx.Exec(ctx, `INSERT INTO offsetting_cleared VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, item, low, high)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("clear offsetting trade: %w", err)
	}
	return nil
}

// UnclearOffsetting undoes ClearOffsetting. What is offsetting by the rule is marked
// again.
func UnclearOffsetting(ctx context.Context, db *pgxpool.Pool, item, a, b string) error {
	err := offsettingTx(ctx, db, func(tx pgx.Tx) error {
		return changeCleared(ctx, tx, item, a, b, func(id, low, high int64) error {
			done, err := tx.Exec(ctx, `DELETE FROM offsetting_cleared WHERE (item, low, high) = ($1, $2, $3)`, id, low, high)
			if err == nil && done.RowsAffected() == 0 {
				err = fmt.Errorf("trade of %q between %q and %q is not cleared", item, a, b)
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("unclear offsetting trade: %w", err)
	}
	return nil
}

// changeCleared changes whether the trade of two accounts in an item is cleared, and
// judges the item's sales again. Reports of the months with such sales are corrected.
func changeCleared(ctx context.Context, tx pgx.Tx, item, a, b string, change func(item, low, high int64) error) error {
	// The pass waits.
	if _, err := tx.Exec(ctx, `SELECT FROM offsetting_state FOR UPDATE`); err != nil {
		return err
	}
	var id, low, high int64
	for _, of := range []struct {
		what, ref string
		id        *int64
	}{{"items", item, &id}, {"accounts", a, &low}, {"accounts", b, &high}} {
		err := tx.QueryRow(ctx, `SELECT id FROM `+of.what+` WHERE ref = $1`, of.ref).Scan(of.id)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%q is not one of the ledger's %s", of.ref, of.what)
		}
		if err != nil {
			return err
		}
	}
	if err := change(id, min(low, high), max(low, high)); err != nil {
		return err
	}
	zone, err := zoneOf(ctx, tx)
	if err != nil {
		return err
	}
	due, err := daysTouched(ctx, tx, zone, `item = @item`, pgx.NamedArgs{"item": id})
	if err != nil {
		return err
	}
	if err := judgeDays(ctx, tx, zone, due); err != nil {
		return err
	}
	return readReportsAgain(ctx, tx)
}

// A ClearedPair is two accounts whose trade in an item is not marked, all by refs.
type ClearedPair struct{ Item, A, B string }

// ClearedOffsetting returns all cleared pairs.
func ClearedOffsetting(ctx context.Context, db *pgxpool.Pool) ([]ClearedPair, error) {
	const query = `
		SELECT i.ref, a.ref, b.ref FROM offsetting_cleared JOIN items i ON i.id = item
		JOIN accounts a ON a.id = low JOIN accounts b ON b.id = high ORDER BY 1, 2, 3`
	rows, _ := db.Query(ctx, query)
	pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ClearedPair])
	if err != nil {
		return nil, fmt.Errorf("cleared pairs: %w", err)
	}
	return pairs, nil
}
