package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Report lists where the rollups differ from what the record adds up to.
type Report struct {
	Transactions, Postings, Sales int64 // that were scanned
	Differences                   []Difference
	More                          int // how many are not listed
}

// OK reports whether nothing differs.
func (r *Report) OK() bool { return len(r.Differences) == 0 }

// A Difference is a row that is not what the record adds up to.
type Difference struct {
	Table string
	Key   string
	Text  string // what is kept and what the record adds up to
}

// String returns the difference as one line.
func (d Difference) String() string { return d.Table + " " + d.Key + ": " + d.Text }

const maxDifferences = 100

func (r *Report) add(d Difference) {
	if len(r.Differences) == maxDifferences {
		r.More++
		return
	}
	r.Differences = append(r.Differences, d)
}

// Verify reads the whole record, adds it up, and reports every balance and
// rollup that differs. It reads the ledger as it was at one moment, and may run
// beside appends. Its time and work are in proportion to the record.
func (l *Ledger) Verify(ctx context.Context) (*Report, error) {
	var report Report
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, l.db, snapshot, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
			return err
		}
		const count = `SELECT (SELECT count(*) FROM transactions), (SELECT count(*) FROM postings), (SELECT count(*) FROM sales)`
		if err := tx.QueryRow(ctx, count).Scan(&report.Transactions, &report.Postings, &report.Sales); err != nil {
			return err
		}
		settings, _, err := readSettings(ctx, tx)
		if err != nil {
			return err
		}
		zone, err := LoadZone(settings.Timezone)
		if err != nil {
			return err
		}
		args := LocalTimeArgs(zone, time.Time{}, time.Now())
		for _, c := range checks() {
			if err := c.run(ctx, tx, args, &report); err != nil {
				return fmt.Errorf("%s: %w", c.table, err)
			}
		}
		if err := verifyFlows(ctx, tx, &report); err != nil {
			return fmt.Errorf("flow_hours: %w", err)
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
	table string
	query string
}

func (v verification) run(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, report *Report) error {
	rows, _ := tx.Query(ctx, v.query, args)
	d := Difference{Table: v.table}
	_, err := pgx.ForEachRow(rows, []any{&d.Key, &d.Text}, func() error {
		report.add(d)
		return nil
	})
	return err
}

// differing compares a rollup with the query that computes the same table from
// the record.
func differing(table, keys, scan string) verification {
	return verification{table, `
		WITH scan AS (` + scan + `),
		kept AS (SELECT * FROM ` + table + `)
		SELECT concat_ws(' ', ` + keys + `), concat('kept ', coalesce(kept::text, 'nothing'), ', scanned ', coalesce(scan::text, 'nothing'))
		FROM kept FULL JOIN scan USING (` + keys + `)
		WHERE kept IS DISTINCT FROM scan
		ORDER BY ` + keys}
}

// The scans have the columns of their tables, in their order.
func checks() []verification {
	return []verification{
		{"transactions", `
			SELECT t.ref, concat('sum ', coalesce(sum(amount), 0), ', ', count(amount), ' postings, ',
				count(*) FILTER (WHERE p.at <> t.at), ' at another time')
			FROM transactions t LEFT JOIN postings p ON p.transaction = t.id
			GROUP BY t.id, t.ref
			HAVING coalesce(sum(amount), 0) <> 0 OR count(amount) < 2 OR bool_or(p.at <> t.at)
			ORDER BY t.id`},
		{"postings", `
			SELECT transaction::text, concat('account ', p.account, ': the account or the transaction is missing')
			FROM postings p LEFT JOIN transactions t ON t.id = transaction LEFT JOIN accounts a ON a.id = account
			WHERE t.id IS NULL OR a.id IS NULL`},
		{"refs", `
			SELECT concat(origin, ' ', ref), concat('kept id ', r.id, ', in the record ', n.id)
			FROM (SELECT * FROM refs) r FULL JOIN (
				SELECT ref, origin, 't'::"char" AS what, id FROM transactions
				UNION ALL SELECT ref, origin, 's', id FROM sales) n USING (ref, origin, what)
			WHERE r.id IS DISTINCT FROM n.id`},
		{"sales", `
			SELECT s.ref, 'its transaction, item, shop, seller or buyer is missing'
			FROM sales s
			WHERE NOT EXISTS (SELECT FROM items WHERE id = item)
				OR transaction IS NOT NULL AND NOT EXISTS (SELECT FROM transactions WHERE id = transaction)
				OR shop IS NOT NULL AND NOT EXISTS (SELECT FROM shops WHERE id = shop)
				OR seller IS NOT NULL AND NOT EXISTS (SELECT FROM accounts WHERE id = seller)
				OR buyer IS NOT NULL AND NOT EXISTS (SELECT FROM accounts WHERE id = buyer)`},
		differing("balances", "account", `
			SELECT account, sum(amount)::bigint, max(at), count(*) FROM postings GROUP BY account`),
		differing("account_days", "account, day", `
			SELECT account, `+LocalTime("date_trunc('hour', at, 'UTC')")+`::date AS day,
				coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint,
				coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)::bigint, count(*)
			FROM postings GROUP BY account, day`),
		differing("activity_hours", "hour", `
			WITH accountwise AS (
				SELECT transaction, greatest(sum(amount), 0) AS gain, count(*) AS postings
				FROM postings GROUP BY transaction, account),
			volumes AS (SELECT transaction, sum(gain) AS volume, sum(postings) AS postings FROM accountwise GROUP BY transaction),
			holderwise AS (
				SELECT transaction, sum(amount) AS net FROM postings JOIN accounts ON id = account
				WHERE kind <> 'system' GROUP BY transaction, holder),
			transfers AS (
				SELECT transaction, least(sum(greatest(net, 0)), sum(greatest(-net, 0))) AS transfers
				FROM holderwise GROUP BY transaction)
			SELECT date_trunc('hour', at, 'UTC') AS hour, count(*), sum(postings)::bigint, sum(volume)::bigint,
				coalesce(sum(transfers), 0)::bigint
			FROM transactions JOIN volumes v ON v.transaction = id LEFT JOIN transfers f ON f.transaction = id
			GROUP BY hour`),
		differing("item_hours", "item, hour", `
			SELECT item, date_trunc('hour', at, 'UTC') AS hour,
				count(price), coalesce(sum(quantity) FILTER (WHERE price IS NOT NULL), 0)::bigint,
				coalesce(sum(total) FILTER (WHERE price IS NOT NULL), 0)::bigint,
				count(*) FILTER (WHERE price IS NULL), coalesce(sum(quantity) FILTER (WHERE price IS NULL), 0)::bigint,
				coalesce(sum(total) FILTER (WHERE price IS NULL), 0)::bigint,
				(array_agg(price ORDER BY at, id) FILTER (WHERE price IS NOT NULL))[1], max(price), min(price),
				(array_agg(price ORDER BY at DESC, id DESC) FILTER (WHERE price IS NOT NULL))[1],
				(array_agg(at ORDER BY at, id) FILTER (WHERE price IS NOT NULL))[1],
				(array_agg(id ORDER BY at, id) FILTER (WHERE price IS NOT NULL))[1],
				(array_agg(at ORDER BY at DESC, id DESC) FILTER (WHERE price IS NOT NULL))[1],
				(array_agg(id ORDER BY at DESC, id DESC) FILTER (WHERE price IS NOT NULL))[1]
			FROM (SELECT *, CASE WHEN quantity > 0 AND total > 0 THEN total::float8 / quantity END AS price FROM sales) AS priced
			GROUP BY item, hour`),
		differing("trader_days", "item, day, account, side", `
			SELECT item, `+LocalTime("date_trunc('hour', at, 'UTC')")+`::date AS day, account, side, count(*), sum(quantity)::bigint, sum(total)::bigint
			FROM sales CROSS JOIN LATERAL (VALUES (seller, 'seller'), (buyer, 'buyer')) AS trader (account, side)
			WHERE quantity > 0 AND total > 0 AND account IS NOT NULL
			GROUP BY item, day, account, side`),
		differing("price_days", "item, day, price, pieces", `
			SELECT item, `+LocalTime("date_trunc('hour', at, 'UTC')")+`::date AS day, total / gcd(total, quantity) AS price, quantity / gcd(total, quantity) AS pieces,
				count(*), sum(quantity)::bigint, sum(total)::bigint
			FROM sales WHERE quantity > 0 AND total > 0
			GROUP BY item, day, price, pieces`),
		differing("counterparty_days", "account, day, other", `
			WITH nets AS (
				SELECT transaction, `+LocalTime("date_trunc('hour', at, 'UTC')")+`::date AS day, account, sum(amount) AS net
				FROM postings GROUP BY transaction, day, account HAVING sum(amount) <> 0),
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
				SELECT payer AS account, day, receiver AS other, 0 AS received, amount AS sent FROM amounts WHERE amount > 0
				UNION ALL
				SELECT receiver, day, payer, amount, 0 FROM amounts WHERE amount > 0
				UNION ALL
				SELECT account, day, 0, greatest(net, 0), greatest(-net, 0) FROM nets JOIN several USING (transaction))
			SELECT account, day, other, sum(received)::bigint, sum(sent)::bigint, count(*)
			FROM sides GROUP BY account, day, other`),
		{"offers", `
			SELECT concat(o.shop, ' ', o.ref, ' ', o.item), concat('kept ', o::text, ', changed last to ', c::text)
			FROM offers o LEFT JOIN LATERAL (
				SELECT * FROM offer_changes c WHERE c.item = o.item AND c.offer = o.id ORDER BY at DESC LIMIT 1) c ON true
			WHERE (o.ask, o.bid, o.priced_in, o.batch, o.stock, o.capacity, o.active)
					IS DISTINCT FROM (c.ask, c.bid, c.priced_in, c.batch, c.stock, c.capacity, c.active)
				OR c.at IS NULL OR c.at > o.seen
				OR NOT EXISTS (SELECT FROM shops WHERE id = o.shop) OR NOT EXISTS (SELECT FROM items WHERE id = o.item)`},
		{"offer_changes", `
			SELECT concat(offer, ' ', at), 'its offer is missing, or is of another item'
			FROM offer_changes c LEFT JOIN offers o ON o.id = offer WHERE o.item IS DISTINCT FROM c.item`},
		differing("item_offer_hours", "item, hour", `
			SELECT h.item, h.hour, min(s.ask::float8 / s.batch) FILTER (WHERE asks), max(s.bid::float8 / s.batch) FILTER (WHERE bids),
				count(*) FILTER (WHERE asks), count(*) FILTER (WHERE bids), coalesce(sum(s.stock) FILTER (WHERE asks), 0)::bigint
			FROM (SELECT DISTINCT item, date_trunc('hour', at, 'UTC') AS hour FROM offer_changes) h
			JOIN offers o ON o.item = h.item
			JOIN LATERAL (
				SELECT *, active AND ask IS NOT NULL AND priced_in IS NULL AND coalesce(stock >= batch, true) AS asks,
					active AND bid IS NOT NULL AND priced_in IS NULL AND coalesce(capacity - stock >= batch, true) AS bids
				FROM offer_changes WHERE item = h.item AND offer = o.id AND at < h.hour + interval '1 hour'
				ORDER BY at DESC LIMIT 1) s ON true
			GROUP BY h.item, h.hour`),
		{"day_snapshots", `
			WITH days AS (
				SELECT ` + LocalTime("date_trunc('hour', at, 'UTC')") + `::date AS day, sum(amount) AS net
				FROM postings JOIN accounts ON id = account WHERE kind <> 'system' GROUP BY 1)
			SELECT s.day::text, concat('kept supply ', s.supply, ', scanned ', p.supply)
			FROM day_snapshots s, LATERAL (SELECT coalesce(sum(net), 0) AS supply FROM days WHERE days.day <= s.day) p
			WHERE s.supply <> p.supply`},
	}
}

// verifyFlows adds up the flows of every transaction in Go, since SQL cannot well
// share out a transaction's value.
func verifyFlows(ctx context.Context, tx pgx.Tx, report *Report) error {
	d := newDeltas(time.UTC) // days are no part of flows
	const scan = `
		SELECT transaction, t.at, source, account, holder, kind, amount
		FROM postings JOIN transactions t ON t.id = transaction JOIN accounts a ON a.id = account
		ORDER BY transaction`
	rows, _ := tx.Query(ctx, scan)
	var at, lastAt time.Time
	var id, last int64
	var source, lastSource string
	var kind Kind
	var l leg
	var legs []leg
	add := func() {
		// A transaction that does not sum to zero is reported already, and has no
		// flows.
		if len(legs) > 1 && sum(legs) == 0 {
			d.addTransaction(lastAt.UnixMicro(), lastSource, legs)
		}
		legs = legs[:0]
	}
	_, err := pgx.ForEachRow(rows, []any{&id, &at, &source, &l.account, &l.holder, &kind, &l.amount}, func() error {
		if id != last {
			add()
		}
		last, lastAt, lastSource = id, at, source
		l.kind = kindIndex(kind)
		legs = append(legs, l)
		return nil
	})
	if err != nil {
		return err
	}
	add()

	kept := map[flowKey]flowDelta{}
	rows, _ = tx.Query(ctx, `SELECT hour, from_kind, to_kind, source, transactions, volume FROM flow_hours`)
	var from, to Kind
	var f flowDelta
	_, err = pgx.ForEachRow(rows, []any{&at, &from, &to, &source, &f.transactions, &f.volume}, func() error {
		kept[flowKey{floor(at.UnixMicro(), hourMicros), kindIndex(from), kindIndex(to), source}] = f
		return nil
	})
	if err != nil {
		return err
	}
	keys := maps.Clone(kept)
	maps.Copy(keys, d.flows)
	for _, key := range slices.SortedFunc(maps.Keys(keys), compareFlows) {
		if kept, scanned := kept[key], d.flows[key]; kept != scanned {
			report.add(Difference{"flow_hours",
				fmt.Sprint(hourTime(key.hour).Format(time.RFC3339), " ", Kinds()[key.from], " ", Kinds()[key.to], " ", key.source),
				fmt.Sprintf("kept %+v, scanned %+v", kept, scanned)})
		}
	}
	return nil
}
