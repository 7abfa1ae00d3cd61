package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A dayActivity is what happened on one day.
type dayActivity struct {
	Day                             time.Time
	Transactions, Volume, Transfers int64
}

// dailyActivity returns one value for each day of s, zero where nothing happened.
func dailyActivity(ctx context.Context, tx pgx.Tx, s span) ([]dayActivity, error) {
	const query = `
		SELECT date_trunc('day', hour, 'UTC') AS day, sum(transactions)::bigint AS transactions,
			sum(volume)::bigint AS volume, sum(transfers)::bigint AS transfers
		FROM activity_hours WHERE hour >= @start AND hour < @through
		GROUP BY 1`
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"start": s.Start, "through": s.Through})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[dayActivity])
	if err != nil {
		return nil, fmt.Errorf("activity by day: %w", err)
	}
	all := make([]dayActivity, s.days())
	for i := range all {
		all[i].Day = s.Start.Add(time.Duration(i) * day)
	}
	for _, d := range found {
		all[s.index(d.Day)] = d
	}
	return all, nil
}

// A daySupply is how the supply changed on one day. Opening + Created −
// Destroyed = Closing, which is the next day's Opening.
type daySupply struct {
	Opening, Created, Destroyed, Closing int64
}

// dailySupply returns one value for each day of s. It goes back from the
// current supply, so that the series ends in the sum of the balances.
func dailySupply(ctx context.Context, tx pgx.Tx, s span, current int64) ([]daySupply, error) {
	// What was written in hours after the period, while it was being read, is
	// part of the balances; it comes back as a day of its own.
	const query = `
		SELECT CASE WHEN hour < @through THEN date_trunc('day', hour, 'UTC') END AS day,
			coalesce(sum(volume) FILTER (WHERE from_kind = 'system'), 0)::bigint AS created,
			coalesce(sum(volume) FILTER (WHERE to_kind = 'system'), 0)::bigint AS destroyed
		FROM flow_hours
		WHERE hour >= @start AND (from_kind = 'system') <> (to_kind = 'system')
		GROUP BY 1`
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"start": s.Start, "through": s.Through})
	all := make([]daySupply, s.days())
	var at *time.Time
	var created, destroyed int64
	_, err := pgx.ForEachRow(rows, []any{&at, &created, &destroyed}, func() error {
		if at == nil {
			current -= created - destroyed
			return nil
		}
		d := &all[s.index(*at)]
		d.Created, d.Destroyed = created, destroyed
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("supply by day: %w", err)
	}
	for i := len(all) - 1; i >= 0; i-- {
		d := &all[i]
		d.Closing = current
		current -= d.Created - d.Destroyed
		d.Opening = current
	}
	return all, nil
}

// daily is the days of a period, in order.
type daily struct {
	activity []dayActivity
	supply   []daySupply
}

// readDays returns the days of s and, where the ledger reaches back so far,
// those of the period before: both from the same rows.
func readDays(ctx context.Context, tx pgx.Tx, s span, current int64) (now, before daily, err error) {
	long := s
	if p, reaches := s.previous(); reaches {
		long.Start = p.Start
	}
	activity, err := dailyActivity(ctx, tx, long)
	if err != nil {
		return now, before, err
	}
	supply, err := dailySupply(ctx, tx, long, current)
	if err != nil {
		return now, before, err
	}
	skip := long.index(s.Start)
	return daily{activity[skip:], supply[skip:]}, daily{activity[:skip], supply[:skip]}, nil
}

// endToday lets the last day of a period before end with it, at the same time
// of day as the present one.
func endToday(ctx context.Context, tx pgx.Tx, s span, activity []dayActivity, supply []daySupply) error {
	query := `
		SELECT * FROM (
			SELECT ` + untilEnd("transactions", "true") + `, ` + untilEnd("volume", "true") + `, ` + untilEnd("transfers", "true") + `
			FROM activity_hours WHERE hour >= @today AND hour < @end
		) AS moved, (
			SELECT ` + untilEnd("volume", "from_kind = 'system'") + `, ` + untilEnd("volume", "to_kind = 'system'") + `
			FROM flow_hours WHERE hour >= @today AND hour < @end AND (from_kind = 'system') <> (to_kind = 'system')
		) AS issued`
	last := len(supply) - 1
	today, money := &activity[last], &supply[last]
	err := tx.QueryRow(ctx, query, s.args()).
		Scan(&today.Transactions, &today.Volume, &today.Transfers, &money.Created, &money.Destroyed)
	if err != nil {
		return fmt.Errorf("last day of the period before: %w", err)
	}
	money.Closing = money.Opening + money.Created - money.Destroyed
	return nil
}

// averageSupply is the mean of the days' supplies, each the mean of its opening
// and its closing, over the days from to last; the last one counts for as much
// of it as is part of the period.
func averageSupply(days []daySupply, lastPart float64) float64 {
	var sum, weight float64
	for i, d := range days {
		part := 1.0
		if i == len(days)-1 {
			part = lastPart
		}
		sum += part * (float64(d.Opening) + float64(d.Closing)) / 2
		weight += part
	}
	if weight == 0 { // one day, at its very beginning
		return float64(days[0].Opening)
	}
	return sum / weight
}

// overSupply is what moved on the days from to to of s over the average supply
// on them, the days before the ledger's first left out. It is 0 and not
// available where there was no supply.
func overSupply(moved int64, s span, supply []daySupply, from, to int) (float64, bool) {
	from = max(from, s.index(s.First))
	if from > to {
		return 0, false
	}
	part := 1.0
	if to == len(supply)-1 {
		part = s.partial()
	}
	average := averageSupply(supply[from:to+1], part)
	if average <= 0 {
		return 0, false
	}
	return float64(moved) / average, true
}
