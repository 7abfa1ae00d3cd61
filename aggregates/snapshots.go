package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// chunkDays is how many days with postings get their snapshots in one database
// transaction. Appends wait for it: well under a second with tens of thousands
// of accounts.
const chunkDays = 122

// UpdateSnapshots makes the missing snapshots and returns how many it made. The
// days before now on which something was posted or a used account was
// archived have one; any other day ended like the day before, see
// docs/decisions/0008-old-ledgers.md. It may be called at any time and by several
// processes at once. With nothing to do it is a few cheap queries. It keeps closing
// balances too. Once more than exact accounts have been used, the snapshots follow from
// tallies, and have these beside them.
func UpdateSnapshots(ctx context.Context, db *pgxpool.Pool, now time.Time, exact ExactUpTo) (int, error) {
	large, err := exact.exceeded(ctx, db)
	if err != nil {
		return 0, fmt.Errorf("update snapshots: %w", err)
	}
	if large {
		made, err := updateTallied(ctx, db, now, talliedAtOnce)
		if err != nil {
			return made, fmt.Errorf("update snapshots: %w", err)
		}
		return made, keepAllClosing(ctx, db, now)
	}
	made := 0
	for {
		n := 0
		missing, err := anyMissing(ctx, db, now)
		if err == nil && missing {
			n, err = makeSnapshots(ctx, db, now)
		}
		if err != nil {
			return made, fmt.Errorf("update snapshots: %w", err)
		}
		if made += n; n == 0 {
			break
		}
	}
	return made, keepAllClosing(ctx, db, now)
}

func keepAllClosing(ctx context.Context, db *pgxpool.Pool, now time.Time) error {
	if _, err := updateClosing(ctx, db, now, leastBetween); err != nil {
		return fmt.Errorf("update closing balances: %w", err)
	}
	return nil
}

func anyMissing(ctx context.Context, db queryer, now time.Time) (bool, error) {
	today, err := today(ctx, db, now)
	if err != nil {
		return false, err
	}
	missing, err := firstMissing(ctx, db, today)
	return missing != nil, err
}

// queryer is a pool or a transaction.
type queryer interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}

// today returns the day of now in the ledger's time zone.
func today(ctx context.Context, db queryer, now time.Time) (time.Time, error) {
	var name string
	if err := db.QueryRow(ctx, `SELECT coalesce((SELECT timezone FROM settings), 'UTC')`).Scan(&name); err != nil {
		return now, fmt.Errorf("read the ledger's time zone: %w", err)
	}
	zone, err := ledger.LoadZone(name)
	if err != nil {
		return now, fmt.Errorf("read the ledger's time zone: %w", err)
	}
	return ledger.DayOf(now, zone), nil
}

// lastMade is a query of the last day of which the snapshot is made, as all before
// it are.
const lastMade = `
	SELECT coalesce((SELECT min(day) - 1 FROM day_snapshots WHERE active = '{}'), max(day), '-infinity') AS last FROM day_snapshots`

// archivings is a query of the days on which used accounts were archived before @midnight.
// One that is archived at midnight is part of the day before.
var archivings = `
	SELECT ` + ledger.LocalTime(`date_trunc('hour', archived, 'UTC')`) + `::date AS day
	FROM account_holders JOIN balances ON account = id WHERE NOT issuer AND archived < @midnight AND id IN (
		SELECT id FROM accounts WHERE archived < @midnight
		UNION SELECT m.account FROM merges m JOIN accounts t ON t.id = target WHERE t.archived < @midnight)`

// firstMissing returns the date of the first day before today whose snapshot is
// missing, nil if there is none. Snapshots are made in the order of days, and an
// append deletes only the last ones, so none is missing before the latest.
func firstMissing(ctx context.Context, db queryer, today time.Time) (*time.Time, error) {
	// An account that was archived before the first posting changes no snapshot.
	query := `
		WITH made AS (` + lastMade + `), first AS (SELECT min(day) AS day FROM account_days),
		archivings AS (` + archivings + `)
		SELECT least(
			(SELECT min(day) FROM account_days WHERE day > (SELECT last FROM made) AND day < @today::date),
			(SELECT min(day) FROM archivings WHERE day > (SELECT last FROM made) AND day > (SELECT day FROM first)))`
	var missing *time.Time
	args := ledger.LocalTimeArgs(today.Location(), time.Time{}, today)
	args["today"], args["midnight"] = today, today
	if err := db.QueryRow(ctx, query, args).Scan(&missing); err != nil {
		return nil, fmt.Errorf("first missing day: %w", err)
	}
	return missing, nil
}

// makeSnapshots makes the first chunk of missing snapshots. No append runs
// meanwhile, and a later append that changes one of the days deletes its
// snapshot.
func makeSnapshots(ctx context.Context, db *pgxpool.Pool, now time.Time) (made int, err error) {
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if err := ledger.LockAppends(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '10min'; SET LOCAL idle_in_transaction_session_timeout = '10min'`); err != nil {
			return err
		}
		// Those of a release before do not have all.
		const incomplete = `DELETE FROM day_snapshots WHERE day >= (SELECT min(day) FROM day_snapshots WHERE active = '{}')`
		if _, err := tx.Exec(ctx, incomplete); err != nil {
			return err
		}
		today, err := today(ctx, tx, now)
		if err != nil {
			return err
		}
		from, err := firstMissing(ctx, tx, today) // again: another process may have made it
		if err != nil || from == nil {
			return err
		}
		_, rows, err := snapshotsFrom(ctx, tx, *from, today)
		if err != nil {
			return err
		}
		made, err = copySnapshots(ctx, tx, rows)
		return err
	})
	return made, err
}

// snapshotsFrom computes the snapshots of a chunk of dates before today, and returns
// the last one of the dates.
func snapshotsFrom(ctx context.Context, tx pgx.Tx, from, today time.Time) (to time.Time, rows []daySnapshot, err error) {
	if to, err = chunkEnd(ctx, tx, from, dateOf(plus(today, -1))); err != nil {
		return to, nil, fmt.Errorf("days from %s: %w", from.Format(time.DateOnly), err)
	}
	state, err := openingState(ctx, tx, today.Location(), from)
	if err != nil {
		return to, nil, fmt.Errorf("balances on %s: %w", from.Format(time.DateOnly), err)
	}
	if rows, err = state.advance(ctx, tx, from, to); err != nil {
		return to, nil, fmt.Errorf("changes from %s: %w", from.Format(time.DateOnly), err)
	}
	return to, rows, nil
}

// chunkEnd returns the last day of the chunk that begins with from: the last of
// chunkDays days with postings, or yesterday.
func chunkEnd(ctx context.Context, tx pgx.Tx, from, yesterday time.Time) (time.Time, error) {
	// Each day is found by the index, since a day may have many rows.
	const query = `
		WITH RECURSIVE posted AS (
			SELECT min(day) AS day, 1 AS number FROM account_days WHERE day >= $1 AND day <= $2
			UNION ALL SELECT (SELECT min(day) FROM account_days WHERE day > posted.day AND day <= $2), number + 1
			FROM posted WHERE day IS NOT NULL AND number < $3::int)
		SELECT max(day) FROM posted WHERE number = $3::int`
	var last *time.Time
	if err := tx.QueryRow(ctx, query, from, yesterday, chunkDays).Scan(&last); err != nil || last == nil {
		return yesterday, err
	}
	return *last, nil
}
