package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrArchived is returned for what is known to have been here, and is archived.
var ErrArchived = errors.New("it is archived")

// An Archive is which part of the record has left the ledger. What follows from it has
// stayed: see docs/decisions/0034-archive.md.
type Archive struct {
	Closed time.Time // nothing is written any more that is before; zero: nothing is closed
	Begins time.Time // where the record begins; zero: nothing has been removed
	Months []ArchivedMonth
}

// A Month is a month of the community.
type Month struct {
	Date         time.Time // its first day, a date in UTC
	Starts, Ends time.Time
}

// String returns the month as 2024-12.
func (m Month) String() string { return m.Date.Format("2006-01") }

// MonthOf returns the month of a date.
func MonthOf(date time.Time, zone *time.Location) Month {
	first := time.Date(date.Year(), date.Month(), 1, 0, 0, 0, 0, time.UTC)
	return Month{first, DayStart(DayNumber(first), zone).UTC(), DayStart(DayNumber(first.AddDate(0, 1, 0)), zone).UTC()}
}

// An ArchivedMonth is a month of which something has been removed, or is about to be.
type ArchivedMonth struct {
	Month
	Manifest json.RawMessage // of its files
	Archived time.Time
	Removed  Removed
}

// Removed counts what has left the ledger.
type Removed struct{ Transactions, Postings, Sales int64 }

// Plus returns the sum.
func (r Removed) Plus(s Removed) Removed {
	return Removed{r.Transactions + s.Transactions, r.Postings + s.Postings, r.Sales + s.Sales}
}

// readArchive reads what is archived, the latest month last.
func readArchive(ctx context.Context, db queryer) (a Archive, err error) {
	var closed, begins *time.Time
	const border = `SELECT nullif(closed, '-infinity'), nullif(begins, '-infinity') FROM archive`
	if err := db.QueryRow(ctx, border).Scan(&closed, &begins); err != nil {
		return a, err
	}
	if closed != nil {
		a.Closed = *closed
	}
	if begins != nil {
		a.Begins = *begins
	}
	const months = `SELECT month, starts, ends, manifest, archived, transactions, postings, sales FROM archive_months ORDER BY month`
	rows, _ := db.Query(ctx, months)
	a.Months, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m ArchivedMonth, err error) {
		err = row.Scan(&m.Date, &m.Starts, &m.Ends, &m.Manifest, &m.Archived, &m.Removed.Transactions, &m.Removed.Postings, &m.Removed.Sales)
		return m, err
	})
	return a, err
}

// Archive returns what is archived.
func (l *Ledger) Archive(ctx context.Context) (Archive, error) {
	a, err := readArchive(ctx, l.db)
	if err != nil {
		return a, fmt.Errorf("read what is archived: %w", err)
	}
	return a, nil
}

// An Archiver moves the beginning of the record. There is one at a time, and no repair
// beside it.
type Archiver struct {
	db   *pgxpool.Pool
	lock *repairing
	Zone *time.Location // of the days and months
}

// Archiver returns the ledger's archiver, which the caller must release, or
// [ErrRepairing] if there is one, or a repair is running.
func (l *Ledger) Archiver(ctx context.Context) (*Archiver, error) {
	lock, err := lockRepairs(ctx, l.db)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	settings, _, err := readSettings(ctx, l.db)
	if err == nil {
		var zone *time.Location
		if zone, err = LoadZone(settings.Timezone); err == nil {
			return &Archiver{l.db, lock, zone}, nil
		}
	}
	lock.release()
	return nil, fmt.Errorf("archive: %w", err)
}

// Release lets others archive and repair.
func (a *Archiver) Release() { a.lock.release() }

// canonical are the settings of a transaction in which rows become text.
const canonical = `SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL extra_float_digits = 1;`

// tx runs f in a transaction without timeouts in which rows have one text each.
func (a *Archiver) tx(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, a.db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, unbounded+canonical); err != nil {
			return err
		}
		return f(tx)
	})
}

// Close closes the time before a moment: from then on no append writes into it. It
// waits for the appends that run.
func (a *Archiver) Close(ctx context.Context, before time.Time) error {
	err := a.tx(ctx, func(tx pgx.Tx) error {
		if err := LockAppends(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE archive SET closed = greatest(closed, $1)`, before)
		return err
	})
	if err != nil {
		return fmt.Errorf("close the time before %s: %w", before.Format(time.DateOnly), err)
	}
	return nil
}

// Reopen lets appends write again into time of which nothing is archived.
func (a *Archiver) Reopen(ctx context.Context) error {
	_, err := a.db.Exec(ctx, `UPDATE archive SET closed = greatest(begins, (SELECT max(ends) FROM archive_months))`)
	if err != nil {
		return fmt.Errorf("open what is not archived: %w", err)
	}
	return nil
}

// Months returns the months that end by a moment and have something here.
func (a *Archiver) Months(ctx context.Context, before time.Time) ([]Month, error) {
	query := `
		SELECT DISTINCT date_trunc('month', ` + LocalTime("hour") + `)::date FROM (
			SELECT hour FROM activity_hours UNION SELECT hour FROM item_hours) AS hours
		WHERE hour >= (SELECT begins FROM archive) AND hour < @before ORDER BY 1`
	args := LocalTimeArgs(a.Zone, time.Time{}, before)
	args["before"] = before
	rows, _ := a.db.Query(ctx, query, args)
	months, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Month, err error) {
		var first time.Time
		err = row.Scan(&first)
		return MonthOf(first, a.Zone), err
	})
	if err != nil {
		return nil, fmt.Errorf("months of the record: %w", err)
	}
	return months, nil
}

// Holds counts what the ledger has of each month, by the rollups.
func (a *Archiver) Holds(ctx context.Context, m Month) (r Removed, err error) {
	const query = `
		SELECT coalesce(sum(transactions), 0)::bigint, coalesce(sum(postings), 0)::bigint,
			(SELECT coalesce(sum(sales + other_lines), 0)::bigint FROM item_hours WHERE hour >= $1 AND hour < $2 AND hour >= (SELECT begins FROM archive))
		FROM activity_hours WHERE hour >= $1 AND hour < $2 AND hour >= (SELECT begins FROM archive)`
	err = a.db.QueryRow(ctx, query, m.Starts, m.Ends).Scan(&r.Transactions, &r.Postings, &r.Sales)
	return r, err
}

// Room returns about how many bytes the database has for each transaction, posting and
// sale.
func (a *Archiver) Room(ctx context.Context, of Removed) (bytes int64, err error) {
	const query = `
		SELECT coalesce(sum(bytes * least(1, t.rows / nullif(greatest(parts.rows, t.rows), 0))), 0)::bigint
		FROM (VALUES ('transactions', $1::float8), ('postings', $2), ('sales', $3)) AS t (name, rows), LATERAL (
			SELECT sum(pg_total_relation_size(oid)) AS bytes, sum(greatest(reltuples, 0)) FILTER (WHERE relkind = 'r') AS rows
			FROM pg_class WHERE oid = t.name::regclass OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = t.name::regclass)) AS parts`
	err = a.db.QueryRow(ctx, query, float64(of.Transactions), float64(of.Postings), float64(of.Sales)).Scan(&bytes)
	return bytes, err
}

// Announce notifies the listeners that lists of the record are others now.
func (a *Archiver) Announce(ctx context.Context) error {
	_, err := a.db.Exec(ctx, `SELECT pg_notify(`+channel+`, pg_current_xact_id()::text || ' ' || $1)`, tagTransactions+","+tagSales)
	return err
}
