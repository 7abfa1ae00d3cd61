package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// canceled is the code of Postgres for a statement that took too long.
const canceled = "57014"

// flowSums compares flow_hours with the record as far as SQL can well say what it
// is: the volume of each source in an hour, and what each kind of account gained
// on balance. How a transaction is shared out between several who pay and several
// who receive, only Verify repeats.
var flowSums = verification{BookRollups, "flow_hours add up, by hour, source and kind", "flow_hours", `
	WITH accountwise AS (
		SELECT transaction, account, sum(amount) AS net FROM postings WHERE ` + inStretch + ` GROUP BY transaction, account),
	nets AS (
		SELECT date_trunc('hour', at, 'UTC') AS hour, source, kind, issuer, sum(net) AS net, sum(greatest(net, 0)) AS gained
		FROM accountwise a JOIN (SELECT id, at, source FROM transactions WHERE ` + inStretch + `) AS t ON t.id = transaction JOIN accounts ON accounts.id = account
		GROUP BY hour, source, kind, issuer),
	flows AS (
		SELECT hour, source, kind, issuer, sum(received - sent) AS net, sum(received) AS gained
		FROM flow_hours CROSS JOIN LATERAL (
			VALUES (from_kind, from_issuer, 0, volume), (to_kind, to_issuer, volume, 0)) AS side (kind, issuer, received, sent)
		WHERE hour >= (SELECT begins FROM archive) AND ` + ofStretch("hour") + `
		GROUP BY hour, source, kind, issuer)
	SELECT concat_ws(' ', hour, source, kind),
		concat('kept net ', f.net, ' of ', f.gained, ' gained, scanned ', n.net, ' of ', n.gained)
	FROM flows f FULL JOIN nets n USING (hour, source, kind, issuer)
	WHERE coalesce(f.net, 0) <> coalesce(n.net, 0) OR coalesce(f.gained, 0) <> coalesce(n.gained, 0)
	ORDER BY hour, source, kind`}

// gentle are the checks in the place of those that make a temporary table.
var gentle = map[string]verification{"flow_hours": flowSums, "flow_largest": largestKnown}

// VerifyGently is Verify for a serving process: on one connection, with statements
// of limited duration that use one processor, and without temporary tables, so that
// a role that may only read can call it. A check that takes longer than each is
// given up, and so is all that is left when all has passed; their Undone says so.
// Of flow_hours and flow_largest it checks what SQL can well say.
func (l *Ledger) VerifyGently(ctx context.Context, each, all time.Duration) (*Report, error) {
	var report Report
	ends := time.Now().Add(all)
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, l.db, snapshot, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, unbounded+canonical+bySize+`SET LOCAL max_parallel_workers_per_gather = 0`); err != nil {
			return err
		}
		in, every, err := beginVerifying(ctx, tx, &report)
		if err != nil {
			return err
		}
		for _, v := range every {
			if v.replayed() { // into a temporary table
				v = gentle[v.table]
			}
			limit := min(each, time.Until(ends))
			if limit < time.Millisecond {
				report.Checks = append(report.Checks, Check{Name: v.name, Book: v.book, Undone: "there was no time left"})
				continue
			}
			if err := v.runWithin(ctx, *in, limit); err != nil {
				return fmt.Errorf("%s: %w", v.table, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("verify ledger gently: %w", err)
	}
	return &report, nil
}

// runWithin is run with a limit. A check that is given up leaves the transaction as
// it was.
func (v verification) runWithin(ctx context.Context, in verifying, limit time.Duration) error {
	var check Check
	in.until = time.Now().Add(limit)
	err := pgx.BeginFunc(ctx, in.tx, func(part pgx.Tx) (err error) {
		in.tx = part
		check, err = v.run(ctx, &in)
		return err
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == canceled && ctx.Err() == nil {
		check.Undone = fmt.Sprintf("it took longer than %s", limit.Round(time.Second))
		in.report.Checks = append(in.report.Checks, check)
		return nil
	}
	return err
}

// A Sample selects a part of the record. Turn counts up: some Rounds turns go
// through all accounts, and others through all transactions.
type Sample struct {
	Turn         int64
	Accounts     int64 // how many ids of accounts a turn reads
	Transactions int64 // how many ids of transactions
	MostPostings int64 // accounts with more are left to Verify

	// Again are ids to read whatever the turn, those in which an earlier sample
	// found something.
	AgainAccounts, AgainTransactions []int64
}

// A SampleReport is the result of VerifySample.
type SampleReport struct {
	Accounts     int64 // that were added up again
	Transactions int64
	Postings     int64 // of these accounts
	Large        int64 // accounts that were left to Verify
	Turns        int64 // that go through all accounts and all transactions
	Checks       []Check

	// In which something was found, to be read again: a few of them.
	BadAccounts, BadTransactions []int64
}

// maxAgain is how many ids a sample reads again, of each kind.
const maxAgain = 20

// VerifySample adds up some accounts and some transactions, and compares balances
// and days of these accounts. It reads by indexes, as much as s says. What belongs
// to no one account it leaves to Verify.
func VerifySample(ctx context.Context, tx pgx.Tx, s Sample) (*SampleReport, error) {
	r := &SampleReport{}
	settings, _, err := readSettings(ctx, tx)
	if err != nil {
		return nil, fmt.Errorf("verify sample: %w", err)
	}
	zone, err := LoadZone(settings.Timezone)
	if err != nil {
		return nil, fmt.Errorf("verify sample: %w", err)
	}
	args := LocalTimeArgs(zone, time.Time{}, time.Now())
	if err := r.choose(ctx, tx, s, args); err != nil {
		return nil, fmt.Errorf("verify sample: choose: %w", err)
	}
	for _, v := range sampleVerifications() {
		check, bad, err := v.runSample(ctx, tx, args)
		if err != nil {
			return nil, fmt.Errorf("verify sample: %s: %w", v.table, err)
		}
		r.Checks = append(r.Checks, check)
		to := &r.BadAccounts
		if v.book == BookTransactions {
			to = &r.BadTransactions
		}
		for _, id := range bad {
			if len(*to) < maxAgain && !slices.Contains(*to, id) {
				*to = append(*to, id)
			}
		}
	}
	return r, nil
}

// choose sets the arguments of the sample's queries.
func (r *SampleReport) choose(ctx context.Context, tx pgx.Tx, s Sample, args pgx.NamedArgs) error {
	var lastAccount, lastTransaction int64
	const last = `
		SELECT greatest((SELECT coalesce(max(id), 0) FROM accounts), (SELECT coalesce(max(account), 0) FROM balances)),
			(SELECT coalesce(max(id), 0) FROM transactions)`
	if err := tx.QueryRow(ctx, last).Scan(&lastAccount, &lastTransaction); err != nil {
		return err
	}
	slice := func(last, size int64) (from, to int64) {
		turns := max(1, (last+size-1)/size)
		r.Turns = max(r.Turns, turns)
		from = s.Turn % turns * size
		return from, from + size
	}
	args["from"], args["to"] = slice(lastAccount, s.Accounts)
	args["most"] = s.MostPostings
	args["again"] = s.AgainAccounts[:min(len(s.AgainAccounts), maxAgain)]
	const accounts = `
		SELECT coalesce(array_agg(id ORDER BY id) FILTER (WHERE postings <= @most), '{}'),
			coalesce(sum(postings) FILTER (WHERE postings <= @most), 0)::bigint, count(*) FILTER (WHERE postings > @most)
		FROM (
			SELECT id, coalesce((SELECT postings FROM balances WHERE account = id), 0) AS postings FROM (
				SELECT id FROM accounts WHERE id > @from AND id <= @to
				UNION SELECT account FROM balances WHERE account > @from AND account <= @to
				UNION SELECT unnest(@again::bigint[])) AS ids) AS kept`
	var ids []int64
	if err := tx.QueryRow(ctx, accounts, args).Scan(&ids, &r.Postings, &r.Large); err != nil {
		return err
	}
	r.Accounts, args["ids"] = int64(len(ids)), ids

	from, to := slice(lastTransaction, s.Transactions)
	const transactions = `
		SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM (
			SELECT id FROM transactions WHERE id > $1 AND id <= $2
			UNION SELECT id FROM transactions WHERE id = ANY($3::bigint[])) AS ids`
	var chosen []int64
	again := s.AgainTransactions[:min(len(s.AgainTransactions), maxAgain)]
	if err := tx.QueryRow(ctx, transactions, from, to, again).Scan(&chosen); err != nil {
		return err
	}
	r.Transactions, args["transactions"] = int64(len(chosen)), chosen
	return nil
}

// sampleVerifications are those of a sample. Their rows begin with the id of the
// account or of the transaction.
func sampleVerifications() []verification {
	return []verification{
		{BookTransactions, "these transactions sum to zero", "transactions", `
			SELECT t.id, t.ref, concat('sum ', coalesce(sum(amount), 0), ', ', count(amount), ' postings')
			FROM transactions t LEFT JOIN postings p ON p.transaction = t.id
			WHERE t.id = ANY(@transactions)
			GROUP BY t.id, t.ref
			HAVING coalesce(sum(amount), 0) <> 0 OR count(amount) < 2 OR bool_or(p.at <> t.at)
			ORDER BY t.id`},
		{BookBalances, "these balances are the sums of their postings", "balances", `
			SELECT ids.id, ids.id::text, concat('kept ', coalesce(kept::text, 'nothing'), ', scanned ', coalesce(scan::text, 'nothing'))
			FROM unnest(@ids::bigint[]) AS ids (id)
			LEFT JOIN balances kept ON kept.account = ids.id
			LEFT JOIN LATERAL (
				SELECT sum(balance)::bigint AS balance, max(last_at) AS last_at, sum(postings)::bigint AS postings, min(first_at) AS first_at FROM (
					SELECT sum(amount) AS balance, max(at) AS last_at, count(*) AS postings, min(at) AS first_at FROM postings WHERE account = ids.id HAVING count(*) > 0
					UNION ALL SELECT balance, last_at, postings, first_at FROM archive_balances WHERE account = ids.id) AS parts
				HAVING count(*) > 0) scan ON true
			WHERE (kept.balance, kept.last_at, kept.postings, kept.first_at) IS DISTINCT FROM (scan.balance, scan.last_at, scan.postings, scan.first_at)
			ORDER BY ids.id`},
		{BookRollups, "the days of these accounts are what their postings add up to", "account_days", `
			WITH scan AS (
				SELECT account, ` + LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date AS day,
					coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS received,
					coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS sent, count(*) AS postings
				FROM postings WHERE account = ANY(@ids) GROUP BY account, day),
			kept AS (SELECT * FROM account_days WHERE account = ANY(@ids) AND day >= (SELECT begins_day FROM archive))
			SELECT account, concat(account, ' ', day), concat('kept ', coalesce(kept::text, 'nothing'), ', scanned ', coalesce(scan::text, 'nothing'))
			FROM kept FULL JOIN scan USING (account, day)
			WHERE (kept.received, kept.sent, kept.postings) IS DISTINCT FROM (scan.received, scan.sent, scan.postings)
			ORDER BY account, day`},
		{BookOrphans, "these accounts' postings have their transaction", "postings", `
			SELECT p.account, concat('account ', p.account, ', transaction ', p.transaction), 'the account or the transaction is missing'
			FROM postings p LEFT JOIN transactions t ON t.id = p.transaction
			WHERE p.account = ANY(@ids) AND (t.id IS NULL OR p.account NOT IN (SELECT id FROM accounts WHERE id = ANY(@ids)))
			ORDER BY p.account, p.transaction`},
	}
}

func (v verification) runSample(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (check Check, bad []int64, err error) {
	check = Check{Name: v.name, Book: v.book}
	began := time.Now()
	rows, _ := tx.Query(ctx, v.query, args)
	d := Difference{Table: v.table}
	var id int64
	_, err = pgx.ForEachRow(rows, []any{&id, &d.Key, &d.Text}, func() error {
		check.add(d)
		bad = append(bad, id)
		return nil
	})
	check.Done, check.Took = err == nil, time.Since(began)
	return check, bad, err
}
