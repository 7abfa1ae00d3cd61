package aggregates

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// RemakeSnapshots makes the snapshots of some days from one day on anew, right or
// not. It returns the day with which to go on, zero after the last one. In tx, no
// append may run, see [ledger.LockAppends]. Each call takes as long as a chunk. Those of a
// large ledger it deletes: they are made without a lock, by [UpdateSnapshots].
func RemakeSnapshots(ctx context.Context, tx pgx.Tx, from, now time.Time) (next time.Time, err error) {
	if large, err := DefaultExact.exceeded(ctx, tx); err != nil || large {
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM day_snapshots`)
		}
		return next, err
	}
	today, err := today(ctx, tx, now)
	if err != nil {
		return next, err
	}
	yesterday := dateOf(plus(today, -1))
	var first *time.Time
	if err := tx.QueryRow(ctx, `SELECT min(day) FROM account_days WHERE day < $1`, today).Scan(&first); err != nil {
		return next, fmt.Errorf("first day: %w", err)
	}
	if first == nil {
		_, err := tx.Exec(ctx, `DELETE FROM day_snapshots`)
		return next, err
	}
	if from.Before(*first) {
		if _, err := tx.Exec(ctx, `DELETE FROM day_snapshots WHERE day < $1`, first); err != nil {
			return next, err
		}
		from = *first
	}
	// An append may have deleted snapshots that were made anew before.
	missing, err := firstMissing(ctx, tx, today)
	if err != nil {
		return next, err
	}
	if missing != nil && missing.Before(from) {
		from = *missing
	}
	to, rows, err := snapshotsFrom(ctx, tx, from, today)
	if err != nil {
		return next, err
	}
	last := !to.Before(yesterday)
	if _, err := tx.Exec(ctx, `DELETE FROM day_snapshots WHERE day >= $1 AND (day <= $2 OR $3)`, from, to, last); err != nil {
		return next, err
	}
	if _, err := copySnapshots(ctx, tx, rows); err != nil || last {
		return next, err
	}
	return plus(to, 1), nil
}

// VerifySnapshots computes the snapshots of all days before now from the other
// rollups, and returns those that are kept and differ. Snapshots that are still to
// be made do not.
func VerifySnapshots(ctx context.Context, db *pgxpool.Pool, now time.Time) (differing []ledger.Difference, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db, snapshot, func(tx pgx.Tx) error {
		today, err := today(ctx, tx, now)
		if err != nil {
			return err
		}
		yesterday := dateOf(plus(today, -1))
		var first *time.Time
		if err := tx.QueryRow(ctx, `SELECT min(day) FROM account_days`).Scan(&first); err != nil {
			return err
		}
		last, err := readTalliedDay(ctx, tx, yesterday)
		if err != nil {
			return err
		}
		if last != nil {
			if differing, err = verifyTallied(ctx, tx, now, last.day); err != nil {
				return err
			}
			next := dateOfDay(last.day + 1)
			first = &next
		}
		exact, err := verifyExact(ctx, tx, first, today, last == nil)
		if last != nil && errors.Is(err, errTooManyBalances) {
			return nil // the others have tallies soon
		}
		differing = append(differing, exact...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("verify snapshots: %w", err)
	}
	return differing, nil
}

// verifyExact compares the snapshots of the days from first on with those that all balances
// make. With earlier ones it compares all that are kept.
func verifyExact(ctx context.Context, tx pgx.Tx, first *time.Time, today time.Time, earlier bool) ([]ledger.Difference, error) {
	rows, _ := tx.Query(ctx, `SELECT `+strings.Join(snapshotColumns, ", ")+` FROM day_snapshots WHERE $1 OR day >= $2 ORDER BY day`, earlier, first)
	kept, err := pgx.CollectRows(rows, readSnapshot)
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	var made []daySnapshot
	if yesterday := dateOf(plus(today, -1)); first != nil && !first.After(yesterday) {
		state, err := openingState(ctx, tx, today.Location(), *first)
		if err != nil {
			return nil, err
		}
		if made, err = state.advance(ctx, tx, *first, yesterday); err != nil {
			return nil, err
		}
	}
	return compareSnapshots(kept, made), nil
}

// verifyTallied compares the snapshots and tallies of the days up to one with those that all
// days of the holders make.
func verifyTallied(ctx context.Context, tx pgx.Tx, now time.Time, last int) (differing []ledger.Difference, err error) {
	plan, err := planFrom(ctx, tx, now, nil)
	if err != nil || plan == nil {
		return nil, err
	}
	known, err := readSnapshots(ctx, tx, time.Time{}, dateOfDay(last))
	if err != nil {
		return nil, err
	}
	differs := func(table string, day int, text string) {
		differing = append(differing, ledger.Difference{Table: table, Key: dateOfDay(day).Format(time.DateOnly), Text: text})
	}
	check := func(t *talliedDay) error {
		kept, ok := known[t.day]
		if delete(known, t.day); t.day > last {
			return nil
		}
		right, err := t.allows(kept)
		if err != nil {
			return err
		}
		if !ok || !right {
			computed, err := t.snapshot()
			if err != nil {
				return err
			}
			text := "nothing"
			if ok {
				text = kept.whole()
			}
			differs("day_snapshots", t.day, "kept "+text+", computed "+computed.whole())
		}
		places, err := readPlaces(ctx, tx, dateOfDay(t.day))
		if err == nil && !maps.Equal(places, t.places) {
			differs("day_tallies", t.day, "tallies differ from those computed")
		}
		return err
	}
	for days := range slices.Chunk(plan.days, talliedAtOnce) {
		part := &talliedPlan{plan.zone, plan.last, days, days[len(days)-1], true}
		if err := part.each(ctx, tx, check); err != nil {
			return nil, err
		}
		if part.to >= last {
			break
		}
	}
	for _, day := range slices.Sorted(maps.Keys(known)) {
		differs("day_snapshots", day, "kept "+known[day].whole()+", computed nothing")
	}
	return differing, nil
}

// compareSnapshots compares the snapshots that are kept with those that should be,
// both in the order of days. Earlier versions kept quiet days too, which have the
// state of the day before.
func compareSnapshots(kept, made []daySnapshot) (differing []ledger.Difference) {
	last := kept[len(kept)-1].Day
	state := daySnapshot{}
	for len(kept) > 0 || len(made) > 0 && !made[0].Day.After(last) {
		missing := len(kept) == 0 || len(made) > 0 && made[0].Day.Before(kept[0].Day)
		if len(made) > 0 && (missing || made[0].Day.Equal(kept[0].Day)) {
			state, made = made[0], made[1:]
		}
		if missing {
			differing = append(differing, ledger.Difference{Table: "day_snapshots", Key: state.Day.Format(time.DateOnly), Text: "kept nothing, computed " + state.String()})
			continue
		}
		k := kept[0]
		kept = kept[1:]
		state.Day = k.Day
		// One of a release before does not have all, and is made again.
		if k.String() != state.String() || k.Populations != nil && k.whole() != state.whole() {
			differing = append(differing, ledger.Difference{Table: "day_snapshots", Key: k.Day.Format(time.DateOnly), Text: "kept " + k.whole() + ", computed " + state.whole()})
		}
	}
	return differing
}
