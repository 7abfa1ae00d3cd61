package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// An Overview is the state of money in a period, each number with its series,
// one value a bucket, oldest first, the last one partial.
type Overview struct {
	Days               Days
	Start              time.Time // of the period
	End                time.Time // the window's start, or the end of a historical ledger
	Historical         bool      // the ledger ended before now: End is the end of its last day
	Why                string    // if not empty, there is nothing to show, and this says why
	Supply             Trend[int64]
	Active             Trend[int64] // holders with a posting in the last 7 days (previous: 7 days before that)
	Active1, Active30  int64
	Holders            int64 // that are not system, not archived, and were ever used
	Transactions       Trend[int64]
	Velocity           Trend[float64] // transfers / average supply over the period
	Balanced           bool           // supply equals minus the sum of system accounts
	Created, Destroyed int64          // in the period
	Bucket             string         // "day", "week", "month", "year", "decade": what one value of a series stands for
	Buckets            []time.Time    // the start of each bucket
}

// A Trend is a number, the same number a period earlier up to the same time of
// day (nil: not available, because the ledger does not reach back), and its
// course. Available says whether Now means anything; Why says why not.
type Trend[N int64 | float64] struct {
	Now       N
	Before    *N
	Series    []N // one value a bucket
	Available bool
	Why       string
}

const whyNoSupply = "not available, because on average there was no money in circulation"

// ComputeOverview reads the state of money in the period that ends with w's start.
func ComputeOverview(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Overview, error) {
	o := &Overview{Days: days, Start: w.Start, End: w.Start, Balanced: true}
	ok, err := read(ctx, db, w, days, func(tx pgx.Tx, s span) error { return o.fill(ctx, tx, s) })
	if err != nil {
		return nil, fmt.Errorf("overview: %w", err)
	}
	if !ok {
		o.Why = whyNoLedger
		o.Supply.Why, o.Active.Why, o.Transactions.Why, o.Velocity.Why = whyNoLedger, whyNoLedger, whyNoLedger, whyNoLedger
	}
	return o, nil
}

func (o *Overview) fill(ctx context.Context, tx pgx.Tx, s span) error {
	o.Start, o.End, o.Historical = s.Start, s.End, s.Historical
	unit, buckets := s.buckets()
	o.Bucket = unit
	for _, b := range buckets {
		o.Buckets = append(o.Buckets, b.start)
	}

	current, err := o.money(ctx, tx, s)
	if err != nil {
		return err
	}
	now, was, err := readDays(ctx, tx, s, current)
	if err != nil {
		return err
	}
	if _, reaches := s.previous(); reaches {
		if err := o.compare(ctx, tx, &was); err != nil {
			return err
		}
	}
	o.flows(&now, buckets)
	return o.actives(ctx, tx, s, buckets)
}

// money reads the supply, checks it against what system accounts issued, and
// counts the holders.
func (o *Overview) money(ctx context.Context, tx pgx.Tx, s span) (supply int64, err error) {
	const query = `
		SELECT coalesce(sum(balance) FILTER (WHERE kind <> 'system'), 0)::bigint,
			coalesce(-sum(balance) FILTER (WHERE kind = 'system'), 0)::bigint
		FROM balances JOIN accounts ON id = account`
	var issued int64
	if err := tx.QueryRow(ctx, query).Scan(&supply, &issued); err != nil {
		return 0, fmt.Errorf("supply: %w", err)
	}
	o.Balanced = supply == issued
	const holders = `
		SELECT count(*) FROM (
			SELECT holder FROM balances JOIN accounts ON id = account
			WHERE kind <> 'system' AND (archived IS NULL OR archived > $1)
			GROUP BY holder) AS holders`
	if err := tx.QueryRow(ctx, holders, s.End).Scan(&o.Holders); err != nil {
		return 0, fmt.Errorf("holders: %w", err)
	}
	return supply, nil
}

// flows fills what the days of the period add up to.
func (o *Overview) flows(d *daily, buckets []bucket) {
	last := d.days() - 1
	all := d.sum(0, last)
	o.Created, o.Destroyed = all.Created, all.Destroyed
	o.Supply.Available, o.Supply.Now = true, d.closing
	o.Transactions.Available, o.Transactions.Now = true, all.Transactions
	for _, b := range buckets {
		o.Supply.Series = append(o.Supply.Series, d.supply(b.to))
		o.Transactions.Series = append(o.Transactions.Series, d.sum(b.from, b.to).Transactions)
		v, _ := d.velocity(b.from, b.to)
		o.Velocity.Series = append(o.Velocity.Series, v)
	}
	o.Velocity.Now, o.Velocity.Available = d.velocity(0, last)
	if !o.Velocity.Available {
		o.Velocity.Why = whyNoSupply
	}
}

// compare fills the numbers of the period before.
func (o *Overview) compare(ctx context.Context, tx pgx.Tx, d *daily) error {
	if err := d.endToday(ctx, tx); err != nil {
		return err
	}
	last := d.days() - 1
	all := d.sum(0, last)
	o.Supply.Before, o.Transactions.Before = &d.closing, &all.Transactions
	if v, ok := d.velocity(0, last); ok {
		o.Velocity.Before = &v
	}
	return nil
}

// actives fills how many holders had a posting.
func (o *Overview) actives(ctx context.Context, tx pgx.Tx, s span, buckets []bucket) error {
	p, err := readPresence(ctx, tx, s)
	if err != nil {
		return err
	}
	o.Active.Available, o.Active.Now = true, p.week(s.days()-1)
	o.Active1, o.Active30 = p.since(s.days()-1), p.since(s.days()-30)
	if !plus(s.Today, -13).Before(s.First) {
		before := p.week(s.days() - 8)
		o.Active.Before = &before
	}
	for _, b := range buckets {
		o.Active.Series = append(o.Active.Series, p.week(b.to))
	}
	return nil
}

// Table is one row a bucket.
func (o *Overview) Table() Table {
	t := Table{Columns: []Column{
		{"start", "First day", Day}, {"supply", "Supply at its end", Money},
		{"active", "Holders active in the 7 days to its end", Count},
		{"transactions", "Transactions", Count}, {"velocity", "Transfers over average supply", Ratio},
	}}
	for i, start := range o.Buckets {
		t.Rows = append(t.Rows, []any{start, o.Supply.Series[i], o.Active.Series[i], o.Transactions.Series[i], o.Velocity.Series[i]})
	}
	return t
}
