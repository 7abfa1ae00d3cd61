package aggregates

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// ComputeSeries reads a series in the period that ends with w's start. It returns
// nil if there is no such item or account, or if the account's holder is hidden.
func ComputeSeries(ctx context.Context, db *pgxpool.Pool, w cache.Window, q SeriesQuery) (*Series, error) {
	v := &Series{SeriesRef: q.SeriesRef, ID: q.Ref, Name: q.Ref, Population: q.Population, Bucket: "day", Points: []SeriesPoint{}}
	var id int64
	var err error
	switch q.Kind {
	case SeriesPrice, SeriesSold:
		id, v.Name, err = findItem(ctx, db, q.Ref)
	case SeriesBalance:
		id, err = v.findAccount(ctx, db)
	default:
		id = -1 // needs none
	}
	if err != nil {
		return nil, fmt.Errorf("series: %w", err)
	}
	if id == 0 {
		return nil, nil
	}
	err = v.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error { return v.fill(ctx, tx, s, id) })
	if err != nil {
		return nil, fmt.Errorf("series %s: %w", q.Kind, err)
	}
	return v, nil
}

// knownAccount is the account t as which the one with the ref $1 is shown, unless it
// is hidden.
const knownAccount = `
	FROM accounts a LEFT JOIN merges m ON m.account = a.id
	JOIN accounts t ON t.id = coalesce(m.target, a.id)
	WHERE a.ref = $1 AND NOT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder))`

// knownAccountExists is whether the account with the ref $1 may be shown.
const knownAccountExists = `SELECT EXISTS (SELECT ` + knownAccount + `)`

// findAccount returns the id of the account, or of that into which it is merged, and
// 0 if there is none that may be shown.
func (v *Series) findAccount(ctx context.Context, db *pgxpool.Pool) (id int64, err error) {
	err = db.QueryRow(ctx, `SELECT t.id, t.ref, t.name `+knownAccount, v.Ref).Scan(&id, &v.ID, &v.Name)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("find an account: %w", err)
	}
	return id, nil
}

func (v *Series) fill(ctx context.Context, tx pgx.Tx, s span, id int64) error {
	s, over := s.whole()
	if !over {
		return nil
	}
	unit, buckets := s.buckets()
	v.Bucket = unit
	for _, b := range buckets {
		v.Points = append(v.Points, SeriesPoint{Start: b.start, Day: plus(s.Start, b.to)})
	}
	switch v.Kind {
	case SeriesPrice:
		return v.readPrices(ctx, tx, s, id)
	case SeriesSold:
		const query = `SELECT day, volume FROM item_days_without WHERE item = @id AND day BETWEEN @first::date AND @last::date`
		return v.readFlows(ctx, tx, s, buckets, query, pgx.NamedArgs{"id": id, "first": s.Start, "last": s.Today})
	case SeriesSource:
		query := `
			SELECT ` + localTime + `::date, sum(volume) FROM flow_hours
			WHERE source = @source AND hour >= @start AND hour < @through GROUP BY 1`
		args := s.args()
		args["source"] = v.Ref
		return v.readFlows(ctx, tx, s, buckets, query, args)
	case SeriesBalance:
		return v.readBalances(ctx, tx, s, buckets, id)
	default:
		return v.readStates(ctx, tx, s)
	}
}

// readStates reads the state of the economy at the end of days. Days whose snapshot
// is not made yet have none.
func (v *Series) readStates(ctx context.Context, tx pgx.Tx, s span) error {
	missing, err := firstMissing(ctx, tx, plus(s.Today, 1))
	if err != nil {
		return err
	}
	if v.Kind.ofPopulation() {
		if v.Population, err = populationInForce(ctx, tx, v.Population, dateOf(s.Today)); err != nil {
			return err
		}
	}
	var days []time.Time
	for _, p := range v.Points {
		day := dateOf(p.Day)
		if missing != nil && !missing.After(day) {
			break
		}
		days = append(days, day)
	}
	const query = `SELECT nr, supply, population_holders[@p], population_ginis[@p], population_top10s[@p]` + atEnds
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"days": days, "p": v.Population.index()})
	var nr int
	var supply ledger.Sum
	var holders int64
	var gini, top10 *float64
	_, err = pgx.ForEachRow(rows, []any{&nr, &supply, &holders, &gini, &top10}, func() error {
		values := map[SeriesKind]*float64{SeriesGini: gini, SeriesTop10: top10}
		money, number := supply.Float64(), float64(holders)
		values[SeriesSupply], values[SeriesHolders] = &money, &number
		v.Points[nr-1].Value = values[v.Kind]
		gini, top10 = nil, nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("snapshots: %w", err)
	}
	return nil
}

// readPrices reads the mean price of what was sold of an item, without sales that
// are far from the usual prices.
func (v *Series) readPrices(ctx context.Context, tx pgx.Tx, s span, item int64) error {
	courses, err := readCourses(ctx, tx, s, mostDrawn, []int64{item}, false)
	if err != nil {
		return err
	}
	c := courses[item]
	if c == nil {
		return nil
	}
	for _, t := range c.buckets {
		price := t.price()
		v.Points[t.bucket].Value = &price
	}
	return nil
}

// readFlows reads what moved by day, and divides it by the number of days.
func (v *Series) readFlows(ctx context.Context, tx pgx.Tx, s span, buckets []bucket, query string, args pgx.NamedArgs) error {
	sums := make([]ledger.Sum, len(buckets))
	rows, _ := tx.Query(ctx, query, args)
	var at time.Time
	var moved ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&at, &moved}, func() error {
		sum := &sums[bucketOf(buckets, s.index(at))]
		*sum = sum.Plus(moved)
		return nil
	})
	if err != nil {
		return fmt.Errorf("what moved by day: %w", err)
	}
	for i, b := range buckets {
		daily := sums[i].Float64() / float64(b.to-b.from+1)
		v.Points[i].Value = &daily
	}
	return nil
}

// readBalances reads the balance at the end of days, of an account with those that
// are merged into it.
func (v *Series) readBalances(ctx context.Context, tx pgx.Tx, s span, buckets []bucket, id int64) error {
	const query = `
		SELECT greatest(day, $2::date - 1), sum(received - sent) FROM account_days
		WHERE account = ANY($1::bigint || ARRAY(SELECT account FROM merges WHERE target = $1)) AND day <= $3::date
		GROUP BY 1`
	changes := make([]ledger.Sum, len(buckets))
	var balance ledger.Sum // before the first day
	rows, _ := tx.Query(ctx, query, id, s.Start, s.Today)
	var at time.Time
	var change ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&at, &change}, func() error {
		sum := &balance
		if day := s.index(at); day >= 0 {
			sum = &changes[bucketOf(buckets, day)]
		}
		*sum = sum.Plus(change)
		return nil
	})
	if err != nil {
		return fmt.Errorf("balances by day: %w", err)
	}
	for i, change := range changes {
		balance = balance.Plus(change)
		held := balance.Float64()
		v.Points[i].Value = &held
	}
	return nil
}
