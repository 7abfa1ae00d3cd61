package aggregates

import (
	"context"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A turnout is how many holders took part, by day.
type turnout struct {
	active []int64 // with a posting on the day
	week   []int64 // with one on it or on the 6 days before
	joined []int64 // of active, those whose first posting it is
}

// readTurnout reads the days of long.
func (r *signReading) readTurnout(ctx context.Context, tx pgx.Tx) error {
	days, err := readActiveDays(ctx, tx, r.long, 0)
	if err != nil {
		return err
	}
	n, start := r.last+1, ledger.DayNumber(r.long.Start)
	r.turnout = turnout{make([]int64, n), make([]int64, n), make([]int64, n)}
	for i := range n {
		r.active[i], r.week[i] = days.on(start+i, 1), days.on(start+i, weekDays)
	}
	for _, first := range days.first {
		if i := first - start; i >= 0 && i < n {
			r.joined[i]++
		}
	}
	if days.first != nil {
		return nil
	}
	// When holders had their first posting, no tally has; but how many joined in a month.
	err = talliedSince(ctx, tx, r.long, days.today, func(t *talliedDay) {
		if t.day == days.today {
			days.past = append(days.past, t.activeDay())
		}
	})
	for i, on := range days.past {
		joined := int64(on.joined)
		if i > 0 && monthOf(dateOfDay(days.past[i-1].day)) == monthOf(dateOfDay(on.day)) {
			joined -= int64(days.past[i-1].joined)
		}
		if at := on.day - start; at >= 0 && at < n {
			r.joined[at] = joined
		}
	}
	if exact, all := readAllInstead(ctx, err); all {
		return r.readTurnout(exact, tx)
	}
	return err
}
