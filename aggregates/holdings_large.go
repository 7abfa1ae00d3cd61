package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// The accounts of a large ledger: those with the largest balances are listed, which are found
// by an index, and what is said of all follows from sums.

// largestAccounts returns accounts among which those with the largest balances are, so many,
// and sums of all; nil where all balances are read: of a day that is over, and of a small
// ledger.
func largestAccounts(ctx context.Context, tx pgx.Tx, s span, most int) (*holderSums, []int64, error) {
	if s.Past {
		return nil, nil, nil
	}
	sums, err := readSums(ctx, tx, s)
	if err != nil || sums == nil {
		return nil, nil, err
	}
	fold, err := ledger.ReadFold(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	targets, merged, err := mergedAccounts(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	largest, err := fold.Largest(ctx, tx, s.End, most+merged)
	return sums, append(largest, targets...), err
}

// summarize fills what is said of all accounts of the population.
func (v *Holdings) summarize(ctx context.Context, tx pgx.Tx, s span, sums *holderSums) error {
	kinds := map[ledger.Kind]bool{}
	for _, k := range v.Population.kinds() {
		kinds[k] = true
	}
	v.Count, v.Total = 0, ledger.Sum{}
	for _, t := range sums.totals {
		if !t.Issuer && !t.Archived && kinds[t.Kind] {
			v.Count += t.Accounts
			v.Total = v.Total.Plus(t.Balance)
		}
	}
	// An account that is merged counts as the other one.
	const query = `
		WITH these AS (
			SELECT account, balance, false AS active FROM balances WHERE balance < 0
			UNION ALL SELECT account, 0, true FROM (SELECT DISTINCT account FROM account_days WHERE day BETWEEN $2::date AND $3::date) AS recent),
		shown AS (
			SELECT coalesce(target, account) AS id, min(balance) AS balance, bool_or(active) AS active
			FROM these LEFT JOIN merges USING (account) GROUP BY 1)
		SELECT count(*) FILTER (WHERE s.balance < 0), count(*) FILTER (WHERE active),
			(SELECT count(*) FROM merges JOIN accounts a ON a.id = account WHERE NOT a.issuer AND a.kind = ANY($1) AND (a.archived IS NULL OR a.archived > $4))
		FROM shown s JOIN accounts a USING (id) WHERE a.kind = ANY($1) AND NOT a.issuer AND (archived IS NULL OR archived > $4)`
	var merged int64
	if err := tx.QueryRow(ctx, query, v.Population.kinds(), plus(s.Today, -6), s.Today, s.End).Scan(&v.Debtors, &v.Active, &merged); err != nil {
		return fmt.Errorf("accounts in debt and in use: %w", err)
	}
	v.Count -= merged
	return nil
}

// changeOfFew is change by the days of the listed accounts, which are few among all.
func (v *Holdings) changeOfFew(ctx context.Context, tx pgx.Tx, s span, ids []int64) error {
	const query = `
		SELECT nr, coalesce(sum(net) FILTER (WHERE day = $4::date), 0)::bigint, coalesce(sum(net) FILTER (WHERE day >= $3::date), 0)::bigint, sum(net)::bigint
		FROM (
			SELECT nr, id FROM unnest($1::bigint[]) WITH ORDINALITY AS listed (id, nr)
			UNION ALL SELECT nr, account FROM unnest($1::bigint[]) WITH ORDINALITY AS listed (id, nr) JOIN merges ON target = id) AS own,
			LATERAL (SELECT day, received - sent AS net FROM account_days d WHERE d.account = own.id AND day BETWEEN $2::date AND $4::date OFFSET 0) AS gained
		GROUP BY nr`
	rows, _ := tx.Query(ctx, query, ids, plus(s.Today, -29), plus(s.Today, -6), s.Today)
	var nr int
	var day, week, month int64
	_, err := pgx.ForEachRow(rows, []any{&nr, &day, &week, &month}, func() error {
		a := &v.Accounts[nr-1]
		a.Day, a.Week, a.Month = day, week, month
		return nil
	})
	return err
}
