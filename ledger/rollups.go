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
	// the deltas of all transactions and sales. It has the arguments of LocalTimeArgs, and
	// computes a stretch of the record where it has inStretch.
	scan string
}

// rollups returns all rollups, in the order in which appends lock them.
func rollups() []rollup {
	return []rollup{
		{"balances", "account", (*deltas).queueBalances, `
			SELECT account, sum(balance)::bigint, max(last_at), sum(postings)::bigint, min(first_at) FROM (
				SELECT account, sum(amount) AS balance, max(at) AS last_at, count(*) AS postings, min(at) AS first_at FROM postings GROUP BY account
				UNION ALL ` + monthBalances + `) AS parts
			GROUP BY account`},
		{"account_days", "account, day", (*deltas).queueDays, `
			SELECT account, ` + LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date AS day,
				coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
				coalesce(-sum(amount) FILTER (WHERE amount < 0), 0), count(*)
			FROM postings WHERE ` + inStretch + ` GROUP BY account, day`},
		{"activity_hours", "hour", (*deltas).queueActivity, `
			WITH accountwise AS (
				SELECT transaction, greatest(sum(amount), 0) AS gain, count(*) AS postings
				FROM postings WHERE ` + inStretch + ` GROUP BY transaction, account),
			holderwise AS (
				SELECT transaction, sum(amount) AS net FROM postings JOIN accounts ON id = account
				WHERE NOT issuer AND ` + inStretch + ` GROUP BY transaction, holder),
			-- Not a join of the two: the planner takes each for 200 rows, and may compare all with all.
			moved AS (
				SELECT transaction, sum(gain) AS volume, sum(postings) AS postings, least(sum(greatest(net, 0)), sum(greatest(-net, 0))) AS transfers
				FROM (
					SELECT transaction, gain, postings, 0 AS net FROM accountwise
					UNION ALL SELECT transaction, 0, 0, net FROM holderwise) AS parts
				GROUP BY transaction)
			SELECT date_trunc('hour', at, 'UTC') AS hour, count(*), sum(postings)::bigint, sum(volume), sum(transfers)
			FROM (SELECT id, at FROM transactions WHERE ` + inStretch + `) AS t JOIN moved ON transaction = id
			GROUP BY hour`},
		// How the value of a transaction is shared out, SQL cannot well say.
		{"flow_hours", "hour, from_kind, from_issuer, to_kind, to_issuer, source", (*deltas).queueFlows, ""},
		{"flow_largest", "source, day, from_kind, from_issuer, to_kind, to_issuer", (*deltas).queueLargest, ""},
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
		{"item_days", "item, day", (*deltas).queueItemDays, `
			SELECT item, ` + LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date AS day,
				count(price), coalesce(sum(quantity) FILTER (WHERE price IS NOT NULL), 0),
				coalesce(sum(total) FILTER (WHERE price IS NOT NULL), 0),
				count(*) FILTER (WHERE price IS NULL), coalesce(sum(quantity) FILTER (WHERE price IS NULL), 0),
				coalesce(sum(total) FILTER (WHERE price IS NULL), 0), max(price), min(price)
			FROM (SELECT *, CASE WHEN quantity > 0 AND total > 0 THEN total::float8 / quantity END AS price FROM sales) AS priced
			GROUP BY item, day`},
		{"trader_days", "item, day, account, side", (*deltas).queueTraders, `
			SELECT item, ` + LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date AS day, account, side, count(*), sum(quantity), sum(total)
			FROM sales CROSS JOIN LATERAL (VALUES (seller, 'seller'), (buyer, 'buyer')) AS trader (account, side)
			WHERE quantity > 0 AND total > 0 AND account IS NOT NULL
			GROUP BY item, day, account, side`},
		{"price_days", "item, day, price, pieces", (*deltas).queuePrices, `
			SELECT item, ` + LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date AS day, total / gcd(total, quantity) AS price, quantity / gcd(total, quantity) AS pieces,
				count(*), sum(quantity), sum(total)
			FROM sales WHERE quantity > 0 AND total > 0
			GROUP BY item, day, price, pieces`},
		{"counterparty_days", "low, day, high", (*deltas).queueCounterparties, `
			WITH nets AS (
				SELECT transaction, ` + LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date AS day, account, sum(amount) AS net
				FROM postings WHERE ` + inStretch + ` GROUP BY transaction, day, account HAVING sum(amount) <> 0),
			sizes AS (
				SELECT transaction, count(*) FILTER (WHERE net < 0) AS payers, count(*) FILTER (WHERE net > 0) AS receivers,
					sum(net) FILTER (WHERE net > 0) AS total
				FROM nets GROUP BY transaction),
			several AS (SELECT transaction FROM sizes WHERE least(payers, receivers) > 1 AND payers * receivers > 1000),
			pairs AS (
				SELECT transaction, p.day, p.account AS payer, r.account AS receiver, -p.net AS paid, r.net AS received,
					div(-p.net * r.net, total) AS part
				FROM nets p JOIN nets r USING (transaction) JOIN sizes USING (transaction)
				WHERE p.net < 0 AND r.net > 0 AND NOT (least(payers, receivers) > 1 AND payers * receivers > 1000)),
			payer_rests AS (
				SELECT transaction, payer, rest, sum(rest) OVER (PARTITION BY transaction ORDER BY payer) AS upto
				FROM (SELECT transaction, payer, paid - sum(part) AS rest FROM pairs GROUP BY transaction, payer, paid) AS rests),
			receiver_rests AS (
				SELECT transaction, receiver, rest, sum(rest) OVER (PARTITION BY transaction ORDER BY receiver) AS upto
				FROM (SELECT transaction, receiver, received - sum(part) AS rest FROM pairs GROUP BY transaction, receiver, received) AS rests),
			amounts AS (
				SELECT day, payer, receiver,
					part + greatest(0, least(p.upto, r.upto) - greatest(p.upto - p.rest, r.upto - r.rest)) AS amount
				FROM pairs JOIN payer_rests p USING (transaction, payer) JOIN receiver_rests r USING (transaction, receiver)),
			sides AS (
				SELECT least(payer, receiver) AS low, day, greatest(payer, receiver) AS high,
					CASE WHEN payer < receiver THEN amount ELSE 0 END AS up, CASE WHEN payer < receiver THEN 0 ELSE amount END AS down
				FROM amounts WHERE amount > 0
				UNION ALL
				SELECT 0, day, account, greatest(net, 0), greatest(-net, 0) FROM nets JOIN several USING (transaction))
			SELECT low, high, count(*), day, sum(up), sum(down)
			FROM sides GROUP BY low, day, high`},
		{"item_offer_hours", "item, hour", nil, `
			SELECT h.item, h.hour, min(s.ask::float8 / s.batch) FILTER (WHERE asks), max(s.bid::float8 / s.batch) FILTER (WHERE bids),
				count(*) FILTER (WHERE asks), count(*) FILTER (WHERE bids), coalesce(sum(s.stock) FILTER (WHERE asks), 0)
			FROM (SELECT DISTINCT item, date_trunc('hour', at, 'UTC') AS hour FROM offer_changes) h
			JOIN offers o ON o.item = h.item
			JOIN LATERAL (
				SELECT *, active AND ask IS NOT NULL AND priced_in IS NULL AND coalesce(stock >= batch, true) AS asks,
					active AND bid IS NOT NULL AND priced_in IS NULL AND coalesce(capacity - stock >= batch, true) AS bids
				FROM offer_changes WHERE item = h.item AND offer = o.id AND at < h.hour + interval '1 hour'
				ORDER BY at DESC LIMIT 1) s ON true
			GROUP BY h.item, h.hour`},
	}
}
