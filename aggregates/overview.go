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
	Bucket             string         // "day", "week", "month": what one value of a series stands for
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
	if before, reaches := s.previous(); reaches {
		if err := o.compare(ctx, tx, before, was.activity, was.supply); err != nil {
			return err
		}
	}
	o.flows(s, buckets, now.activity, now.supply)
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
func (o *Overview) flows(s span, buckets []bucket, activity []dayActivity, supply []daySupply) {
	last := len(supply) - 1
	o.Supply.Available, o.Supply.Now = true, supply[last].Closing
	o.Transactions.Available = true
	for i := range supply {
		o.Created += supply[i].Created
		o.Destroyed += supply[i].Destroyed
		o.Transactions.Now += activity[i].Transactions
	}
	for _, b := range buckets {
		o.Supply.Series = append(o.Supply.Series, supply[b.to].Closing)
		var transactions int64
		for _, d := range activity[b.from : b.to+1] {
			transactions += d.Transactions
		}
		o.Transactions.Series = append(o.Transactions.Series, transactions)
		v, _ := velocity(s, activity, supply, b.from, b.to)
		o.Velocity.Series = append(o.Velocity.Series, v)
	}
	o.Velocity.Now, o.Velocity.Available = velocity(s, activity, supply, 0, last)
	if !o.Velocity.Available {
		o.Velocity.Why = whyNoSupply
	}
}

// velocity is what was transferred on the days from to to of s over the average
// supply on them. It is 0 and not available where there was no supply.
func velocity(s span, activity []dayActivity, supply []daySupply, from, to int) (float64, bool) {
	var transfers int64
	for _, d := range activity[from : to+1] {
		transfers += d.Transfers
	}
	return overSupply(transfers, s, supply, from, to)
}

// compare fills the numbers of the period before.
func (o *Overview) compare(ctx context.Context, tx pgx.Tx, s span, activity []dayActivity, supply []daySupply) error {
	if err := endToday(ctx, tx, s, activity, supply); err != nil {
		return err
	}
	last := len(supply) - 1
	closing, transactions := supply[last].Closing, int64(0)
	for _, d := range activity {
		transactions += d.Transactions
	}
	o.Supply.Before, o.Transactions.Before = &closing, &transactions
	if v, ok := velocity(s, activity, supply, 0, last); ok {
		o.Velocity.Before = &v
	}
	return nil
}

// actives fills how many holders had a posting.
func (o *Overview) actives(ctx context.Context, tx pgx.Tx, s span, buckets []bucket) error {
	first := s.Today.Add(-29 * day)
	if start := s.Start.Add(-6 * day); start.Before(first) {
		first = start
	}
	p, err := readPresence(ctx, tx, first, s.Today)
	if err != nil {
		return err
	}
	today := p.days - 1
	one, week, month := p.within(1), p.within(7), p.within(30)
	o.Active.Available, o.Active.Now = true, week[today]
	o.Active1, o.Active30 = one[today], month[today]
	if !s.Today.Add(-13 * day).Before(s.First) {
		o.Active.Before = &week[today-7]
	}
	offset := int(s.Start.Sub(first) / day)
	for _, b := range buckets {
		o.Active.Series = append(o.Active.Series, week[offset+b.to])
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
