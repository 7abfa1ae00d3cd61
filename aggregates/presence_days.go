package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// activeDays is how many holders had a posting, by day.
type activeDays struct {
	today int
	now   interface{ since(day int) int64 } // at its end
	past  []activeDay                       // those before it with a posting, in order
	first []int                             // the day of each holder's first posting; nil: they were tallied

	holders int64 // now, if they were
}

// An activeDay is a day's presence.active, and how many holders joined in its month by its
// end.
type activeDay struct {
	day    int
	active []int32
	joined int32
}

// readActiveDays reads the days of s from one on, whose number counts from the start
// of s. The past is that of the snapshots; today is that of the balances.
func readActiveDays(ctx context.Context, tx pgx.Tx, s span, from int) (*activeDays, error) {
	d := &activeDays{today: ledger.DayNumber(s.Today)}
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	from += ledger.DayNumber(s.Start) - weekDays + 1 // of a day without a snapshot the one before says
	made := d.today
	uncounted, missing, err := firstUncounted(ctx, tx, s.Today)
	if err != nil {
		return nil, err
	}
	if missing {
		made = uncounted
	}
	const query = `
		SELECT day - date '1970-01-01', active, cohorts[1] FROM day_snapshots
		WHERE day >= coalesce((SELECT max(day) FROM day_snapshots WHERE day < $1::date), $1) AND day < $2::date AND active <> '{}' ORDER BY day`
	rows, _ := tx.Query(ctx, query, dateOfDay(from), dateOfDay(made))
	if d.past, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (of activeDay, err error) {
		return of, row.Scan(&of.day, &of.active, &of.joined)
	}); err != nil {
		return nil, fmt.Errorf("holders active by day: %w", err)
	}
	if sums != nil {
		tallied := sums.turnout(ledger.TallyPresent)
		d.now, d.holders = tallied, tallied.holders
		if !missing {
			return d, nil
		}
		// Until the snapshot is made, which is soon.
		err := talliedSince(ctx, tx, s, d.today-1, func(t *talliedDay) {
			if t.day >= uncounted { // the others have a snapshot
				d.past = append(d.past, t.activeDay())
			}
		})
		if exact, all := readAllInstead(ctx, err); all {
			return readActiveDays(exact, tx, s, from-ledger.DayNumber(s.Start)+weekDays-1)
		}
		return d, err
	}
	all, err := readBalances(ctx, tx)
	if err != nil {
		return nil, err
	}
	now, err := presenceBefore(ctx, tx, all, d.today+1, s.zone())
	if err != nil {
		return nil, err
	}
	d.now, d.first = now, now.first
	if !missing {
		return d, nil
	}
	from = max(from, uncounted)
	p, err := presenceBefore(ctx, tx, all, from, s.zone())
	if err != nil {
		return nil, err
	}
	return d, p.advance(ctx, tx, all, from, d.today-1, func(day int) { d.past = append(d.past, activeDay{day, p.active(day), 0}) })
}

// activeDay returns the holders who were active at the end of the day.
func (t *talliedDay) activeDay() activeDay { return activeDay{t.day, t.active(), t.cohorts[0][0]} }

// on returns how many holders had a posting on the day or on one of those before it,
// of a week at most.
func (d *activeDays) on(day, days int) int64 {
	if day == d.today {
		return d.now.since(day - days + 1)
	}
	i, found := slices.BinarySearchFunc(d.past, day, func(a activeDay, day int) int { return cmp.Compare(a.day, day) })
	if !found {
		if i--; i < 0 {
			return 0
		}
	}
	// On the days since, nothing was posted.
	if days -= day - d.past[i].day; days > 0 {
		return int64(d.past[i].active[days-1])
	}
	return 0
}
