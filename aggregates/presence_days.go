package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// activeDays is how many holders had a posting, by day.
type activeDays struct {
	today    int
	now      interface{ since(day int) int64 } // at its end
	presence *presence                         // that is now, unless holders were tallied
	holders  int64                             // if they were
	past     []activeDay                       // those before it with a posting, in order
}

// An activeDay is a day's presence.active.
type activeDay struct {
	day    int
	active []int32
}

// readActiveDays reads the days of s from one on, whose number counts from the start
// of s. The past is that of the snapshots; today is that of the balances.
func readActiveDays(ctx context.Context, tx pgx.Tx, s span, from int) (*activeDays, error) {
	d := &activeDays{today: ledger.DayNumber(s.Today)}
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	var all *balanceSheet
	if sums != nil {
		tallied := sums.turnout(ledger.TallyPresent)
		d.now, d.holders = tallied, tallied.holders
	} else {
		if all, err = readBalances(ctx, tx); err != nil {
			return nil, err
		}
		if d.presence, err = presenceBefore(ctx, tx, all, d.today+1, s.zone()); err != nil {
			return nil, err
		}
		d.now = d.presence
	}
	from += ledger.DayNumber(s.Start) - weekDays + 1 // of a day without a snapshot the one before says
	made := d.today
	uncounted, ok, err := firstUncounted(ctx, tx, s.Today)
	if err != nil {
		return nil, err
	}
	if ok {
		made = uncounted
	}
	const query = `SELECT day, active FROM day_snapshots WHERE day >= $1::date AND day < $2::date AND active <> '{}' ORDER BY day`
	rows, _ := tx.Query(ctx, query, dateOfDay(from), dateOfDay(made))
	var at time.Time
	var active []int32
	_, err = pgx.ForEachRow(rows, []any{&at, &active}, func() error {
		d.past = append(d.past, activeDay{ledger.DayNumber(at), active})
		active = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("holders active by day: %w", err)
	}
	if !ok {
		return d, nil
	}
	if all == nil { // until the snapshot is made, which is soon
		if all, err = readBalances(ctx, tx); err != nil {
			return nil, err
		}
	}
	from = max(from, uncounted)
	p, err := presenceBefore(ctx, tx, all, from, s.zone())
	if err != nil {
		return nil, err
	}
	err = p.advance(ctx, tx, all, from, d.today-1, func(day int) { d.past = append(d.past, activeDay{day, p.active(day)}) })
	return d, err
}

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
