package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// what describes the repair: only one that does the same to the same tables may be
// resumed.
func (m *mender) what(ctx context.Context, tx pgx.Tx) (string, error) {
	var tables []string
	for _, r := range m.rollups {
		tables = append(tables, r.table)
	}
	const columns = `
		SELECT string_agg(concat(attrelid::regclass, '.', attname, ' ', atttypid::regtype), ', ' ORDER BY attrelid, attnum)
		FROM pg_attribute WHERE attrelid = ANY($1::text[]::regclass[]) AND attnum > 0 AND NOT attisdropped`
	var what string
	if err := tx.QueryRow(ctx, columns, tables).Scan(&what); err != nil {
		return "", err
	}
	what = fmt.Sprintf("days of %s; ", m.zone) + what
	if !m.begins.IsZero() {
		what = fmt.Sprintf("record from %s; ", m.begins.UTC().Format(time.RFC3339)) + what
	}
	if m.Issuer != nil {
		what = fmt.Sprintf("issuer of account %d becomes %t; ", m.account, m.Issuer.Issuer) + what
	}
	return what, nil
}

// begin makes the tables beside the rollups, or finds those of an interrupted
// repair.
func (m *mender) begin(ctx context.Context) error {
	return m.tx(ctx, func(tx pgx.Tx) error {
		what, err := m.what(ctx, tx)
		if err != nil {
			return err
		}
		var known string
		err = tx.QueryRow(ctx, `SELECT what, transaction, sale FROM repairs`).Scan(&known, &m.at.transaction, &m.at.sale)
		if err == nil && known == what {
			m.done.Resumed = true
			return nil
		}
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		m.at = position{}
		if err := m.forget(ctx, tx); err != nil {
			return err
		}
		var create []string
		for _, r := range m.rollups {
			tables, err := r.tablesBeside(ctx, tx)
			if err != nil {
				return err
			}
			create = append(create, tables...)
		}
		create = append(create, "ALTER TABLE "+prefix+"balances ALTER balance TYPE numeric", // see queueBalances
			// Balances begin with what is archived.
			"INSERT INTO "+prefix+"balances SELECT account, sum(balance), max(last_at), sum(postings)::bigint, min(first_at) FROM archive_balances GROUP BY account")
		if err := each(ctx, tx, create); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO repairs (id, what, transaction, sale, began) VALUES (1, $1, 0, 0, now())`, what)
		return err
	})
}

// tablesBeside returns the statements that make the table beside a rollup, by month if the
// rollup is. What is of a month that comes meanwhile is in a part of its own.
func (r rollup) tablesBeside(ctx context.Context, tx pgx.Tx) ([]string, error) {
	table := prefix + r.table
	create := fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS, PRIMARY KEY (%s))", table, r.table, r.keys)
	const months = `
		SELECT pg_get_expr(relpartbound, oid) FROM pg_inherits JOIN pg_class ON oid = inhrelid
		WHERE inhparent = $1::text::regclass ORDER BY relname`
	rows, _ := tx.Query(ctx, months, r.table)
	bounds, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(bounds) == 0 {
		return []string{create}, err
	}
	all := []string{create + " PARTITION BY RANGE (" + r.period() + ")"}
	for i, bound := range append(bounds, "DEFAULT") {
		all = append(all, fmt.Sprintf("CREATE TABLE %s_%d PARTITION OF %s %s", table, i, table, bound))
	}
	return all, nil
}

// forget drops the tables and the note of a repair.
func (m *mender) forget(ctx context.Context, tx pgx.Tx) error {
	drop := []string{"DELETE FROM repairs"}
	for _, r := range m.rollups {
		drop = append(drop, "DROP TABLE IF EXISTS "+prefix+r.table, "DROP TABLE IF EXISTS "+differing(r))
	}
	return each(ctx, tx, drop)
}

// each runs statements one by one. Citus takes no several changes of tables in one.
func each(ctx context.Context, tx pgx.Tx, statements []string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// differing is the table with the keys of the rows that are not right.
func differing(r rollup) string { return prefix + r.table + "_differing" }

// read reads the record into the tables, until little of it is missing.
func (m *mender) read(ctx context.Context) error {
	for {
		to, err := m.settled(ctx)
		if err != nil {
			return err
		}
		if to.transaction-m.at.transaction+to.sale-m.at.sale <= few {
			return nil
		}
		for m.at != to {
			err := m.tx(ctx, func(tx pgx.Tx) error { return m.readPart(ctx, tx, to) })
			if err != nil {
				return fmt.Errorf("read the record: %w", err)
			}
			m.report("reading the record", m.at.transaction+m.at.sale, to.transaction+to.sale)
		}
	}
}

// settled returns a position up to which no append will write any more. It waits
// for the appends that run.
func (m *mender) settled(ctx context.Context) (to position, err error) {
	err = m.tx(ctx, func(tx pgx.Tx) error {
		if err := LockAppends(ctx, tx); err != nil {
			return err
		}
		to, err = end(ctx, tx)
		return err
	})
	return to, err
}

// readPart reads a part of the record into the tables, and notes it.
func (m *mender) readPart(ctx context.Context, tx pgx.Tx, to position) error {
	d, reached, broken, err := replay(ctx, tx, m.zone, m.at, to, m.as)
	if err != nil {
		return err
	}
	if broken > 0 {
		return errors.New("a transaction does not sum to zero, so the record itself is damaged: see what exchequer verify reports, and restore a backup")
	}
	var batch pgx.Batch
	d.queue(&batch, prefix, m.rollups)
	batch.Queue(`UPDATE repairs SET transaction = $1, sale = $2`, reached.transaction, reached.sale)
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	m.at = reached
	return nil
}

// catchUp locks out appends until the end of tx, and reads what is still missing.
func (m *mender) catchUp(ctx context.Context, tx pgx.Tx) error {
	if err := LockAppends(ctx, tx); err != nil {
		return err
	}
	to, err := end(ctx, tx)
	for err == nil && m.at != to {
		err = m.readPart(ctx, tx, to)
	}
	return err
}

// compare lists the keys of the rows that are not right, as of one moment at which
// the tables have all of the record.
func (m *mender) compare(ctx context.Context) error {
	// The lock is held from before the tables are complete until the moment is
	// fixed, by a transaction of its own.
	lock, err := m.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer lock.Rollback(context.WithoutCancel(ctx))
	if _, err := lock.Exec(ctx, unbounded); err != nil {
		return err
	}
	if err := LockAppends(ctx, lock); err != nil {
		return err
	}
	to, err := end(ctx, lock)
	if err != nil {
		return err
	}
	for m.at != to {
		if err := m.tx(ctx, func(tx pgx.Tx) error { return m.readPart(ctx, tx, to) }); err != nil {
			return err
		}
	}
	return pgx.BeginTxFunc(ctx, m.db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, unbounded+`SELECT count(*) FROM repairs`); err != nil {
			return err
		}
		if err := lock.Commit(ctx); err != nil {
			return err
		}
		return m.list(ctx, tx)
	})
}

// list lists the keys of the rows that are not right.
func (m *mender) list(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, canonical+bySize); err != nil {
		return err
	}
	all, err := stretches(ctx, tx, m.zone)
	if err != nil {
		return err
	}
	for _, r := range m.rollups {
		m.report("comparing "+r.table, 0, 0)
		if r.queue == nil {
			if err := m.rescan(ctx, tx, r); err != nil {
				return err
			}
		}
		columns, err := r.keyColumns(ctx, tx)
		if err != nil {
			return err
		}
		err = each(ctx, tx, []string{
			`DROP TABLE IF EXISTS ` + differing(r),
			`CREATE TABLE ` + differing(r) + ` (` + columns + `, nr bigint)`,
		})
		if err != nil {
			return err
		}
		where := `true`
		if r.stretched() {
			where = ofStretch(r.period())
		}
		query := `
			INSERT INTO ` + differing(r) + `
			SELECT ` + r.keys + `, (SELECT count(*) FROM ` + differing(r) + `) + row_number() OVER (ORDER BY ` + r.keys + `)
			FROM (SELECT * FROM ` + r.table + ` WHERE ` + r.since() + ` AND ` + where + `) AS kept
			FULL JOIN (SELECT * FROM ` + made(r) + ` WHERE ` + where + `) AS made USING (` + r.keys + `)
			WHERE kept IS DISTINCT FROM made AND ` + Apart
		for _, part := range stretchesOf(query, all) {
			if _, err := tx.Exec(ctx, query, part.args(nil)); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyColumns returns the columns of the primary key with their types, in its order.
func (r rollup) keyColumns(ctx context.Context, tx pgx.Tx) (columns string, err error) {
	const query = `
		SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY array_position($2::text[], attname::text))
		FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = ANY($2)`
	err = tx.QueryRow(ctx, query, r.table, strings.Split(r.keys, ", ")).Scan(&columns)
	return columns, err
}

// rescan fills the table beside a rollup that is no sum of deltas.
func (m *mender) rescan(ctx context.Context, tx pgx.Tx, r rollup) error {
	if _, err := tx.Exec(ctx, `DELETE FROM `+prefix+r.table); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO `+prefix+r.table+` SELECT * FROM (`+r.scan+`) AS scanned WHERE `+Apart, LocalTimeArgs(m.zone, time.Time{}, time.Now()))
	return err
}
