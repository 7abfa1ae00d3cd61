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

// An Overview is the state of money in a period. The series have one value a
// bucket, oldest first; the last bucket is partial.
type Overview struct {
	Basis
	Supply       Trend[ledger.Sum] `json:"supply"`
	Active       Trend[int64]      `json:"active"` // holders with a posting in the last 7 days; before: in the 7 days before those
	Active1      int64             `json:"active1"`
	Active30     int64             `json:"active30"`
	Holders      int64             `json:"holders"` // of accounts that are not issuers, not archived, and were ever used
	Transactions Trend[int64]      `json:"transactions"`
	Velocity     Trend[float64]    `json:"velocity"` // transfers / average supply over the period
	Balanced     bool              `json:"balanced"` // supply equals minus the sum of issuers
	Created      ledger.Sum        `json:"created"`  // in the period
	Destroyed    ledger.Sum        `json:"destroyed"`
	Bucket       string            `json:"bucket"`  // "day", "week", "month", "year", "decade": what one value of a series stands for
	Buckets      []time.Time       `json:"buckets"` // the start of each bucket
}

// A Trend is a number and its course in the period.
type Trend[N int64 | float64 | ledger.Sum] struct {
	Number[N]
	Series []N `json:"series"` // one value a bucket
}

const whyNoSupply = "Not defined here: on average there was no money in circulation."

// ComputeOverview reads the state of money in the period that ends with w's start.
func ComputeOverview(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Overview, error) {
	o := &Overview{Balanced: true}
	if err := o.read(ctx, db, w, days, o.fill); err != nil {
		return nil, fmt.Errorf("overview: %w", err)
	}
	if o.Why != "" {
		o.Supply.Why, o.Active.Why, o.Transactions.Why, o.Velocity.Why = o.Why, o.Why, o.Why, o.Why
	}
	return o, nil
}

func (o *Overview) fill(ctx context.Context, tx pgx.Tx, s span) error {
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

// money reads the supply, checks it against what was issued, and
// counts the holders, unless these are too many.
func (o *Overview) money(ctx context.Context, tx pgx.Tx, s span) (supply ledger.Sum, err error) {
	supply, issued, err := readHeld(ctx, tx, s)
	if err != nil {
		return supply, err
	}
	o.Balanced = supply == issued
	sums, err := readSums(ctx, tx, s)
	if err != nil || sums != nil {
		return supply, err // actives counts the holders
	}
	all, err := readBalances(ctx, tx)
	if err != nil {
		return supply, err
	}
	for _, h := range all.byHolder(s.archivedBy(), nil) {
		if h.accounts > 0 {
			o.Holders++
		}
	}
	return supply, nil
}

// flows fills the sums over the days of the period.
func (o *Overview) flows(d *daily, buckets []bucket) {
	last := d.days() - 1
	all := d.sum(0, last)
	o.Created, o.Destroyed = all.Created, all.Destroyed
	o.Supply.Now, o.Transactions.Now = &d.closing, &all.Transactions
	for _, b := range buckets {
		o.Supply.Series = append(o.Supply.Series, d.supply(b.to))
		o.Transactions.Series = append(o.Transactions.Series, d.sum(b.from, b.to).Transactions)
		v, _ := d.velocity(b.from, b.to)
		o.Velocity.Series = append(o.Velocity.Series, v)
	}
	if v, ok := d.velocity(0, last); ok {
		o.Velocity.Now = &v
	} else {
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
	days, err := readActiveDays(ctx, tx, s, min(0, s.days()-8))
	if err != nil {
		return err
	}
	if days.holders > 0 {
		o.Holders = days.holders
	}
	now, before := days.on(days.today, weekDays), days.on(days.today-7, weekDays)
	o.Active.Now = &now
	o.Active1, o.Active30 = days.now.since(days.today), days.now.since(days.today-29)
	if !plus(s.Today, -13).Before(s.First) {
		o.Active.Before = &before
	}
	for _, b := range buckets {
		o.Active.Series = append(o.Active.Series, days.on(ledger.DayNumber(s.Start)+b.to, weekDays))
	}
	return nil
}

// Table has one row a bucket.
func (o *Overview) Table() Table {
	t := Table{Columns: []Column{
		{"start", "First day", Day}, {"supply", "Supply at close", Money},
		{"active", "Active in 7 days", Count},
		{"transactions", "Transactions", Count}, {"velocity", "Velocity", Ratio},
	}}
	for i, start := range o.Buckets {
		t.Rows = append(t.Rows, []any{start, o.Supply.Series[i], o.Active.Series[i], o.Transactions.Series[i], o.Velocity.Series[i]})
	}
	return t
}
