package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A DayRate is what happened on the days of one weekday and month.
type DayRate struct {
	Transactions int64   `json:"transactions"`
	Days         int64   `json:"days"` // how many such days the period has
	Mean         float64 `json:"mean"`
}

// fillDays sets DatesOnly and ByMonth if the record has dates without times: if
// all of the period is in the first hour of a day, and the newest transactions
// are at midnight. These are few, since no index leads to them by time.
func (r *Rhythm) fillDays(ctx context.Context, tx pgx.Tx, s span, from time.Time) error {
	var midnight, other int64
	for _, hours := range r.Total {
		for at, n := range hours {
			if at == 0 {
				midnight += n
			} else {
				other += n
			}
		}
	}
	if midnight == 0 || other > 0 {
		return nil
	}
	const newest = `
		SELECT coalesce(bool_and(at = date_trunc('hour', at, 'UTC')), false)
		FROM (SELECT at FROM transactions ORDER BY id DESC LIMIT 1000) AS newest`
	if err := tx.QueryRow(ctx, newest).Scan(&r.DatesOnly); err != nil {
		return fmt.Errorf("times of the newest transactions: %w", err)
	}
	if !r.DatesOnly {
		return nil
	}
	to := s.Today // which is not over
	if s.Historical {
		to = s.End
	}
	query := `
		SELECT extract(isodow FROM ` + localTime + `)::int - 1, extract(month FROM ` + localTime + `)::int - 1,
			sum(transactions)::bigint
		FROM activity_hours WHERE hour >= @start AND hour < @end
		GROUP BY 1, 2`
	args := s.args()
	args["start"], args["end"] = from, to
	rows, _ := tx.Query(ctx, query, args)
	var weekday, month int
	var transactions int64
	_, err := pgx.ForEachRow(rows, []any{&weekday, &month, &transactions}, func() error {
		r.ByMonth[weekday][month].Transactions = transactions
		return nil
	})
	if err != nil {
		return fmt.Errorf("transactions by weekday and month: %w", err)
	}
	for t := from; t.Before(to); t = plus(t, 1) {
		r.ByMonth[(t.Weekday()+6)%7][t.Month()-1].Days++
	}
	for weekday := range r.ByMonth {
		for month := range r.ByMonth[weekday] {
			if d := &r.ByMonth[weekday][month]; d.Days > 0 {
				d.Mean = float64(d.Transactions) / float64(d.Days)
			}
		}
	}
	return nil
}

// daysTable has one row for each weekday and month, Monday and January first.
func (r *Rhythm) daysTable() Table {
	t := Table{Columns: []Column{
		{"weekday", "Weekday", Text}, {"month", "Month", Text}, {"transactions", "Transactions", Count},
		{"days", "Such days", Count}, {"mean", "Mean transactions", Ratio},
	}}
	for weekday := range r.ByMonth {
		for month, d := range r.ByMonth[weekday] {
			if d.Days > 0 {
				t.Rows = append(t.Rows, []any{
					time.Weekday((weekday + 1) % 7).String(), time.Month(month + 1).String(), d.Transactions, d.Days, d.Mean,
				})
			}
		}
	}
	return t
}
