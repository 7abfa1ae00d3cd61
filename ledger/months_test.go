package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/archive"
)

// What holds for a ledger holds for one that is divided by month from its first row on. All
// tests of the package can be run so: go test ./ledger -testkit.bymonth
func TestALedgerByMonthIsLikeAnyOther(t *testing.T) {
	testkit.NotOnCitus(t, "a ledger there is not divided")
	testkit.NotByMonth(t, "it is these tests")
	const these = `KeepsTheBooks|VerifyFinds|SampleGoes|RepairMends|InterruptedRepair|TimeZoneChanges|PartlyRemoved|AnArchivedLedger|ArchivingKeeps|AStatement|TransactionsAre|TransactionIsRead|ManyPostings|HoldersHave|SameLargest|Deadlock|Unobserved|KilledConnection|LostAnswer|OneMistake|OnBalance`
	out, err := exec.CommandContext(t.Context(), os.Args[0], "-testkit.bymonth", "-test.run", these).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// payments is a batch of payments at these times.
func payments(ref string, at ...time.Time) ledger.Batch {
	b := village()
	for i, at := range at {
		b.Transactions = append(b.Transactions, transaction(fmt.Sprint(ref, i), at, ledger.Posting{Account: "mint", Amount: -5}, ledger.Posting{Account: "ann", Amount: 5}))
	}
	return b
}

func wantDivided(t *testing.T, db *pgxpool.Pool, least int64, importing bool) time.Time {
	t.Helper()
	done, err := ledger.DivideByMonth(t.Context(), db, least, importing)
	if err != nil || done.Starts.IsZero() {
		t.Fatalf("the ledger is not divided: %+v, %v", done, err)
	}
	return done.Starts
}

func undivided(t *testing.T) *pgxpool.Pool {
	t.Helper()
	testkit.NotOnCitus(t, "a ledger there is not divided")
	testkit.NotByMonth(t, "it is divided")
	return testkit.Postgres(t)
}

func TestALargeLedgerIsDividedByMonth(t *testing.T) {
	db := undivided(t)
	l := ledger.New(db)
	now := time.Now()
	appended(t, l, payments("a", now.AddDate(-1, 0, 0), now.Add(-time.Hour)))
	before := dump(t, db)
	if done, err := ledger.DivideByMonth(t.Context(), db, 5, false); err != nil || !done.Starts.IsZero() {
		t.Errorf("a ledger that is not large: %+v, %v", done, err)
	}
	starts := wantDivided(t, db, 4, false)
	if starts.Before(now) || starts.After(now.AddDate(0, 2, 0)) {
		t.Errorf("the months begin on %v", starts)
	}
	if diff := cmp.Diff(before, dump(t, db)); diff != "" {
		t.Errorf("dividing changed the ledger:\n%s", diff)
	}
	wantRows(t, db, `SELECT inhparent::regclass::text, inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhparent WHERE relkind = 'p' AND inhrelid::regclass::text LIKE '%before%' ORDER BY 1`,
		starts.Format("account_days account_days_before_2006_01"), starts.Format("counterparty_days counterparty_days_before_2006_01"), starts.Format("postings postings_before_2006_01"))
	wantRows(t, db, `SELECT sum(received), count(*) FROM counterparties`, "10 4")
	if done, err := ledger.DivideByMonth(t.Context(), db, 1, true); err != nil || !done.Starts.IsZero() {
		t.Errorf("a ledger that is divided: %+v, %v", done, err)
	}
	appended(t, l, payments("b", now.AddDate(-2, 0, 0), now))
}

// A ledger whose transactions are all of the past is divided where they end, by one who
// goes on to import, and by nobody else.
func TestAnImportDividesThePast(t *testing.T) {
	db := undivided(t)
	l := ledger.New(db)
	at := time.Date(2021, 5, 20, 12, 0, 0, 0, time.UTC)
	appended(t, l, payments("a", at))
	if done, err := ledger.DivideByMonth(t.Context(), db, 1, false); err != nil || !done.Starts.IsZero() {
		t.Errorf("a ledger of the past: %+v, %v", done, err)
	}
	if starts := wantDivided(t, db, 1, true); !starts.Equal(time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the months begin on %v", starts)
	}
	var many []time.Time
	for m := range 30 {
		many = append(many, at.AddDate(0, m, 0))
	}
	appended(t, l, payments("b", many...))
	wantRows(t, db, `SELECT count(*) FROM postings_before_2021_06 UNION ALL SELECT count(*) FROM postings_2021_06 UNION ALL SELECT count(*) FROM counterparty_days_2023_10`, "4", "2", "1")
}

// Eight append and two read while one divides the ledger again and again, and is killed.
func TestALedgerIsDividedWhileItIsUsed(t *testing.T) {
	testkit.NotOnCitus(t, "a ledger there is not divided")
	testkit.NotByMonth(t, "it is divided")
	url := testkit.PostgresURL(t)
	db, victim := open(t, url, "control"), open(t, url, "victim")
	l := ledger.New(db)
	if _, err := l.Append(t.Context(), payments("first", time.Now())); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var around sync.WaitGroup
	var slowest atomic.Int64
	for n := range 8 {
		around.Go(func() {
			l, random := ledger.New(db), rand.New(rand.NewPCG(uint64(n), 1))
			for i := 0; !stop.Load(); i++ {
				b := payments(fmt.Sprint(n, " ", i, " "), time.Now().Add(-time.Duration(random.IntN(100*24))*time.Hour), time.Now())
				if _, err := l.Append(t.Context(), b); err != nil {
					t.Errorf("an append was refused: %v", err)
					return
				}
			}
		})
	}
	for range 2 {
		around.Go(func() {
			for !stop.Load() {
				began := time.Now()
				s, err := l.Statement(t.Context(), ledger.StatementQuery{Account: "ann", Before: ledger.End(), Limit: 20})
				if err != nil || len(s.Lines) == 0 {
					t.Errorf("a statement: %+v, %v", s, err)
					return
				}
				slowest.Store(max(slowest.Load(), int64(time.Since(began))))
			}
		})
	}
	around.Go(func() { watchUntil(t, db, &stop) })
	tries := 0
	for divided := false; !divided && tries < 200; tries++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(20+20*tries))*time.Millisecond)
		_, _ = ledger.DivideByMonth(ctx, victim, 1, tries%2 == 0) // the error is that of its end
		cancel()
		if err := db.QueryRow(t.Context(), `SELECT is_monthly()`).Scan(&divided); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	around.Wait()
	wantRows(t, db, `SELECT is_monthly()`, "true")
	wantSound(t, l)
	t.Logf("divided at try %d; the slowest statement took %v", tries, time.Duration(slowest.Load()).Round(time.Millisecond))
}

// watchUntil looks at the books from outside.
func watchUntil(t *testing.T, db *pgxpool.Pool, stop *atomic.Bool) {
	ctx, cancel := context.WithCancel(t.Context())
	var looking sync.WaitGroup
	looking.Go(func() { watch(ctx, t, db) })
	for !stop.Load() {
		pause(ctx, 5*time.Millisecond)
	}
	cancel()
	looking.Wait()
}

// After each step an interrupted division leaves a ledger that goes on, also beyond the
// month that was to be the first one, and that is divided the next time.
func TestAnInterruptedDivisionIsHarmless(t *testing.T) {
	for _, steps := range [][]string{
		{`SELECT bound_months('2021-06-01')`},
		{`SELECT bound_months('2021-06-01')`, `SELECT check_months()`},
		{`SELECT bound_months('2021-06-01')`, `SELECT check_months()`, `BEGIN; SELECT divide_months(); ROLLBACK`},
	} {
		db := undivided(t)
		l := ledger.New(db)
		at := time.Date(2021, 5, 20, 12, 0, 0, 0, time.UTC)
		appended(t, l, payments("a", at))
		for _, step := range steps {
			if _, err := db.Exec(t.Context(), step); err != nil {
				t.Fatal(step, err)
			}
		}
		appended(t, l, payments("b", at.Add(time.Hour)), payments("c", at.AddDate(0, 3, 0)))
		appended(t, ledger.New(db), payments("d", at.AddDate(0, 1, 0)))
		if starts := wantDivided(t, db, 1, true); !starts.Equal(time.Date(2021, 9, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("after %d steps, the months begin on %v", len(steps), starts)
		}
		wantSound(t, l)
	}
}

// A reader with a long transaction is not waited for, and nobody waits behind one who waits.
func TestALongReaderPutsTheDivisionOff(t *testing.T) {
	db := undivided(t)
	l := ledger.New(db)
	appended(t, l, payments("a", time.Now()))
	reader, err := db.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(t.Context(), `SELECT count(*) FROM postings`); err != nil {
		t.Fatal(err)
	}
	if done, err := ledger.DivideByMonth(t.Context(), db, 1, false); err != nil || !done.Starts.IsZero() || !done.Later {
		t.Errorf("beside a reader: %+v, %v", done, err)
	}
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantDivided(t, db, 1, false)
}

func TestManyMakeTheSameMonthsAtOnce(t *testing.T) {
	db := undivided(t)
	at := time.Date(2021, 5, 20, 12, 0, 0, 0, time.UTC)
	appended(t, ledger.New(db), payments("a", at))
	wantDivided(t, db, 1, true)
	var writing sync.WaitGroup
	for n := range 8 {
		writing.Go(func() {
			l := ledger.New(db) // which remembers no month
			for m := range 12 {
				if _, err := l.Append(t.Context(), payments(fmt.Sprint(n, " ", m, " "), at.AddDate(0, m, n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	wantSound(t, ledger.New(db))
}

// An append that found the ledger undivided, and then waits for its division, is written.
func TestAnAppendThatWaitsForTheDivisionIsWritten(t *testing.T) {
	testkit.NotOnCitus(t, "a ledger there is not divided")
	testkit.NotByMonth(t, "it is divided")
	url := testkit.PostgresURL(t)
	db := open(t, url, "control")
	at := time.Date(2021, 5, 20, 12, 0, 0, 0, time.UTC)
	appended(t, ledger.New(db), payments("a", at))
	l := ledger.New(open(t, url, "writer"))
	dividing, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.LockAppends(t.Context(), dividing); err != nil {
		t.Fatal(err)
	}
	var appending sync.WaitGroup
	var failure error
	appending.Go(func() { _, failure = l.Append(t.Context(), payments("b", at.AddDate(0, 5, 0))) })
	blocked(t, db, "writer")
	for _, step := range []string{`bound_months('2021-06-01')`, `check_months()`, `divide_months()`} {
		if _, err := dividing.Exec(t.Context(), `SELECT `+step); err != nil {
			t.Fatal(step, err)
		}
	}
	if err := dividing.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	appending.Wait()
	if failure != nil {
		t.Errorf("the append: %v", failure)
	}
	wantSound(t, l)
}

func TestWhatMayNotBeDivided(t *testing.T) {
	db := undivided(t)
	at := time.Date(2021, 5, 20, 12, 0, 0, 0, time.UTC)
	appended(t, ledger.New(db), payments("a", at))
	refused := func(query, why string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), query); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", query, err, why)
		}
	}
	refused(`SELECT bound_months('2021-05-01')`, "there are transactions later than 2021-05-01")
	refused(`SELECT bound_months('2021-06-02')`, "not the first day")
	refused(`SELECT divide_months()`, "query returned no rows")
	refused(`SELECT add_months(ARRAY[(now() + interval '3 months')::date])`, "no month later than the next one")
	refused(`SELECT bound_months('2100-01-01')`, "at a month that is near")
	wantDivided(t, db, 1, true)
	refused(`SELECT bound_months('2022-05-01')`, "divided by month already")
	refused(`INSERT INTO postings VALUES (1, '2021-08-01', 1, 1, 1)`, "no partition")
	if _, err := db.Exec(t.Context(), `UPDATE transactions SET at = now() + interval '3 years'`); err != nil {
		t.Fatal(err)
	}
	other := undivided(t)
	appended(t, ledger.New(other), payments("a", at))
	if _, err := other.Exec(t.Context(), `UPDATE transactions SET at = now() + interval '3 years'`); err != nil {
		t.Fatal(err)
	}
	if done, err := ledger.DivideByMonth(t.Context(), other, 1, true); err != nil || !done.Starts.IsZero() {
		t.Errorf("a ledger with transactions of the future: %+v, %v", done, err)
	}
}

// Dividing reads no row with a lock that readers wait for.
func TestDividingScansNothing(t *testing.T) {
	db := undivided(t)
	appended(t, ledger.New(db), payments("a", time.Now()))
	for _, step := range []string{`bound_months((date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months')::date)`, `check_months()`} {
		if _, err := db.Exec(t.Context(), `SELECT `+step); err != nil {
			t.Fatal(step, err)
		}
	}
	const control = `
		CREATE TABLE postings_control (LIKE postings INCLUDING CONSTRAINTS); ALTER TABLE postings ATTACH PARTITION postings_control FOR VALUES FROM ('2100-01-01') TO ('2100-02-01')`
	const scanned = `SELECT sum(pg_stat_get_xact_numscans(oid)) FROM pg_class WHERE relname ~ '^(postings|account_days|counterparty_days)'`
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		var before, after int64
		err := tx.QueryRow(t.Context(), scanned).Scan(&before)
		if err == nil {
			_, err = tx.Exec(t.Context(), `SELECT divide_months()`)
		}
		err = errors.Join(err, tx.QueryRow(t.Context(), scanned).Scan(&after))
		if err == nil && after != before {
			t.Errorf("%d tables were read", after-before)
		}
		// One that is attached without a bound is read, and that is counted.
		if err == nil {
			if _, err = tx.Exec(t.Context(), control); err == nil {
				err = tx.QueryRow(t.Context(), scanned).Scan(&before)
			}
		}
		if err == nil && before == after {
			t.Error("reading a table was not counted")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The tables of the next month are made before it begins, and Postgres has statistics of all
// months together.
func TestMonthsAreMadeBeforeTheyBegin(t *testing.T) {
	db := undivided(t)
	l := ledger.New(db)
	if err := ledger.KeepMonths(t.Context(), db); err != nil {
		t.Errorf("of a ledger that is not divided: %v", err)
	}
	at := time.Date(2021, 5, 20, 12, 0, 0, 0, time.UTC)
	appended(t, l, payments("a", at))
	wantDivided(t, db, 1, true)
	next := time.Now().UTC().AddDate(0, 1, 1-time.Now().UTC().Day())
	if _, err := db.Exec(t.Context(), next.Format(`DROP TABLE postings_2006_01`)); err != nil {
		t.Errorf("the next month was not made: %v", err)
	}
	appended(t, l, payments("b", time.Now().AddDate(0, 0, -40), time.Now()))
	if _, err := db.Exec(t.Context(), `INSERT INTO account_days SELECT n, '2021-05-01', 1, 0, 1 FROM generate_series(1, 100) n; ANALYZE account_days_before_2021_06`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ledger.KeepMonths(t.Context(), db); err != nil {
			t.Error(err)
		}
	}
	wantRows(t, db, next.Format(`SELECT count(*), (SELECT reltuples > 99 FROM pg_class WHERE relname = 'account_days') FROM postings_2006_01`), "0 true")
}

// Of the ledgers of one database one is divided, and nothing of the others.
func TestOneLedgerOfADatabaseIsDivided(t *testing.T) {
	testkit.NotByMonth(t, "it is divided")
	pools := schemas(t, "town", "city")
	at := time.Date(2021, 5, 20, 12, 0, 0, 0, time.UTC)
	for _, db := range pools {
		appended(t, ledger.New(db), payments("a", at))
	}
	wantDivided(t, pools[1], 1, true)
	wantDivided(t, pools[2], 1, true)
	for i, db := range pools {
		appended(t, ledger.New(db), payments("b", at.AddDate(0, i+1, 0)))
		wantRows(t, db, `SELECT count(*), (SELECT count(*) FROM counterparties) FROM postings`, "4 4")
	}
	wantRows(t, pools[0], `SELECT relnamespace::regnamespace::text, relname::text FROM pg_class WHERE relname ~ '^postings_2021_[0-9]+$' ORDER BY 1, 2`,
		"city postings_2021_08", "town postings_2021_07")
}

// Months that have been archived leave as tables, and come back.
func TestArchivedMonthsAreDropped(t *testing.T) {
	db := undivided(t)
	l := ledger.New(db)
	at := time.Date(2021, 5, 20, 12, 0, 0, 0, time.UTC)
	appended(t, l, payments("a", at))
	wantDivided(t, db, 1, true)
	appended(t, l, payments("b", at.AddDate(0, 1, 0), at.AddDate(0, 2, 0), at.AddDate(0, 3, 0)))
	before, dir := dump(t, db), t.TempDir()
	parts := func(want ...string) {
		t.Helper()
		wantRows(t, db, `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent IN ('postings'::regclass, 'account_days'::regclass) AND inhrelid::regclass::text < 'postings_2021_09' AND inhrelid::regclass::text NOT LIKE 'account_days_2%' ORDER BY 1`, want...)
	}
	options := archive.Options{Before: time.Date(2021, 7, 1, 0, 0, 0, 0, time.UTC), Dir: dir, Progress: func(archive.Progress) {}}
	if err := archive.Write(t.Context(), l, db, options); err != nil {
		t.Fatal(err)
	}
	wantSound(t, l)
	parts("account_days_before_2021_06", "postings_2021_07", "postings_2021_08")
	if err := archive.Restore(t.Context(), l, dir, time.Time{}, func(archive.Progress) {}); err != nil {
		t.Fatal(err)
	}
	wantSound(t, l)
	parts("account_days_before_2021_06", "postings_2021_05", "postings_2021_06", "postings_2021_07", "postings_2021_08")
	if diff := cmp.Diff(before, dump(t, db)); diff != "" {
		t.Errorf("what was archived came back as another:\n%s", diff)
	}
}

func TestARepairTakesMonthsThatComeMeanwhile(t *testing.T) {
	db := undivided(t)
	l := ledger.New(db)
	begins := time.Date(2021, 3, 1, 0, 0, 0, 0, time.UTC)
	var at []time.Time
	for i := range 2_500 { // fewer are read at the end
		at = append(at, begins.Add(time.Duration(i)*time.Second))
	}
	appended(t, l, payments("march", at...))
	wantDivided(t, db, 1, true)
	if _, err := db.Exec(t.Context(), `ANALYZE; UPDATE account_days SET sent = sent + 1; DELETE FROM counterparty_days`); err != nil {
		t.Fatal(err)
	}
	var july sync.Once
	done, err := l.Repair(t.Context(), ledger.Repair{Progress: func(ledger.RepairProgress) {
		july.Do(func() {
			if _, err := l.Append(t.Context(), payments("july", begins.AddDate(0, 4, 0))); err != nil {
				t.Error(err)
			}
		})
	}})
	if err != nil || done.Rows["account_days"] != 2 || done.Rows["counterparty_days"] != 1 {
		t.Errorf("the repair mended %v, %v, want two days of accounts and one of who paid whom", done.Rows, err)
	}
	wantRows(t, db, `SELECT count(*) FROM account_days_2021_07`, "2")
	wantSound(t, l)
	wantNoTrace(t, db)
}
