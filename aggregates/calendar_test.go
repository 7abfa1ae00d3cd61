package aggregates

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// TestDaysOfTheCommunityAreWhatPostgresSays compares what is counted by days with
// scans in which Postgres says what the local time was, over both changes of the
// clock.
func TestDaysOfTheCommunityAreWhatPostgresSays(t *testing.T) {
	for _, c := range []struct{ zone, change string }{
		{"UTC", "2026-03-29T01:00:00Z"},
		{"America/New_York", "2026-03-08T07:00:00Z"}, {"America/New_York", "2026-11-01T06:00:00Z"},
		{"Australia/Sydney", "2026-04-04T16:00:00Z"}, {"Australia/Sydney", "2026-10-03T16:00:00Z"},
		{"America/Sao_Paulo", "2018-02-18T02:00:00Z"}, {"America/Sao_Paulo", "2018-11-04T03:00:00Z"},
		{"Europe/Berlin", "2026-03-29T01:00:00Z"},
	} {
		t.Run(c.zone+" "+c.change, func(t *testing.T) {
			t.Parallel()
			change, err := time.Parse(time.RFC3339, c.change)
			if err != nil {
				t.Fatal(err)
			}
			db := testkit.Postgres(t)
			if err := ledger.New(db).SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: c.zone}); err != nil {
				t.Fatal(err)
			}
			rest := localRecord(change)
			for _, hours := range []int{-30, -2, -1, 0, 1, 9, 21, 22, 23, 24, 25, 7 * 24} {
				now := change.Add(time.Duration(hours) * hour)
				n := slices.IndexFunc(rest.Transactions, func(tx ledger.Transaction) bool { return !tx.At.Before(now) })
				if n < 0 {
					n = len(rest.Transactions)
				}
				part := rest
				part.Transactions, part.Sales = rest.Transactions[:n], rest.Sales[:n]
				rest.Transactions, rest.Sales = rest.Transactions[n:], rest.Sales[n:]
				appendBatch(t, db, part)
				if _, err := UpdateSnapshots(t.Context(), db, now, DefaultExact); err != nil {
					t.Fatal(err)
				}
				s := scan{t, db, c.zone, now}
				for _, days := range []Days{7, 30, 0} {
					s.checkDays(days)
				}
				s.checkSnapshots()
			}
			if report, err := ledger.New(db).Verify(t.Context()); err != nil || len(report.Differences) > 0 {
				t.Errorf("the ledger itself is wrong: %+v, %v", report, err)
			}
		})
	}
}

// localRecord has a transaction and a sale every few hours from 70 days before a
// change to a week after it, many of them near it.
func localRecord(change time.Time) ledger.Batch {
	random := rand.New(rand.NewPCG(uint64(change.Unix()), 3))
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal}, {Ref: "bob", Kind: ledger.Personal}},
		Items:    []ledger.Item{{Ref: "bread"}},
	}
	var times []time.Time
	for range 500 {
		times = append(times, change.Add(time.Duration(random.Int64N(int64(77*day))-int64(70*day))))
		times = append(times, change.Add(time.Duration(random.Int64N(int64(4*day))-int64(2*day))))
	}
	times = slices.DeleteFunc(times, func(at time.Time) bool { // a quiet day
		return at.After(change.Add(26*hour)) && at.Before(change.Add(80*hour))
	})
	slices.SortFunc(times, time.Time.Compare)
	holders := []string{"ann", "bob"}
	for i := range 24 { // at all hours of the days around the change
		ref := fmt.Sprint("gone", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: ledger.Personal, Archived: change.Add(time.Duration(5*i-40) * hour)})
		holders = append(holders, ref)
	}
	for i, at := range times {
		amount := 1 + random.Int64N(100)
		to := holders[random.IntN(2)]
		if i < len(holders) {
			to = holders[i]
		}
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: fmt.Sprint(i), At: at, Source: "grant",
			Postings: []ledger.Posting{{Account: "mint", Amount: -amount}, {Account: to, Amount: amount}}})
		b.Sales = append(b.Sales, ledger.Sale{Origin: "test", Ref: fmt.Sprint(i), At: at, Item: "bread",
			Direction: ledger.DirectionSale, Quantity: 1, Total: amount})
	}
	return b
}

// A scan asks Postgres for the local time.
type scan struct {
	*testing.T
	db   *pgxpool.Pool
	zone string
	now  time.Time
}

// of returns the rows of a query that may name @days, @zone and @now. Local times
// are written LOCAL(at).
func (s scan) of(days Days, query string) []string {
	s.Helper()
	for {
		before, rest, ok := strings.Cut(query, "LOCAL(")
		if !ok {
			break
		}
		of, after, _ := strings.Cut(rest, ")")
		query = before + "((" + of + ") AT TIME ZONE @zone)" + after
	}
	n := int(days)
	if n == 0 {
		n = 10_000
	}
	rows, _ := s.db.Query(s.Context(), query, pgx.NamedArgs{"days": n, "zone": s.zone, "now": s.now})
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.Fatalf("%s: %v", query, err)
	}
	return lines
}

func (s scan) compare(what string, want, got []string) {
	s.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s at %s (-scanned +got):\n%s", what, s.now.Format(time.RFC3339), diff)
	}
}

func dateText(t time.Time) string { return t.Format(time.DateOnly) }

func (s scan) checkDays(days Days) {
	s.Helper()
	w := windowAt(s.now)
	activity, err := ComputeActivity(s.Context(), s.db, w, days)
	if err != nil {
		s.Fatal(err)
	}
	item, err := ComputeItem(s.Context(), s.db, w, ItemQuery{Item: "bread", Days: days})
	if err != nil {
		s.Fatal(err)
	}
	account, err := ComputeAccount(s.Context(), s.db, w, AccountQuery{"ann", days})
	if err != nil {
		s.Fatal(err)
	}
	overview, err := ComputeOverview(s.Context(), s.db, w, days)
	if err != nil {
		s.Fatal(err)
	}
	health, err := ComputeHealth(s.Context(), s.db, w, days)
	if err != nil {
		s.Fatal(err)
	}
	var moved, traded, used, supplies []string
	for i, b := range activity.Buckets {
		supplies = append(supplies, fmt.Sprint(dateText(overview.Buckets[i]), " ", overview.Supply.Series[i]))
		if b.Transactions > 0 {
			moved = append(moved, fmt.Sprint(dateText(b.Start), " ", b.Transactions, " ", b.Volume))
		}
	}
	for _, c := range item.Candles {
		if c.Sales > 0 {
			traded = append(traded, fmt.Sprint(dateText(c.Start), " ", c.Sales, " ", c.Volume, " ", *c.Prices.Open, " ", *c.Prices.Close))
		}
	}
	for _, m := range account.Moves {
		if m.Postings > 0 {
			used = append(used, fmt.Sprint(dateText(m.Start), " ", m.Postings, " ", m.Received))
		}
	}
	const within = ` WHERE LOCAL(at)::date > LOCAL(@now::timestamptz)::date - @days::int `
	s.compare("activity of "+days.Key(), s.of(days, `
		SELECT concat_ws(' ', LOCAL(at)::date, count(DISTINCT id), sum(amount) FILTER (WHERE amount > 0))
		FROM transactions JOIN (SELECT transaction, amount FROM postings) p ON transaction = id`+within+`
		GROUP BY LOCAL(at)::date ORDER BY 1`), moved)
	s.compare("candles of "+days.Key(), s.of(days, `
		SELECT concat_ws(' ', LOCAL(at)::date, count(*), sum(total), (array_agg(total ORDER BY at))[1], (array_agg(total ORDER BY at DESC))[1])
		FROM sales`+within+`GROUP BY LOCAL(at)::date ORDER BY 1`), traded)
	s.compare("moves of "+days.Key(), s.of(days, `
		SELECT concat_ws(' ', LOCAL(at)::date, count(*), sum(amount))
		FROM postings`+within+`AND account = (SELECT id FROM accounts WHERE ref = 'ann')
		GROUP BY LOCAL(at)::date ORDER BY 1`), used)
	s.compare("supply of "+days.Key(), s.of(days, `
		SELECT concat_ws(' ', day::date, (SELECT coalesce(sum(amount), 0) FROM postings WHERE amount > 0 AND LOCAL(at)::date <= day))
		FROM generate_series((SELECT greatest(LOCAL(@now::timestamptz)::date - @days::int + 1, CASE WHEN @days > 365 THEN min(LOCAL(at)::date) END)
			FROM postings), LOCAL(@now::timestamptz)::date, '1 day') AS day`), supplies)
	if days != 0 {
		s.compare("transactions before", s.of(days, `
			SELECT count(*)::text FROM transactions
			WHERE LOCAL(at)::date > LOCAL(@now::timestamptz)::date - 2 * @days::int AND LOCAL(at) < LOCAL(@now::timestamptz) - @days::int * interval '1 day'`),
			[]string{fmt.Sprint(*overview.Transactions.Before)})
	}
	s.compare("active today", s.of(days, `
		SELECT count(DISTINCT account)::text FROM postings WHERE amount > 0 AND LOCAL(at)::date = LOCAL(@now::timestamptz)::date`),
		[]string{fmt.Sprint(overview.Active1)})
	if !health.Supply.Holds || health.Active[0].Holders != overview.Active1 {
		s.Errorf("%s: %+v, %d active today, want %d", s.now, health.Supply, health.Active[0].Holders, overview.Active1)
	}
	s.checkRhythm(days)
}

func (s scan) checkRhythm(days Days) {
	s.Helper()
	r, err := ComputeRhythm(s.Context(), s.db, windowAt(s.now), days)
	if err != nil {
		s.Fatal(err)
	}
	var total, hours []string
	for weekday := range r.Hours {
		for at := range r.Hours[weekday] {
			if n := r.Total[weekday][at]; n > 0 {
				total = append(total, fmt.Sprintf("%d %02d %d", weekday+1, at, n))
			}
			if n := r.Hours[weekday][at]; n > 0 {
				hours = append(hours, fmt.Sprintf("%d %02d %d", weekday+1, at, n))
			}
		}
	}
	s.compare("transactions by hour of the week", s.of(days, `
		SELECT concat_ws(' ', to_char(LOCAL(at), 'ID HH24'), count(*)) FROM transactions
		WHERE LOCAL(at)::date > LOCAL(@now::timestamptz)::date - @days::int GROUP BY to_char(LOCAL(at), 'ID HH24') ORDER BY 1`), total)
	s.compare("hours of the week", s.of(days, `
		SELECT concat_ws(' ', to_char(LOCAL(at), 'ID HH24'), count(*))
		FROM generate_series((SELECT date_trunc('day', min(at), 'UTC') - interval '1 day' FROM transactions), @now::timestamptz - interval '1 hour', '1 hour') AS at
		WHERE LOCAL(at)::date > LOCAL(@now::timestamptz)::date - @days::int AND LOCAL(at)::date >= (SELECT min(LOCAL(at))::date FROM transactions)
		GROUP BY to_char(LOCAL(at), 'ID HH24') ORDER BY 1`), hours)
}

func (s scan) checkSnapshots() {
	s.Helper()
	var got []string
	for _, kept := range keptSnapshots(s.T, s.db) {
		got = append(got, fmt.Sprint(dateText(kept.Day), " ", kept.Supply, " ", kept.Holders))
	}
	s.compare("snapshots", s.of(0, `
		SELECT concat_ws(' ', day, (SELECT sum(amount) FROM postings WHERE amount > 0 AND LOCAL(at)::date <= day),
			(SELECT count(DISTINCT account) FROM postings JOIN accounts ON id = account
				WHERE amount > 0 AND LOCAL(at)::date <= day AND (archived IS NULL OR archived >= (day + 1)::timestamp AT TIME ZONE @zone)))
		FROM (
			SELECT LOCAL(at)::date AS day FROM postings
			UNION SELECT LOCAL(archived)::date FROM accounts WHERE archived <= @now
		) AS days WHERE day < LOCAL(@now::timestamptz)::date ORDER BY 1`), got)
}

// BenchmarkTenYearsOfHoursByDay compares how hours are put into local days with
// what Postgres has for it.
func BenchmarkTenYearsOfHoursByDay(b *testing.B) {
	db := testkit.Postgres(b)
	from, to := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const fill = `INSERT INTO activity_hours SELECT hour, 1, 1, 1, 1 FROM generate_series($1::timestamptz, $2, '1 hour') AS hour`
	if _, err := db.Exec(b.Context(), fill, from, to); err != nil {
		b.Fatal(err)
	}
	zone, err := ledger.LoadZone("America/New_York")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, local string }{
		{"UTC by date_trunc", "date_trunc('day', hour, 'UTC')"}, {"New York by AT TIME ZONE", "(hour AT TIME ZONE 'America/New_York')::date"},
		{"New York by its changes", localTime + "::date"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				rows, err := db.Query(b.Context(), "SELECT "+c.local+", sum(volume)::bigint FROM activity_hours GROUP BY 1", ledger.LocalTimeArgs(zone, from, to))
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next() {
				}
				if err := rows.Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
