package aggregates

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// The accounts of a large ledger: those with the largest balances are listed, which are found
// by an index, and what is said of all follows from sums.

// A largeList is accounts among which all of a large ledger with more than an amount are.
type largeList struct {
	sums     *holderSums
	accounts []int64
	above    int64
}

// readLargeList returns the accounts with the largest balances, about so many; nil where all
// balances are read: of a day that is over, and of a small ledger.
func readLargeList(ctx context.Context, tx pgx.Tx, s span, most int) (*largeList, error) {
	if s.Past {
		return nil, nil
	}
	sums, err := readSums(ctx, tx, s)
	if err != nil || sums == nil {
		return nil, err
	}
	fold, err := ledger.ReadFold(ctx, tx)
	if err != nil {
		return nil, err
	}
	targets, merged, err := mergedAccounts(ctx, tx)
	if err != nil {
		return nil, err
	}
	l := &largeList{sums: sums}
	l.accounts, l.above, err = fold.Largest(ctx, tx, s.archivedBy(), most+merged)
	l.accounts = append(l.accounts, targets...)
	return l, err
}

// summarize fills what is said of all accounts of the population. An account that is merged
// counts as the other one, which has its balance too.
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
	if err := v.countDebtors(ctx, tx, s); err != nil {
		return err
	}
	// The accounts that do not count are few and have indexes; all others are not looked at.
	const query = `
		WITH unlisted AS MATERIALIZED (
			SELECT id FROM accounts WHERE (issuer OR kind <> 'personal') AND (issuer OR kind <> ALL(@kinds))
			UNION SELECT id FROM accounts WHERE archived <= @end),
		parts AS MATERIALIZED (
			SELECT account, target, balance FROM (SELECT account, target FROM merges UNION SELECT target, target FROM merges) AS either JOIN balances USING (account)),
		recent AS (
			SELECT DISTINCT coalesce(target, account) AS id
			FROM (SELECT DISTINCT account FROM account_days WHERE day BETWEEN @week::date AND @today::date) AS days LEFT JOIN merges USING (account))
		SELECT (SELECT count(*) FROM (SELECT target FROM parts GROUP BY target HAVING sum(balance) < 0) AS debts WHERE target NOT IN (SELECT id FROM unlisted))
				- (SELECT count(*) FROM parts WHERE balance < 0 AND account NOT IN (SELECT id FROM unlisted)),
			(SELECT count(*) FROM recent WHERE NOT EXISTS (SELECT FROM unlisted u WHERE u.id = recent.id)),
			count(*) FILTER (WHERE m.account NOT IN (SELECT id FROM unlisted)),
			coalesce(sum(b.balance) FILTER (WHERE m.target NOT IN (SELECT id FROM unlisted)), 0)
				- coalesce(sum(b.balance) FILTER (WHERE m.account NOT IN (SELECT id FROM unlisted)), 0)
		FROM merges m LEFT JOIN balances b ON b.account = m.account`
	var merged, debtors int64
	var moved ledger.Sum // from those that are merged to the others
	args := pgx.NamedArgs{"kinds": v.Population.kinds(), "week": plus(s.Today, -6), "today": s.Today, "end": s.archivedBy()}
	if err := tx.QueryRow(ctx, query, args).Scan(&debtors, &v.Active, &merged, &moved); err != nil {
		return fmt.Errorf("accounts in use, and merged ones: %w", err)
	}
	v.Debtors += debtors
	v.Count -= merged
	v.Total = v.Total.Plus(moved)
	return nil
}

// countDebtors counts the accounts in debt as if none were merged.
func (v *Holdings) countDebtors(ctx context.Context, tx pgx.Tx, s span) error {
	fold, err := ledger.ReadFold(ctx, tx)
	if err != nil {
		return err
	}
	v.Debtors, err = fold.Indebted(ctx, tx, s.archivedBy(), v.Population.kinds())
	if !errors.Is(err, ledger.ErrNotGrouped) {
		return err
	}
	const query = `
		SELECT count(*) FROM balances JOIN accounts ON id = account
		WHERE balance < 0 AND NOT issuer AND kind = ANY($1) AND (archived IS NULL OR archived > $2)`
	if err := tx.QueryRow(ctx, query, v.Population.kinds(), s.archivedBy()).Scan(&v.Debtors); err != nil {
		return fmt.Errorf("accounts in debt: %w", err)
	}
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
