package ledger

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// What holders have together is kept as of a moment: holder_balances has a row a holder,
// holder_tallies how many of them are in each bin of balances and were active last on each
// day, holder_groups the same of some holders, account_totals the accounts by kind, and
// holder_fold the moment. Readers add what
// came since, of the accounts that changed, and FoldHolders moves the moment on. So numbers
// of all holders cost the same however many there are, and Append does nothing for them:
// see docs/decisions/0036-holders-by-bins.md.

// changedAccounts is a query for the accounts whose holders may have something else than
// at that moment. @folded is the last transaction in it.
const changedAccounts = `SELECT account FROM postings WHERE transaction > @folded UNION SELECT account FROM regrouped_accounts`

// archivedLater is a query for the accounts that were archived after @end, merged ones if
// the other one was.
const archivedLater = `
	SELECT id AS account FROM accounts WHERE archived > @end
	UNION SELECT account FROM merges JOIN accounts t ON t.id = target WHERE t.archived > @end`

// notArchived is the condition of an account that counts among what its holder has, and
// notArchivedBy that by the time @end.
const (
	notArchived   = `h.archived IS NULL`
	notArchivedBy = `(h.archived IS NULL OR h.archived > @end)`
)

// holderSums is a query that computes holder_balances of accounts with their balances, of
// which those count for which here holds. It has the arguments of LocalTimeArgs.
func holderSums(here, accounts string) string {
	return `
		SELECT holder, coalesce(sum(balance) FILTER (WHERE here AND kind = 'personal'), 0) AS personal,
			coalesce(sum(balance) FILTER (WHERE here AND kind IN ('personal', 'business')), 0) AS private,
			coalesce(sum(balance) FILTER (WHERE here), 0) AS everyone,
			(count(*) FILTER (WHERE here AND kind = 'personal'))::integer AS personal_accounts,
			(count(*) FILTER (WHERE here AND kind IN ('personal', 'business')))::integer AS private_accounts,
			(count(*) FILTER (WHERE here))::integer AS all_accounts,
			max(balance) FILTER (WHERE here) AS largest,
			max(day) AS present, max(day) FILTER (WHERE here) AS latest,
			max(day) FILTER (WHERE here AND kind = 'personal') AS personal_latest,
			max(day) FILTER (WHERE here AND kind IN ('personal', 'business')) AS private_latest,
			count(*) FILTER (WHERE here AND kind = 'personal') > 1 OR max(postings) FILTER (WHERE here AND kind = 'personal') > 1 AS personal_moved,
			count(*) FILTER (WHERE here AND kind IN ('personal', 'business')) > 1 OR max(postings) FILTER (WHERE here AND kind IN ('personal', 'business')) > 1 AS private_moved,
			count(*) FILTER (WHERE here) > 1 OR max(postings) FILTER (WHERE here) > 1 AS all_moved,
			min(first) AS joined
		FROM (
			SELECT h.holder, h.kind, ` + here + ` AS here, b.balance, b.postings,
				` + LocalTime(`date_trunc('hour', b.first_at, 'UTC')`) + `::date AS first, ` + LocalTime(`date_trunc('hour', b.last_at, 'UTC')`) + `::date AS day
			FROM ` + accounts + ` WHERE NOT h.issuer) AS used
		GROUP BY holder`
}

// allHolders are the accounts of holderSums of all holders.
const allHolders = `balances b JOIN account_holders h ON h.id = b.account`

// membersOf is SQL for a WITH clause: members are the accounts of the holders of some accounts,
// as in account_holders. Where an account is merged, that is the holder of the other one too.
// Each row is looked up by an index: OFFSET 0 keeps Postgres, which cannot know how few they
// are, from reading whole tables instead.
func membersOf(accounts string) string {
	return `
		changed AS MATERIALIZED (SELECT * FROM (` + accounts + `) AS these ORDER BY account),
		touched AS MATERIALIZED (
			SELECT holder FROM changed, LATERAL (SELECT holder FROM accounts WHERE id = account OFFSET 0) AS own
			UNION SELECT holder FROM changed JOIN merges USING (account), LATERAL (SELECT holder FROM accounts WHERE id = target OFFSET 0) AS other
			ORDER BY holder),
		theirs AS MATERIALIZED (
			SELECT own.* FROM touched, LATERAL (SELECT * FROM accounts a WHERE a.holder = touched.holder OFFSET 0) AS own),
		members AS (
			SELECT id, holder, kind, issuer, archived FROM theirs WHERE id NOT IN (SELECT account FROM merges)
			UNION ALL
			SELECT a.id, t.holder, a.kind, a.issuer, t.archived
			FROM theirs t JOIN merges ON target = t.id, LATERAL (SELECT * FROM accounts WHERE id = merges.account OFFSET 0) AS a)`
}

// movedHolders is membersOf with before and made: the rows of holder_balances of these
// holders, as they are kept, and as they are now.
func movedHolders(accounts, here string) string {
	return membersOf(accounts) + `,
		made AS MATERIALIZED (` + holderSums(here, `members h, LATERAL (SELECT * FROM balances WHERE account = h.id OFFSET 0) AS b`) + `),
		before AS MATERIALIZED (
			SELECT known.* FROM touched, LATERAL (SELECT * FROM holder_balances k WHERE k.holder = touched.holder OFFSET 0) AS known)`
}

// tallied is a query for the places of the rows of a table like holder_balances, each
// with a number of holders, 1 or -1, and what they have, or minus that.
func tallied(table string, sign string) string {
	query := ""
	for _, p := range []struct{ tally, sum, accounts string }{
		{"personal", "personal", "personal_accounts"}, {"private", "private", "private_accounts"}, {"all", "everyone", "all_accounts"},
	} {
		query += fmt.Sprintf(`SELECT '%s' AS tally, balance_bin(%s) AS place, %s1 AS holders, %s%s AS total FROM %s WHERE %s > 0 UNION ALL `,
			p.tally, p.sum, sign, sign, p.sum, table, p.accounts)
	}
	return query + fmt.Sprintf(`
		SELECT 'present', present - date '1970-01-01', %[1]s1, 0 FROM %[2]s UNION ALL
		SELECT 'latest', latest - date '1970-01-01', %[1]s1, 0 FROM %[2]s WHERE latest IS NOT NULL`, sign, table)
}

// movedTallies is a query for what the tallies change by, of before and made.
var movedTallies = tallied("before", "-") + ` UNION ALL ` + tallied("made", "")

// movedTotals is a query, after WITH, for what account_totals change by. An account that was
// archived or brought back takes with it what it had at the moment of the fold; @account is
// the last account in it.
const movedTotals = `
	gained AS MATERIALIZED (SELECT account, sum(amount) AS amount, count(*) AS number FROM postings WHERE transaction > @folded GROUP BY account ORDER BY account),
	entries AS (
		SELECT kind, issuer, archived IS NOT NULL AS archived, 0 AS accounts, (b.postings = number)::integer AS used, number AS postings, amount AS balance,
			(b.balance < 0)::integer - (b.balance < amount)::integer AS debtors
		FROM gained, LATERAL (SELECT * FROM accounts WHERE id = gained.account OFFSET 0) AS a, LATERAL (SELECT * FROM balances WHERE account = a.id OFFSET 0) AS b
		WHERE a.id <= @account AND NOT EXISTS (SELECT FROM regrouped_accounts r WHERE r.account = a.id AND was IS NOT NULL)
		UNION ALL
		SELECT kind, issuer, archived IS NOT NULL, 1, (b.account IS NOT NULL)::integer, coalesce(postings, 0), coalesce(balance, 0), (coalesce(balance, 0) < 0)::integer
		FROM accounts LEFT JOIN balances b ON account = id WHERE id > @account
		UNION ALL
		SELECT kind, issuer, side.archived, sign, sign * (side.postings > 0)::integer, sign * side.postings, sign * side.balance, sign * (side.balance < 0)::integer
		FROM regrouped_accounts r JOIN accounts a ON a.id = r.account LEFT JOIN balances b ON b.account = a.id LEFT JOIN gained g ON g.account = a.id,
			LATERAL (VALUES
				(a.archived IS NOT NULL, 1, coalesce(b.postings, 0), coalesce(b.balance, 0)),
				(was, -1, coalesce(b.postings, 0) - coalesce(number, 0), coalesce(b.balance, 0) - coalesce(amount, 0))) AS side (archived, sign, postings, balance)
		WHERE was IS NOT NULL AND a.id <= @account)`

// entryTotals are the columns of entries that account_totals has.
const entryTotals = `kind, issuer, archived, accounts, used, postings, balance`

// LastBin is the bin of the largest balances, and -LastBin that of the largest debts, as
// the function balance_bin of the database numbers them.
const LastBin = 3711

// BinBounds returns the smallest and the largest balance of a bin, and reports whether
// it has any: one beyond the last is of what does not fit in 64 bits. From 128 on, the
// difference between them is less than a 64th of the smaller one.
func BinBounds(bin int) (low, high int64, ok bool) {
	switch {
	case bin < 0:
		low, high, ok = BinBounds(-bin)
		if low, high = -high, -low; bin == -LastBin {
			low = math.MinInt64
		}
		return low, high, ok
	case bin > LastBin:
		return 0, 0, false
	case bin < 128:
		return int64(bin), int64(bin), true
	}
	shift := bin/64 - 1
	first := int64(bin%64 + 64)
	return first << shift, first<<shift + (1<<shift - 1), true
}

// A Fold is the moment up to which what holders have is added up.
type Fold struct {
	transaction, account *int64 // the last ones; nil: nothing is added up
	activeFrom           *int   // of holder_groups; nil: they are not added up
	Used                 int64  // accounts with a posting, as of then
}

// Made reports whether anything is added up.
func (f Fold) Made() bool { return f.transaction != nil }

// args are the arguments of the queries above.
func (f Fold) args(zone *time.Location, end time.Time) pgx.NamedArgs {
	args := LocalTimeArgs(zone, time.Time{}, time.Now())
	args["end"], args["folded"], args["account"], args["active_from"] = end, f.transaction, f.account, f.activeFrom
	return args
}

// wholeFold is the condition that all tables are as of the fold's moment, and not only those
// that a process of the version before adds up.
const wholeFold = `transaction IS NOT NULL AND at IS NOT DISTINCT FROM whole_at`

// ReadFold returns the fold that tx sees.
func ReadFold(ctx context.Context, tx pgx.Tx) (f Fold, err error) {
	const query = `
		SELECT transaction, account, CASE WHEN ` + wholeFold + ` THEN active_from END,
			coalesce((SELECT sum(used) FROM account_totals), 0)::bigint FROM holder_fold`
	if err := tx.QueryRow(ctx, query).Scan(&f.transaction, &f.account, &f.activeFrom, &f.Used); err != nil {
		return f, fmt.Errorf("read up to when holders are added up: %w", err)
	}
	return f, nil
}

// The tallies.
const (
	TallyPresent = "present" // by the day of a holder's latest posting, also by archived accounts
	TallyLatest  = "latest"  // likewise by accounts that are not archived
)

// A Tally is the holders in one place: a bin of balances, or a day.
type Tally struct {
	Tally   string // a population, personal, private or all; or one of the tallies
	Place   int
	Holders int64
	Total   Sum
}

// Tallies returns all tallies as they are now, in the order of their places, and with them
// accounts that are no issuers and not archived, among which are the so many with the largest
// balances above 0, and all with the same balance as the last of them; nil if these are more
// than ten times as many, or if there are not so many. Accounts that were archived after end
// count as those that are not. The cost follows how many accounts changed since the fold,
// which must be made, and how many were archived after end.
func (f Fold) Tallies(ctx context.Context, tx pgx.Tx, end time.Time, zone *time.Location, most int) (tallies []Tally, largest []int64, err error) {
	// Who has one of the largest balances is among the holders with the largest single ones.
	query := `
		WITH ` + movedHolders(changedAccounts+` UNION `+archivedLater, notArchivedBy) + `,
		places AS (
			SELECT tally, place, sum(holders)::bigint AS holders, sum(total) AS total
			FROM (SELECT tally, place, holders, total FROM holder_tallies UNION ALL ` + movedTallies + `) AS parts
			GROUP BY tally, place HAVING sum(holders) <> 0 OR sum(total) <> 0 ORDER BY tally, place),
		kept AS (
			SELECT holder, largest FROM holder_balances
			WHERE largest > 0 AND holder NOT IN (SELECT holder FROM touched) ORDER BY largest DESC LIMIT 10 * @most::bigint + 1),
		rich AS (SELECT * FROM kept UNION ALL SELECT * FROM (SELECT holder, largest FROM made WHERE largest > 0 ORDER BY largest DESC LIMIT 10 * @most + 1) AS few),
		owned AS (
			SELECT id FROM rich JOIN accounts USING (holder)
			UNION SELECT m.account FROM rich JOIN accounts t USING (holder) JOIN merges m ON m.target = t.id),
		largest AS (
			SELECT b.account, b.balance FROM balances b JOIN account_holders h ON h.id = b.account
			WHERE b.account IN (SELECT id FROM owned) AND b.balance > 0 AND NOT issuer AND ` + notArchivedBy + `
			ORDER BY b.balance DESC LIMIT 10 * @most + 1),
		least AS (SELECT balance FROM largest ORDER BY balance DESC LIMIT 1 OFFSET @most - 1),
		among AS (SELECT account FROM largest WHERE balance >= (SELECT balance FROM least))
		SELECT array_agg(tally), array_agg(place), array_agg(holders), array_agg(total),
			CASE WHEN (SELECT count(*) FROM among) BETWEEN 1 AND 10 * @most THEN ARRAY(SELECT account FROM among) END
		FROM places`
	args := f.args(zone, end)
	args["most"] = int64(most)
	var (
		names   []string
		places  []int
		holders []int64
		totals  []Sum
	)
	if err := tx.QueryRow(ctx, query, args).Scan(&names, &places, &holders, &totals, &largest); err != nil {
		return nil, nil, fmt.Errorf("read tallies of holders: %w", err)
	}
	for i, name := range names {
		tallies = append(tallies, Tally{name, places[i], holders[i], totals[i]})
	}
	return tallies, largest, nil
}

// An AccountTotal is the accounts of a kind, or its issuers, archived or not.
type AccountTotal struct {
	Kind             Kind
	Issuer, Archived bool
	Accounts, Used   int64
	Postings         int64
	Balance          Sum
}

// Totals returns the accounts by kind as they are now. Archived are those that were by end.
// Its cost is that of Tallies; without a fold it reads all accounts.
func (f Fold) Totals(ctx context.Context, tx pgx.Tx, end time.Time) ([]AccountTotal, error) {
	const ofAll = `
		SELECT kind, issuer, archived IS NOT NULL AND archived <= @end AS archived, count(*) AS accounts, count(account) AS used,
			coalesce(sum(postings), 0)::bigint AS postings, coalesce(sum(balance), 0) AS balance
		FROM accounts LEFT JOIN balances ON account = id GROUP BY 1, 2, 3`
	const sinceFold = `
		WITH ` + movedTotals + `,
		late AS (
			SELECT kind, issuer, count(*) AS accounts, count(account) AS used, coalesce(sum(postings), 0) AS postings, coalesce(sum(balance), 0) AS balance
			FROM accounts LEFT JOIN balances ON account = id WHERE archived > @end GROUP BY kind, issuer)
		SELECT kind, issuer, archived, sum(accounts)::bigint, sum(used)::bigint, sum(postings)::bigint, sum(balance)
		FROM (
			SELECT * FROM account_totals
			UNION ALL SELECT ` + entryTotals + ` FROM entries
			UNION ALL SELECT kind, issuer, false, accounts, used, postings, balance FROM late
			UNION ALL SELECT kind, issuer, true, -accounts, -used, -postings, -balance FROM late) AS parts
		GROUP BY kind, issuer, archived HAVING sum(accounts) <> 0`
	query := ofAll
	if f.Made() {
		query = sinceFold
	}
	rows, _ := tx.Query(ctx, query+` ORDER BY array_position(ARRAY['personal', 'business', 'government', 'system'], kind), issuer, archived`, f.args(time.UTC, end))
	totals, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AccountTotal])
	if err != nil {
		return nil, fmt.Errorf("accounts by kind: %w", err)
	}
	return totals, nil
}
