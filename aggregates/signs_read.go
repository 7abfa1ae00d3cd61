package aggregates

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// A signReading is what signs follow from. Days are counted from the start of long,
// which reaches signDays farther back than the range of the signs.
type signReading struct {
	span   // the range
	long   span
	offset int // the index in long of the range's first day
	first  int // of the ledger's first day; 0 if that is earlier
	last   int // of the last day
	newest time.Time
	health *Health // of the last 30 days
	daily  daily   // of long
	turnout
	now     DayMeasures
	whyNot  string        // there are no measures of now
	past    []DayMeasures // oldest first, today left out
	purses  []ledger.Sum  // by day of long, at its end
	offices int64         // accounts of the government
	market  marketBreadth
	indexes [2]*PriceIndex // of the last 30 days, and of those before; nil where the ledger does not reach back
	bridges [2]bridged     // likewise; the zero value where it does not
}

// readSigns reads the market beside all else, in a transaction of db that sees the
// ledger as tx does.
func readSigns(ctx context.Context, db *pgxpool.Pool, tx pgx.Tx, s span) (*signReading, error) {
	r := &signReading{span: s, long: s, health: &Health{Active: []ActiveShare{}}}
	r.long.Start, r.long.Days = plus(s.Today, 1-rangeDays-signDays), 0
	r.offset = r.long.index(s.Start)
	r.first = max(0, r.long.index(s.First))
	r.last = r.long.days() - 1

	month := s
	month.Start, month.Days = plus(s.Today, 1-signDays), signDays
	return r, both(ctx, db, tx,
		func(ctx context.Context, tx pgx.Tx) error { return r.readMoney(ctx, tx, month) },
		func(ctx context.Context, tx pgx.Tx) error { return r.readMarket(ctx, tx, month) })
}

func (r *signReading) readMoney(ctx context.Context, tx pgx.Tx, month span) error {
	for _, read := range []func(context.Context, pgx.Tx) error{
		func(ctx context.Context, tx pgx.Tx) error { return r.health.fill(ctx, tx, month) },
		r.readSupply, r.readTurnout, r.readMeasures, r.readPurse,
		func(ctx context.Context, tx pgx.Tx) error { return r.readBridges(ctx, tx, month) },
	} {
		if err := read(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// reaches reports whether the ledger has been there for so many days and longer.
func (r *signReading) reaches(days int) bool { return !plus(r.Today, -days).Before(r.First) }

func (r *signReading) readSupply(ctx context.Context, tx pgx.Tx) error {
	current, _, err := readHeld(ctx, tx, r.span)
	if err != nil {
		return err
	}
	if r.newest, err = readNewest(ctx, tx, r.span); err != nil {
		return err
	}
	r.daily, _, err = readDays(ctx, tx, r.long, current)
	return err
}

// readNewest returns when the latest posting was, the end of the period if there is none
// before it.
func readNewest(ctx context.Context, tx pgx.Tx, s span) (time.Time, error) {
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return s.End, err
	}
	if sums == nil {
		all, err := readBalances(ctx, tx)
		if err != nil {
			return s.End, err
		}
		return all.newest(s.End), nil
	}
	// What has left the record for an archive is of before begins.
	const query = `SELECT coalesce((SELECT max(at) FROM transactions), (SELECT nullif(begins, '-infinity') FROM archive), $1)`
	var newest time.Time
	if err := tx.QueryRow(ctx, query, s.End).Scan(&newest); err != nil {
		return s.End, fmt.Errorf("latest posting: %w", err)
	}
	if newest.After(s.End) {
		newest = s.End
	}
	return newest.UTC(), nil
}

// readMeasures reads how unequal personal holders are.
func (r *signReading) readMeasures(ctx context.Context, tx pgx.Tx) error {
	var err error
	if r.past, err = pastMeasures(ctx, tx, r.span, rangeDays); err != nil {
		return err
	}
	r.past = r.past[:len(r.past)-1]
	holders, err := (&Inequality{Population: PopulationPersonal, Counted: CountedAll}).holders(ctx, tx, r.span)
	switch {
	case errors.Is(err, errTooLarge):
		r.whyNot = whyTooLarge
		return nil
	case err != nil:
		return err
	case holders.Len() == 0:
		r.whyNot = "not available, because nobody has a personal account"
		return nil
	}
	r.now = dayMeasures(r.Today, holders)
	if r.now.Gini == nil {
		r.whyNot = "not available, because personal holders together have nothing, or less"
	}
	return nil
}

// readOffices counts the accounts of the government, and returns what they have.
func (r *signReading) readOffices(ctx context.Context, tx pgx.Tx) (purse ledger.Sum, err error) {
	sums, err := readSums(ctx, tx, r.span)
	if err != nil {
		return purse, err
	}
	if sums != nil {
		for _, t := range sums.totals {
			if t.Kind == ledger.Government && !t.Issuer {
				r.offices += t.Used
				purse = purse.Plus(t.Balance)
			}
		}
		return purse, nil
	}
	all, err := readBalances(ctx, tx)
	if err != nil {
		return purse, err
	}
	for i := range all.accounts {
		if a := &all.accounts[i]; a.kind == ledger.Government && !a.issuer {
			r.offices++
			purse = purse.Add(a.balance)
		}
	}
	return purse, nil
}

func (r *signReading) readPurse(ctx context.Context, tx pgx.Tx) error {
	purse, err := r.readOffices(ctx, tx)
	if err != nil {
		return err
	}
	const query = `
		SELECT day, sum(received - sent) FROM account_days
		WHERE day >= $1::date AND account IN (SELECT id FROM accounts WHERE kind = 'government' AND NOT issuer)
		GROUP BY day`
	rows, _ := tx.Query(ctx, query, r.long.Start)
	gained := make([]ledger.Sum, r.last+1)
	var at time.Time
	var net ledger.Sum
	_, err = pgx.ForEachRow(rows, []any{&at, &net}, func() error {
		if i := r.long.index(at); i <= r.last {
			gained[i] = net
		} else {
			purse = purse.Minus(net)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("public purse by day: %w", err)
	}
	r.purses = make([]ledger.Sum, r.last+1)
	for i := r.last; i >= 0; i-- {
		r.purses[i] = purse
		purse = purse.Minus(gained[i])
	}
	return nil
}

func (r *signReading) purse(i int) ledger.Sum { return r.purses[i] }
