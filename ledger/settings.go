package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrNoSettings is returned before SetSettings was called for the ledger.
var ErrNoSettings = errors.New("the ledger has no settings")

// Settings returns the name of the economy and how its money is written.
func (l *Ledger) Settings(ctx context.Context) (Settings, error) {
	rows, _ := l.db.Query(ctx, `SELECT name, symbol, decimals FROM settings`)
	s, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Settings])
	if errors.Is(err, pgx.ErrNoRows) {
		return Settings{}, ErrNoSettings
	}
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %w", err)
	}
	return s, nil
}

// SetSettings replaces the settings. The number of decimals gives the amounts their
// meaning, so it cannot change once there are transactions or sales.
func (l *Ledger) SetSettings(ctx context.Context, s Settings) error {
	for field, text := range map[string]string{"name": required(s.Name, maxName), "symbol": optional(s.Symbol, 16)} {
		if text != "" {
			return fmt.Errorf("set settings: %s %s", field, text)
		}
	}
	if s.Decimals < 0 || s.Decimals > 9 {
		return fmt.Errorf("set settings: %d decimals, want 0 to 9", s.Decimals)
	}
	return pgx.BeginTxFunc(ctx, l.db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		// No append may run between the check for transactions and the write.
		if err := LockSnapshots(ctx, tx); err != nil {
			return fmt.Errorf("set settings: %w", err)
		}
		const query = `
			INSERT INTO settings AS known (id, name, symbol, decimals) VALUES (1, $1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, symbol = excluded.symbol, decimals = excluded.decimals
			WHERE excluded.decimals = known.decimals
				OR NOT EXISTS (SELECT FROM transactions) AND NOT EXISTS (SELECT FROM sales)`
		tag, err := tx.Exec(ctx, query, s.Name, s.Symbol, s.Decimals)
		if err != nil {
			return fmt.Errorf("set settings: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return errors.New("set settings: the number of decimals cannot change, because the ledger has amounts")
		}
		return nil
	})
}
