package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// period returns the column by which the rows of a rollup are of a time, empty if there
// is none, or if it does not follow from what is archived.
func (r rollup) period() string {
	if r.queue == nil {
		return ""
	}
	for _, key := range strings.Split(r.keys, ", ") {
		if key == "day" || key == "hour" {
			return key
		}
	}
	return ""
}

// since is SQL for whether a row of the rollup is of the record that is here. Rows of
// what is archived are compared by their checksums.
func (r rollup) since() string {
	switch r.period() {
	case "day":
		return `day >= (SELECT begins_day FROM archive)`
	case "hour":
		return `hour >= (SELECT begins FROM archive)`
	}
	return `true`
}

// monthBalances is SQL for what is archived of balances, like the rollup.
const monthBalances = `SELECT account, balance, last_at, postings, first_at FROM archive_balances`

// archivedBalances compares what is archived of balances with the days of accounts.
var archivedBalances = verification{BookBalances, "archived balances are what the days add up to", "archive_balances", `
	SELECT concat(account, ' ', month), concat('kept ', coalesce(b.balance::text, 'nothing'), ' of ', b.postings, ', added up ', d.balance, ' of ', d.postings)
	FROM archive_balances b FULL JOIN (
		SELECT account, date_trunc('month', day::timestamp)::date AS month, sum(received - sent) AS balance, sum(postings)::bigint AS postings
		FROM account_days WHERE day < (SELECT begins_day FROM archive) GROUP BY 1, 2) AS d USING (account, month)
	WHERE (b.balance, b.postings) IS DISTINCT FROM (d.balance, d.postings)
	ORDER BY account, month`}

// refsKept compares refs with the record, and those of what is archived by their number
// and checksum.
var refsKept = verification{BookOrphans, "refs are those of transactions and sales", "refs", `
	WITH wrong AS (
		SELECT origin, ref, what, r.id, n.id AS here
		FROM (SELECT * FROM refs) r FULL JOIN (
			SELECT ref, origin, 't'::"char" AS what, id FROM transactions
			UNION ALL SELECT ref, origin, 's', id FROM sales) n USING (ref, origin, what)
		WHERE r.id IS DISTINCT FROM n.id),
	archived AS (SELECT coalesce(sum(transactions + sales), 0) AS refs, coalesce(sum(refs_checksum), 0) AS checksum FROM archive_months),
	apart AS (SELECT count(*) AS refs, coalesce(sum(` + checksum(ofRef("what", "id")) + `), 0) AS checksum FROM wrong WHERE here IS NULL)
	SELECT concat(origin, ' ', ref), concat('kept id ', id, ', in the record ', here)
	FROM wrong WHERE here IS NOT NULL OR (SELECT refs FROM archived) = 0
	UNION ALL
	SELECT 'archived', concat(apart.refs, ' refs are of nothing that is here, and ', archived.refs, ' were archived, or they are others')
	FROM apart, archived WHERE archived.refs > 0 AND (apart.refs, apart.checksum) <> (archived.refs, archived.checksum)`}

// archivedVerifications returns the checks of what rollups have of archived months. A
// month is compared by the columns that its rollup had when it was archived.
func archivedVerifications(ctx context.Context, tx pgx.Tx) ([]verification, error) {
	type set struct {
		Rollup  string
		Columns []string
	}
	rows, _ := tx.Query(ctx, `SELECT DISTINCT rollup, columns FROM archive_checksums ORDER BY rollup, columns`)
	sets, err := pgx.CollectRows(rows, pgx.RowToStructByPos[set])
	if err != nil {
		return nil, err
	}
	var all []verification
	for _, r := range rollups() {
		for _, s := range sets {
			if s.Rollup == r.table {
				all = append(all, r.archivedVerification(s.Columns))
			}
		}
	}
	return all, nil
}

func (r rollup) archivedVerification(columns []string) verification {
	month := `date_trunc('month', day::timestamp)::date`
	if r.period() == "hour" {
		month = `date_trunc('month', ` + LocalTime("hour") + `)::date`
	}
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = `'` + strings.ReplaceAll(c, `'`, `''`) + `'`
	}
	these := `rollup = '` + r.table + `' AND columns = ARRAY[` + strings.Join(quoted, ", ") + `]`
	return verification{BookRollups, "archived months of " + r.table + " are what they were", r.table, `
		SELECT month::text, concat('kept ', coalesce(k.rows, 0), ' rows with checksum ', coalesce(k.checksum, 0), ', archived ', coalesce(c.rows, 0), ' with ', coalesce(c.checksum, 0))
		FROM (SELECT month, rows, checksum FROM archive_checksums WHERE ` + these + `) AS c
		FULL JOIN (
			SELECT month, count(*) AS rows, sum(` + checksum("line") + `) AS checksum
			FROM (SELECT ` + month + ` AS month, ` + rowOf(columns) + ` AS line FROM ` + r.table + ` WHERE ` + r.period() + ` < (SELECT ` + bound(r.period()) + ` FROM archive_months)) AS lines
			WHERE month NOT IN (SELECT month FROM archive_checksums WHERE rollup = '` + r.table + `' AND NOT (` + these + `))
			GROUP BY month) AS k USING (month)
		WHERE (coalesce(c.rows, 0), coalesce(c.checksum, 0)) <> (coalesce(k.rows, 0), coalesce(k.checksum, 0))
		ORDER BY month`}
}

// bound is SQL for the end of the last archived month, in terms of a period.
func bound(period string) string {
	if period == "day" {
		return `(max(month) + interval '1 month')::date`
	}
	return `max(ends)`
}

// checks returns all checks in their order, those of archived months last.
func checks(ctx context.Context, tx pgx.Tx) ([]verification, error) {
	archived, err := archivedVerifications(ctx, tx)
	return slices.Concat(verifications(), archived), err
}
