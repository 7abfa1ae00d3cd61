package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// Rhythm is transactions by hour and weekday, in the community's time zone, in a
// period. An hour that is not over is left out, and so is the time before the
// ledger's first day. Where the clock changes, an hour occurs twice on a day, or
// does not occur.
type Rhythm struct {
	Basis
	// Cells[weekday][hour], Monday first: mean transactions in that hour of
	// the week, over the number of times that hour occurred in the period.
	Cells [7][24]float64 `json:"cells"`
	Total [7][24]int64   `json:"total"`
	Hours [7][24]int64   `json:"hours"` // how many times that hour of the week occurred
	Peak  float64        `json:"peak"`
	// DatesOnly reports whether the record has dates without times: all
	// transactions are at midnight. Then ByMonth[weekday][month] describes the
	// days, Monday and January first, without the day that is not over.
	DatesOnly bool           `json:"datesOnly"`
	ByMonth   [7][12]DayRate `json:"byMonth,omitzero"`
}

// ComputeRhythm reads when transactions happen in the period that ends with w's start.
func ComputeRhythm(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Rhythm, error) {
	r := &Rhythm{}
	if err := r.read(ctx, db, w, days, r.fill); err != nil {
		return nil, fmt.Errorf("rhythm: %w", err)
	}
	return r, nil
}

func (r *Rhythm) fill(ctx context.Context, tx pgx.Tx, s span) error {
	query := `
		SELECT extract(isodow FROM ` + localTime + `)::int - 1, extract(hour FROM ` + localTime + `)::int,
			sum(transactions)::bigint
		FROM activity_hours WHERE hour >= @start AND hour < @end
		GROUP BY 1, 2`
	from, to := s.Start, s.End.Truncate(hour)
	if from.Before(s.First) {
		from = s.First
	}
	args := s.args()
	args["start"], args["end"] = from, to
	rows, _ := tx.Query(ctx, query, args)
	var weekday, at int
	var transactions int64
	_, err := pgx.ForEachRow(rows, []any{&weekday, &at, &transactions}, func() error {
		r.Total[weekday][at] = transactions
		return nil
	})
	if err != nil {
		return fmt.Errorf("transactions by hour of the week: %w", err)
	}
	r.count(s.zone(), from, to)
	for weekday := range r.Cells {
		for at := range r.Cells[weekday] {
			if n := r.Hours[weekday][at]; n > 0 {
				r.Cells[weekday][at] = float64(r.Total[weekday][at]) / float64(n)
				r.Peak = max(r.Peak, r.Cells[weekday][at])
			}
		}
	}
	return r.fillDays(ctx, tx, s, from)
}

// count fills how often each hour of the week occurred from one hour to another.
func (r *Rhythm) count(zone *time.Location, from, to time.Time) {
	const week = 7 * 24
	changes, offsets := ledger.Offsets(zone, from, to)
	for i, offset := range offsets {
		end := to
		if i < len(changes) {
			end = changes[i]
		}
		hours := max(0, end.Unix()-from.Unix()) / (60 * 60)
		for n := range min(hours, week) {
			t := from.UTC().Add(time.Duration(n)*hour + offset)
			r.Hours[(int(t.Weekday())+6)%7][t.Hour()] += (hours - n + week - 1) / week
		}
		from = end
	}
}

// Table has one row an hour of the week, Monday first, or, of a record without
// times, one for each weekday and month.
func (r *Rhythm) Table() Table {
	t := Table{Columns: []Column{
		{"weekday", "Weekday", Text}, {"hour", "Hour, " + cmp.Or(r.Timezone, ledger.UTC), Count}, {"transactions", "Transactions", Count},
		{"hours", "Times that hour occurred", Count}, {"mean", "Mean transactions", Ratio},
	}}
	if r.Why != "" {
		return t
	}
	if r.DatesOnly {
		return r.daysTable()
	}
	for weekday := range r.Cells {
		name := time.Weekday((weekday + 1) % 7).String()
		for at := range r.Cells[weekday] {
			var mean any
			if r.Hours[weekday][at] > 0 {
				mean = r.Cells[weekday][at]
			}
			t.Rows = append(t.Rows, []any{name, int64(at), r.Total[weekday][at], r.Hours[weekday][at], mean})
		}
	}
	return t
}
