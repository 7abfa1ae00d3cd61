package aggregates

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// afterMonth is how long after the end of a month its report is made, so that what is
// written a little late is part of it.
const afterMonth = time.Hour

// SettledAfter is how long the record of a month must have been as it is before a
// report of it is made or corrected, so that an import does not leave an erratum at
// each of its steps.
const SettledAfter = time.Hour

// A Reporter makes reports.
type Reporter struct {
	DB      *pgxpool.Pool
	Version string        // of the program
	Settled time.Duration // SettledAfter
}

// Reported is what a Reporter has done.
type Reported struct {
	Made, Errata int // reports, numbers
}

// Update makes the reports of months that are over and have none, latest first, and
// adds errata to those whose months have changed since. It ends with the report in
// the course of which it has taken atMost: what is left is for the next time. It may
// be called at any time and by several processes at once: one of them works, and the
// others return. A month of which no day has a snapshot has no report.
//
// Each month is read in one transaction that sees the record as it was at one moment.
// It locks nothing for which others wait.
func (r Reporter) Update(ctx context.Context, now time.Time, atMost time.Duration) (done Reported, err error) {
	for began := time.Now(); ; {
		more := false
		err := pgx.BeginTxFunc(ctx, r.DB, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) (err error) {
			more, err = r.next(ctx, tx, now, &done)
			return err
		})
		if conflict := (*pgconn.PgError)(nil); errors.As(err, &conflict) && conflict.Code == "40001" {
			return done, nil // another process has made it meanwhile
		}
		if err != nil {
			return done, fmt.Errorf("update reports: %w", err)
		}
		if !more || time.Since(began) >= atMost {
			return done, nil
		}
	}
}

// reportLock is the key of the advisory lock of the process that makes reports.
const reportLock int64 = 0x65786368_72707473 // "exchrpts"

// next makes or corrects one report, and reports whether there was one.
func (r Reporter) next(ctx context.Context, tx pgx.Tx, now time.Time, done *Reported) (worked bool, err error) {
	const begin = `SET LOCAL statement_timeout = '5min'; SET LOCAL idle_in_transaction_session_timeout = '5min'`
	if _, err := tx.Exec(ctx, begin); err != nil {
		return false, err
	}
	var mine bool
	if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1 # `+ledger.LockSalt+`)`, reportLock).Scan(&mine); err != nil || !mine {
		return false, err
	}
	month, known, err := r.due(ctx, tx, now)
	if err != nil || month == nil {
		return false, err
	}
	var numbers MonthNumbers
	if err := numbers.read(ctx, tx, *month); err != nil {
		return false, fmt.Errorf("%s: %w", month.Format(monthFormat), err)
	}
	latest := numbers.known()
	if known {
		n, err := r.correct(ctx, tx, *month, latest)
		done.Errata += n
		return true, err
	}
	const insert = `
		INSERT INTO reports (month, made_at, version, numbers, checked, latest) VALUES ($1, now(), $2, $3, now(), $4)`
	_, err = tx.Exec(ctx, insert, month, r.Version, numbers, latest)
	if err == nil {
		done.Made++
	}
	return true, err
}

// due returns the first day of a month whose report is to be made, or, if it is known,
// to be corrected; nil if there is none.
func (r Reporter) due(ctx context.Context, tx pgx.Tx, now time.Time) (month *time.Time, known bool, err error) {
	// A report never changes, so that a process whose clock is ahead must not make one early.
	var database time.Time
	if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&database); err != nil {
		return nil, false, err
	}
	if database.Before(now) {
		now = database
	}
	day, err := today(ctx, tx, now.Add(-afterMonth))
	if err != nil {
		return nil, false, err
	}
	missing, err := firstMissing(ctx, tx, day)
	if err != nil {
		return nil, false, err
	}
	// An append into a month deletes the snapshots of its days and of all later ones, and
	// they are made again. So the last one of a month is as new as what it was made of.
	// Sales of the days after it may still mark some of its own as offsetting, so it is
	// read once more when that is over.
	query := `
		WITH months AS (
			SELECT date_trunc('month', day)::date AS month, max(day) AS last FROM day_snapshots WHERE day < date_trunc('month', @day::date) GROUP BY 1
		), known AS (
			SELECT month, checked, ` + ledger.LocalTime(`date_trunc('hour', checked, 'UTC')`) + ` - @after * interval '1 second' AS checked_on,
				month + interval '1 month' + @window * interval '1 day' AS judged
			FROM reports)
		SELECT month, checked IS NOT NULL
		FROM months JOIN day_snapshots ON day = last LEFT JOIN known USING (month)
		WHERE made <= clock_timestamp() - @settled * interval '1 second' AND (checked IS NULL OR checked < made OR checked_on < judged AND judged <= @day::date)
			AND month + interval '1 month' <= coalesce(@missing::date, 'infinity')
		ORDER BY checked IS NOT NULL, month DESC LIMIT 1`
	args := ledger.LocalTimeArgs(day.Location(), time.Time{}, time.Now().AddDate(1, 0, 0))
	args["day"], args["after"], args["window"] = day, afterMonth.Seconds(), offsettingDays-1
	args["settled"], args["missing"] = r.Settled.Seconds(), missing
	var first time.Time
	err = tx.QueryRow(ctx, query, args).Scan(&first, &known)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	return &first, known, err
}

// read reads the numbers of a month that is over.
func (n *MonthNumbers) read(ctx context.Context, tx pgx.Tx, month time.Time) error {
	var first time.Time
	var timezone string
	const query = `SELECT min(hour), coalesce((SELECT timezone FROM settings), 'UTC') FROM activity_hours`
	if err := tx.QueryRow(ctx, query).Scan(&first, &timezone); err != nil {
		return fmt.Errorf("read the ledger's first hour: %w", err)
	}
	zone, err := ledger.LoadZone(timezone)
	if err != nil {
		return fmt.Errorf("read the ledger's time zone: %w", err)
	}
	return n.fill(ctx, tx, monthSpan(first.In(zone), month))
}

// correct adds what differs from what was last known of a month to its errata, and
// returns how many numbers that are.
func (r Reporter) correct(ctx context.Context, tx pgx.Tx, month time.Time, now knownFigures) (int, error) {
	var kept []byte
	if err := tx.QueryRow(ctx, `SELECT latest FROM reports WHERE month = $1`, month).Scan(&kept); err != nil {
		return 0, err
	}
	var latest knownFigures
	if err := json.Unmarshal(kept, &latest); err != nil {
		return 0, fmt.Errorf("report of %s: %w", month.Format(monthFormat), err)
	}
	errata := latest.errata(now)
	var before int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM report_errata WHERE month = $1`, month).Scan(&before); err != nil {
		return 0, err
	}
	const insert = `
		INSERT INTO report_errata (month, nr, made_at, version, what, of, before, after)
		VALUES ($1, $2, now(), $3, $4, $5, $6, $7)`
	for i, e := range errata {
		if _, err := tx.Exec(ctx, insert, month, before+1+i, r.Version, e.What, e.Of, e.Before, e.After); err != nil {
			return 0, err
		}
	}
	_, err := tx.Exec(ctx, `UPDATE reports SET checked = now(), latest = $2 WHERE month = $1`, month, now)
	return len(errata), err
}

// readReportsAgain has all reports compared with the record at the next update.
func readReportsAgain(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE reports SET checked = 'epoch'`)
	return err
}
