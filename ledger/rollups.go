package ledger

import (
	"github.com/jackc/pgx/v5"
)

// A rollup is a table that follows from the record. Append adds to it what a batch
// changes, Verify compares it with the record, and Repair makes it anew: all three
// go by the list of rollups.
type rollup struct {
	table string
	keys  string // its primary key

	// queue queues what deltas add to the rollup, or to a table like it. Nil: the
	// rollup is no sum of deltas, an append keeps it in its own way, and Repair makes
	// it by the scan.
	queue func(d *deltas, batch *pgx.Batch, table string)

	// scan is a query that computes the rollup from the record, with its columns in
	// their order. Where SQL cannot well say it, scan is empty, and Verify adds up
	// the deltas of all transactions and sales. It has the arguments of LocalTimeArgs.
	scan string
}

// rollups returns all rollups, in the order in which appends lock them.
func rollups() []rollup {
	return []rollup{
		{"balances", "account", (*deltas).queueBalances, `
			SELECT account, sum(amount)::bigint, max(at), count(*) FROM postings GROUP BY account`},
		{"account_days", "account, day", (*deltas).queueDays, `
			SELECT account, ` + LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date AS day,
				coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
				coalesce(-sum(amount) FILTER (WHERE amount < 0), 0), count(*)
			FROM postings GROUP BY account, day`},
		{"activity_hours", "hour", (*deltas).queueActivity, `
			WITH accountwise AS (
				SELECT transaction, greatest(sum(amount), 0) AS gain, count(*) AS postings
				FROM postings GROUP BY transaction, account),
			volumes AS (SELECT transaction, sum(gain) AS volume, sum(postings) AS postings FROM accountwise GROUP BY transaction),
			holderwise AS (
				SELECT transaction, sum(amount) AS net FROM postings JOIN accounts ON id = account
				WHERE NOT issuer GROUP BY transaction, holder),
			transfers AS (
				SELECT transaction, least(sum(greatest(net, 0)), sum(greatest(-net, 0))) AS transfers
				FROM holderwise GROUP BY transaction)
			SELECT date_trunc('hour', at, 'UTC') AS hour, count(*), sum(postings)::bigint, sum(volume),
				coalesce(sum(transfers), 0)
			FROM transactions JOIN volumes v ON v.transaction = id LEFT JOIN transfers f ON f.transaction = id
			GROUP BY hour`},
		// How the value of a transaction is shared out, SQL cannot well say.
		{"flow_hours", "hour, from_kind, from_issuer, to_kind, to_issuer, source", (*deltas).queueFlows, ""},
		{"item_hours", "item, hour", (*deltas).queueItems, `
			SELECT item, date_trunc('hour', at, 'UTC') AS hour,
				count(price), coalesce(sum(quantity) FILTER (WHERE price IS NOT NULL), 0),
				coalesce(sum(total) FILTER (WHERE price IS NOT NULL), 0),
				count(*) FILTER (WHERE price IS NULL), coalesce(sum(quantity) FILTER (WHERE price IS NULL), 0),
				coalesce(sum(total) FILTER (WHERE price IS NULL), 0),
				(array_agg(price ORDER BY at, id) FILTER (WHERE price IS NOT NULL))[1], max(price), min(price),
				(array_agg(price ORDER BY at DESC, id DESC) FILTER (WHERE price IS NOT NULL))[1],
				(array_agg(at ORDER BY at, id) FILTER (WHERE price IS NOT NULL))[1],
				(array_agg(id ORDER BY at, id) FILTER (WHERE price IS NOT NULL))[1],
				(array_agg(at ORDER BY at DESC, id DESC) FILTER (WHERE price IS NOT NULL))[1],
				(array_agg(id ORDER BY at DESC, id DESC) FILTER (WHERE price IS NOT NULL))[1]
			FROM (SELECT *, CASE WHEN quantity > 0 AND total > 0 THEN total::float8 / quantity END AS price FROM sales) AS priced
			GROUP BY item, hour`},
	}
}
