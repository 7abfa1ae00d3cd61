package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// Activity is what happened in a period, by bucket: a day, or, of longer
// periods, a week (from Monday), a month, a year or a decade.
type Activity struct {
	Days       Days
	Start, End time.Time
	Historical bool             // the ledger ended before now: End is the end of its last day
	Why        string           // if not empty, there is nothing to show, and this says why
	Bucket     string           // "day", "week", "month", "year", "decade"
	Buckets    []ActivityBucket // oldest first; without activity: zero, not missing
}

// An ActivityBucket is one of the buckets. Partial is true for the one that is
// not over, and for the first one where the period starts within it.
type ActivityBucket struct {
	Start        time.Time
	Transactions int64
	Volume       int64
	Transfers    int64
	Partial      bool
}

// ComputeActivity reads what happened in the period that ends with w's start.
func ComputeActivity(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Activity, error) {
	a := &Activity{Days: days, Start: w.Start, End: w.Start, Bucket: "day"}
	ok, err := read(ctx, db, w, days, func(tx pgx.Tx, s span) error {
		a.Start, a.End, a.Historical = s.Start, s.End, s.Historical
		days, err := readActivity(ctx, tx, s)
		if err != nil {
			return err
		}
		unit, buckets := s.buckets()
		a.Bucket = unit
		for _, b := range buckets {
			a.Buckets = append(a.Buckets, ActivityBucket{Start: b.start, Partial: b.partial})
		}
		for _, d := range days {
			sum := &a.Buckets[bucketOf(buckets, d.day)]
			sum.Transactions += d.Transactions
			sum.Volume += d.Volume
			sum.Transfers += d.Transfers
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("activity: %w", err)
	}
	if !ok {
		a.Why = whyNoLedger
	}
	return a, nil
}

// Table is one row a bucket.
func (a *Activity) Table() Table {
	t := Table{Columns: []Column{
		{"start", "First day", Day}, {"transactions", "Transactions", Count}, {"volume", "Value moved", Money},
		{"transfers", "Of it, between holders", Money}, {"partial", "Only a part of it", Text},
	}}
	for _, b := range a.Buckets {
		partial := ""
		if b.Partial {
			partial = "partial"
		}
		t.Rows = append(t.Rows, []any{b.Start, b.Transactions, b.Volume, b.Transfers, partial})
	}
	return t
}
