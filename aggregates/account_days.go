package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

func (a *Account) fill(ctx context.Context, tx pgx.Tx, s span, own []int64) error {
	if err := a.fillMoves(ctx, tx, s, own); err != nil {
		return fmt.Errorf("moves by day: %w", err)
	}
	if err := a.fillCalendar(ctx, tx, s, own); err != nil {
		return fmt.Errorf("active days: %w", err)
	}
	if s.Past {
		if err := a.fillUseThen(ctx, tx, s, own); err != nil {
			return fmt.Errorf("use by then: %w", err)
		}
	}
	const first = `SELECT min(first_at) FROM balances WHERE account = ANY($1)`
	if err := tx.QueryRow(ctx, first, own).Scan(&a.FirstActive); err != nil {
		return fmt.Errorf("first posting: %w", err)
	}
	if s.Past && a.Postings == 0 {
		a.FirstActive = nil
	}
	if err := a.fillHolder(ctx, tx, s); err != nil {
		return fmt.Errorf("accounts of the holder: %w", err)
	}
	return nil
}

// fillUseThen sets how much the account was used by the end of a day that is over.
func (a *Account) fillUseThen(ctx context.Context, tx pgx.Tx, s span, own []int64) error {
	const query = `SELECT max(day), coalesce(sum(postings), 0)::bigint FROM account_days WHERE account = ANY($1) AND day <= $2::date`
	var last *time.Time
	if err := tx.QueryRow(ctx, query, own, s.Today).Scan(&last, &a.Postings); err != nil {
		return err
	}
	if a.LastActive = nil; last != nil {
		start := s.day(*last)
		a.LastActive = &start
	}
	return nil
}

// fillMoves sets what came and went by day. Balances are counted backwards from the
// present one, so that the cost follows the days of the period.
func (a *Account) fillMoves(ctx context.Context, tx pgx.Tx, s span, own []int64) error {
	balance := ledger.SumOf(a.Balance)
	const later = `SELECT coalesce(sum(received - sent), 0) FROM account_days WHERE account = ANY($1) AND day > $2::date`
	var since ledger.Sum
	if err := tx.QueryRow(ctx, later, own, s.Today).Scan(&since); err != nil {
		return fmt.Errorf("after the period: %w", err)
	}
	balance = balance.Minus(since)
	if s.Past {
		then, fits := balance.Int64()
		if !fits {
			return errTooLarge
		}
		a.Balance = then
	}
	unit, buckets := s.divide(mostDays)
	a.Bucket = unit
	for _, b := range buckets {
		a.Moves = append(a.Moves, Moves{Start: b.start, Partial: b.partial})
	}
	const query = `SELECT day, received, sent, postings FROM account_days WHERE account = ANY($1) AND day BETWEEN $2::date AND $3::date`
	rows, _ := tx.Query(ctx, query, own, s.Start, s.Today)
	var m Moves
	_, err := pgx.ForEachRow(rows, []any{&m.Start, &m.Received, &m.Sent, &m.Postings}, func() error {
		sum := &a.Moves[bucketOf(buckets, s.index(m.Start))]
		sum.Received, sum.Sent = sum.Received.Plus(m.Received), sum.Sent.Plus(m.Sent)
		sum.Postings += m.Postings
		a.Received, a.Sent = a.Received.Plus(m.Received), a.Sent.Plus(m.Sent)
		return nil
	})
	if err != nil {
		return err
	}
	for i := len(a.Moves) - 1; i >= 0; i-- {
		m := &a.Moves[i]
		m.Balance = balance
		balance = balance.Minus(m.Received).Plus(m.Sent)
	}
	a.Opening = balance
	return nil
}

// calendarWeeks is how many weeks the calendar of an account has, whatever the
// period.
const calendarWeeks = 53

// CalendarStart returns the Monday with which the calendar of a period begins, in
// the time zone of its days.
func CalendarStart(end time.Time) time.Time {
	return plus(end, -(int(end.Weekday())+6)%7-7*(calendarWeeks-1))
}

func (a *Account) fillCalendar(ctx context.Context, tx pgx.Tx, s span, own []int64) error {
	const query = `
		SELECT day, sum(postings)::bigint FROM account_days
		WHERE account = ANY($1) AND day BETWEEN $2::date AND $3::date GROUP BY day ORDER BY day`
	rows, _ := tx.Query(ctx, query, own, CalendarStart(s.Today), s.Today)
	var d ActiveDay
	_, err := pgx.ForEachRow(rows, []any{&d.Day, &d.Postings}, func() error {
		a.Calendar = append(a.Calendar, ActiveDay{s.day(d.Day), d.Postings})
		return nil
	})
	return err
}

// mostSameHolder is how many accounts of a holder are listed.
const mostSameHolder = 20

func (a *Account) fillHolder(ctx context.Context, tx pgx.Tx, s span) (err error) {
	a.SameHolder, a.HolderAccounts, a.HolderBalance, err = accountsOf(ctx, tx, s, a.Holder, mostSameHolder)
	if err != nil || a.Issuer || a.Archived != nil && !a.Archived.After(s.archivedBy()) {
		return err
	}
	a.Held, err = heldIn(ctx, tx, s, a.Holder, a.Population)
	return err
}

// accountsOf returns the accounts of a holder with the largest balances, how many
// there are, and what they hold together, without issuers. All of them are read once,
// without their names, since there may be a hundred thousand.
func accountsOf(ctx context.Context, tx pgx.Tx, s span, holder string, most int) (list []HolderAccount, all int64, sum ledger.Sum, err error) {
	then, used, args := "WITH", "", []any{holder, s.archivedBy(), most}
	if s.Past {
		then, used, args = closingOf("$1", "$4")+",", " AND (b.balance IS NOT NULL OR m.balance IS NOT NULL)", append(args, s.Today)
	}
	same := then + ` merged AS (
			SELECT target, sum(balance) AS balance FROM accounts t JOIN merges ON target = t.id JOIN balances USING (account)
			WHERE t.holder = $1 GROUP BY target
		), own AS MATERIALIZED (
			SELECT a.id, a.issuer, (coalesce(b.balance, 0) + coalesce(m.balance, 0))::bigint AS balance
			FROM accounts a LEFT JOIN balances b ON b.account = a.id LEFT JOIN merged m ON m.target = a.id
			WHERE holder = $1 AND ` + notMerged + used + `
		), all_own AS (
			SELECT count(*) AS accounts, coalesce(sum(balance) FILTER (WHERE NOT issuer), 0) AS held FROM own
		), largest AS (SELECT id, balance FROM own ORDER BY balance DESC, id LIMIT $3)
		SELECT a.ref, a.name, a.kind, a.issuer, coalesce(a.archived <= $2, false), balance, accounts, held
		FROM largest JOIN accounts a USING (id) CROSS JOIN all_own
		ORDER BY balance DESC, a.name, a.ref`
	rows, _ := tx.Query(ctx, same, args...)
	list = []HolderAccount{}
	var o HolderAccount
	_, err = pgx.ForEachRow(rows, []any{&o.ID, &o.Name, &o.Kind, &o.Issuer, &o.Archived, &o.Balance, &all, &sum}, func() error {
		list = append(list, o)
		return nil
	})
	return list, all, sum, err
}

// closingOf returns SQL that puts the closing balances of a holder's accounts, and of
// those merged into them, in the place of the balances of now. It is given the
// parameters with the holder and the day.
func closingOf(holder, date string) string {
	return `
		WITH balances AS (
			SELECT account, sum(received - sent)::bigint AS balance FROM account_days
			WHERE day <= ` + date + `::date AND account IN (
				SELECT id FROM accounts WHERE holder = ` + holder + `
				UNION ALL SELECT account FROM merges JOIN accounts ON id = target WHERE holder = ` + holder + `)
			GROUP BY account)`
}

// heldAccounts is SQL for the used accounts of the holder $1 that count among
// holders at the time $2.
const heldAccounts = `
	FROM (
		SELECT a.id, a.kind, a.issuer, a.archived AS ended FROM accounts a WHERE holder = $1 AND ` + notMerged + `
		UNION ALL SELECT x.id, x.kind, x.issuer, t.archived FROM accounts t JOIN merges m ON m.target = t.id JOIN accounts x ON x.id = m.account WHERE t.holder = $1) AS own
	JOIN balances ON account = id
	WHERE NOT issuer AND (ended IS NULL OR ended > $2)`

// heldIn returns what a holder has in the accounts of a population, nil if none of
// them counts. As in [Inequality], accounts count by their own kind, with the holder
// of the account into which they are merged, and are archived if that one is.
func heldIn(ctx context.Context, tx pgx.Tx, s span, holder string, p Population) (held *int64, err error) {
	then, args := "", []any{holder, s.archivedBy(), p.kinds()}
	if s.Past {
		then, args = closingOf("$1", "$4"), append(args, s.Today)
	}
	query := then + ` SELECT CASE WHEN abs(sum(balance)) < 9223372036854775807 THEN sum(balance)::bigint END ` + heldAccounts + ` AND kind = ANY($3)`
	err = tx.QueryRow(ctx, query, args...).Scan(&held)
	return held, err
}

// populationOf returns the smallest population that has accounts of a kind.
func populationOf(kind ledger.Kind) Population {
	switch kind {
	case ledger.Personal:
		return PopulationPersonal
	case ledger.Business:
		return PopulationPrivate
	}
	return PopulationAll
}
