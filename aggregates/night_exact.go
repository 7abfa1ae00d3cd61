package aggregates

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// boundsCheck is the check of a ledger whose measures have bounds.
const boundsCheck = "the Gini of all balances is within its bounds"

// errTooLong is why a check is given up.
var errTooLong = errors.New("it takes too long")

// checkBounds compares the Gini of each population, as bins of balances have it, with that of
// all balances, which the database adds up. It returns nil of a ledger whose Gini is exact.
func checkBounds(ctx context.Context, db *pgxpool.Pool, exact ExactUpTo, limit time.Duration) (check *NightCheck, err error) {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooLong)
	defer cancel()
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db, snapshot, func(tx pgx.Tx) error {
		fold, err := ledger.ReadFold(ctx, tx)
		if err != nil || !fold.Made() || fold.Used <= int64(exact) {
			return err
		}
		check = &NightCheck{Name: boundsCheck, Book: ledger.BookRollups, First: []Finding{}}
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL max_parallel_workers_per_gather = 0`); err != nil {
			return err
		}
		tallies, _, err := fold.Tallies(ctx, tx, began, time.UTC, richest)
		if err != nil {
			return err
		}
		sums := &holderSums{tallies: tallies}
		for _, p := range Populations() {
			text, err := compareGini(ctx, tx, sums.of(string(p)), p, began)
			if err != nil {
				return err
			}
			if text != "" {
				check.Found++
				check.First = append(check.First, Finding{"holder_tallies", string(p), text})
			}
		}
		return nil
	})
	if check != nil && errors.Is(context.Cause(ctx), errTooLong) {
		check.Found, check.First = 0, []Finding{}
		check.Why, err = fmt.Sprintf("it took more than %s", limit), nil
	}
	if err != nil {
		return nil, fmt.Errorf("bounds of the Gini: %w", err)
	}
	if check != nil {
		check.Took = time.Since(began).Seconds()
	}
	return check, nil
}

// compareGini returns what is wrong with a population's bins, nothing if its Gini, holders and
// total are right.
func compareGini(ctx context.Context, tx pgx.Tx, tallies []ledger.Tally, p Population, end time.Time) (wrong string, err error) {
	const query = `
		SELECT count(*), coalesce(sum(balance), 0), (2 * sum(rank * balance) / nullif(count(*) * sum(balance), 0) - (count(*) + 1) / nullif(count(*), 0)::numeric)::float8
		FROM (
			SELECT balance, row_number() OVER (ORDER BY balance) AS rank FROM (
				SELECT sum(balance) AS balance FROM balances JOIN account_holders ON id = account
				WHERE NOT issuer AND kind = ANY($1) AND (archived IS NULL OR archived > $2) GROUP BY holder) AS held) AS ranked`
	var holders int64
	var total ledger.Sum
	var gini *float64
	if err := tx.QueryRow(ctx, query, p.kinds(), end).Scan(&holders, &total, &gini); err != nil {
		return "", err
	}
	d, err := newBinned(tallies)
	if errors.Is(err, errTooLarge) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if d.n != holders || d.Total() != total {
		return fmt.Sprintf("%d holders with %s, computed %d with %s", d.n, d.Total(), holders, total), nil
	}
	of := d.Gini()
	if of.Value == nil || gini == nil {
		return "", nil // not defined
	}
	bound := 1e-12 * (1 + math.Abs(*gini)) // what a float64 may be off
	if of.Bound != nil {
		bound += *of.Bound
	}
	if math.Abs(*of.Value-*gini) > bound {
		return fmt.Sprintf("Gini %v, computed %v, beyond its bound %v", *of.Value, *gini, bound), nil
	}
	return "", nil
}
