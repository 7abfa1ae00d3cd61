package ledger_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	for damage, what := range map[string]string{
		`UPDATE postings SET amount = amount + 1 WHERE amount > 0`:                        "transactions",
		`DELETE FROM transactions`:                                                        "postings",
		`DELETE FROM refs WHERE what = 's'`:                                               "refs",
		`UPDATE sales SET seller = 99`:                                                    "sales",
		`UPDATE balances SET postings = postings + 1`:                                     "balances",
		`DELETE FROM accounts WHERE ref = 'ann'`:                                          "balances",
		`UPDATE account_totals SET used = used + 1`:                                       "account_totals",
		`UPDATE holder_balances SET personal = personal + 1`:                              "holder_balances",
		`UPDATE holder_groups SET total = total + 1 WHERE tally = 'joined'`:               "holder_groups",
		`UPDATE holder_tallies SET place = place + 1 WHERE tally = 'latest'`:              "holder_tallies",
		`DELETE FROM account_days WHERE received > 0`:                                     "account_days",
		`UPDATE activity_hours SET transfers = transfers + 1`:                             "activity_hours",
		`UPDATE flow_hours SET from_kind = 'business'`:                                    "flow_hours",
		`UPDATE flow_largest SET volumes[1] = volumes[1] - 1`:                             "flow_largest",
		`UPDATE item_hours SET open = 1`:                                                  "item_hours",
		`INSERT INTO trader_days SELECT item, day, 1, 'seller', 1, 1, 1 FROM price_days`:  "trader_days",
		`UPDATE price_days SET quantity = quantity + 1`:                                   "price_days",
		`DELETE FROM counterparty_days WHERE transactions = 1`:                            "counterparty_days",
		`UPDATE offers SET ask = ask + 1`:                                                 "offers",
		`UPDATE offers SET item = 99`:                                                     "offer_changes",
		`UPDATE item_offer_hours SET stock = stock + 1`:                                   "item_offer_hours",
		`INSERT INTO day_snapshots (day, supply, holders) VALUES ('2026-03-04', 1001, 1)`: "day_snapshots",
	} {
		t.Run(damage, func(t *testing.T) {
			db := testkit.Postgres(t)
			l := ledger.New(db)
			if _, err := l.Append(t.Context(), grant()); err != nil {
				t.Fatal(err)
			}
			foldNow(t, db)
			wantSound(t, l)
			if _, err := db.Exec(t.Context(), damage); err != nil {
				t.Fatal(err)
			}
			report, err := l.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, d := range report.Differences {
				found = found || d.Table == what && d.Key != "" && d.Text != ""
			}
			if !found || report.OK() {
				t.Errorf("after %s, Verify found %v, want something about %s", damage, report.Differences, what)
			}
			gently, err := l.VerifyGently(t.Context(), time.Minute, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := wrong(gently), wrong(report); !slices.Equal(got, want) {
				t.Errorf("after %s, VerifyGently found something in %v, Verify in %v", damage, got, want)
			}
		})
	}
}

// wrong returns the tables in which a report has differences.
func wrong(r *ledger.Report) []string {
	tables := map[string]bool{}
	for _, d := range r.Differences {
		tables[d.Table] = true
	}
	return slices.Sorted(maps.Keys(tables))
}

func TestVerifyFindsPostingsOfAnotherTime(t *testing.T) {
	for _, later := range []string{"1 hour", "2 months"} {
		db := testkit.Postgres(t)
		l := ledger.New(db)
		if _, err := l.Append(t.Context(), grant()); err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{
			`SELECT add_months(ARRAY(SELECT at + $1::interval FROM transactions)::date[])`,
			`UPDATE postings SET at = at + $1::interval`,
		} {
			if _, err := db.Exec(t.Context(), query, later); err != nil {
				t.Fatal(err)
			}
		}
		report, err := l.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"transactions", "postings"} {
			if !slices.Contains(wrong(report), table) {
				t.Errorf("postings are %s later: something is wrong in %v, want in %s too", later, wrong(report), table)
			}
		}
	}
}

func TestVerifyGentlyGivesUpWhatTakesTooLong(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	fillTransactions(t, l, 30_000)
	report, err := l.VerifyGently(t.Context(), 10*time.Millisecond, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	undone := 0
	for _, c := range report.Checks {
		if c.Done == (c.Undone != "") {
			t.Errorf("%s: done %v, undone because %q", c.Name, c.Done, c.Undone)
		}
		if !c.Done {
			undone++
		}
	}
	if undone == 0 {
		t.Error("30,000 transactions were read in 10 ms")
	}
	report, err = l.VerifyGently(t.Context(), time.Minute, 0)
	if err != nil || slices.ContainsFunc(report.Checks, func(c ledger.Check) bool { return c.Done }) {
		t.Errorf("without any time, %v was done, %v", report, err)
	}
}

func TestASampleGoesRoundAndFindsWhatIsWrong(t *testing.T) {
	sample := func(t *testing.T, db *pgxpool.Pool, s ledger.Sample) (r *ledger.SampleReport) {
		t.Helper()
		err := pgx.BeginTxFunc(t.Context(), db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
			r, err = ledger.VerifySample(t.Context(), tx, s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	size := ledger.Sample{Accounts: 1, Transactions: 1, MostPostings: 100}
	for book, damage := range map[ledger.Book]string{
		ledger.BookBalances:     `UPDATE balances SET balance = balance + 1 WHERE account = (SELECT max(account) FROM balances)`,
		ledger.BookTransactions: `UPDATE postings SET amount = amount + 1 WHERE amount > 0`,
		ledger.BookRollups:      `UPDATE account_days SET sent = sent + 1 WHERE sent > 0`,
		ledger.BookOrphans:      `DELETE FROM transactions`,
	} {
		db := testkit.Postgres(t)
		if _, err := ledger.New(db).Append(t.Context(), grant()); err != nil {
			t.Fatal(err)
		}
		turns := sample(t, db, size).Turns
		if _, err := db.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		var accounts int64
		found := map[ledger.Book]int{}
		again := size
		for turn := range turns {
			size.Turn = turn
			r := sample(t, db, size)
			accounts += r.Accounts
			again.AgainAccounts = append(again.AgainAccounts, r.BadAccounts...)
			again.AgainTransactions = append(again.AgainTransactions, r.BadTransactions...)
			for _, c := range r.Checks {
				found[c.Book] += c.Found
			}
		}
		if found[book] == 0 {
			t.Errorf("after %s, %d turns found %v, want something about %s", damage, turns, found, book)
		}
		var all int64
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM accounts`).Scan(&all); err != nil || accounts != all {
			t.Errorf("%d turns read %d accounts of %d, %v", turns, accounts, all, err)
		}
		// What was found is found again, whatever the turn.
		for turn := range turns {
			again.Turn = turn
			found := 0
			for _, c := range sample(t, db, again).Checks {
				found += c.Found
			}
			if found == 0 {
				t.Errorf("after %s, turn %d does not find again what was found", damage, turn)
			}
		}
	}
}

func TestASampleLeavesLargeAccounts(t *testing.T) {
	db := testkit.Postgres(t)
	fillTransactions(t, ledger.New(db), 300)
	err := pgx.BeginTxFunc(t.Context(), db, pgx.TxOptions{}, func(tx pgx.Tx) error {
		r, err := ledger.VerifySample(t.Context(), tx, ledger.Sample{Accounts: 1000, Transactions: 1000, MostPostings: 100})
		if err == nil && (r.Large == 0 || r.Postings > r.Accounts*100 || r.Transactions != 300 || r.Turns != 1) {
			t.Errorf("a sample read %+v", r)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerifyBoundsItsReport(t *testing.T) {
	db := testkit.Postgres(t)
	if _, err := db.Exec(t.Context(), `INSERT INTO balances SELECT n, 1, now(), 1, now() FROM generate_series(1, 150) n`); err != nil {
		t.Fatal(err)
	}
	report, err := ledger.New(db).Verify(t.Context())
	if err != nil || len(report.Differences) != 100 || report.More != 200 {
		t.Fatalf("Verify listed %d and left out %d, %v, want 100 and 200", len(report.Differences), report.More, err)
	}
	if text := report.Differences[0].String(); !strings.Contains(text, "balances 1: kept") {
		t.Errorf("a difference reads %q", text)
	}
}
