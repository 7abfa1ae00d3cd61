package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// mendInParts replaces rows in many transactions.
func (m *mender) mendInParts(ctx context.Context) error {
	for _, r := range m.rollups {
		for from := 0; ; from += mended {
			total := 0
			err := m.tx(ctx, func(tx pgx.Tx) (err error) {
				if err := m.catchUp(ctx, tx); err != nil {
					return err
				}
				total, err = m.replace(ctx, tx, r, from, from+mended)
				return err
			})
			if err != nil {
				return fmt.Errorf("mend %s: %w", r.table, err)
			}
			m.report("mending "+r.table, int64(min(from+mended, total)), int64(total))
			if from+mended >= total {
				break
			}
		}
	}
	var day time.Time
	for {
		next := time.Time{}
		err := m.tx(ctx, func(tx pgx.Tx) (err error) {
			if err := LockAppends(ctx, tx); err != nil {
				return err
			}
			next, err = m.snapshots(ctx, tx, day)
			return err
		})
		if err != nil {
			return fmt.Errorf("day snapshots: %w", err)
		}
		if next.IsZero() {
			break
		}
		day = next
		m.report("day snapshots", 0, 0)
	}
	return m.tx(ctx, func(tx pgx.Tx) error { return m.end(ctx, tx) })
}

// mendAtOnce changes the account and the time zone, and replaces all rows that are
// not right, in one transaction. It compares in that transaction: an append before
// it may have added rows that the change makes wrong.
func (m *mender) mendAtOnce(ctx context.Context) error {
	return m.tx(ctx, func(tx pgx.Tx) error {
		if err := m.catchUp(ctx, tx); err != nil {
			return err
		}
		if err := m.change(ctx, tx); err != nil {
			return err
		}
		if err := m.list(ctx, tx); err != nil {
			return fmt.Errorf("compare: %w", err)
		}
		for _, r := range m.rollups {
			m.report("mending "+r.table, 0, 0)
			if _, err := m.replace(ctx, tx, r, 0, -1); err != nil {
				return fmt.Errorf("mend %s: %w", r.table, err)
			}
		}
		for day := (time.Time{}); ; {
			m.report("day snapshots", 0, 0)
			next, err := m.snapshots(ctx, tx, day)
			if err != nil {
				return fmt.Errorf("day snapshots: %w", err)
			}
			if next.IsZero() {
				break
			}
			day = next
		}
		return m.end(ctx, tx)
	})
}

// change changes the account and the time zone.
func (m *mender) change(ctx context.Context, tx pgx.Tx) error {
	if m.Issuer != nil {
		if _, err := tx.Exec(ctx, `UPDATE accounts SET issuer = $2 WHERE id = $1`, m.account, m.Issuer.Issuer); err != nil {
			return fmt.Errorf("change the account: %w", err)
		}
	}
	if m.Timezone != "" {
		if err := m.checkHours(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE settings SET timezone = $1`, m.Timezone); err != nil {
			return fmt.Errorf("change the time zone: %w", err)
		}
		// These are of the old days. They are made anew as after a first migration.
		for _, table := range []string{"offsetting_pairs", "offsetting_days", "offsetting_hours", "offsetting_prices", "offsetting_traders"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table); err != nil {
				return fmt.Errorf("delete marks of offsetting trade: %w", err)
			}
		}
	}
	return m.record(ctx, tx)
}

// record writes the change down as an event.
func (m *mender) record(ctx context.Context, tx pgx.Tx) error {
	var titles []string
	if m.Issuer != nil {
		what := "no longer issues money"
		if m.Issuer.Issuer {
			what = "issues money"
		}
		titles = append(titles, "Repair: an account "+what)
	}
	if m.Timezone != "" {
		titles = append(titles, "Repair: the days are those of "+m.Timezone)
	}
	for _, title := range titles {
		const query = `
			INSERT INTO events (ref, at, until, title, text, link, scope)
			VALUES ('repair:' || extract(epoch FROM clock_timestamp()), now(), NULL, $1, '', '', 'all')`
		if _, err := tx.Exec(ctx, query, title); err != nil {
			return fmt.Errorf("record the change as an event: %w", err)
		}
	}
	return nil
}

// replace replaces the rows that are not right, from one number up to another, -1
// for all. It returns how many there are in all.
func (m *mender) replace(ctx context.Context, tx pgx.Tx, r rollup, from, to int) (total int, err error) {
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM `+differing(r)).Scan(&total); err != nil || total == 0 {
		return total, err
	}
	if to < 0 {
		to = total
	}
	if r.queue == nil { // appends have gone on
		if err := m.rescan(ctx, tx, r); err != nil {
			return total, err
		}
	}
	// What an append has changed meanwhile is equal by now, and stays.
	part := `(SELECT ` + r.keys + ` FROM ` + differing(r) + ` WHERE nr > $1 AND nr <= $2) AS part`
	remove := `
		DELETE FROM ` + r.table + ` AS kept USING (
			SELECT ` + r.keys + ` FROM ` + part + ` JOIN ` + r.table + ` AS kept USING (` + r.keys + `)
				LEFT JOIN ` + made(r) + ` USING (` + r.keys + `)
			WHERE kept IS DISTINCT FROM made) AS wrong
		WHERE (` + qualified("kept", r.keys) + `) = (` + qualified("wrong", r.keys) + `)`
	insert := `
		INSERT INTO ` + r.table + `
		SELECT made.* FROM ` + part + ` JOIN ` + made(r) + ` USING (` + r.keys + `)
		WHERE ` + Apart + `
		ORDER BY ` + r.keys + `
		ON CONFLICT DO NOTHING`
	removed, err := tx.Exec(ctx, remove, from, to)
	if err != nil {
		return total, err
	}
	inserted, err := tx.Exec(ctx, insert, from, to)
	m.done.Rows[r.table] += int(max(removed.RowsAffected(), inserted.RowsAffected()))
	return total, err
}

// qualified returns the columns with a table's name before each.
func qualified(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}

func (m *mender) snapshots(ctx context.Context, tx pgx.Tx, from time.Time) (next time.Time, err error) {
	// These are made again within minutes.
	if _, err := tx.Exec(ctx, `DELETE FROM closing_balances`); err != nil {
		return next, err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM day_tallies`); err != nil {
		return next, err
	}
	if m.Snapshots == nil {
		_, err := tx.Exec(ctx, `DELETE FROM day_snapshots`)
		return next, err
	}
	return m.Snapshots(ctx, tx, from)
}

// end drops the tables and notifies the listeners.
func (m *mender) end(ctx context.Context, tx pgx.Tx) error {
	if err := m.forget(ctx, tx); err != nil {
		return err
	}
	what := strings.Join(Tags(), ",")
	if m.changes() {
		what += " " + rewritten
	}
	if _, err := tx.Exec(ctx, forgetFold); err != nil {
		return err
	}
	const notify = `SELECT pg_notify(` + channel + `, pg_current_xact_id()::text || ' ' || $1)`
	_, err := tx.Exec(ctx, notify, what)
	return err
}

func (m *mender) report(step string, done, total int64) {
	if m.Progress != nil {
		m.Progress(RepairProgress{Step: step, Done: done, Total: total})
	}
}
