package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// foldLock is the key of the advisory lock that the one who folds holds.
const foldLock = snapshotLock + 2

// foldEvery is how long a fold is left alone at least. A process of the version before, which
// adds up less, leaves it alone for foldAhead: so that it does while others fold, the time of a
// fold is that much ahead, and kept so while there is nothing to do.
const (
	foldEvery = 4 * time.Second
	foldAhead = time.Minute
)

// serializationFailure is Postgres' code for a row that has changed since the snapshot.
const serializationFailure = "40001"

// FoldHolders adds up what holders have, once more than least accounts have been used, and
// then adds what changed since the last time. It reports whether it did. Appends wait for
// the moment in which it looks how far the record is complete. It may be called at any time
// and by several processes at once: one of them works, and the others return. With nothing
// to do it is one or two cheap queries. It uses two connections.
func FoldHolders(ctx context.Context, db *pgxpool.Pool, least int64) (folded bool, err error) {
	due, err := foldDue(ctx, db, least)
	if err != nil {
		return false, wrapFold(err)
	}
	if !due {
		_, err := db.Exec(ctx, keepAhead, foldAhead)
		return false, wrapFold(err)
	}
	folded, err = Settled(ctx, db, foldLock, func(_, work pgx.Tx) error {
		next, zone, err := newest(ctx, work)
		if err != nil {
			return err
		}
		return fold(ctx, work, zone, next)
	})
	if failure := (*pgconn.PgError)(nil); errors.As(err, &failure) && failure.Code == serializationFailure {
		return false, nil // a repair or an append came between: next time
	}
	return folded && err == nil, wrapFold(err)
}

// keepAhead keeps the time of a whole fold ahead.
const keepAhead = `
	UPDATE holder_fold SET at = now() + $1::interval, whole_at = now() + $1::interval
	WHERE ` + wholeFold + ` AND at < now() + $1::interval / 2`

func wrapFold(err error) error {
	if err != nil {
		return fmt.Errorf("add up what holders have: %w", err)
	}
	return nil
}

func foldDue(ctx context.Context, db *pgxpool.Pool, least int64) (due bool, err error) {
	var whole bool
	const query = `
		SELECT ` + wholeFold + `, at < now() + $1::interval AND (
			(SELECT max(id) FROM transactions) > transaction OR (SELECT max(id) FROM accounts) > account OR EXISTS (SELECT FROM regrouped_accounts))
		FROM holder_fold`
	var changed *bool
	if err := db.QueryRow(ctx, query, foldAhead-foldEvery).Scan(&whole, &changed); err != nil || whole {
		return changed != nil && *changed, err
	}
	err = db.QueryRow(ctx, `SELECT count(*) > $1 FROM (SELECT FROM balances LIMIT $1 + 1) AS few`, least).Scan(&due)
	return due, err
}

// newest returns how far the record goes that tx sees. Its active holders are those of the
// last days of the record.
func newest(ctx context.Context, tx pgx.Tx) (next Fold, zone *time.Location, err error) {
	var name string
	var last time.Time
	const query = `
		SELECT coalesce((SELECT max(id) FROM transactions), 0), coalesce((SELECT max(id) FROM accounts), 0), coalesce((SELECT timezone FROM settings), 'UTC'),
			coalesce((SELECT max(at) FROM transactions), now())`
	if err := tx.QueryRow(ctx, query).Scan(&next.transaction, &next.account, &name, &last); err != nil {
		return next, nil, err
	}
	if zone, err = LoadZone(name); err != nil {
		return next, nil, err
	}
	from := DayNumberOf(last, zone) - activeDays + 1
	next.activeFrom = &from
	return next, zone, nil
}

// fold brings the tables to what tx sees.
func fold(ctx context.Context, tx pgx.Tx, zone *time.Location, next Fold) error {
	if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '2h'`); err != nil {
		return err
	}
	last, err := ReadFold(ctx, tx)
	if err != nil {
		return err
	}
	steps := foldMore
	if last.activeFrom == nil {
		steps, last.activeFrom = foldAll, next.activeFrom
	}
	from := max(*last.activeFrom, *next.activeFrom) // what was deleted stays so
	for _, step := range steps {
		args := pgx.NamedArgs{}
		if step.reads {
			args = last.args(zone, time.Time{})
		}
		if _, err := tx.Exec(ctx, step.query, args); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, forgetActive, from); err != nil {
		return err
	}
	var now time.Time
	if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE holder_fold SET transaction = $1, account = $2, active_from = $3, at = $4, whole_at = $4`,
		next.transaction, next.account, from, now.Add(foldAhead))
	return err
}

// A foldStep is a statement of a fold.
type foldStep struct {
	reads bool // the record, with the arguments of Fold.args
	query string
}

// foldAll makes the tables anew.
var foldAll = []foldStep{
	{false, `DELETE FROM holder_balances`}, {false, `DELETE FROM holder_tallies`}, {false, `DELETE FROM holder_groups`},
	{false, `DELETE FROM account_totals`}, {false, `DELETE FROM regrouped_accounts`},
	{true, `INSERT INTO holder_balances SELECT * FROM (` + holderSums(notArchived, allHolders) + `) AS made WHERE ` + Apart},
	{false, `INSERT INTO holder_tallies SELECT tally, place, count(*), sum(total) FROM (` + tallied("holder_balances", "") + `) AS places GROUP BY tally, place`},
	{true, `INSERT INTO holder_groups SELECT tally, period, place, count(*), sum(total) FROM (` + grouped("holder_balances", "") + `) AS places WHERE ` + Apart + ` GROUP BY tally, period, place`},
	{false, `INSERT INTO holder_groups ` + scanDebts},
	{false, `INSERT INTO account_totals ` + scanTotals},
}

// foldMore adds to the tables what changed.
var foldMore = []foldStep{
	{true, `
		WITH ` + movedTotals + `,
		debts AS (
			INSERT INTO holder_groups AS known
			SELECT tally, period, place, sum(holders), sum(total) FROM (` + movedDebts + `) AS moved GROUP BY tally, period, place HAVING sum(holders) <> 0
			ON CONFLICT (tally, period, place) DO UPDATE SET holders = known.holders + excluded.holders)
		INSERT INTO account_totals AS known
		SELECT kind, issuer, archived, sum(accounts), sum(used), sum(postings), sum(balance) FROM entries GROUP BY kind, issuer, archived
		ON CONFLICT (kind, issuer, archived) DO UPDATE SET accounts = known.accounts + excluded.accounts, used = known.used + excluded.used,
			postings = known.postings + excluded.postings, balance = known.balance + excluded.balance`},
	{true, `
		WITH ` + movedHolders(changedAccounts, notArchived) + `,
		gone AS (DELETE FROM holder_balances k USING before WHERE k.holder = before.holder AND NOT EXISTS (SELECT FROM made WHERE made.holder = k.holder)),
		kept AS (
			INSERT INTO holder_balances SELECT * FROM made
			ON CONFLICT (holder) DO UPDATE SET personal = excluded.personal, private = excluded.private, everyone = excluded.everyone,
				personal_accounts = excluded.personal_accounts, private_accounts = excluded.private_accounts, all_accounts = excluded.all_accounts,
				largest = excluded.largest, present = excluded.present, latest = excluded.latest,
				personal_latest = excluded.personal_latest, private_latest = excluded.private_latest,
				personal_moved = excluded.personal_moved, private_moved = excluded.private_moved, all_moved = excluded.all_moved, joined = excluded.joined),
		groups AS (
			INSERT INTO holder_groups AS known
			SELECT tally, period, place, sum(holders), sum(total) FROM (` + movedGroups + `) AS moved GROUP BY tally, period, place HAVING sum(holders) <> 0 OR sum(total) <> 0
			ON CONFLICT (tally, period, place) DO UPDATE SET holders = known.holders + excluded.holders, total = known.total + excluded.total)
		INSERT INTO holder_tallies AS known
		SELECT tally, place, sum(holders), sum(total) FROM (` + movedTallies + `) AS moved GROUP BY tally, place HAVING sum(holders) <> 0 OR sum(total) <> 0
		ON CONFLICT (tally, place) DO UPDATE SET holders = known.holders + excluded.holders, total = known.total + excluded.total`},
	{false, `DELETE FROM holder_tallies WHERE holders = 0 AND total = 0`},
	{false, `DELETE FROM holder_groups WHERE holders = 0 AND total = 0`},
	{false, `DELETE FROM regrouped_accounts`},
}

// scanTotals computes account_totals.
const scanTotals = `
	SELECT kind, issuer, archived IS NOT NULL AS archived, count(*) AS accounts, count(account) AS used,
		coalesce(sum(postings), 0)::bigint AS postings, coalesce(sum(balance), 0) AS balance
	FROM accounts LEFT JOIN balances ON account = id GROUP BY 1, 2, 3`

// forgetFold is a statement that makes the next fold begin anew, of one who changes what is
// added up otherwise than by appending.
const forgetFold = `UPDATE holder_fold SET transaction = NULL, account = NULL`

// foldVerifications are the checks of the tables with what came since, as readers read them.
func foldVerifications() []verification {
	const made = `(SELECT ` + wholeFold + ` FROM holder_fold)`
	since := strings.NewReplacer("@folded", `(SELECT transaction FROM holder_fold)`, "@account", `(SELECT account FROM holder_fold)`,
		"@active_from", `(SELECT active_from FROM holder_fold)`)
	compare := func(table, keys, with, kept, scan string) verification {
		return verification{BookRollups, table + " is what the record adds up to", table, since.Replace(`
			WITH ` + with + `, kept AS (` + kept + `), scan AS (` + scan + `)
			SELECT concat_ws(' ', ` + keys + `), concat('kept ', coalesce(kept::text, 'nothing'), ', scanned ', coalesce(scan::text, 'nothing'))
			FROM kept FULL JOIN scan USING (` + keys + `)
			WHERE kept IS DISTINCT FROM scan AND ` + made + ` ORDER BY ` + keys)}
	}
	moved := movedHolders(changedAccounts, notArchived)
	return []verification{
		compare("holder_balances", "holder", moved, `
			SELECT * FROM made UNION ALL SELECT * FROM holder_balances k WHERE NOT EXISTS (SELECT FROM touched WHERE touched.holder = k.holder)`, holderSums(notArchived, allHolders)),
		compare("holder_tallies", "tally, place", moved+`, everybody AS MATERIALIZED (`+holderSums(notArchived, allHolders)+`)`, `
			SELECT tally, place, sum(holders)::bigint AS holders, sum(total) AS total
			FROM (SELECT * FROM holder_tallies UNION ALL `+movedTallies+`) AS places GROUP BY tally, place HAVING sum(holders) <> 0 OR sum(total) <> 0`, `
			SELECT tally, place, count(*) AS holders, sum(total) AS total
			FROM (`+tallied("everybody", "")+`) AS places GROUP BY tally, place`),
		compare("holder_groups", "tally, period, place", moved+`, `+movedTotals+`, everybody AS MATERIALIZED (`+holderSums(notArchived, allHolders)+`)`, `
			SELECT tally, period, place, sum(holders)::bigint AS holders, sum(total) AS total
			FROM (SELECT * FROM holder_groups UNION ALL `+movedGroups+` UNION ALL `+movedDebts+`) AS places GROUP BY tally, period, place HAVING sum(holders) <> 0 OR sum(total) <> 0`, `
			SELECT tally, period, place, count(*) AS holders, sum(total) AS total
			FROM (`+grouped("everybody", "")+`) AS places GROUP BY tally, period, place UNION ALL `+scanDebts),
		compare("account_totals", "kind, issuer, archived", movedTotals, `
			SELECT kind, issuer, archived, sum(accounts)::bigint AS accounts, sum(used)::bigint AS used, sum(postings)::bigint AS postings, sum(balance) AS balance
			FROM (SELECT * FROM account_totals UNION ALL SELECT `+entryTotals+` FROM entries) AS parts GROUP BY kind, issuer, archived HAVING sum(accounts) <> 0`, scanTotals),
	}
}
