package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// BenchmarkRecompute computes every panel of the home page once, on 890,000
// postings of 8,630 accounts in 30 days, and the same numbers by scanning the
// postings: the budget is a fiftieth. Then again on ten times the ledger, in
// the same days and accounts: the budget is 1.5 times as long. The two ledgers take
// turns, so that other load on the machine affects both.
func BenchmarkRecompute(b *testing.B) {
	const transactions = 445_000
	w := cache.WindowAt(time.Date(2026, 6, 30, 18, 20, 0, 0, time.UTC), 30*time.Second)
	small, large := testkit.Postgres(b), testkit.Postgres(b)
	build(b, small, w, transactions)
	if report, err := ledger.New(small).Verify(b.Context()); err != nil || len(report.Differences) > 0 {
		b.Fatalf("the ledger is not what appends would have made: %v, %v", report, err)
	}
	build(b, large, w, 10*transactions)
	if diff := cmp.Diff(scan(b, small, w), recompute(b, small, w), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		b.Fatalf("panels (-scanned +got):\n%s", diff)
	}
	recompute(b, large, w)
	var once, tenfold, scanned []time.Duration
	for b.Loop() {
		for round := range 15 {
			once = append(once, timed(func() { recompute(b, small, w) }))
			tenfold = append(tenfold, timed(func() { recompute(b, large, w) }))
			if round%5 == 0 {
				scanned = append(scanned, timed(func() { scan(b, small, w) }))
			}
		}
	}
	b.ReportMetric(ms(median(once)), "ms/recompute")
	b.ReportMetric(ms(median(scanned)), "ms/scan")
	b.ReportMetric(ms(median(scanned))/ms(median(once)), "times-faster")
	b.ReportMetric(ms(median(tenfold)), "ms/recompute-10x")
	b.ReportMetric(ms(median(tenfold))/ms(median(once)), "times-at-10x")
	b.ReportMetric(0, "ns/op")
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

// build writes that many transactions of two postings each, evenly over the 30
// days that end with w's start, and all rollups, as appends would but in bulk.
// Some accounts are busier than others.
func build(b *testing.B, db *pgxpool.Pool, w cache.Window, transactions int) {
	b.Helper()
	buildOf(b, db, w, transactions, 8630)
}

// buildOf is build with that many accounts.
func buildOf(b *testing.B, db *pgxpool.Pool, w cache.Window, transactions, accounts int) {
	b.Helper()
	start := w.Start.Truncate(24*time.Hour).AddDate(0, 0, -29)
	conn, err := db.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	exec := func(what, query string) {
		if _, err := conn.Conn().PgConn().Exec(b.Context(), query).ReadAll(); err != nil {
			b.Fatalf("%s: %v", what, err)
		}
	}
	for _, step := range []struct{ what, query string }{
		{"no timeout", `SET statement_timeout = 0`},
		{"memory", `SET work_mem = '256MB'; SET maintenance_work_mem = '256MB'`},
		{"seed", `SELECT setseed(0.5)`},
		{"drop keys", `ALTER TABLE postings DROP CONSTRAINT postings_pkey; DROP INDEX postings_transaction; ALTER TABLE refs DROP CONSTRAINT refs_pkey`},
		// One mint, 30 offices, 600 businesses of which half are owned by one of the players.
		{"accounts", fmt.Sprintf(`
			INSERT INTO accounts (id, ref, kind, issuer, name, holder, opened)
			SELECT n, 'a' || n, k.kind, n = 1, 'Account ' || n,
				CASE WHEN k.kind = 'business' AND n %% 2 = 0 THEN 'a' || n + 1000 ELSE 'a' || n END, '%s'
			FROM generate_series(1, %d) AS n, LATERAL (
				SELECT CASE WHEN n = 1 THEN 'system' WHEN n <= 31 THEN 'government' WHEN n <= 631 THEN 'business' ELSE 'personal' END AS kind) AS k`, start.Format(time.RFC3339), accounts)},
		{"moves", fmt.Sprintf(`
			CREATE TEMPORARY TABLE moves AS
			SELECT id, at, payer, CASE WHEN payee = payer THEN payee %% %[4]d + 1 ELSE payee END AS payee, amount,
				(ARRAY['shop', 'salary', 'tax', 'rent', 'gift', 'grant'])[1 + id %% 6] AS source
			FROM (
				SELECT id, date_trunc('milliseconds', timestamptz '%[1]s' + random() * interval '%[2]d seconds') AS at,
					CASE WHEN id %% 10 = 0 THEN 1 ELSE 2 + floor((%[4]d - 1) * random() ^ 1.5)::bigint END AS payer,
					CASE WHEN id %% 50 = 1 THEN 1 ELSE 2 + floor((%[4]d - 1) * random() ^ 1.5)::bigint END AS payee,
					(1 + floor(100000 * random() ^ 3) * CASE WHEN id %% 10 = 0 THEN 20 ELSE 1 END)::bigint AS amount
				FROM generate_series(1, %[3]d) AS id) AS drawn`,
			start.Format(time.RFC3339), int(w.Start.Sub(start).Seconds()), transactions, accounts)},
		{"transactions", `INSERT INTO transactions SELECT id, at, source, '', 'bench', id::text FROM moves`},
		{"refs", `INSERT INTO refs (ref, origin, what, id) SELECT id::text, 'bench', 't', id FROM moves`},
		{"postings", `
			INSERT INTO postings (account, at, transaction, seq, amount)
			SELECT payer, at, id, 1, -amount FROM moves UNION ALL SELECT payee, at, id, 2, amount FROM moves`},
		{"keys", `ALTER TABLE postings ADD PRIMARY KEY (account, at, transaction, seq); CREATE INDEX postings_transaction ON postings (transaction);
			ALTER TABLE refs ADD PRIMARY KEY (ref, origin, what)`},
		{"balances", `
			INSERT INTO balances (account, balance, last_at, postings, first_at)
			SELECT account, sum(amount), max(at), count(*), min(at) FROM postings GROUP BY account`},
		{"account days", `
			INSERT INTO account_days (account, day, received, sent, postings)
			SELECT account, (at AT TIME ZONE 'UTC')::date AS day, coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
				coalesce(-sum(amount) FILTER (WHERE amount < 0), 0), count(*)
			FROM postings GROUP BY account, day`},
		{"all moves", `
			CREATE TEMPORARY TABLE all_moves AS
			SELECT date_trunc('hour', t.at, 'UTC') AS hour, t.source, p.amount, f.kind AS from_kind, f.holder AS from_holder, r.kind AS to_kind, r.holder AS to_holder
			FROM transactions t JOIN postings p ON p.transaction = t.id AND p.seq = 2 JOIN postings q ON q.transaction = t.id AND q.seq = 1
			JOIN accounts f ON f.id = q.account JOIN accounts r ON r.id = p.account`},
		{"activity hours", `
			INSERT INTO activity_hours (hour, transactions, postings, volume, transfers)
			SELECT hour, count(*), 2 * count(*), sum(amount),
				coalesce(sum(amount) FILTER (WHERE from_kind <> 'system' AND to_kind <> 'system' AND from_holder <> to_holder), 0)
			FROM all_moves GROUP BY hour`},
		{"flow hours", `
			INSERT INTO flow_hours (hour, from_kind, from_issuer, to_kind, to_issuer, source, transactions, volume)
			SELECT hour, from_kind, from_kind = 'system', to_kind, to_kind = 'system', source, count(*), sum(amount) FROM all_moves GROUP BY hour, from_kind, to_kind, source`},
		{"drop moves", `DROP TABLE moves, all_moves`},
		{"vacuum", `VACUUM (ANALYZE)`},
	} {
		exec(step.what, step.query)
	}
	made, err := aggregates.UpdateSnapshots(b.Context(), db, w.Start, aggregates.DefaultExact)
	if err != nil || made != 29 {
		b.Fatalf("%d snapshots, %v", made, err)
	}
	exec("analyze", `VACUUM (ANALYZE) day_snapshots`)
	exec("checkpoint", `CHECKPOINT`)
	exec("the server's own settings", `RESET ALL`)
}
