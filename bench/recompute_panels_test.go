package bench

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
)

// panels are the numbers of the home page over 30 days, in a form to compare.
type panels struct {
	Supply                    []ledger.Sum
	Transactions, Active      []int64
	Active1, Active30, Before int64
	Holders                   int64
	Balanced                  bool
	Created, Destroyed        ledger.Sum
	Velocity                  float64
	Personal                  []aggregates.Measure
	Lorenz                    []aggregates.LorenzPoint
	Bins                      []aggregates.Bin
	Trend                     []aggregates.DayMeasures
	Activity                  []aggregates.ActivityBucket
	Kinds                     []aggregates.KindWealth
	Rhythm                    [7][24]int64
	Richest                   []aggregates.RichAccount
}

// recompute runs the producers of the home page, one after the other.
func recompute(b *testing.B, db *pgxpool.Pool, w cache.Window) panels {
	ctx := b.Context()
	o := must(aggregates.ComputeOverview(ctx, db, w, 30))(b)
	v := must(aggregates.ComputeInequality(ctx, db, w, aggregates.InequalityQuery{Population: aggregates.PopulationPersonal}))(b)
	a := must(aggregates.ComputeActivity(ctx, db, w, 30))(b)
	k := must(aggregates.ComputeWealthByKind(ctx, db, w, aggregates.NoParams{}))(b)
	r := must(aggregates.ComputeRhythm(ctx, db, w, 30))(b)
	l := must(aggregates.ComputeRichest(ctx, db, w, aggregates.NoParams{}))(b)
	return panels{
		Supply: o.Supply.Series, Transactions: o.Transactions.Series, Active: o.Active.Series,
		Active1: o.Active1, Active30: o.Active30, Before: *o.Active.Before, Holders: o.Holders, Balanced: o.Balanced,
		Created: o.Created, Destroyed: o.Destroyed, Velocity: *o.Velocity.Now,
		Personal: []aggregates.Measure{v.Gini, v.Top1, v.Top10, v.Bottom50, v.Palma, v.Theil, v.HHI, v.Nakamoto},
		Lorenz:   v.Lorenz, Bins: v.Bins, Trend: v.Trend,
		Activity: a.Buckets, Kinds: k.Kinds, Rhythm: r.Total, Richest: l.Accounts,
	}
}

func must[T any](v T, err error) func(*testing.B) T {
	return func(b *testing.B) T {
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
}

// A scanner computes the panels' numbers from postings, each panel by its own
// queries, as without rollups.
type scanner struct {
	b      *testing.B
	ctx    context.Context
	db     *pgxpool.Pool
	args   pgx.NamedArgs
	today  time.Time
	start  time.Time
	period time.Duration // of the last day
}

func scan(b *testing.B, db *pgxpool.Pool, w cache.Window) panels {
	today := w.Start.Truncate(24 * time.Hour)
	s := scanner{b: b, ctx: b.Context(), db: db, today: today, start: today.AddDate(0, 0, -29), period: w.Start.Sub(today)}
	s.args = pgx.NamedArgs{"start": s.start, "end": w.Start, "today": today, "week": today.AddDate(0, 0, -6)}
	var p panels
	s.overview(&p)
	s.inequality(&p)
	s.activity(&p)
	s.wealth(&p)
	s.rhythm(&p)
	s.richest(&p)
	return p
}

func (s *scanner) each(query string, f func() error, into ...any) {
	s.b.Helper()
	rows, _ := s.db.Query(s.ctx, query, s.args)
	if _, err := pgx.ForEachRow(rows, into, f); err != nil {
		s.b.Fatal(err)
	}
}

func (s *scanner) index(day time.Time) int { return int(day.Sub(s.start) / (24 * time.Hour)) }

func (s *scanner) overview(p *panels) {
	// The supply at the end of each day, from its change by day; the ledger
	// begins within the period.
	change := make([]int64, 30)
	var day time.Time
	var n, m int64
	s.each(`
		SELECT (at AT TIME ZONE 'UTC')::date, coalesce(sum(amount) FILTER (WHERE kind <> 'system'), 0)::bigint,
			coalesce(-sum(amount) FILTER (WHERE kind = 'system'), 0)::bigint
		FROM postings JOIN accounts ON id = account WHERE at < @end GROUP BY 1`,
		func() error { change[s.index(day)] = n; p.Balanced = n == m; return nil }, &day, &n, &m)
	var supply int64
	for _, c := range change {
		supply += c
		p.Supply = append(p.Supply, ledger.SumOf(supply))
	}
	s.each(`
		SELECT count(DISTINCT holder) FROM accounts a
		WHERE kind <> 'system' AND archived IS NULL AND EXISTS (SELECT FROM postings WHERE account = a.id)`,
		func() error { return nil }, &p.Holders)
	p.Transactions = make([]int64, 30)
	s.each(`SELECT (at AT TIME ZONE 'UTC')::date, count(*) FROM transactions WHERE at >= @start AND at < @end GROUP BY 1`,
		func() error { p.Transactions[s.index(day)] = n; return nil }, &day, &n)
	s.each(`
		SELECT coalesce(sum(net) FILTER (WHERE net > 0), 0), coalesce(-sum(net) FILTER (WHERE net < 0), 0)
		FROM (SELECT -sum(amount) AS net FROM postings JOIN accounts ON id = account
			WHERE kind = 'system' AND at >= @start AND at < @end GROUP BY transaction) AS issued`,
		func() error { return nil }, &p.Created, &p.Destroyed)
	var transfers int64
	s.each(`
		SELECT coalesce(sum(least(coalesce(given, 0), coalesce(taken, 0))), 0)::bigint FROM (
			SELECT -sum(net) FILTER (WHERE net < 0) AS given, sum(net) FILTER (WHERE net > 0) AS taken
			FROM (SELECT transaction, holder, sum(amount) AS net FROM postings JOIN accounts ON id = account
				WHERE kind <> 'system' AND at >= @start AND at < @end GROUP BY 1, 2) AS nets
			GROUP BY transaction) AS moved`,
		func() error { return nil }, &transfers)
	var sum, weight, opening float64
	for i, closing := range p.Supply {
		part := 1.0
		if i == 29 {
			part = float64(s.period) / float64(24*time.Hour)
		}
		sum += part * (opening + closing.Float64()) / 2
		weight += part
		opening = closing.Float64()
	}
	p.Velocity = float64(transfers) * weight / sum

	// On which days each holder was active, once; then every week of it.
	p.Active = make([]int64, 30)
	s.each(`
		WITH present AS (
			SELECT DISTINCT holder, (at AT TIME ZONE 'UTC')::date AS day FROM postings JOIN accounts ON id = account
			WHERE kind <> 'system' AND at >= @start AND at < @end)
		SELECT last::date, count(DISTINCT holder)
		FROM generate_series(@start::timestamp, @today::timestamp, '1 day') AS last
		JOIN present ON day > last::date - 7 AND day <= last::date GROUP BY 1`,
		func() error { p.Active[s.index(day)] = n; return nil }, &day, &n)
	p.Before = p.Active[22]
	s.each(`
		SELECT count(DISTINCT holder) FILTER (WHERE at >= @today), count(DISTINCT holder)
		FROM postings JOIN accounts ON id = account WHERE kind <> 'system' AND at >= @start AND at < @end`,
		func() error { return nil }, &p.Active1, &p.Active30)
}

func (s *scanner) inequality(p *panels) {
	// The measures of every day need the holders' changes by day, in order.
	balances := map[string]int64{}
	last := s.start
	measure := func() {
		list := make([]int64, 0, len(balances))
		for _, balance := range balances {
			list = append(list, balance)
		}
		d := aggregates.NewDistribution(list)
		p.Trend = append(p.Trend, aggregates.DayMeasures{Day: last, Gini: d.Gini().Value, Top1: d.TopShare(1, 100).Value,
			Top10: d.TopShare(10, 100).Value, Palma: d.Palma().Value})
		if last.Equal(s.today) {
			p.Personal = []aggregates.Measure{d.Gini(), d.TopShare(1, 100), d.TopShare(10, 100), d.BottomShare(50, 100),
				d.Palma(), d.Theil(), d.HHI(), d.Nakamoto()}
			p.Lorenz, p.Bins = d.Lorenz(), d.Bins()
		}
	}
	var day time.Time
	var holder string
	var net int64
	s.each(`
		SELECT (at AT TIME ZONE 'UTC')::date AS day, holder, sum(amount)::bigint FROM postings JOIN accounts ON id = account
		WHERE kind = 'personal' AND archived IS NULL AND at < @end GROUP BY 1, 2 ORDER BY 1`,
		func() error {
			for ; last.Before(day); last = last.AddDate(0, 0, 1) {
				measure()
			}
			balances[holder] += net
			return nil
		}, &day, &holder, &net)
	for ; !last.After(s.today); last = last.AddDate(0, 0, 1) {
		measure()
	}
}

func (s *scanner) activity(p *panels) {
	p.Activity = make([]aggregates.ActivityBucket, 30)
	for i := range p.Activity {
		p.Activity[i].Start = s.start.AddDate(0, 0, i)
	}
	p.Activity[29].Partial = true
	var day time.Time
	var transactions, volume, transfers int64
	s.each(`
		SELECT (at AT TIME ZONE 'UTC')::date, count(*), sum(gained)::bigint, coalesce(sum(least(coalesce(given, 0), coalesce(taken, 0))), 0)::bigint
		FROM (
			SELECT min(at) AS at, sum(gained) AS gained, -sum(net) FILTER (WHERE net < 0 AND NOT issues) AS given,
				sum(net) FILTER (WHERE net > 0 AND NOT issues) AS taken
			FROM (
				SELECT transaction, min(at) AS at, holder, kind = 'system' AS issues, sum(amount) AS net, sum(greatest(amount, 0)) AS gained
				FROM postings JOIN accounts ON id = account WHERE at >= @start AND at < @end
				GROUP BY transaction, holder, issues) AS nets
			GROUP BY transaction) AS moved
		GROUP BY 1`,
		func() error {
			d := &p.Activity[s.index(day)]
			d.Transactions, d.Volume, d.Transfers = transactions, ledger.SumOf(volume), ledger.SumOf(transfers)
			return nil
		}, &day, &transactions, &volume, &transfers)
}

func (s *scanner) wealth(p *panels) {
	found := map[ledger.Kind]aggregates.KindWealth{}
	var k aggregates.KindWealth
	var supply ledger.Sum
	s.each(`
		SELECT kind, issuer, count(*), count(archived), coalesce(sum(balance), 0)
		FROM accounts LEFT JOIN (SELECT account, sum(amount) AS balance FROM postings WHERE at < @end GROUP BY account) AS b ON account = id
		GROUP BY kind, issuer`,
		func() error {
			found[k.Kind] = k
			if k.Kind != ledger.System {
				supply = supply.Plus(k.Total)
			}
			return nil
		}, &k.Kind, &k.Issuer, &k.Accounts, &k.Archived, &k.Total)
	for _, kind := range ledger.Kinds() {
		k := found[kind]
		k.Share = k.Total.Float64() / supply.Float64()
		p.Kinds = append(p.Kinds, k)
	}
}

func (s *scanner) rhythm(p *panels) {
	var weekday, hour int
	var n int64
	s.each(`
		SELECT extract(isodow FROM at AT TIME ZONE 'UTC')::int - 1, extract(hour FROM at AT TIME ZONE 'UTC')::int, count(*)
		FROM transactions WHERE at >= @start AND at < date_trunc('hour', @end::timestamptz, 'UTC') GROUP BY 1, 2`,
		func() error { p.Rhythm[weekday][hour] = n; return nil }, &weekday, &hour, &n)
}

func (s *scanner) richest(p *panels) {
	var a aggregates.RichAccount
	var supply int64
	s.each(`
		WITH b AS (
			SELECT account, sum(amount)::bigint AS balance, max(at) AS last, coalesce(sum(amount) FILTER (WHERE at >= @week), 0)::bigint AS change
			FROM postings WHERE at < @end GROUP BY account)
		SELECT ref, name, holder, kind, balance, change, last, (sum(balance) OVER ())::bigint
		FROM b JOIN accounts ON id = account WHERE kind <> 'system' AND archived IS NULL ORDER BY balance DESC, name LIMIT 20`,
		func() error {
			a.Share = float64(a.Balance) / float64(supply)
			a.LastActive = a.LastActive.UTC()
			p.Richest = append(p.Richest, a)
			return nil
		}, &a.Ref, &a.Name, &a.Holder, &a.Kind, &a.Balance, &a.Change, &a.LastActive, &supply)
}
