package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// closingBalances is what each account had at the end of a day: those with a posting
// by then.
type closingBalances struct {
	accounts []int64 // in the order in which they became known
	balances []ledger.Sum
	postings []int64 // how many
	lastDays []int32 // the latest day with a posting, by its number
	places   map[int64]int
}

// readClosing returns the closing balances of a date: those that are kept of the
// latest date up to it, and what was posted since. So its cost follows the number of
// accounts, as far as UpdateSnapshots has kept them.
func readClosing(ctx context.Context, tx pgx.Tx, date time.Time) (*closingBalances, error) {
	if about, err := aboutBalances(ctx, tx); err != nil || about > mostRead(ctx) {
		return nil, cmp.Or(err, errTooManyBalances)
	}
	c := &closingBalances{}
	var kept *time.Time
	var balances []int64
	const latest = `
		SELECT day, accounts, balances, postings, last_days FROM (SELECT) AS one
		LEFT JOIN (SELECT * FROM closing_balances WHERE day <= $1::date ORDER BY day DESC LIMIT 1) AS latest ON true`
	if err := tx.QueryRow(ctx, latest, date).Scan(&kept, &c.accounts, &balances, &c.postings, &c.lastDays); err != nil {
		return nil, fmt.Errorf("kept closing balances: %w", err)
	}
	c.places = make(map[int64]int, len(c.accounts))
	c.balances = make([]ledger.Sum, len(balances))
	for i, account := range c.accounts {
		c.places[account], c.balances[i] = i, ledger.SumOf(balances[i])
	}
	const since = `
		SELECT account, (received - sent)::bigint, postings, day - date '1970-01-01' FROM account_days
		WHERE day <= $1::date AND ($2::date IS NULL OR day > $2)`
	rows, _ := tx.Query(ctx, since, date, kept)
	var account, net, postings int64
	var on int32
	if _, err := pgx.ForEachRow(rows, []any{&account, &net, &postings, &on}, func() error {
		c.post(account, net, postings, on)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("days since the closing balances: %w", err)
	}
	return c, nil
}

// post adds what an account gained on a day.
func (c *closingBalances) post(account, net, postings int64, on int32) {
	i, known := c.places[account]
	if !known {
		i = len(c.accounts)
		c.places[account] = i
		c.accounts, c.balances = append(c.accounts, account), append(c.balances, ledger.Sum{})
		c.postings, c.lastDays = append(c.postings, 0), append(c.lastDays, on)
	}
	c.balances[i] = c.balances[i].Add(net)
	c.postings[i] += postings
	c.lastDays[i] = max(c.lastDays[i], on)
}

// of returns the balance of an account, zero if it had no posting by then.
func (c *closingBalances) of(account int64) (balance ledger.Sum) {
	if place, used := c.places[account]; used {
		balance = c.balances[place]
	}
	return balance
}

// amounts returns the balances, in the order of the accounts. The error is errTooLarge
// if one did not fit in 64 bits then, as those of now do.
func (c *closingBalances) amounts() ([]int64, error) {
	amounts := make([]int64, len(c.balances))
	for i, balance := range c.balances {
		var fits bool
		if amounts[i], fits = balance.Int64(); !fits {
			return nil, errTooLarge
		}
	}
	return amounts, nil
}

// readBalancesThen returns the balances as they were at the end of a period: what else
// is known of accounts is what it is now. When an account was used last is exact to
// the day.
func readBalancesThen(ctx context.Context, tx pgx.Tx, s span) (*balanceSheet, error) {
	sheet, err := readBalancesAlone(ctx, tx, mostRead(ctx))
	if err != nil {
		return nil, err
	}
	then, err := readClosing(ctx, tx, s.Today)
	if err != nil {
		return nil, err
	}
	balances, err := then.amounts()
	if err != nil {
		return nil, err
	}
	sheet.accounts = slices.DeleteFunc(sheet.accounts, func(a holding) bool {
		_, used := then.places[a.account]
		return !used
	})
	for i := range sheet.accounts {
		a := &sheet.accounts[i]
		place := then.places[a.account]
		a.balance, a.postings = balances[place], then.postings[place]
		a.last = ledger.DayStart(int(then.lastDays[place]), s.zone()).UnixMicro()
	}
	return sheet, nil
}

// closingTable returns SQL that puts the closing balances of a period in the place of
// the balances of now in a query that begins with WITH, and adds its arguments. It
// returns the supply too.
func closingTable(ctx context.Context, tx pgx.Tx, s span, args pgx.NamedArgs) (table string, supply ledger.Sum, err error) {
	then, err := readClosing(ctx, tx, s.Today)
	if err != nil {
		return "", supply, err
	}
	balances, err := then.amounts()
	if err != nil {
		return "", supply, err
	}
	for _, balance := range balances {
		supply = supply.Add(balance)
	}
	rows, _ := tx.Query(ctx, `SELECT id FROM accounts WHERE issuer`)
	var issuer int64
	if _, err := pgx.ForEachRow(rows, []any{&issuer}, func() error {
		if place, used := then.places[issuer]; used {
			supply = supply.Minus(then.balances[place])
		}
		return nil
	}); err != nil {
		return "", supply, fmt.Errorf("issuers: %w", err)
	}
	lasts := make([]time.Time, len(then.lastDays))
	for i, on := range then.lastDays {
		lasts[i] = ledger.DayStart(int(on), s.zone())
	}
	return inPlaceOfBalances(args, then.accounts, balances, lasts), supply, nil
}

// table is closingTable of balances that were read.
func (h *balanceSheet) table(args pgx.NamedArgs) string {
	balances, lasts := make([]int64, len(h.accounts)), make([]time.Time, len(h.accounts))
	for i := range h.accounts {
		balances[i], lasts[i] = h.accounts[i].balance, time.UnixMicro(h.accounts[i].last)
	}
	return inPlaceOfBalances(args, h.ids(), balances, lasts)
}

func inPlaceOfBalances(args pgx.NamedArgs, accounts, balances []int64, lasts []time.Time) string {
	args["accounts"], args["balances"], args["lasts"] = accounts, balances, lasts
	return `balances AS (
			SELECT * FROM unnest(@accounts::bigint[], @balances::bigint[], @lasts::timestamptz[]) AS closing (account, balance, last_at)
		), `
}

// leastBetween is how many rows of account_days lie between two kept closing balances
// at least. In a ledger of many accounts it is half of their number.
const leastBetween = 10_000

// updateClosing keeps the closing balances of the days on which at least so many rows
// of account_days have come since the ones before, and returns of how many. It keeps none of
// a ledger with more balances than a producer reads.
func updateClosing(ctx context.Context, db *pgxpool.Pool, now time.Time, least int64) (made int, err error) {
	today, err := today(ctx, db, now)
	if err != nil {
		return 0, err
	}
	var accounts int64
	if err := db.QueryRow(ctx, `SELECT count(*) FROM balances`).Scan(&accounts); err != nil {
		return 0, fmt.Errorf("number of balances: %w", err)
	}
	if accounts > int64(mostRead(ctx)) {
		return 0, nil
	}
	const since = `
		SELECT day, count(*) FROM account_days
		WHERE day > coalesce((SELECT max(day) FROM closing_balances), '-infinity') AND day < $1::date
		GROUP BY day ORDER BY day`
	rows, _ := db.Query(ctx, since, today)
	var on time.Time
	var n, between int64
	var due []time.Time
	_, err = pgx.ForEachRow(rows, []any{&on, &n}, func() error {
		if between += n; between >= max(least, accounts/2) {
			due, between = append(due, on), 0
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("days since the last closing balances: %w", err)
	}
	for _, date := range due {
		kept, err := keepClosing(ctx, db, date)
		if err != nil {
			return made, fmt.Errorf("closing balances of %s: %w", date.Format(time.DateOnly), err)
		}
		made += kept
	}
	return made, nil
}

// keepClosing keeps the closing balances of a date, unless those of a later one are
// kept already, and returns of how many dates. No append runs meanwhile.
func keepClosing(ctx context.Context, db *pgxpool.Pool, date time.Time) (kept int, err error) {
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if err := ledger.LockAppends(ctx, tx); err != nil {
			return err
		}
		var done bool // by another process
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM closing_balances WHERE day >= $1)`, date).Scan(&done); err != nil || done {
			return err
		}
		c, err := readClosing(ctx, tx, date)
		if err != nil {
			return err
		}
		balances, err := c.amounts()
		if err != nil {
			return nil // none are kept of this date
		}
		_, err = tx.Exec(ctx, `INSERT INTO closing_balances (day, accounts, balances, postings, last_days) VALUES ($1, $2, $3, $4, $5)`,
			date, c.accounts, balances, c.postings, c.lastDays)
		kept = 1
		return err
	})
	return kept, err
}
