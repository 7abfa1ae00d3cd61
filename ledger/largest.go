package ledger

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// MostLargest is how many transactions of a flow are kept of each day.
const MostLargest = 10

var most = strconv.Itoa(MostLargest)

type (
	// A largestKey is a flow on a day.
	largestKey struct {
		day      int64
		from, to party
		source   string
	}
	// A large is what one transaction moved by a flow.
	large struct{ volume, transaction int64 }
)

// compare orders the largest first, and of equal ones the one that was written
// first.
func (l large) compare(m large) int {
	return cmp.Or(cmp.Compare(m.volume, l.volume), cmp.Compare(l.transaction, m.transaction))
}

// addLargest keeps a transaction if it is one of the largest of its flow and day.
func (d *deltas) addLargest(key largestKey, l large) {
	all := d.largest[key]
	if len(all) == MostLargest {
		if l.compare(all[MostLargest-1]) > 0 {
			return
		}
		all = all[:MostLargest-1]
	}
	i, _ := slices.BinarySearchFunc(all, l, large.compare)
	d.largest[key] = slices.Insert(all, i, l)
}

// queueLargest queues the largest transactions. The largest of several parts of the
// record are those of their largest ones.
func (d *deltas) queueLargest(batch *pgx.Batch, table string) {
	n := len(d.largest)
	if n == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(d.largest), func(a, b largestKey) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.day, b.day), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	days, sources := make([]int32, n), make([]string, n)
	from, to := make([]Kind, n), make([]Kind, n)
	fromIssuer, toIssuer := make([]bool, n), make([]bool, n)
	transactions, volumes := make([]string, n), make([]string, n)
	for i, key := range keys {
		days[i], sources[i] = int32(key.day), key.source
		from[i], fromIssuer[i] = key.from.kind(), key.from.issues()
		to[i], toIssuer[i] = key.to.kind(), key.to.issues()
		var ids, sums []string
		for _, l := range d.largest[key] {
			ids, sums = append(ids, strconv.FormatInt(l.transaction, 10)), append(sums, strconv.FormatInt(l.volume, 10))
		}
		// An array of arrays of different lengths is none of SQL.
		transactions[i], volumes[i] = "{"+strings.Join(ids, ",")+"}", "{"+strings.Join(sums, ",")+"}"
	}
	query := `
		INSERT INTO ` + table + ` AS known (source, day, from_kind, from_issuer, to_kind, to_issuer, transactions, volumes)
		SELECT source, date '1970-01-01' + day, from_kind, from_issuer, to_kind, to_issuer, transactions::bigint[], volumes::bigint[]
		FROM unnest($1::text[], $2::integer[], $3::text[], $4::boolean[], $5::text[], $6::boolean[], $7::text[], $8::text[])
			WITH ORDINALITY AS new (source, day, from_kind, from_issuer, to_kind, to_issuer, transactions, volumes, nr)
		ORDER BY nr
		ON CONFLICT (source, day, from_kind, from_issuer, to_kind, to_issuer) DO UPDATE SET
			(transactions, volumes) = (
				SELECT array_agg(transaction ORDER BY volume DESC, transaction), array_agg(volume ORDER BY volume DESC, transaction)
				FROM (
					SELECT * FROM unnest(known.transactions || excluded.transactions, known.volumes || excluded.volumes) AS either (transaction, volume)
					ORDER BY volume DESC, transaction LIMIT ` + most + `) AS largest)
		WHERE cardinality(known.volumes) < ` + most + ` OR excluded.volumes[1] >= known.volumes[` + most + `]`
	batch.Queue(query, sources, days, from, fromIssuer, to, toIssuer, transactions, volumes)
}

// largestKnown compares flow_largest with the record as far as SQL can well say what
// it is: where one kind of account pays or one receives. How a transaction of several
// of both is shared out, only Verify repeats.
var largestKnown = verification{BookRollups, "flow_largest are the largest where one kind pays or receives", "flow_largest", `
	WITH nets AS (
		SELECT transaction, account, sum(amount) AS net FROM postings WHERE ` + inStretch + ` GROUP BY transaction, account HAVING sum(amount) <> 0),
	sides AS (
		SELECT transaction, kind, issuer, sum(greatest(-net, 0)) AS paid, sum(greatest(net, 0)) AS received
		FROM nets JOIN accounts ON id = account GROUP BY transaction, kind, issuer),
	sizes AS (
		SELECT transaction, source, ` + LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date AS day,
			least(count(*) FILTER (WHERE paid > 0), count(*) FILTER (WHERE received > 0)) = 1 AS known
		FROM sides JOIN (SELECT id, at, source FROM transactions WHERE ` + inStretch + `) AS t ON id = transaction GROUP BY transaction, source, at HAVING sum(paid) = sum(received)),
	flows AS (
		SELECT source, day, p.kind AS from_kind, p.issuer AS from_issuer, r.kind AS to_kind, r.issuer AS to_issuer, transaction,
			least(p.paid, r.received) AS amount, known
		FROM sizes JOIN sides p USING (transaction) JOIN sides r USING (transaction) WHERE p.paid > 0 AND r.received > 0),
	listed AS (
		SELECT l.*, transaction, volume, nr, lag(volume) OVER (PARTITION BY l ORDER BY nr) AS above
		FROM flow_largest l CROSS JOIN LATERAL unnest(transactions, volumes) WITH ORDINALITY AS of (transaction, volume, nr)
		WHERE day >= (SELECT begins_day FROM archive) AND ` + ofStretch("day") + `),
	wrong AS (
		SELECT source, day, from_kind, to_kind, concat('transaction ', transaction, ': kept ', volume, ', scanned ', amount) AS text
		FROM listed LEFT JOIN flows USING (source, day, from_kind, from_issuer, to_kind, to_issuer, transaction)
		WHERE (volume <= amount AND (volume = amount OR NOT known) AND volume <= coalesce(above, volume) AND nr <= ` + most + `) IS NOT TRUE
		UNION ALL
		SELECT source, day, from_kind, to_kind, concat('transaction ', transaction, ': kept nothing, scanned ', amount)
		FROM flows LEFT JOIN flow_largest l USING (source, day, from_kind, from_issuer, to_kind, to_issuer)
		WHERE known AND (transaction = ANY(transactions)) IS NOT TRUE
			AND (volumes[` + most + `] IS NULL OR (amount, -transaction) > (volumes[` + most + `]::numeric, -transactions[` + most + `])))
	SELECT concat_ws(' ', source, day, from_kind, to_kind), text FROM wrong ORDER BY source, day, from_kind, to_kind, text`}
