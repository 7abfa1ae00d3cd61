package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Report is the result of Verify.
type Report struct {
	Transactions, Postings, Sales int64 // that were scanned
	Checks                        []Check
	Differences                   []Difference // the first ones of all checks
	More                          int          // how many are not listed
}

// OK reports whether nothing differs.
func (r *Report) OK() bool { return len(r.Differences) == 0 }

// A Check is one of the things that Verify checks.
type Check struct {
	Name   string // "every transaction sums to zero"
	Book   Book
	Done   bool
	Found  int          // how many differences
	First  []Difference // of them, a few
	Took   time.Duration
	Undone string // why it was given up, if it was
}

// A Book is what a check is about.
type Book string

// The books.
const (
	BookSum          Book = "sum"          // all postings sum to zero
	BookTransactions Book = "transactions" // so does every transaction
	BookBalances     Book = "balances"     // balances are the sums of postings
	BookRollups      Book = "rollups"      // rollups are what the record adds up to
	BookOrphans      Book = "orphans"      // nothing belongs to what is not there
)

// Books returns all books, in their order.
func Books() []Book {
	return []Book{BookSum, BookTransactions, BookBalances, BookRollups, BookOrphans}
}

// A Difference is a row that is not what the record adds up to.
type Difference struct {
	Table string
	Key   string
	Text  string // what is kept and what the record adds up to
}

// String returns the difference as one line.
func (d Difference) String() string { return d.Table + " " + d.Key + ": " + d.Text }

const (
	maxDifferences = 100 // of a report
	maxFirst       = 3   // of a check
)

// add counts a difference, and keeps it if it is one of the first.
func (c *Check) add(d Difference) {
	c.Found++
	if len(c.First) < maxFirst {
		c.First = append(c.First, d)
	}
}

// Add adds a difference. Beyond the first ones, it only counts.
func (r *Report) Add(d Difference) {
	if len(r.Differences) == maxDifferences {
		r.More++
		return
	}
	r.Differences = append(r.Differences, d)
}

// Verify reads the whole record, adds it up, and reports every balance and rollup
// that differs, every transaction that does not balance, and everything that
// belongs to nothing. It calls each of the functions with a check when it begins
// and when it is done.
//
// Verify reads the ledger as it was at one moment, and may run beside appends. Its
// time and work are in proportion to the record. It makes temporary tables.
func (l *Ledger) Verify(ctx context.Context, progress ...func(Check)) (*Report, error) {
	var report Report
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead}
	err := pgx.BeginTxFunc(ctx, l.db, snapshot, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, unbounded+canonical+bySize); err != nil {
			return err
		}
		const count = `SELECT (SELECT count(*) FROM transactions), (SELECT count(*) FROM postings), (SELECT count(*) FROM sales)`
		if err := tx.QueryRow(ctx, count).Scan(&report.Transactions, &report.Postings, &report.Sales); err != nil {
			return err
		}
		in, all, err := beginVerifying(ctx, tx, &report)
		if err != nil {
			return err
		}
		in.progress = progress
		for _, v := range all {
			if _, err := v.run(ctx, in); err != nil {
				return fmt.Errorf("%s: %w", v.table, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("verify ledger: %w", err)
	}
	return &report, nil
}

// A verification is a query whose rows are what is wrong: key and text.
type verification struct {
	book  Book
	name  string
	table string
	query string // executed for each stretch if it has inStretch or ofStretch
}

// replayed reports whether the query compares with what is added up by replaying the record.
func (v verification) replayed() bool { return strings.Contains(v.query, replayPrefix) }

// verifying is a run of verifications in a transaction.
type verifying struct {
	tx        pgx.Tx
	zone      *time.Location
	stretches []stretch
	report    *Report
	progress  []func(Check)
	until     time.Time // a check ends then; zero: never
	replayed  bool
}

// beginVerifying returns the checks of the ledger that tx sees, in their order.
func beginVerifying(ctx context.Context, tx pgx.Tx, report *Report) (*verifying, []verification, error) {
	settings, _, err := readSettings(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	in := &verifying{tx: tx, report: report}
	if in.zone, err = LoadZone(settings.Timezone); err != nil {
		return nil, nil, err
	}
	if in.stretches, err = stretches(ctx, tx, in.zone); err != nil {
		return nil, nil, err
	}
	all, err := checks(ctx, tx)
	return in, all, err
}

func (v verification) run(ctx context.Context, in *verifying) (Check, error) {
	check := Check{Name: v.name, Book: v.book}
	notify := func() {
		for _, f := range in.progress {
			f(check)
		}
	}
	notify()
	began := time.Now()
	if v.replayed() {
		if err := in.replay(ctx); err != nil {
			return check, err
		}
	}
	local := LocalTimeArgs(in.zone, time.Time{}, began)
	for _, part := range stretchesOf(v.query, in.stretches) {
		if err := in.limit(ctx); err != nil {
			return check, err
		}
		rows, _ := in.tx.Query(ctx, v.query, part.args(local))
		d := Difference{Table: v.table}
		_, err := pgx.ForEachRow(rows, []any{&d.Key, &d.Text}, func() error {
			check.add(d)
			in.report.Add(d)
			return nil
		})
		if err != nil {
			return check, err
		}
	}
	check.Done, check.Took = true, time.Since(began)
	in.report.Checks = append(in.report.Checks, check)
	notify()
	return check, nil
}

// limit gives the next statement the time that is left.
func (in *verifying) limit(ctx context.Context) error {
	if in.until.IsZero() {
		return nil
	}
	left := max(time.Until(in.until), time.Millisecond)
	_, err := in.tx.Exec(ctx, fmt.Sprintf(`SET LOCAL statement_timeout = %d`, left.Milliseconds()))
	return err
}

// replay adds up the deltas of the whole record, for the rollups without a query: once for
// all of them, into temporary tables like them. A transaction that does not sum to zero is
// reported already, and is left out.
func (in *verifying) replay(ctx context.Context) error {
	if in.replayed {
		return nil
	}
	var these []rollup
	for _, r := range rollups() {
		if r.scan == "" {
			these = append(these, r)
			create := `CREATE TEMPORARY TABLE ` + replayPrefix + r.table + ` (LIKE ` + r.table + ` INCLUDING DEFAULTS, PRIMARY KEY (` + r.keys + `)) ON COMMIT DROP`
			if _, err := in.tx.Exec(ctx, create); err != nil {
				return err
			}
		}
	}
	to, err := end(ctx, in.tx)
	if err != nil {
		return err
	}
	for at := (position{}); at != to; {
		d, reached, _, err := replay(ctx, in.tx, in.zone, at, to, nil)
		if err != nil {
			return err
		}
		var batch pgx.Batch
		d.queue(&batch, replayPrefix, these)
		if batch.Len() > 0 {
			if err := in.tx.SendBatch(ctx, &batch).Close(); err != nil {
				return err
			}
		}
		at = reached
	}
	in.replayed = true
	return nil
}

// replayPrefix is that of the temporary tables of replay.
const replayPrefix = "replay_"

// verifications returns all checks, in their order.
func verifications() []verification {
	all := []verification{
		{BookSum, "all postings sum to zero", "postings",
			`SELECT 'all', concat('sum to ', sum(amount)) FROM postings HAVING sum(amount) <> 0`},
		{BookTransactions, "every transaction sums to zero", "transactions", `
			SELECT t.ref, concat('sum ', coalesce(sum(amount), 0), ', ', count(amount), ' postings, ',
				count(*) FILTER (WHERE p.at <> t.at), ' at another time')
			FROM (SELECT id, at, ref FROM transactions WHERE ` + inStretch + `) AS t
			LEFT JOIN (SELECT transaction, at, amount FROM postings WHERE ` + inStretch + `) AS p ON p.transaction = t.id
			GROUP BY t.id, t.ref
			HAVING coalesce(sum(amount), 0) <> 0 OR count(amount) < 2 OR bool_or(p.at <> t.at)
			ORDER BY t.id`},
	}
	for _, r := range rollups() {
		all = append(all, r.verification())
	}
	all = append(all, foldVerifications()...)
	return append(all,
		// Only the supply: the other numbers of a snapshot are not the ledger's to
		// compute.
		verification{BookRollups, "day_snapshots have the supply of the record", "day_snapshots", `
			SELECT day::text, concat('kept supply ', supply, ', scanned ', scanned)
			FROM (
				SELECT day, supply, sum(coalesce(net, 0)) OVER (ORDER BY day) AS scanned
				FROM day_snapshots FULL JOIN (
					SELECT ` + LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date AS day, sum(amount) AS net
					FROM postings WHERE account NOT IN (SELECT id FROM accounts WHERE issuer) GROUP BY 1
					UNION ALL
					SELECT day, sum(received - sent) FROM account_days
					WHERE account NOT IN (SELECT id FROM accounts WHERE issuer) AND day < (SELECT begins_day FROM archive) GROUP BY day) AS moved USING (day)) AS days
			WHERE supply <> scanned
			ORDER BY day`},
		// From the days of accounts, which are compared with the record above.
		verification{BookRollups, "closing_balances are what the days add up to", "closing_balances", `
			WITH kept AS (
				SELECT day, k.* FROM closing_balances, unnest(accounts, balances, postings, last_days) AS k (account, balance, postings, last_day)),
			moved AS (
				SELECT (SELECT min(c.day) FROM closing_balances c WHERE c.day >= d.day) AS day, account,
					sum(received - sent) AS net, sum(postings) AS postings, max(d.day) - date '1970-01-01' AS last_day
				FROM account_days d WHERE day <= (SELECT max(day) FROM closing_balances) GROUP BY 1, 2),
			both_of AS (
				SELECT day, account, k.balance, k.postings, k.last_day,
					sum(m.net) OVER upto AS net, sum(m.postings) OVER upto AS number, max(m.last_day) OVER upto AS latest,
					row_number() OVER upto AS nr
				FROM kept k FULL JOIN moved m USING (day, account) WHERE day IS NOT NULL
				WINDOW upto AS (PARTITION BY account ORDER BY day)),
			counted AS (SELECT day, sum(count(*) FILTER (WHERE nr = 1)) OVER (ORDER BY day) AS accounts FROM both_of GROUP BY day)
			SELECT day::text, concat('account ', account, ': kept ', coalesce(balance::text, 'nothing'), ', added up ', net) FROM both_of
			WHERE (balance, postings, last_day) IS DISTINCT FROM (net, number, latest)
			UNION ALL
			SELECT day::text, concat('kept ', cardinality(k.accounts), ' accounts, there were ', coalesce(c.accounts, 0))
			FROM closing_balances k LEFT JOIN counted c USING (day) WHERE cardinality(k.accounts) IS DISTINCT FROM c.accounts
			ORDER BY 1, 2`},
		verification{BookOrphans, "no posting without its transaction", "postings", `
			SELECT transaction::text, concat('account ', account, ': the transaction is missing, or is of another time')
			FROM (SELECT transaction, at, account FROM postings WHERE ` + inStretch + `) AS p
			LEFT JOIN (SELECT id, at FROM transactions WHERE ` + inStretch + `) AS t ON t.id = transaction AND t.at = p.at
			WHERE t.id IS NULL`},
		// Whoever has postings has a balance: that is compared above.
		verification{BookOrphans, "no balance without its account", "balances", `
			SELECT account::text, 'the account is missing' FROM balances LEFT JOIN accounts ON id = account WHERE id IS NULL`},
		verification{BookOrphans, "no sale without what it names", "sales", `
			SELECT s.ref, 'its transaction, item, shop, seller or buyer is missing'
			FROM sales s
			WHERE NOT EXISTS (SELECT FROM items WHERE id = item)
				OR transaction IS NOT NULL AND NOT EXISTS (SELECT FROM transactions WHERE id = transaction)
					AND NOT EXISTS (SELECT FROM refs WHERE what = 't' AND id = transaction AND (SELECT begins > '-infinity' FROM archive))
				OR shop IS NOT NULL AND NOT EXISTS (SELECT FROM shops WHERE id = shop)
				OR seller IS NOT NULL AND NOT EXISTS (SELECT FROM accounts WHERE id = seller)
				OR buyer IS NOT NULL AND NOT EXISTS (SELECT FROM accounts WHERE id = buyer)`},
		verification{BookOrphans, "offers are what they changed to last", "offers", `
			SELECT concat(o.shop, ' ', o.ref, ' ', o.item), concat('kept ', o::text, ', changed last to ', c::text)
			FROM offers o LEFT JOIN LATERAL (
				SELECT * FROM offer_changes c WHERE c.item = o.item AND c.offer = o.id ORDER BY at DESC LIMIT 1) c ON true
			WHERE (o.ask, o.bid, o.priced_in, o.batch, o.stock, o.capacity, o.active)
					IS DISTINCT FROM (c.ask, c.bid, c.priced_in, c.batch, c.stock, c.capacity, c.active)
				OR c.at IS NULL OR c.at > o.seen
				OR NOT EXISTS (SELECT FROM shops WHERE id = o.shop) OR NOT EXISTS (SELECT FROM items WHERE id = o.item)`},
		verification{BookOrphans, "changes are those of an offer of their item", "offer_changes", `
			SELECT concat(offer, ' ', at), 'its offer is missing, or is of another item'
			FROM offer_changes c LEFT JOIN offers o ON o.id = offer WHERE o.item IS DISTINCT FROM c.item`},
		refsKept,
		archivedBalances,
	)
}

// verification returns the check of a rollup: that it is what its scan computes, or
// what the deltas of all of the record add up to.
func (r rollup) verification() verification {
	v := verification{book: BookRollups, name: r.table + " is what the record adds up to", table: r.table}
	if r.table == "balances" {
		v.book = BookBalances
	}
	scan, kept := r.scan, r.since()
	if scan == "" {
		scan = `SELECT * FROM pg_temp.` + replayPrefix + r.table
	} else if r.stretched() {
		kept += ` AND ` + ofStretch(r.period())
	}
	v.query = `
		WITH scan AS (` + scan + `),
		kept AS (SELECT * FROM ` + r.table + ` WHERE ` + kept + `)
		SELECT concat_ws(' ', ` + r.keys + `), concat('kept ', coalesce(kept::text, 'nothing'), ', scanned ', coalesce(scan::text, 'nothing'))
		FROM kept FULL JOIN scan USING (` + r.keys + `)
		WHERE kept IS DISTINCT FROM scan
		ORDER BY ` + r.keys
	return v
}
