package aggregates

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// chunkDays is how many days with postings get their snapshots in one database
// transaction. Appends wait for it: well under a second with tens of thousands
// of accounts.
const chunkDays = 366

// UpdateSnapshots makes the missing snapshots and returns how many it made. The
// days before now on which something was posted or a used account was
// archived have one; any other day ended like the day before, see
// docs/decisions/0008-old-ledgers.md. It may be called at any time and by several
// processes at once. With nothing to do it is one cheap query.
func UpdateSnapshots(ctx context.Context, db *pgxpool.Pool, now time.Time) (int, error) {
	made := 0
	for {
		n := 0
		missing, err := anyMissing(ctx, db, now)
		if err == nil && missing {
			n, err = makeSnapshots(ctx, db, now)
		}
		if err != nil {
			return made, fmt.Errorf("update snapshots: %w", err)
		}
		if made += n; n == 0 {
			return made, nil
		}
	}
}

func anyMissing(ctx context.Context, db queryer, now time.Time) (bool, error) {
	today, err := today(ctx, db, now)
	if err != nil {
		return false, err
	}
	missing, err := firstMissing(ctx, db, today)
	return missing != nil, err
}

// queryer is a pool or a transaction.
type queryer interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}

// today returns the day of now in the ledger's time zone.
func today(ctx context.Context, db queryer, now time.Time) (time.Time, error) {
	var name string
	if err := db.QueryRow(ctx, `SELECT coalesce((SELECT timezone FROM settings), 'UTC')`).Scan(&name); err != nil {
		return now, fmt.Errorf("read the ledger's time zone: %w", err)
	}
	zone, err := ledger.LoadZone(name)
	if err != nil {
		return now, fmt.Errorf("read the ledger's time zone: %w", err)
	}
	return ledger.DayOf(now, zone), nil
}

// firstMissing returns the date of the first day before today whose snapshot is
// missing, nil if there is none. Snapshots are made in the order of days, and an
// append deletes only the last ones, so none is missing before the latest.
func firstMissing(ctx context.Context, db queryer, today time.Time) (*time.Time, error) {
	// An account that is archived at midnight is no part of the day before. An
	// account that was archived before the first posting changes no snapshot.
	query := `
		WITH made AS (SELECT coalesce(max(day), '-infinity') AS last FROM day_snapshots),
		first AS (SELECT min(day) AS day FROM account_days),
		archivings AS (
			SELECT ` + ledger.LocalTime(`date_trunc('hour', archived - interval '1 microsecond', 'UTC')`) + `::date AS day
			FROM accounts JOIN balances ON account = id WHERE kind = 'personal' AND NOT issuer AND archived <= @midnight)
		SELECT least(
			(SELECT min(day) FROM account_days WHERE day > (SELECT last FROM made) AND day < @today::date),
			(SELECT min(day) FROM archivings WHERE day > (SELECT last FROM made) AND day > (SELECT day FROM first)))`
	var missing *time.Time
	args := ledger.LocalTimeArgs(today.Location(), time.Time{}, today)
	args["today"], args["midnight"] = today, today
	if err := db.QueryRow(ctx, query, args).Scan(&missing); err != nil {
		return nil, fmt.Errorf("first missing day: %w", err)
	}
	return missing, nil
}

// makeSnapshots makes the first chunk of missing snapshots. No append runs
// meanwhile, and a later append that changes one of the days deletes its
// snapshot.
func makeSnapshots(ctx context.Context, db *pgxpool.Pool, now time.Time) (made int, err error) {
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if err := ledger.LockSnapshots(ctx, tx); err != nil {
			return err
		}
		today, err := today(ctx, tx, now)
		if err != nil {
			return err
		}
		from, err := firstMissing(ctx, tx, today) // again: another process may have made it
		if err != nil || from == nil {
			return err
		}
		_, rows, err := snapshotsFrom(ctx, tx, *from, today)
		if err != nil {
			return err
		}
		made, err = copySnapshots(ctx, tx, rows)
		return err
	})
	return made, err
}

// A daySnapshot is a row of day_snapshots; nil: not available.
type daySnapshot struct {
	Day                      time.Time
	Supply                   ledger.Sum
	Holders                  int64
	Gini, Top1, Top10, Palma *float64
}

// String returns the state without the day.
func (s daySnapshot) String() string {
	text := fmt.Sprintf("(supply %s, holders %d", s.Supply, s.Holders)
	for _, m := range []struct {
		name  string
		value *float64
	}{{"gini", s.Gini}, {"top1", s.Top1}, {"top10", s.Top10}, {"palma", s.Palma}} {
		if m.value != nil {
			text += fmt.Sprintf(", %s %v", m.name, *m.value)
		}
	}
	return text + ")"
}

func copySnapshots(ctx context.Context, tx pgx.Tx, rows []daySnapshot) (int, error) {
	columns := []string{"day", "supply", "holders", "gini", "top1", "top10", "palma"}
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"day_snapshots"}, columns, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		r := rows[i]
		return []any{r.Day, r.Supply, r.Holders, r.Gini, r.Top1, r.Top10, r.Palma}, nil
	}))
	return int(n), err
}

// snapshotsFrom computes the snapshots of a chunk of dates before today, and returns
// the last one of the dates.
func snapshotsFrom(ctx context.Context, tx pgx.Tx, from, today time.Time) (to time.Time, rows []daySnapshot, err error) {
	if to, err = chunkEnd(ctx, tx, from, dateOf(plus(today, -1))); err != nil {
		return to, nil, fmt.Errorf("days from %s: %w", from.Format(time.DateOnly), err)
	}
	state, err := openingState(ctx, tx, from)
	if err != nil {
		return to, nil, fmt.Errorf("balances on %s: %w", from.Format(time.DateOnly), err)
	}
	if rows, err = state.advance(ctx, tx, today.Location(), from, to); err != nil {
		return to, nil, fmt.Errorf("changes from %s: %w", from.Format(time.DateOnly), err)
	}
	return to, rows, nil
}

// chunkEnd returns the last day of the chunk that begins with from: the last of
// chunkDays days with postings, or yesterday.
func chunkEnd(ctx context.Context, tx pgx.Tx, from, yesterday time.Time) (time.Time, error) {
	const query = `
		SELECT max(day), count(*) FROM (
			SELECT DISTINCT day FROM account_days WHERE day BETWEEN $1 AND $2 ORDER BY day LIMIT $3) AS days`
	var last *time.Time
	var n int
	if err := tx.QueryRow(ctx, query, from, yesterday, chunkDays).Scan(&last, &n); err != nil {
		return yesterday, err
	}
	if n < chunkDays {
		return yesterday, nil
	}
	return *last, nil
}

// A closing is the state of the economy at the end of a day. It moves forward day
// by day.
type closing struct {
	supply   ledger.Sum
	accounts map[int64]*closingAccount
	holders  []closingHolder // of personal accounts
	archive  []*closingAccount
	balances []int64 // of holders; reused
}

type closingAccount struct {
	issuer   bool
	personal bool // and not an issuer
	holder   int  // in closing.holders, of personal accounts
	archived *time.Time
	balance  int64
	counted  bool // in its holder's sum: used by then, and not yet archived
	gone     bool // archived by then
}

// A closingHolder is part of the population while accounts is above zero.
type closingHolder struct {
	sum      ledger.Sum
	accounts int
}

// openingState returns the state at the beginning of a day: the current balances
// less everything posted since.
func openingState(ctx context.Context, tx pgx.Tx, from time.Time) (*closing, error) {
	const query = `
		SELECT a.id, a.issuer, a.kind = 'personal' AND NOT a.issuer, a.holder, a.archived, (b.balance - coalesce(net, 0))::bigint, b.postings - coalesce(later.postings, 0)::bigint > 0
		FROM balances b JOIN account_holders a ON a.id = b.account
		LEFT JOIN (
			SELECT account, sum(received - sent) AS net, sum(postings) AS postings
			FROM account_days WHERE day >= $1 GROUP BY account
		) AS later ON later.account = b.account`
	c := &closing{accounts: map[int64]*closingAccount{}}
	places := map[string]int{}
	rows, _ := tx.Query(ctx, query, from)
	var id int64
	var holder string
	var a closingAccount
	var used bool
	_, err := pgx.ForEachRow(rows, []any{&id, &a.issuer, &a.personal, &holder, &a.archived, &a.balance, &used}, func() error {
		known := a
		c.accounts[id] = &known
		if !a.issuer {
			c.supply = c.supply.Add(a.balance)
		}
		if !a.personal {
			return nil
		}
		place, ok := places[holder]
		if !ok {
			place = len(c.holders)
			places[holder] = place
			c.holders = append(c.holders, closingHolder{})
		}
		known.holder = place
		if used {
			c.count(&known)
		}
		if known.archived != nil {
			c.archive = append(c.archive, &known)
		}
		return nil
	})
	slices.SortFunc(c.archive, func(a, b *closingAccount) int { return a.archived.Compare(*b.archived) })
	return c, err
}

// count makes an account part of its holder's sum.
func (c *closing) count(a *closingAccount) {
	a.counted = true
	c.holders[a.holder].accounts++
	c.holders[a.holder].sum = c.holders[a.holder].sum.Add(a.balance)
}

// leave removes the accounts that were archived before or at end, and reports
// whether the population changed.
func (c *closing) leave(end time.Time) (changed bool) {
	for len(c.archive) > 0 && !c.archive[0].archived.After(end) {
		a := c.archive[0]
		c.archive = c.archive[1:]
		a.gone = true
		if a.counted {
			a.counted = false
			c.holders[a.holder].accounts--
			c.holders[a.holder].sum = c.holders[a.holder].sum.Minus(ledger.SumOf(a.balance))
			changed = true
		}
	}
	return changed
}

// post adds what an account gained on balance, and reports whether the population
// changed.
func (c *closing) post(account, net int64) (changed bool, err error) {
	a := c.accounts[account]
	if a == nil {
		return false, fmt.Errorf("account %d has no balance", account)
	}
	a.balance += net
	if !a.issuer {
		c.supply = c.supply.Add(net)
	}
	switch {
	case !a.personal || a.gone:
		return false, nil
	case a.counted:
		c.holders[a.holder].sum = c.holders[a.holder].sum.Add(net)
	default:
		c.count(a)
	}
	return true, nil
}

// advance returns the snapshots of the dates from to to on which something was
// posted or a used account was archived. A day on which no personal balance
// changed has the measures of the day before.
func (c *closing) advance(ctx context.Context, tx pgx.Tx, zone *time.Location, from, to time.Time) ([]daySnapshot, error) {
	const query = `SELECT day, account, (received - sent)::bigint FROM account_days WHERE day BETWEEN $1 AND $2 ORDER BY day`
	rows, err := tx.Query(ctx, query, from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	start := func(date time.Time) time.Time { return ledger.DayStart(ledger.DayNumber(date), zone) }
	var snapshots []daySnapshot
	var now daySnapshot
	changed := true
	finish := func(today time.Time) {
		changed = c.leave(start(plus(today, 1))) || changed
		if changed {
			now = c.measure()
		}
		now.Day, now.Supply = today, c.supply
		snapshots = append(snapshots, now)
		changed = false
	}
	// quiet finishes the days without postings before next on which an account
	// was archived.
	quiet := func(next time.Time) {
		for len(c.archive) > 0 {
			gone := dateOf(ledger.DayOf(c.archive[0].archived.Add(-time.Microsecond), zone))
			if !gone.Before(next) {
				return
			}
			finish(gone)
		}
	}
	c.leave(start(from))
	var today *time.Time
	for rows.Next() {
		var at time.Time
		var account, net int64
		if err := rows.Scan(&at, &account, &net); err != nil {
			return nil, err
		}
		if today == nil || !today.Equal(at) {
			if today != nil {
				finish(*today)
			}
			quiet(at)
			today = &at
		}
		moved, err := c.post(account, net)
		if err != nil {
			return nil, err
		}
		changed = changed || moved
	}
	if today != nil {
		finish(*today)
	}
	quiet(plus(to, 1))
	return snapshots, rows.Err()
}

// measure returns a snapshot without its day and supply. The measures are not
// available where a holder has more than 64 bits hold.
func (c *closing) measure() daySnapshot {
	c.balances = c.balances[:0]
	var now daySnapshot
	whole := true
	for _, h := range c.holders {
		if h.accounts == 0 {
			continue
		}
		if h.sum.Sign() != 0 {
			now.Holders++
		}
		sum, fits := h.sum.Int64()
		whole = whole && fits
		c.balances = append(c.balances, sum)
	}
	if whole {
		m := dayMeasures(time.Time{}, NewDistribution(c.balances))
		now.Gini, now.Top1, now.Top10, now.Palma = m.Gini, m.Top1, m.Top10, m.Palma
	}
	return now
}
