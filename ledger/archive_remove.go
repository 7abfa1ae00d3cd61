package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// checksum is SQL for a number that follows from a text. Sums of it over rows do not
// depend on their order. It is the same on each release of Postgres, unlike its hashes.
func checksum(text string) string { return `('x' || left(md5(` + text + `), 16))::bit(64)::bigint` }

// ofRef is SQL for the text of a ref, by its columns.
func ofRef(what, id string) string { return `ROW(` + what + `::"char", ` + id + `, origin, ref)::text` }

// monthSales is SQL for the sales of a time, by their primary key.
const monthSales = `
	FROM items i CROSS JOIN LATERAL (SELECT * FROM sales WHERE item = i.id AND at >= $1 AND at < $2) AS s`

// Freeze notes that a month is about to be removed, with the manifest of its files, and
// checksums of what the rollups have of it. It must be closed, and have as much as the
// files say.
func (a *Archiver) Freeze(ctx context.Context, m Month, holds Removed, manifest []byte) error {
	err := a.tx(ctx, func(tx pgx.Tx) error {
		var found Removed
		var closed bool
		const count = `
			SELECT (SELECT count(*) FROM transactions WHERE at >= $1 AND at < $2),
				(SELECT count(*) FROM transactions t JOIN postings p ON p.transaction = t.id AND p.at = t.at WHERE t.at >= $1 AND t.at < $2 AND p.at >= $1 AND p.at < $2),
				(SELECT count(*) ` + monthSales + `), closed >= $2 FROM archive`
		if err := tx.QueryRow(ctx, count, m.Starts, m.Ends).Scan(&found.Transactions, &found.Postings, &found.Sales, &closed); err != nil {
			return err
		}
		if !closed {
			return errors.New("the month is not closed")
		}
		if found != holds {
			return fmt.Errorf("the files have %+v, the ledger has %+v", holds, found)
		}
		if _, err := tx.Exec(ctx, forgetFold); err != nil { // which counts on what is here
			return err
		}
		const note = `INSERT INTO archive_months (month, starts, ends, manifest) VALUES ($1, $2, $3, $4)`
		if _, err := tx.Exec(ctx, note, m.Date, m.Starts, m.Ends, manifest); err != nil {
			return err
		}
		for _, r := range rollups() {
			if err := r.freeze(ctx, tx, m); err != nil {
				return fmt.Errorf("%s: %w", r.table, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("archive %s: %w", m, err)
	}
	return nil
}

// freeze notes what a rollup has of a month.
func (r rollup) freeze(ctx context.Context, tx pgx.Tx, m Month) error {
	if r.period() == "" {
		return nil
	}
	var columns []string
	const names = `
		SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped`
	if err := tx.QueryRow(ctx, names, r.table).Scan(&columns); err != nil {
		return err
	}
	from, to := any(m.Starts), any(m.Ends)
	if r.period() == "day" {
		from, to = m.Date, m.Date.AddDate(0, 1, 0)
	}
	query := `
		SELECT count(*), coalesce(sum(` + checksum(rowOf(columns)) + `), 0) FROM ` + r.table + ` WHERE ` + r.period() + ` >= $1 AND ` + r.period() + ` < $2`
	var rows int64
	var sum Sum
	if err := tx.QueryRow(ctx, query, from, to).Scan(&rows, &sum); err != nil {
		return err
	}
	const note = `INSERT INTO archive_checksums (month, rollup, columns, rows, checksum) VALUES ($1, $2, $3, $4, $5::text::numeric)`
	_, err := tx.Exec(ctx, note, m.Date, r.table, columns, rows, sum.String())
	return err
}

// rowOf is SQL for the text of a row, by these columns.
func rowOf(columns []string) string {
	var names string
	for i, c := range columns {
		if i > 0 {
			names += ", "
		}
		names += pgx.Identifier{c}.Sanitize()
	}
	return "ROW(" + names + ")::text"
}

// removedAtOnce is how many transactions, or sales, one statement removes.
const removedAtOnce = 5_000

// Remove removes a frozen month from the record, one day after the other. Each day
// leaves in one database transaction, in which the record begins with the next day, so
// that nobody ever sees a part of a day. It calls progress after each of them, and goes
// on where it was interrupted.
func (a *Archiver) Remove(ctx context.Context, m Month, progress func(day time.Time, r Removed) error) error {
	query := `
		SELECT DISTINCT (` + LocalTime("hour") + `::date - date '1970-01-01') FROM (
			SELECT hour FROM activity_hours UNION SELECT hour FROM item_hours) AS hours
		WHERE hour >= @starts AND hour < @ends AND hour >= (SELECT begins FROM archive) ORDER BY 1`
	args := LocalTimeArgs(a.Zone, m.Starts, m.Ends)
	args["starts"], args["ends"] = m.Starts, m.Ends
	rows, _ := a.db.Query(ctx, query, args)
	days, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return fmt.Errorf("remove %s: %w", m, err)
	}
	for i, day := range days {
		next := day + 1
		if i == len(days)-1 {
			next = DayNumber(m.Date.AddDate(0, 1, 0))
		}
		var removed Removed
		err := a.tx(ctx, func(tx pgx.Tx) (err error) {
			removed, err = a.removeDay(ctx, tx, m, day, next)
			return err
		})
		if err == nil {
			err = progress(dateOf(day), removed)
		}
		if err != nil {
			return fmt.Errorf("remove %s of %s: %w", dateOf(day).Format(time.DateOnly), m, err)
		}
	}
	return nil
}

// removeDay removes a day, after which the record begins with the day next.
func (a *Archiver) removeDay(ctx context.Context, tx pgx.Tx, m Month, day, next int) (r Removed, err error) {
	start, end := DayStart(day, a.Zone), DayStart(day+1, a.Zone)
	var refs Sum
	transactions, err := idsOf(ctx, tx, `SELECT id FROM transactions WHERE at >= $1 AND at < $2 ORDER BY id`, start, end)
	if err != nil {
		return r, err
	}
	sales, err := idsOf(ctx, tx, `SELECT s.id `+monthSales+` ORDER BY s.id`, start, end)
	if err != nil {
		return r, err
	}
	const legs = `
		WITH gone AS (DELETE FROM postings WHERE transaction = ANY($1) AND at >= $3 AND at < $4 RETURNING account, at, amount),
		added AS (
			INSERT INTO archive_balances AS known (account, month, balance, last_at, postings, first_at)
			SELECT account, $2, sum(amount), max(at), count(*), min(at) FROM gone GROUP BY account
			ON CONFLICT (account, month) DO UPDATE SET balance = known.balance + excluded.balance, postings = known.postings + excluded.postings,
				last_at = greatest(known.last_at, excluded.last_at), first_at = least(known.first_at, excluded.first_at))
		SELECT count(*) FROM gone`
	for part := range slices.Chunk(transactions, removedAtOnce) {
		var n int64
		if err := tx.QueryRow(ctx, legs, part, m.Date, start, end).Scan(&n); err != nil {
			return r, fmt.Errorf("postings: %w", err)
		}
		r.Postings += n
	}
	for _, of := range []struct {
		table, what string
		ids         []int64
		count       *int64
	}{{"transactions", "t", transactions, &r.Transactions}, {"sales", "s", sales, &r.Sales}} {
		query := `
			WITH gone AS (DELETE FROM ` + of.table + ` WHERE id = ANY($1) RETURNING id, origin, ref)
			SELECT count(*), coalesce(sum(` + checksum(ofRef(`'`+of.what+`'`, "id")) + `), 0) FROM gone`
		for part := range slices.Chunk(of.ids, removedAtOnce) {
			var n int64
			var sum Sum
			if err := tx.QueryRow(ctx, query, part).Scan(&n, &sum); err != nil {
				return r, fmt.Errorf("%s: %w", of.table, err)
			}
			*of.count += n
			refs = refs.Plus(sum)
		}
	}
	const counted = `
		UPDATE archive_months SET transactions = transactions + $2, postings = postings + $3, sales = sales + $4, refs_checksum = refs_checksum + $5::text::numeric
		WHERE month = $1`
	done, err := tx.Exec(ctx, counted, m.Date, r.Transactions, r.Postings, r.Sales, refs.String())
	if err == nil && done.RowsAffected() != 1 {
		err = errors.New("the month is not frozen")
	}
	if err != nil {
		return r, err
	}
	_, err = tx.Exec(ctx, `UPDATE archive SET begins = greatest(begins, $1), begins_day = greatest(begins_day, $2)`, DayStart(next, a.Zone), dateOf(next))
	return r, err
}

func idsOf(ctx context.Context, tx pgx.Tx, query string, start, end time.Time) ([]int64, error) {
	rows, _ := tx.Query(ctx, query, start, end)
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// DropMonths drops the tables of months of which all postings have left. One that a reader
// is at stays for another time, and is empty.
func (a *Archiver) DropMonths(ctx context.Context) error {
	const left = `
		SELECT relname::text FROM pg_inherits JOIN pg_class ON oid = inhrelid
		WHERE inhparent = 'postings'::regclass AND
			(to_date(right(relname, 7), 'YYYY_MM') + CASE WHEN relname LIKE '%\_before\_%' THEN interval '0' ELSE interval '1 month' END) AT TIME ZONE 'UTC'
				<= (SELECT begins FROM archive)`
	rows, _ := a.db.Query(ctx, left)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, table := range tables {
		if err == nil {
			err = a.tx(ctx, func(tx pgx.Tx) error { return dropEmpty(ctx, tx, table) })
		}
		if hasCode(err, lockNotAvailable) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("drop the tables of archived months: %w", err)
	}
	return nil
}

func dropEmpty(ctx context.Context, tx pgx.Tx, table string) error {
	table = pgx.Identifier{table}.Sanitize()
	var used bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+table+`)`).Scan(&used); err != nil || used {
		return err
	}
	// Autovacuum leaves it after a second; readers are to wait for a moment only.
	_, err := tx.Exec(ctx, `
		SET LOCAL lock_timeout = '3s'; LOCK TABLE `+table+` IN SHARE UPDATE EXCLUSIVE MODE;
		SET LOCAL lock_timeout = '`+readersWait+`'; DROP TABLE `+table)
	return err
}
