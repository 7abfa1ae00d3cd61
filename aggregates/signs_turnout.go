package aggregates

import (
	"context"
	"math"

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
	// When holders had their first posting, no tally has.
	days, err := readActiveDays(ExactUpTo(math.MaxInt64).within(ctx), tx, r.long, 0)
	if err != nil {
		return err
	}
	n, start := r.last+1, ledger.DayNumber(r.long.Start)
	r.turnout = turnout{make([]int64, n), make([]int64, n), make([]int64, n)}
	for i := range n {
		r.active[i], r.week[i] = days.on(start+i, 1), days.on(start+i, weekDays)
	}
	for _, first := range days.presence.first {
		if i := first - start; i >= 0 && i < n {
			r.joined[i]++
		}
	}
	return nil
}
