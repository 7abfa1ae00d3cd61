package aggregates

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// The snapshots of a large ledger follow from the days of its holders, one holder after the
// other, so that memory follows the number of days and bins. Appends go on meanwhile: a claim
// stands in day_tallies for each of the days, which an append deletes as it deletes snapshots:
// from the day on that it changes. So at the end the days are written whose claims stand.

// talliedAtOnce is how many days are made at once at most, and fewDays of how many days those
// holders alone are read who changed.
const (
	talliedAtOnce = 366
	fewDays       = 31
)

// updateTallied makes the missing snapshots of a large ledger, with their tallies.
func updateTallied(ctx context.Context, db *pgxpool.Pool, now time.Time, atOnce int) (made int, err error) {
	for {
		n, more, err := makeTallied(ctx, db, now, atOnce)
		if made += n; err != nil || !more {
			return made, err
		}
	}
}

// makeTallied makes the first days that have no tallies. more: there may be others.
func makeTallied(ctx context.Context, db *pgxpool.Pool, now time.Time, atOnce int) (made int, more bool, err error) {
	var plan *talliedPlan
	planned := func(tx pgx.Tx) (err error) {
		plan, err = planTallied(ctx, tx, now, atOnce)
		return err
	}
	if err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, planned); err != nil || plan == nil {
		return 0, false, err
	}
	claimed, claim := plan.to, rand.Text()
	const insert = `
		INSERT INTO day_tallies (day, tally, claim, places, holders, totals)
		SELECT date '1970-01-01' + day, '', $2, '{}', '{}', '{}' FROM unnest($1::integer[]) AS day`
	if _, err := db.Exec(ctx, insert, plan.days, claim); err != nil {
		return 0, false, fmt.Errorf("claim days: %w", err)
	}
	_, err = ledger.Settled(ctx, db, ledger.TalliesLock, func(guard, work pgx.Tx) error {
		if _, err := work.Exec(ctx, `SET LOCAL statement_timeout = '30min'`); err != nil {
			return err
		}
		if err := planned(work); err != nil || plan == nil {
			return err
		}
		if plan.to > claimed {
			more = true // another process has made the first ones: another claim
			return nil
		}
		days, err := plan.make(ctx, work)
		if err != nil {
			return err
		}
		made, err = plan.publish(ctx, guard, days, claim)
		more = made > 0 // else something was posted into these days, and they wait a while
		return err
	})
	// A claim that one who was killed has left does no harm, and goes with its day.
	if _, gone := db.Exec(context.WithoutCancel(ctx), `DELETE FROM day_tallies WHERE claim = $1`, claim); err == nil {
		err = gone
	}
	return made, more, err
}

// A talliedPlan is which days to make.
type talliedPlan struct {
	zone *time.Location
	last *talliedDay // the one before
	days []int       // that have a snapshot
	to   int
	all  bool // all holders are read
}

// planTallied returns the first days before now without tallies, at most so many, nil if all
// have them.
func planTallied(ctx context.Context, tx pgx.Tx, now time.Time, atOnce int) (*talliedPlan, error) {
	last, err := readTalliedDay(ctx, tx, now)
	if err != nil {
		return nil, err
	}
	p, err := planFrom(ctx, tx, now, last)
	if err != nil || p == nil {
		return nil, err
	}
	// The last days, into which appends come most, are left to a short step of their own.
	n := min(len(p.days), atOnce)
	if n == len(p.days) && n > fewDays {
		n -= fewDays
	}
	if n < len(p.days) {
		p.days = p.days[:n]
		p.to = p.days[n-1]
	}
	p.all = p.all || n > fewDays
	return p, nil
}

// planFrom returns the days before now that come after the last one, nil if there are none.
// Without a last one it begins with the first day of the ledger.
func planFrom(ctx context.Context, tx pgx.Tx, now time.Time, last *talliedDay) (*talliedPlan, error) {
	today, err := today(ctx, tx, now)
	if err != nil {
		return nil, err
	}
	p := &talliedPlan{zone: today.Location(), last: last, to: ledger.DayNumber(today) - 1}
	if last == nil {
		var first *time.Time
		if err := tx.QueryRow(ctx, `SELECT min(day) FROM account_days`).Scan(&first); err != nil || first == nil {
			return nil, err
		}
		p.last, p.all = &talliedDay{day: ledger.DayNumber(*first) - 1, places: map[tallyPlace]tallySum{}}, true
	}
	if p.days, err = snapshotDays(ctx, tx, p.zone, p.last.day+1, p.to); err != nil || len(p.days) == 0 {
		return nil, err
	}
	return p, nil
}

// snapshotDays returns the days from one to another that have a snapshot, in order.
func snapshotDays(ctx context.Context, tx pgx.Tx, zone *time.Location, from, to int) ([]int, error) {
	// Each day is found by the index, since a day may have many rows.
	query := `
		WITH RECURSIVE posted AS (
			SELECT min(day) AS day FROM account_days WHERE day >= @from::date
			UNION ALL SELECT (SELECT min(day) FROM account_days WHERE day > posted.day) FROM posted WHERE day < @to::date),
		archived AS (` + archivings + `)
		SELECT day - date '1970-01-01' FROM (
			SELECT day FROM posted UNION SELECT day FROM archived WHERE day > (SELECT min(day) FROM account_days)) AS days
		WHERE day BETWEEN @from AND @to ORDER BY day`
	args := ledger.LocalTimeArgs(zone, time.Time{}, ledger.DayStart(to+1, zone))
	args["from"], args["to"], args["midnight"] = dateOfDay(from), dateOfDay(to), ledger.DayStart(to+1, zone)
	rows, _ := tx.Query(ctx, query, args)
	days, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, fmt.Errorf("days with a snapshot: %w", err)
	}
	return days, nil
}

// each calls f with each of the days, at its end.
func (p *talliedPlan) each(ctx context.Context, tx pgx.Tx, f func(*talliedDay) error) error {
	changes, err := readChanges(ctx, tx, p.zone, p.last.day+1, p.to, p.all)
	if err != nil {
		return err
	}
	for _, day := range p.days {
		at := day - changes.from
		p.last.move(day, changes.days[at])
		changes.days[at] = nil
		if err := f(p.last); err != nil {
			return err
		}
	}
	return nil
}

// make returns the rows of the days. A snapshot that is there and may be right stays: of a
// ledger that was smaller, it is exact.
func (p *talliedPlan) make(ctx context.Context, tx pgx.Tx) (*madeDays, error) {
	made := &madeDays{from: dateOfDay(p.days[0]), stay: []time.Time{}}
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM transactions`).Scan(&made.seen); err != nil {
		return nil, err
	}
	known, err := readSnapshots(ctx, tx, made.from, dateOfDay(p.to))
	if err != nil {
		return nil, err
	}
	err = p.each(ctx, tx, func(t *talliedDay) error {
		made.tallies = append(made.tallies, t.rows()...)
		if s, ok := known[t.day]; ok {
			if right, err := t.allows(s); err != nil || right {
				made.stay = append(made.stay, s.Day)
				return err
			}
		}
		snapshot, err := t.snapshot()
		made.snapshots = append(made.snapshots, snapshot)
		return err
	})
	return made, err
}

// readSnapshots returns the snapshots that are kept of some days, by number.
func readSnapshots(ctx context.Context, tx pgx.Tx, from, to time.Time) (map[int]daySnapshot, error) {
	rows, _ := tx.Query(ctx, `SELECT `+strings.Join(snapshotColumns, ", ")+` FROM day_snapshots WHERE day BETWEEN $1 AND $2`, from, to)
	all, err := pgx.CollectRows(rows, readSnapshot)
	if err != nil {
		return nil, fmt.Errorf("kept snapshots: %w", err)
	}
	known := make(map[int]daySnapshot, len(all))
	for _, s := range all {
		known[ledger.DayNumber(s.Day)] = s
	}
	return known, nil
}

// madeDays are rows of day_snapshots and of day_tallies.
type madeDays struct {
	from      time.Time
	seen      int64       // the last transaction that they have
	stay      []time.Time // days of which the snapshot stays
	snapshots []daySnapshot
	tallies   [][]any
}

// before leaves out the days from one on, and returns how many are left.
func (m *madeDays) before(end time.Time) int {
	m.stay = slices.DeleteFunc(m.stay, func(day time.Time) bool { return !day.Before(end) })
	m.snapshots = slices.DeleteFunc(m.snapshots, func(s daySnapshot) bool { return !s.Day.Before(end) })
	m.tallies = slices.DeleteFunc(m.tallies, func(row []any) bool { return !row[0].(time.Time).Before(end) })
	return len(m.stay) + len(m.snapshots)
}

// publish writes the days whose claims stand in place of what there is of them, and returns
// how many these are. A process of the release before deletes no claims: what it posted ends
// the days too.
func (p *talliedPlan) publish(ctx context.Context, tx pgx.Tx, made *madeDays, claim string) (days int, err error) {
	if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '10min'`); err != nil {
		return 0, err
	}
	if err := ledger.LockAppends(ctx, tx); err != nil {
		return 0, err
	}
	var last, first *time.Time
	const unchanged = `SELECT (SELECT max(day) FROM day_tallies WHERE claim = $1), (SELECT min(at) FROM transactions WHERE id > $2)`
	if err := tx.QueryRow(ctx, unchanged, claim, made.seen).Scan(&last, &first); err != nil || last == nil {
		return 0, err
	}
	to := *last
	if first != nil {
		if before := dateOfDay(ledger.DayNumberOf(*first, p.zone) - 1); before.Before(to) {
			to = before
		}
	}
	if days = made.before(plus(to, 1)); days == 0 {
		return 0, nil
	}
	if _, err := tx.Exec(ctx, `DELETE FROM day_snapshots WHERE day BETWEEN $1 AND $2 AND day <> ALL($3)`, made.from, to, made.stay); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM day_tallies WHERE day BETWEEN $1 AND $2`, made.from, to); err != nil {
		return 0, err
	}
	if _, err := copySnapshots(ctx, tx, made.snapshots); err != nil {
		return 0, err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"day_tallies"}, tallyColumns, pgx.CopyFromRows(made.tallies))
	return days, err
}
