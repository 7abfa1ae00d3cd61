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
		s.Start = plus(s.Today, 1-int(days))
	}
	return s
}

// previous returns the period before, of the same length up to the same time of
// day, and whether the ledger reaches back to its start.
func (s span) previous() (span, bool) {
	length := int(s.Days)
	p := s
	p.Start, p.End, p.Today = plus(s.Start, -length), plus(s.End, -length), plus(s.Today, -length)
	return p, s.Days > 0 && !p.Start.Before(s.First)
}

// days is the number of days, the last one included.
func (s span) days() int { return s.index(s.Today) + 1 }

// index is the place of a day, 0 for the first.
func (s span) index(t time.Time) int { return dayNumber(t) - dayNumber(s.Start) }

// partial is how much of the last day is part of the period.
func (s span) partial() float64 { return float64(s.End.Sub(s.Today)) / float64(day) }

// dayNumber numbers the UTC days, those before 1970 below zero. Days are counted
// by it, since a time.Duration ends after 292 years.
func dayNumber(t time.Time) int {
	const seconds = 24 * 60 * 60
	n := t.Unix()
	if n < 0 {
		n -= seconds - 1
	}
	return int(n / seconds)
}

// plus returns the same time of day so many days later.
func plus(t time.Time, days int) time.Time { return t.UTC().AddDate(0, 0, days) }

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
