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
	// With the period before, so that both come from the same rows.
	long := s
	before, reaches := s.previous()
	if reaches {
		long.Start = before.Start
	}
	activity, err := dailyActivity(ctx, tx, long)
	if err != nil {
		return err
	}
	supply, err := dailySupply(ctx, tx, long, current)
	if err != nil {
		return err
	}
	skip := long.index(s.Start)
	if reaches {
		if err := o.compare(ctx, tx, before, activity[:skip], supply[:skip]); err != nil {
			return err
		}
	}
	o.flows(s, buckets, activity[skip:], supply[skip:])
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
// supply on them, the days before the ledger's first left out. It is 0 and not
// available where there was no supply.
func velocity(s span, activity []dayActivity, supply []daySupply, from, to int) (float64, bool) {
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
	var transfers int64
	for _, d := range activity[from : to+1] {
		transfers += d.Transfers
	}
	return float64(transfers) / average, true
}

// compare fills the numbers of the period before, whose last day ends at the
// same time of day as this one. The hour in which that time lies is taken in
// proportion, since hours are the finest that the rollups know.
func (o *Overview) compare(ctx context.Context, tx pgx.Tx, s span, activity []dayActivity, supply []daySupply) error {
	const query = `
		WITH part AS (SELECT extract(epoch FROM @end - date_trunc('hour', @end::timestamptz, 'UTC'))::bigint AS seconds)
		SELECT
			(SELECT coalesce(sum(CASE WHEN whole THEN transactions ELSE transactions::numeric * seconds / 3600 END), 0)::bigint
				FROM (SELECT *, hour + '1 hour' <= @end AS whole FROM activity_hours WHERE hour >= @today AND hour < @end) AS h, part),
			(SELECT coalesce(sum(CASE WHEN whole THEN transfers ELSE transfers::numeric * seconds / 3600 END), 0)::bigint
				FROM (SELECT *, hour + '1 hour' <= @end AS whole FROM activity_hours WHERE hour >= @today AND hour < @end) AS h, part),
			(SELECT coalesce(sum(CASE WHEN whole THEN net ELSE net * seconds / 3600 END), 0)::bigint
				FROM (
					SELECT hour, hour + '1 hour' <= @end AS whole,
						sum(CASE WHEN from_kind = 'system' THEN volume ELSE -volume END) AS net
					FROM flow_hours
					WHERE hour >= @today AND hour < @end AND (from_kind = 'system') <> (to_kind = 'system')
					GROUP BY hour) AS h, part)`
	last := len(supply) - 1
	today := &activity[last]
	var net int64
	err := tx.QueryRow(ctx, query, pgx.NamedArgs{"today": s.Today, "end": s.End}).
		Scan(&today.Transactions, &today.Transfers, &net)
	if err != nil {
		return fmt.Errorf("period before: %w", err)
	}
	supply[last].Closing = supply[last].Opening + net

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
