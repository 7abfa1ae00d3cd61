package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// Activity is what happened in a period, by bucket: a day, or, of longer
// periods, a week (from Monday), a month, a year or a decade.
type Activity struct {
	Basis
	Bucket  string           `json:"bucket"`  // "day", "week", "month", "year", "decade"
	Buckets []ActivityBucket `json:"buckets"` // oldest first; zero without activity, never missing
}

// An ActivityBucket is what happened in one bucket.
type ActivityBucket struct {
	Start        time.Time  `json:"start"`
	Transactions int64      `json:"transactions"`
	Volume       ledger.Sum `json:"volume"`
	Transfers    ledger.Sum `json:"transfers"`
	Partial      bool       `json:"partial"` // it is not over, or the period begins within it
}

// ComputeActivity reads what happened in the period that ends with w's start.
func ComputeActivity(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Activity, error) {
	a := &Activity{Bucket: "day"}
	if err := a.read(ctx, db, w, days, a.fill); err != nil {
		return nil, fmt.Errorf("activity: %w", err)
	}
	return a, nil
}

func (a *Activity) fill(ctx context.Context, tx pgx.Tx, s span) error {
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
		sum.Volume, sum.Transfers = sum.Volume.Plus(d.Volume), sum.Transfers.Plus(d.Transfers)
	}
	return nil
}

// Table has one row a bucket.
func (a *Activity) Table() Table {
	t := Table{Columns: []Column{
		{"start", "First day", Day}, {"transactions", "Transactions", Count}, {"volume", "Value moved", Money},
		{"transfers", "Between holders", Money}, {"partial", "Partial?", Text},
	}}
	for _, b := range a.Buckets {
		partial := ""
		if b.Partial {
			partial = "yes"
		}
		t.Rows = append(t.Rows, []any{b.Start, b.Transactions, b.Volume, b.Transfers, partial})
	}
	return t
}
