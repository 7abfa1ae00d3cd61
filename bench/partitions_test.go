package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
)

// BenchmarkPartitions reads and writes postings of a ledger of five years, once in the table
// as it is and once divided by month: what decision 0041 is made by. Statements are prepared,
// as those of the program are. A transaction is looked up by its number alone, and with its
// time as the program does, which it has or finds in transactions.
func BenchmarkPartitions(b *testing.B) {
	const months = 60
	w := cache.WindowAt(time.Now(), 30*time.Second)
	db, err := postgres.Open(b.Context(), testkit.PostgresURL(b), postgres.Options{StatementTimeout: 10 * time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	buildOf(b, db, w, 500_000, 20_000)
	run := func(query string) {
		if _, err := db.Exec(b.Context(), query); err != nil {
			b.Fatal(query, err)
		}
	}
	run(`CREATE TABLE monthly (LIKE postings INCLUDING ALL) PARTITION BY RANGE (at)`)
	first := w.Start.AddDate(0, 2-months, -w.Start.Day()+1).Truncate(24 * time.Hour)
	for m := range months {
		run(fmt.Sprintf(`CREATE TABLE monthly_%d PARTITION OF monthly FOR VALUES FROM ('%s') TO ('%s')`, m,
			first.AddDate(0, m, 0).Format(time.DateOnly), first.AddDate(0, m+1, 0).Format(time.DateOnly)))
	}
	// The ledger's days, spread over five years.
	for _, table := range []string{"postings", "transactions"} {
		run(fmt.Sprintf(`UPDATE %[1]s SET at = timestamptz '%[2]s' + (at - (SELECT min(at) FROM %[1]s)) * (%[3]d / extract(epoch FROM (SELECT max(at) - min(at) FROM %[1]s)))::float8`,
			table, first.AddDate(0, 0, 1).Format(time.DateOnly), (months-3)*30*86400))
	}
	run(`INSERT INTO monthly SELECT * FROM postings`)
	run(`CREATE TABLE more AS SELECT account, at, transaction + 100000000 AS transaction, seq, amount FROM postings WHERE transaction % 50 = 0 ORDER BY at DESC LIMIT 20000`)
	run(`VACUUM (FULL, ANALYZE) postings`)
	run(`VACUUM (FULL, ANALYZE) transactions`)
	run(`VACUUM ANALYZE monthly`)
	for b.Loop() {
		for _, q := range []struct {
			name, query string
			times       int
		}{
			{"statement", `SELECT * FROM %s WHERE account = $1 ORDER BY at DESC, transaction DESC, seq DESC LIMIT 50`, 200},
			{"transaction-by-number", `SELECT * FROM %s WHERE transaction = $1`, 200},
			{"transaction", `SELECT * FROM %s WHERE transaction = $1 AND at = now() - interval '80 days'`, 200},
			{"transaction-joined", `SELECT p.* FROM transactions t JOIN %s p ON p.transaction = t.id AND p.at = t.at WHERE t.id = $1`, 200},
			{"since", `SELECT account FROM %s WHERE transaction > 480000 + $1`, 5},
			{"since-few", `SELECT account FROM %s WHERE transaction > (SELECT max(id) FROM transactions) - $1`, 20},
			{"replay", `SELECT count(p.amount) FROM transactions t JOIN %s p ON p.transaction = t.id AND p.at = t.at WHERE t.id > $1 AND t.id <= $1 + 20000`, 5},
			{"month", `SELECT count(*), sum(amount) FROM %s WHERE at >= now() - interval '90 days' AND at < now() - interval '60 days' AND $1 > 0`, 5},
			{"insert", `INSERT INTO %s SELECT account, at, transaction + $1, seq, amount FROM more`, 1},
		} {
			whole, monthly := perQuery(b, db, fmt.Sprintf(q.query, "postings"), q.times), perQuery(b, db, fmt.Sprintf(q.query, "monthly"), q.times)
			b.ReportMetric(ms(whole), q.name+"-ms")
			b.ReportMetric(float64(monthly)/float64(whole), q.name+"-monthly/whole")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// perQuery returns how long a query takes, of so many times, after it has been prepared.
func perQuery(b *testing.B, db *pgxpool.Pool, query string, times int) time.Duration {
	b.Helper()
	conn, err := db.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	ask := func(n int) {
		if _, err := conn.Exec(b.Context(), query, int64(n)); err != nil {
			b.Fatal(query, err)
		}
	}
	if times > 1 {
		for n := range 10 { // Postgres then keeps a plan, where that is worth it
			ask(100 + n)
		}
	}
	began := time.Now()
	for n := range times {
		ask(200 + n)
	}
	return time.Since(began) / time.Duration(times)
}
