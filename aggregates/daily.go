package aggregates

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A movedDay is a day on which something moved.
type movedDay struct {
	day                int // counted from the period's start
	Transactions       int64
	Volume, Transfers  ledger.Sum
	Created, Destroyed ledger.Sum
	opening, closing   ledger.Sum // supply: opening + Created − Destroyed = closing
}

// daily is a period by day. It lists only the days on which something moved:
// a long period may have many others.
type daily struct {
	span
	opening, closing ledger.Sum // supply at the start of the period and at its end
	moved            []movedDay
}

// readActivity returns the days of s on which something moved, in order,
// without what was created and destroyed.
func readActivity(ctx context.Context, tx pgx.Tx, s span) ([]movedDay, error) {
	query := `
		SELECT ` + localTime + `::date, sum(transactions)::bigint, sum(volume), sum(transfers)
		FROM activity_hours WHERE hour >= @start AND hour < @through
		GROUP BY 1`
	rows, _ := tx.Query(ctx, query, s.args())
	var all []movedDay
	var at time.Time
	var d movedDay
	_, err := pgx.ForEachRow(rows, []any{&at, &d.Transactions, &d.Volume, &d.Transfers}, func() error {
		d.day = s.index(at)
		all = append(all, d)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("activity by day: %w", err)
	}
	slices.SortFunc(all, func(a, b movedDay) int { return a.day - b.day })
	return all, nil
}

// readSupply adds to the days of s what was created and destroyed on them. It
// returns the supply at the end of s, given the current one.
func readSupply(ctx context.Context, tx pgx.Tx, s span, days []movedDay, current ledger.Sum) (closing ledger.Sum, err error) {
	// Balances may contain what was written in hours after the period while it
	// was being read. The query returns it as a row without a day.
	query := `
		SELECT CASE WHEN hour < @through THEN ` + localTime + `::date END AS day,
			coalesce(sum(volume) FILTER (WHERE from_issuer), 0) AS created,
			coalesce(sum(volume) FILTER (WHERE to_issuer), 0) AS destroyed
		FROM flow_hours
		WHERE hour >= @start AND from_issuer <> to_issuer
		GROUP BY 1`
	rows, _ := tx.Query(ctx, query, s.args())
	var at *time.Time
	var created, destroyed ledger.Sum
	_, err = pgx.ForEachRow(rows, []any{&at, &created, &destroyed}, func() error {
		if at == nil {
			current = current.Minus(created).Plus(destroyed)
			return nil
		}
		i := firstFrom(days, s.index(*at))
		if i == len(days) || days[i].day != s.index(*at) {
			return fmt.Errorf("%s has flows, but no activity", at.Format(time.DateOnly))
		}
		days[i].Created, days[i].Destroyed = created, destroyed
		return nil
	})
	if err != nil {
		return current, fmt.Errorf("supply by day: %w", err)
	}
	return current, nil
}

// firstFrom returns the index of the first entry that is not before the day.
func firstFrom(days []movedDay, day int) int {
	return sort.Search(len(days), func(i int) bool { return days[i].day >= day })
}

// readDays returns the days of s and, where the ledger reaches back so far,
// those of the period before, both from the same rows. It goes back from the
// current supply, so the series ends with the sum of the balances.
func readDays(ctx context.Context, tx pgx.Tx, s span, current ledger.Sum) (now, before daily, err error) {
	long, p := s, s
	if previous, reaches := s.previous(); reaches {
		p, long.Start = previous, previous.Start
	}
	all, err := readActivity(ctx, tx, long)
	if err != nil {
		return now, before, err
	}
	closing, err := readSupply(ctx, tx, long, all, current)
	if err != nil {
		return now, before, err
	}
	supply := closing
	for i := range slices.Backward(all) {
		all[i].closing = supply
		supply = supply.Minus(all[i].Created).Plus(all[i].Destroyed)
		all[i].opening = supply
	}
	skip := long.index(s.Start)
	first := firstFrom(all, skip)
	before = daily{span: p, opening: supply, closing: supply, moved: all[:first]}
	if first > 0 {
		before.closing = all[first-1].closing
	}
	now = daily{span: s, opening: before.closing, closing: closing, moved: all[first:]}
	for i := range now.moved {
		now.moved[i].day -= skip
	}
	return now, before, nil
}

// sum returns the sum of the days from to to.
func (d *daily) sum(from, to int) (sum movedDay) {
	for _, m := range d.between(from, to) {
		sum.Transactions += m.Transactions
		sum.Volume = sum.Volume.Plus(m.Volume)
		sum.Transfers = sum.Transfers.Plus(m.Transfers)
		sum.Created = sum.Created.Plus(m.Created)
		sum.Destroyed = sum.Destroyed.Plus(m.Destroyed)
	}
	return sum
}

// between returns the days from to to on which something moved.
func (d *daily) between(from, to int) []movedDay {
	return d.moved[firstFrom(d.moved, from):firstFrom(d.moved, to+1)]
}

// supply returns the supply at the end of a day, −1 for the day before the first.
func (d *daily) supply(day int) ledger.Sum {
	if i := firstFrom(d.moved, day+1); i > 0 {
		return d.moved[i-1].closing
	}
	return d.opening
}

// endToday cuts the last day of a period before, so that it ends at the same time
// of day as the present one.
func (d *daily) endToday(ctx context.Context, tx pgx.Tx) error {
	last := len(d.moved) - 1
	if last < 0 || d.moved[last].day != d.days()-1 {
		return nil // nothing moved on it
	}
	query := `
		SELECT * FROM (
			SELECT ` + untilEnd("transactions", "true") + `, ` + untilEnd("volume", "true") + `, ` + untilEnd("transfers", "true") + `
			FROM activity_hours WHERE hour >= @today AND hour < @end
		) AS moved, (
			SELECT ` + untilEnd("volume", "from_issuer") + `, ` + untilEnd("volume", "to_issuer") + `
			FROM flow_hours WHERE hour >= @today AND hour < @end AND from_issuer <> to_issuer
		) AS issued`
	today := &d.moved[last]
	err := tx.QueryRow(ctx, query, d.args()).
		Scan(&today.Transactions, &today.Volume, &today.Transfers, &today.Created, &today.Destroyed)
	if err != nil {
		return fmt.Errorf("last day of the period before: %w", err)
	}
	today.closing = today.opening.Plus(today.Created).Minus(today.Destroyed)
	d.closing = today.closing
	return nil
}

// averageSupply returns the mean of the supplies of the days from to to, each the
// mean of its opening and its closing. The last day of the period is weighted by
// how much of it is part of the period.
func (d *daily) averageSupply(from, to int) float64 {
	part := 1.0
	if to == d.days()-1 {
		part = d.partial()
	}
	opening := d.supply(from - 1).Float64()
	weight := float64(to-from) + part
	if weight == 0 { // one day, at its very beginning
		return opening
	}
	// Growth on a day counts for half of that day and for all of the days after.
	grown := 0.0
	for _, m := range d.between(from, to) {
		share := part / 2
		if m.day < to {
			share = 0.5 + float64(to-1-m.day) + part
		}
		grown += m.closing.Minus(m.opening).Float64() * share
	}
	return opening + grown/weight
}

// overSupply returns moved over the average supply on the days from to to, without
// the days before the ledger's first. It returns false where that average is not
// positive.
func (d *daily) overSupply(moved ledger.Sum, from, to int) (float64, bool) {
	from = max(from, d.index(d.First))
	if from > to {
		return 0, false
	}
	average := d.averageSupply(from, to)
	if average <= 0 {
		return 0, false
	}
	return moved.Float64() / average, true
}

// velocity returns what was transferred on the days from to to over the average
// supply on them.
func (d *daily) velocity(from, to int) (float64, bool) {
	return d.overSupply(d.sum(from, to).Transfers, from, to)
}
