package archive_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
	"exchequer/ledger/archive"
	"exchequer/ledger/dump"
	"exchequer/ledger/native"
)

var (
	began  = time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC)
	ended  = time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)
	border = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

// fill writes a town's history.
func fill(t testing.TB, db *pgxpool.Pool, zone string) *ledger.Ledger {
	t.Helper()
	l := ledger.New(db)
	record := town.New(town.Config{Seed: 7, Players: 30, Start: began, End: ended})
	s := record.Settings()
	s.Timezone = zone
	if err := l.SetSettings(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := record.History(t.Context(), func(b ledger.Batch) error {
		_, err := l.Append(t.Context(), b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return l
}

func write(t testing.TB, l *ledger.Ledger, db *pgxpool.Pool, o archive.Options) {
	t.Helper()
	if err := archive.Write(t.Context(), l, db, o); err != nil {
		t.Fatal(err)
	}
}

// lines returns a query's rows as text.
func lines(t testing.TB, db *pgxpool.Pool, query string) []string {
	t.Helper()
	rows, _ := db.Query(t.Context(), `SELECT q::text FROM (`+query+`) q ORDER BY q::text COLLATE "C"`)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// The statements of all accounts end where the record begins, and have the same lines
// with the same balances up to there.
func TestStatementsAreTheSameFromTheBorderOn(t *testing.T) {
	db := testkit.Postgres(t)
	l := fill(t, db, "America/New_York")
	begins := ledger.MonthOf(border, (ledger.Settings{Timezone: "America/New_York"}).Zone()).Starts
	refs := lines(t, db, `SELECT ref FROM accounts JOIN balances ON account = id WHERE postings < 2000`)
	read := func() (all [][]ledger.Line) {
		for _, ref := range refs {
			s, err := l.Statement(t.Context(), ledger.StatementQuery{Account: strings.Trim(ref, `()"`), Before: ledger.End(), Limit: 2000})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s.Lines)
		}
		return all
	}
	want, all := read(), 0
	for i, of := range want {
		all += len(of)
		want[i] = slices.DeleteFunc(of, func(l ledger.Line) bool { return l.At.Before(begins) })
		all -= len(want[i])
		if len(want[i]) == 0 {
			want[i] = nil
		}
	}
	if all == 0 {
		t.Fatal("no account has a posting before the border")
	}
	write(t, l, db, archive.Options{Before: border, Dir: t.TempDir()})
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("statements have other lines (-before +after):\n%s", diff)
	}
}

// Another ledger has all of the record when it imports the months, and then an export of
// what is left.
func TestMonthsAndAnExportOfTheRestAreTheWholeLedger(t *testing.T) {
	db, other := testkit.Postgres(t), testkit.Postgres(t)
	l := fill(t, db, "UTC")
	all := []string{
		`SELECT ref, balance, last_at, postings, first_at FROM balances JOIN accounts ON id = account`,
		`SELECT ref, day, received, sent, b.postings FROM account_days b JOIN accounts ON id = account`,
		`SELECT * FROM activity_hours`, `SELECT * FROM flow_hours`,
		`SELECT ref, day, sales, quantity, volume, high, low FROM item_days JOIN items ON id = item`,
		`SELECT ref, kind, issuer, name, holder, archived FROM accounts`,
	}
	dir, rest := t.TempDir(), t.TempDir()
	write(t, l, db, archive.Options{Before: border, Dir: dir})
	if err := native.Export(t.Context(), db, rest, native.Zstd); err != nil {
		t.Fatal(err)
	}
	to := ledger.New(other)
	for _, set := range []string{filepath.Join(dir, "2026-01"), filepath.Join(dir, "2026-02"), rest} {
		if _, err := native.Import(t.Context(), to, set, time.Time{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, query := range all {
		if diff := cmp.Diff(lines(t, db, query), lines(t, other, query)); diff != "" {
			t.Errorf("%s (-archived +imported):\n%s", query, diff)
		}
	}
	// The ledger itself knows all that it has archived.
	w, err := native.Import(t.Context(), l, filepath.Join(dir, "2026-01"), time.Time{}, nil)
	if err != nil || w.Transactions+w.Sales > 0 || w.SkippedTransactions == 0 {
		t.Errorf("an archived month was imported where it comes from: %+v, %v", w, err)
	}
}

// A game may write a sale just before midnight, and its payment just after, or the other
// way round.
func TestAMonthCanBeImportedWhereASaleWasPaidInAnotherOne(t *testing.T) {
	db, other := testkit.Postgres(t), testkit.Postgres(t)
	l := ledger.New(db)
	midnight := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}, {Ref: "ben", Kind: ledger.Personal}}, Items: []ledger.Item{{Ref: "bread"}},
	}
	for ref, paid := range map[string]time.Duration{"before": -time.Second, "after": time.Second, "at once": 0} {
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "game", Ref: ref, At: midnight.Add(paid), Source: "shop",
			Postings: []ledger.Posting{{Account: "ann", Amount: -5}, {Account: "ben", Amount: 5}}})
		b.Sales = append(b.Sales, ledger.Sale{Origin: "game", Ref: ref, At: midnight.Add(-paid), Item: "bread", Direction: ledger.DirectionSale, Quantity: 1, Total: 5, Transaction: ref})
	}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	const record = `SELECT ref, at, transaction IS NOT NULL AS paid FROM sales`
	all, dir := lines(t, db, record), t.TempDir()
	write(t, l, db, archive.Options{Before: border, Dir: dir})
	for _, month := range []string{"2026-01", "2026-02"} {
		if _, err := native.Import(t.Context(), ledger.New(other), filepath.Join(dir, month), time.Time{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{`("at once","2026-02-01 00:00:00+00",t)`, `(after,"2026-01-31 23:59:59+00",f)`, `(before,"2026-02-01 00:00:01+00",f)`}
	if diff := cmp.Diff(want, lines(t, other, record)); diff != "" {
		t.Errorf("sales of the other ledger (-want +got):\n%s", diff)
	}
	if err := archive.Restore(t.Context(), l, dir, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, lines(t, db, record)); diff != "" {
		t.Errorf("sales that were brought back (-before +after):\n%s", diff)
	}
}

func TestPublishedMonthsStayAsTheyWereWhenTheyAreArchived(t *testing.T) {
	db := testkit.Postgres(t)
	l := fill(t, db, "America/New_York")
	dir, now := t.TempDir(), ended.AddDate(0, 1, 0)
	publish := func() map[string]string {
		t.Helper()
		if _, err := dump.Write(t.Context(), db, dir, "", true, now); err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, table := range []string{"transactions", "postings", "sales", "item_hours"} {
			for _, month := range []string{"2026-01", "2026-02", "2026-03"} {
				text, err := os.ReadFile(filepath.Join(dir, table, month+".csv.zst"))
				if err != nil {
					t.Fatal(err)
				}
				files[table+month] = string(text)
			}
		}
		return files
	}
	before := publish()
	write(t, l, db, archive.Options{Before: border, Dir: t.TempDir()})
	if diff := cmp.Diff(before, publish()); diff != "" {
		t.Error("archiving changed published files")
	}
}

// Who keeps the files loses nothing, and what is written again is the same.
func TestFilesAreWrittenWithoutRemovingAnything(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	l := fill(t, db, "UTC")
	before := lines(t, db, `SELECT * FROM postings`)
	read := func() string {
		write(t, l, db, archive.Options{Before: border, Dir: dir, Keep: true})
		text, err := os.ReadFile(filepath.Join(dir, "2026-02", "postings.csv.zst"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := read()
	if err := os.MkdirAll(filepath.Join(dir, "2026-02.partial"), 0o700); err != nil { // of a process that was killed
		t.Fatal(err)
	}
	if read() != first {
		t.Error("the same month is another file when it is written again")
	}
	if diff := cmp.Diff(before, lines(t, db, `SELECT * FROM postings`)); diff != "" {
		t.Errorf("the ledger lost postings:\n%s", diff)
	}
	if a, err := l.Archive(t.Context()); err != nil || !a.Closed.IsZero() || len(a.Months) > 0 {
		t.Errorf("something is archived: %+v, %v", a, err)
	}
	plan, err := archive.Make(t.Context(), l, border)
	if err != nil || len(plan.Months) != 2 || plan.Room <= 0 {
		t.Fatalf("the plan is %+v, %v", plan, err)
	}
	want := lines(t, db, `SELECT (SELECT count(*) FROM transactions WHERE at < '2026-03-01Z'), (SELECT count(*) FROM postings WHERE at < '2026-03-01Z'), (SELECT count(*) FROM sales WHERE at < '2026-03-01Z')`)
	if sum := plan.All(); fmt.Sprintf("(%d,%d,%d)", sum.Transactions, sum.Postings, sum.Sales) != want[0] {
		t.Errorf("the plan has %+v, the record %s", sum, want[0])
	}
}

// Appends and readers go on while months are removed, and a payment that arrives late is
// refused or archived, never lost.
func TestAppendsGoOnBesideArchiving(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	l := fill(t, db, "UTC")
	accounts := lines(t, db, `SELECT ref FROM accounts WHERE kind = 'personal' LIMIT 2`)
	from, to := strings.Trim(accounts[0], `()"`), strings.Trim(accounts[1], `()"`)
	var appending sync.WaitGroup
	written, done := 0, make(chan struct{})
	appending.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			at := ended
			if n%2 == 0 {
				at = border.AddDate(0, 0, -n%30-1)
			}
			_, err := l.Append(t.Context(), ledger.Batch{Transactions: []ledger.Transaction{{
				Origin: "beside", Ref: fmt.Sprint(n), At: at, Source: "pay", Postings: []ledger.Posting{{Account: from, Amount: -1}, {Account: to, Amount: 1}}}}})
			refused := (*ledger.BatchError)(nil)
			switch {
			case err == nil:
				written++
			case !errors.As(err, &refused) || !strings.Contains(err.Error(), "archived"):
				t.Errorf("an append beside archiving: %v", err)
			}
		}
	})
	steps := 0
	write(t, l, db, archive.Options{Before: border, Dir: dir, Progress: func(archive.Progress) {
		if steps++; steps%12 != 3 {
			return
		}
		report, err := l.Verify(t.Context())
		if err != nil || !report.OK() {
			t.Errorf("while months are removed: %+v, %v", report, err)
		}
	}})
	close(done)
	appending.Wait()
	if err := archive.Restore(t.Context(), l, dir, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, db, `SELECT count(*) FROM transactions WHERE origin = 'beside'`); got[0] != fmt.Sprintf("(%d)", written) {
		t.Errorf("%s of %d payments are in the ledger", got[0], written)
	}
	if report, err := l.Verify(t.Context()); err != nil || !report.OK() {
		t.Errorf("%+v, %v", report, err)
	}
}
