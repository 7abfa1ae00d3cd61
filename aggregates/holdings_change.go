package aggregates

import (
	"context"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// change sets how much the listed accounts with these ids, and those merged into them,
// gained on the last day, in the last 7 and in the last 30 days. It compares closing
// balances: to add up what all accounts gained on 30 days takes ten times as long.
func (v *Holdings) change(ctx context.Context, tx pgx.Tx, s span, ids []int64) error {
	rows := make(map[int64]int, len(ids)) // by account
	for row, id := range ids {
		rows[id] = row
	}
	targets, err := readMerges(ctx, tx)
	if err != nil {
		return err
	}
	for account, target := range targets {
		if row, listed := rows[target]; listed {
			rows[account] = row
		}
	}
	today, err := readGains(ctx, tx, s, rows, len(ids))
	if err != nil {
		return err
	}
	end, err := readClosing(ctx, tx, plus(s.Today, -1))
	if err != nil {
		return err
	}
	for _, over := range []struct {
		days int
		of   func(*HeldAccount) *int64
	}{
		{1, func(a *HeldAccount) *int64 { return &a.Day }},
		{7, func(a *HeldAccount) *int64 { return &a.Week }},
		{30, func(a *HeldAccount) *int64 { return &a.Month }},
	} {
		gained := today
		if over.days > 1 {
			start, err := readClosing(ctx, tx, plus(s.Today, -over.days))
			if err != nil {
				return err
			}
			gained = append([]ledger.Sum{}, today...)
			for account, row := range rows {
				gained[row] = gained[row].Plus(end.of(account)).Minus(start.of(account))
			}
		}
		for row, sum := range gained {
			amount, fits := sum.Int64()
			if !fits {
				return errTooLarge
			}
			*over.of(&v.Accounts[row]) = amount
		}
	}
	return nil
}

// readGains returns what was gained on the last day by the accounts of each row.
func readGains(ctx context.Context, tx pgx.Tx, s span, rows map[int64]int, n int) ([]ledger.Sum, error) {
	gained := make([]ledger.Sum, n)
	days, _ := tx.Query(ctx, `SELECT account, received - sent FROM account_days WHERE day = $1::date`, s.Today)
	var account int64
	var net ledger.Sum
	_, err := pgx.ForEachRow(days, []any{&account, &net}, func() error {
		if row, listed := rows[account]; listed {
			gained[row] = gained[row].Plus(net)
		}
		return nil
	})
	return gained, err
}
