package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/archive"
)

// everything is every row of every table but those named.
func everything(t testing.TB, db *pgxpool.Pool, but ...string) map[string][]string {
	t.Helper()
	tables := map[string][]string{}
	for _, table := range rowsOf(t, db, `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`) {
		if table != "schema_version" && !slices.Contains(but, table) {
			tables[table] = rowsOf(t, db, "SELECT r::text FROM "+table+" r ORDER BY r::text")
		}
	}
	return tables
}

// leaving are the tables that archiving changes.
var leaving = []string{"transactions", "postings", "sales", "archive", "archive_months", "archive_checksums", "archive_balances"}

// years writes a random ledger that ends in April 2026 and has something in four months.
func years(t *testing.T, l *ledger.Ledger, random *rand.Rand) (batches []ledger.Batch) {
	t.Helper()
	for _, midnight := range []string{"2026-02-03", "2026-03-02", "2026-04-03"} {
		at, _ := time.Parse(time.DateOnly, midnight)
		g := &generator{Rand: random, midnight: at}
		batches = append(batches, g.batches(8)...)
	}
	for _, b := range batches {
		if _, err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	return batches
}

func date(text string) time.Time {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return d
}

// On random ledgers, however often archiving is cut off, an archived ledger is sound: what
// follows from the record is as it was, what is damaged is found, and what was archived
// comes back byte for byte.
func TestAnArchivedLedgerIsSoundAndComesBackAsItWas(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	for run := range uint64(*runsFlag) {
		t.Run(fmt.Sprintf("-ledger.seed=%d -ledger.runs=1", seed+run), func(t *testing.T) {
			comesBack(t, rand.New(rand.NewPCG(seed+run, 28)))
		})
	}
}

// What holders have stays what the record says when postings leave and come back.
func TestArchivingKeepsWhatHoldersHave(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	years(t, l, rand.New(rand.NewPCG(1, 28)))
	dir := t.TempDir()
	sound := func(when string) {
		t.Helper()
		wantSound(t, l) // with what came since
		if !foldNow(t, db) {
			t.Errorf("%s, nothing was added up", when)
		}
		wantSound(t, l)
	}
	sound("before")
	if err := archive.Write(t.Context(), l, db, archive.Options{Before: date("2026-04-01"), Dir: dir}); err != nil {
		t.Fatal(err)
	}
	sound("archived")
	if err := archive.Restore(t.Context(), l, dir, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	sound("restored")
}

func comesBack(t *testing.T, random *rand.Rand) {
	url := testkit.PostgresURL(t)
	control, victim := open(t, url, "control"), open(t, url, "victim")
	l := ledger.New(control)
	if random.IntN(2) == 0 {
		if err := l.SetSettings(t.Context(), ledger.Settings{Name: "There", Symbol: "x", Timezone: "Australia/Brisbane"}); err != nil {
			t.Fatal(err)
		}
	}
	batches := years(t, l, random)
	whole, kept := everything(t, control), everything(t, control, leaving...)
	border := date([]string{"2026-02-01", "2026-03-01", "2026-04-01"}[random.IntN(3)])
	dir := t.TempDir()
	archiveAtLast(t, control, victim, archive.Options{Before: border, Dir: dir}, random)

	wantSound(t, l)
	wantSoundGently(t, l)
	if diff := cmp.Diff(kept, everything(t, control, leaving...)); diff != "" {
		t.Errorf("archiving changed what follows from the record:\n%s", diff)
	}
	zone := time.UTC
	if s, err := l.Settings(t.Context()); err == nil {
		zone = s.Zone()
	}
	wantBegin(t, control, ledger.MonthOf(border, zone).Starts)
	archived := everything(t, control)
	for _, b := range batches {
		if w, err := l.Append(t.Context(), b); err != nil || w.Transactions+w.Sales > 0 {
			t.Fatalf("a batch that is known wrote %+v, %v", w, err)
		}
	}
	if diff := cmp.Diff(archived, everything(t, control)); diff != "" {
		t.Errorf("repeating all batches changed the ledger:\n%s", diff)
	}

	// What is after the border is repaired, what is before it is found.
	for _, damage := range []string{
		`UPDATE balances SET balance = balance + 1`, `DELETE FROM account_days WHERE day >= (SELECT begins_day FROM archive)`,
		`DELETE FROM flow_hours WHERE hour >= (SELECT begins FROM archive)`, `UPDATE item_hours SET sales = sales + 1 WHERE hour >= (SELECT begins FROM archive)`,
		`DELETE FROM flow_largest WHERE day >= (SELECT begins_day FROM archive)`,
	} {
		mustExec(t, control, damage)
	}
	if _, err := l.Repair(t.Context(), ledger.Repair{}); err != nil {
		t.Fatal(err)
	}
	wantSound(t, l)
	if diff := cmp.Diff(archived, everything(t, control)); diff != "" {
		t.Errorf("a repair did not make it what it was:\n%s", diff)
	}
	early := []string{
		`UPDATE account_days SET sent = sent + 1, received = received + 1 WHERE (account, day) = (SELECT account, day FROM account_days ORDER BY day LIMIT 1)`,
		`DELETE FROM flow_largest WHERE day = (SELECT min(day) FROM flow_largest)`,
		`UPDATE item_hours SET other_lines = other_lines + 1 WHERE hour = (SELECT min(hour) FROM item_hours)`,
		`UPDATE activity_hours SET transfers = transfers + 1 WHERE hour = (SELECT min(hour) FROM activity_hours)`,
	}
	mustExec(t, control, early[random.IntN(len(early))])
	if report, err := l.Verify(t.Context()); err != nil || report.OK() {
		t.Errorf("an archived month that was damaged: %v, want it to be found", err)
	}
	if err := archive.Write(t.Context(), l, control, archive.Options{Before: date("2026-05-01"), Dir: dir}); err == nil || !strings.Contains(err.Error(), "the ledger is wrong") {
		t.Errorf("archiving a ledger that is wrong: %v", err)
	}

	restoreAtLast(t, control, victim, dir, random)
	if _, err := l.Repair(t.Context(), ledger.Repair{}); err != nil {
		t.Fatal(err)
	}
	wantSound(t, l)
	if diff := cmp.Diff(whole, everything(t, control)); diff != "" {
		t.Errorf("what was archived did not come back as it was:\n%s", diff)
	}
}

func mustExec(t *testing.T, db *pgxpool.Pool, sql string) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func wantBegin(t *testing.T, db *pgxpool.Pool, want time.Time) {
	t.Helper()
	a, err := ledger.New(db).Archive(t.Context())
	if err != nil || !a.Begins.Equal(want) || !a.Closed.Equal(want) {
		t.Errorf("the record begins at %s and is closed before %s, %v, want %s", a.Begins, a.Closed, err, want)
	}
}

func wantSoundGently(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	report, err := l.VerifyGently(t.Context(), time.Minute, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if !c.Done || c.Found > 0 {
			t.Errorf("gently: %+v", c)
		}
	}
}

// archiveAtLast archives while its connections are killed, again until it succeeds. Each
// time in between, the ledger is sound.
func archiveAtLast(t *testing.T, control, victim *pgxpool.Pool, o archive.Options, random *rand.Rand) {
	t.Helper()
	var days atomic.Int64
	for try := range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		after := 1 + random.IntN(4)
		o.Progress = func(p archive.Progress) {
			days.Add(1)
			after--
			if try < 6 && after == 0 {
				// In the midst of what follows.
				wait, leaves := time.Duration(random.IntN(8))*time.Millisecond, random.IntN(2) == 0
				go func() {
					time.Sleep(wait)
					if leaves {
						cancel()
					}
					_, _ = control.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim' AND datname = current_database()`)
				}()
			}
		}
		err := archive.Write(ctx, ledger.New(victim), victim, o)
		cancel()
		if err == nil {
			if days.Load() == 0 {
				t.Error("nothing was archived")
			}
			return
		}
		if errors.Is(err, ledger.ErrRepairing) {
			time.Sleep(10 * time.Millisecond) // until the lock of the killed connection is free
			continue
		}
		wantSound(t, ledger.New(control))
	}
	t.Fatal("archiving was cut off a hundred times")
}

func restoreAtLast(t *testing.T, control, victim *pgxpool.Pool, dir string, random *rand.Rand) {
	t.Helper()
	for try := range 100 {
		if try < 4 {
			wait := time.Duration(random.IntN(60)) * time.Millisecond
			go func() {
				time.Sleep(wait)
				_, _ = control.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim' AND datname = current_database()`)
			}()
		}
		if err := archive.Restore(t.Context(), ledger.New(victim), dir, time.Time{}, nil); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("restoring was cut off a hundred times")
}

func TestNothingNewIsWrittenIntoWhatIsArchived(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := grant()
	b.Transactions = append(b.Transactions, transaction("later", noon.AddDate(0, 1, 0), ledger.Posting{"mint", -7}, ledger.Posting{"bob", 7}))
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := archive.Write(t.Context(), l, db, archive.Options{Before: date("2026-04-01"), Dir: dir}); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, `SELECT (SELECT count(*) FROM transactions), (SELECT count(*) FROM postings), (SELECT count(*) FROM sales)`, "1 2 0")

	if w, err := l.Append(t.Context(), b); err != nil || w.SkippedTransactions != 2 || w.SkippedSales != 1 {
		t.Errorf("what is archived was sent again: %+v, %v", w, err)
	}
	late := ledger.Batch{Transactions: []ledger.Transaction{transaction("late", noon, ledger.Posting{"mint", -1}, ledger.Posting{"ann", 1})}}
	sold := ledger.Batch{Sales: []ledger.Sale{{Origin: "test", Ref: "late", At: noon, Item: "bread", Direction: ledger.DirectionSale, Quantity: 1, Total: 5}}}
	seen := ledger.Batch{Observations: []ledger.Observation{{Origin: "test", Account: "ann", At: noon, Balance: 3}}}
	for what, b := range map[string]ledger.Batch{"transaction": late, "sale": sold, "observation": seen} {
		_, err := l.Append(t.Context(), b)
		if refused := (*ledger.BatchError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "is before 2026-04-01, and all of that time is archived") {
			t.Errorf("a %s of an archived month: %v", what, err)
		}
	}
	if _, err := l.Transaction(t.Context(), "test", "grant", ledger.FirstLeg, 10); !errors.Is(err, ledger.ErrArchived) {
		t.Errorf("an archived transaction: %v", err)
	}
	if p, err := l.Transaction(t.Context(), "test", "never", ledger.FirstLeg, 10); p != nil || err != nil {
		t.Errorf("a transaction that never was: %v, %v", p, err)
	}
	_, err := l.Repair(t.Context(), ledger.Repair{Issuer: &ledger.IssuerChange{Account: "town", Issuer: true}})
	if err == nil || !strings.Contains(err.Error(), "bring it back first") {
		t.Errorf("an account becomes an issuer: %v", err)
	}
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "x", Symbol: "y", Decimals: 3}); err != nil {
		t.Fatal(err) // the first settings
	}
	if s, err := l.Settings(t.Context()); err != nil || !s.Begins.Equal(date("2026-04-01")) {
		t.Errorf("the record begins %s, %v", s.Begins, err)
	}
	mustExec(t, db, `DELETE FROM postings; DELETE FROM transactions`)
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "x", Symbol: "y", Decimals: 2}); err == nil {
		t.Error("the decimals of a ledger that is all archived were changed")
	}
}

// A sale may be later than its transaction, which is archived before it.
func TestASaleOfAnArchivedTransactionStays(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := grant()
	b.Sales[0].At, b.Sales[0].Transaction = noon.AddDate(0, 1, 0), "grant"
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	whole, dir := everything(t, db), t.TempDir()
	for _, before := range []string{"2026-04-01", "2026-05-01"} {
		if err := archive.Write(t.Context(), l, db, archive.Options{Before: date(before), Dir: dir}); err != nil {
			t.Fatal(err)
		}
		wantSound(t, l)
	}
	if err := archive.Restore(t.Context(), l, dir, date("2026-04-01"), nil); err != nil {
		t.Fatal(err)
	}
	wantSound(t, l)
	wantBegin(t, db, date("2026-04-01"))
	if err := archive.Restore(t.Context(), l, dir, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, everything(t, db)); diff != "" {
		t.Errorf("it did not come back as it was:\n%s", diff)
	}
}

func TestFilesThatAreNotWhatWasWrittenRestoreNothing(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if _, err := l.Append(t.Context(), grant()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := archive.Write(t.Context(), l, db, archive.Options{Before: date("2026-04-01"), Dir: dir}); err != nil {
		t.Fatal(err)
	}
	before := everything(t, db)
	path := filepath.Join(dir, "2026-03", "postings.csv.zst")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func() error{
		"changed": func() error {
			return os.WriteFile(path, append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1), 0o600)
		},
		"cut":  func() error { return os.WriteFile(path, good[:len(good)/2], 0o600) },
		"gone": func() error { return os.Remove(path) },
		"a pipe": func() error {
			_ = os.Remove(path)
			return syscall.Mkfifo(path, 0o600)
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := archive.Restore(t.Context(), l, dir, time.Time{}, nil); err == nil {
			t.Errorf("files that are %s were restored", what)
		}
		if diff := cmp.Diff(before, everything(t, db)); diff != "" {
			t.Errorf("files that are %s changed the ledger:\n%s", what, diff)
		}
		_ = os.Remove(path)
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Restore(t.Context(), l, dir, time.Time{}, nil); err != nil {
		t.Errorf("the files that were written: %v", err)
	}
}

// Archiving that ends within a month leaves a ledger that is sound, and what it has
// removed comes back as it was, wherever it ended.
func TestAPartlyRemovedMonthComesBackAsItWas(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	years(t, l, rand.New(rand.NewPCG(1, 34)))
	whole, kept := everything(t, db), everything(t, db, leaving...)
	within := 0
	for days := 1 + rand.IntN(3); ; days += 3 { // all of them in a few runs
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		left := days
		err := archive.Write(ctx, l, db, archive.Options{Before: date("2026-05-01"), Dir: dir, Progress: func(p archive.Progress) {
			if p.Day.IsZero() {
				return
			}
			if left--; left == 0 {
				cancel()
			}
		}})
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d days: %v", days, err)
		}
		a, err := l.Archive(t.Context())
		if err != nil || a.Begins.IsZero() || !a.Closed.Equal(a.Months[len(a.Months)-1].Ends) {
			t.Fatalf("after %d days: %+v, %v", days, a, err)
		}
		if a.Begins.Day() != 1 {
			within++
		}
		wantSound(t, l)
		wantRows(t, db, `SELECT count(*) FROM transactions, archive WHERE at < begins`, "0")
		if diff := cmp.Diff(kept, everything(t, db, leaving...)); diff != "" {
			t.Errorf("after %d days, what follows from the record is not what it was:\n%s", days, diff)
		}
		cut := everything(t, db)
		if err := archive.Write(t.Context(), l, db, archive.Options{Before: date("2026-05-01"), Dir: dir, Keep: true, Progress: func(archive.Progress) {}}); err != nil {
			t.Fatalf("after %d days, writing without removing: %v", days, err)
		}
		if diff := cmp.Diff(cut, everything(t, db)); diff != "" {
			t.Errorf("after %d days, what removes nothing changed the ledger:\n%s", days, diff)
		}
		if err := archive.Restore(t.Context(), l, dir, time.Time{}, nil); err != nil {
			t.Fatalf("after %d days: %v", days, err)
		}
		if diff := cmp.Diff(whole, everything(t, db)); diff != "" {
			t.Errorf("what was removed in %d days did not come back as it was:\n%s", days, diff)
		}
	}
	if within < 2 {
		t.Errorf("archiving ended within a month %d times, want it more often", within)
	}
}
