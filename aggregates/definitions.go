package aggregates

import (
	"strings"
	"time"
)

// These queries say what numbers mean, for readers who want to compute them
// themselves: from the record alone, without the rollups that producers read. Each
// is run by a test and compared with what is shown. @start and @end are the bounds
// of the period, @zone the community's time zone.
const (
	SupplySQL = `SELECT sum(amount) AS supply
FROM postings JOIN accounts ON id = account
WHERE NOT issuer AND at < @end`

	holdersSQL = `WITH held AS (
  SELECT holder, sum(amount) AS x
  FROM postings JOIN account_holders ON id = account
  WHERE kind = 'personal' AND NOT issuer AND (archived IS NULL OR archived > @end)
  GROUP BY holder),
ranked AS (
  SELECT x, row_number() OVER (ORDER BY x) AS i, count(*) OVER () AS n FROM held)
`
	GiniSQL = holdersSQL + `SELECT 2 * sum(i * x) / (max(n) * sum(x)) - (max(n) + 1.0) / max(n) AS gini
FROM ranked`

	LorenzSQL = holdersSQL + `SELECT i::float8 / n AS holders, (sum(x) OVER (ORDER BY i) / sum(x) OVER ())::float8 AS wealth
FROM ranked ORDER BY i`

	DistributionSQL = holdersSQL + `SELECT count(*) AS holders, count(*) FILTER (WHERE x = 0) AS zero, count(*) FILTER (WHERE x < 0) AS debtors,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY x::float8) AS median
FROM ranked`

	ActivitySQL = `WITH gains AS (
  SELECT transaction, greatest(sum(amount), 0) AS gain
  FROM postings WHERE at >= @start AND at < @end
  GROUP BY transaction, account)
SELECT count(DISTINCT transaction) AS transactions, coalesce(sum(gain), 0) AS volume
FROM gains`

	RhythmSQL = `SELECT extract(isodow FROM at AT TIME ZONE @zone)::int AS weekday, extract(hour FROM at AT TIME ZONE @zone)::int AS hour,
  count(*) AS transactions
FROM transactions WHERE at >= @start AND at < @end
GROUP BY 1, 2 ORDER BY 1, 2`

	WealthSQL = `SELECT kind, issuer, count(DISTINCT id) AS accounts, coalesce(sum(amount), 0) AS total
FROM accounts LEFT JOIN postings ON account = id
GROUP BY kind, issuer`

	RichestSQL = `SELECT name, sum(amount) AS balance
FROM postings p LEFT JOIN merges m ON m.account = p.account
  JOIN accounts ON id = coalesce(m.target, p.account)
WHERE NOT issuer AND (archived IS NULL OR archived > @end)
GROUP BY id, name ORDER BY balance DESC, name LIMIT 20`

	TurnoverSQL = `SELECT count(*) AS sales, coalesce(sum(quantity), 0) AS pieces, coalesce(sum(total), 0) AS value
FROM sales s WHERE quantity > 0 AND total > 0 AND at >= @start AND at < @end
  AND NOT EXISTS (SELECT FROM offsetting_pairs p WHERE p.item = s.item
    AND p.day = (s.at AT TIME ZONE @zone)::date AND p.seller = s.seller AND p.buyer = s.buyer)`
)

// Query returns one of these queries with the bounds of a period in place of their
// names, so that it can be run as it stands. A period of no time leaves the names.
func (p Period) Query(sql string) string {
	if p.End.IsZero() {
		return sql
	}
	literal := func(t time.Time) string { return "timestamptz '" + t.UTC().Format(time.RFC3339Nano) + "'" }
	return strings.NewReplacer("@start", literal(p.Start), "@end", literal(p.End), "@zone", "'"+p.Timezone+"'").Replace(sql)
}
