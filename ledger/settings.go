package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoSettings is returned before SetSettings was called for the ledger.
var ErrNoSettings = errors.New("the ledger has no settings")

// readSettings reads the settings; known is false if there are none.
func readSettings(ctx context.Context, db interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}) (s Settings, known bool, err error) {
	rows, _ := db.Query(ctx, `SELECT name, symbol, decimals, timezone, (SELECT nullif(begins, '-infinity') FROM archive) FROM settings`)
	s, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (s Settings, err error) {
		var begins *time.Time
		if err = row.Scan(&s.Name, &s.Symbol, &s.Decimals, &s.Timezone, &begins); begins != nil {
			s.Begins = begins.UTC()
		}
		return s, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Settings{}, false, nil
	}
	return s, err == nil, err
}

// Settings returns the name of the economy, how its money is written, and its time
// zone.
func (l *Ledger) Settings(ctx context.Context) (Settings, error) {
	s, known, err := readSettings(ctx, l.db)
	if err == nil {
		_, err = LoadZone(s.Timezone)
	}
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %w", err)
	}
	if !known {
		return Settings{}, ErrNoSettings
	}
	return s, nil
}

// SetSettings replaces the settings. The number of decimals gives the amounts their
// meaning, and the time zone the days theirs, so these cannot change once there are
// transactions or sales. An empty time zone leaves the known one as it is.
func (l *Ledger) SetSettings(ctx context.Context, s Settings) error {
	return l.SetSettingsWith(ctx, s, func(context.Context, pgx.Tx) error { return nil })
}

// SetSettingsWith is SetSettings, and also is called in its database transaction before
// that is committed: an error of it changes nothing.
func (l *Ledger) SetSettingsWith(ctx context.Context, s Settings, also func(context.Context, pgx.Tx) error) error {
	if err := l.setSettings(ctx, s, also); err != nil {
		return fmt.Errorf("set settings: %w", err)
	}
	return nil
}

func (l *Ledger) setSettings(ctx context.Context, s Settings, also func(context.Context, pgx.Tx) error) error {
	for field, text := range map[string]string{"name": required(s.Name, maxName), "symbol": optional(s.Symbol, 16)} {
		if text != "" {
			return fmt.Errorf("%s %s", field, text)
		}
	}
	if s.Decimals < 0 || s.Decimals > 9 {
		return fmt.Errorf("%d decimals, want 0 to 9", s.Decimals)
	}
	zone, err := LoadZone(s.Timezone)
	if err == nil {
		err = checkZone(zone, time.Now())
	}
	if err != nil {
		return err
	}
	return pgx.BeginTxFunc(ctx, l.db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		// No append may run between the check for transactions and the write.
		if err := LockAppends(ctx, tx); err != nil {
			return err
		}
		old, known, err := readSettings(ctx, tx)
		if err != nil {
			return err
		}
		old.Timezone = cmp.Or(old.Timezone, UTC)
		s.Timezone = cmp.Or(s.Timezone, old.Timezone)
		var used bool
		const query = `SELECT EXISTS (SELECT FROM transactions) OR EXISTS (SELECT FROM sales) OR EXISTS (SELECT FROM archive_months)`
		if err := tx.QueryRow(ctx, query).Scan(&used); err != nil {
			return err
		}
		if used && known && s.Decimals != old.Decimals {
			return errors.New("the number of decimals cannot change, because the ledger has amounts")
		}
		if used && s.Timezone != old.Timezone {
			return fmt.Errorf("the time zone cannot change from %s to %s, because the ledger has days: %s", old.Timezone, s.Timezone, HowToChangeZone(s.Timezone))
		}
		const write = `
			INSERT INTO settings (id, name, symbol, decimals, timezone) VALUES (1, $1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, symbol = excluded.symbol, decimals = excluded.decimals,
				timezone = excluded.timezone`
		if _, err = tx.Exec(ctx, write, s.Name, s.Symbol, s.Decimals, s.Timezone); err != nil {
			return err
		}
		return also(ctx, tx)
	})
}

// HowToChangeZone tells an operator how to change the time zone of a ledger that
// has transactions.
func HowToChangeZone(zone string) string {
	return "change it with exchequer repair --timezone " + zone
}

// Zone returns the time zone of the ledger.
func (s Settings) Zone() *time.Location {
	zone, err := LoadZone(s.Timezone)
	if err != nil {
		return time.UTC // settings that were read or set have a known zone
	}
	return zone
}
