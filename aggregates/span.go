package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// whyNoLedger is what every panel says of an empty ledger.
const whyNoLedger = "not available, because the ledger has no transactions yet"

// idle is how long a ledger may be silent before its periods end with its last
// day instead of now: see docs/decisions/0004-historical-ledgers.md.
const idle = 7 * day

// A span is a period of the ledger, the same for every panel of a window.
type span struct {
	Start, End time.Time
	Today      time.Time // the day in which End lies, or which ends with it
	First      time.Time // the ledger's first day
	Through    time.Time // rollup hours before this one are part of it
	Historical bool
	Days       Days
}

// spanOf returns the period of that many days that ends with w's start, for a
// ledger whose first and last hours with a transaction are given. Days is 0
// for all of them.
func spanOf(w cache.Window, days Days, first, last time.Time) span {
	s := span{Days: days, First: first.Truncate(day)}
	if w.Start.Sub(last) > idle {
		s.Historical = true
		s.Today = last.Truncate(day)
		s.End = s.Today.Add(day)
		s.Through = s.End
	} else {
		s.Today = w.Start.Truncate(day)
		s.End = w.Start
		s.Through = w.Start.Truncate(hour).Add(hour)
	}
	s.Start = s.First
	if days > 0 {
		s.Start = s.Today.Add(-time.Duration(days-1) * day)
	}
	return s
}

// previous returns the period before, of the same length up to the same time of
// day, and whether the ledger reaches back to its start.
func (s span) previous() (span, bool) {
	length := time.Duration(s.Days) * day
	p := s
	p.Start, p.End, p.Today = s.Start.Add(-length), s.End.Add(-length), s.Today.Add(-length)
	return p, s.Days > 0 && !p.Start.Before(s.First)
}

// days is the number of days, the last one included.
func (s span) days() int { return s.index(s.Today) + 1 }

// index is the place of a day, 0 for the first.
func (s span) index(t time.Time) int { return int(t.Sub(s.Start) / day) }

// partial is how much of the last day is part of the period.
func (s span) partial() float64 { return float64(s.End.Sub(s.Today)) / float64(day) }

// A bucket is the days from to last of a span, counted from its start, that
// are drawn as one.
type bucket struct {
	start    time.Time
	from, to int // the first day and the last one
	partial  bool
}

// buckets divides the span into days, weeks from Monday, or months, so that
// there are not too many to draw. Only the first and the last may be partial.
func (s span) buckets() (unit string, all []bucket) { return s.divide(90) }

// divide does the same with days as long as there are at most that many.
func (s span) divide(mostDays int) (unit string, all []bucket) {
	n := s.days()
	start := func(t time.Time) time.Time { return t }
	switch {
	case n <= mostDays:
		unit = "day"
	case n <= 731:
		unit = "week"
		start = func(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }
	default:
		unit = "month"
		start = func(t time.Time) time.Time { return t.AddDate(0, 0, 1-t.Day()) }
	}
	for i := range n {
		today := s.Start.Add(time.Duration(i) * day)
		if first := start(today); len(all) == 0 || !first.Equal(all[len(all)-1].start) {
			all = append(all, bucket{start: first, from: i, partial: first.Before(s.Start)})
		}
		all[len(all)-1].to = i
	}
	last := &all[len(all)-1]
	end := s.Today.Add(day)
	whole := start(end).Equal(end) && !s.End.Before(end) // the bucket ends with the period
	last.partial = last.partial || !whole
	return unit, all
}

// read calls f with a transaction that sees the ledger as it was at one moment,
// and with the period. Of a ledger without transactions it sees nothing: ok is
// false and f is not called.
func read(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days, f func(pgx.Tx, span) error) (ok bool, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db, snapshot, func(tx pgx.Tx) error {
		var first, last *time.Time
		const query = `SELECT min(hour), max(hour) FROM activity_hours WHERE hour <= $1`
		if err := tx.QueryRow(ctx, query, w.Start).Scan(&first, &last); err != nil {
			return fmt.Errorf("read the ledger's first and last hour: %w", err)
		}
		if first == nil {
			return nil
		}
		ok = true
		return f(tx, spanOf(w, days, first.UTC(), last.UTC()))
	})
	return ok, err
}
