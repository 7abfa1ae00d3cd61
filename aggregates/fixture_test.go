package aggregates

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at reads "03-11 10:30" as an instant of 2026.
func at(t testing.TB, s string) time.Time {
	t.Helper()
	parsed, err := time.Parse("2006-01-02 15:04", "2026-"+s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func windowAt(now time.Time) cache.Window { return cache.WindowAt(now, window) }

func appendBatch(t testing.TB, db *pgxpool.Pool, b ledger.Batch) {
	t.Helper()
	b.Oldest = time.Time{}.Add(1)
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// openFilled returns a pool on a copy of a filled database.
func openFilled(t testing.TB, f *testkit.Filled) *pgxpool.Pool {
	t.Helper()
	db := openURL(t, f.URL(t))
	t.Cleanup(db.Close)
	return db
}

func openURL(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, postgres.Options{StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// basisOf returns the basis of a value whose period is s.
func basisOf(s span) Basis {
	return Basis{Period: Period{Days: s.Days.Key(), Start: s.Start, End: s.End, Since: s.younger(), Historical: s.Historical, At: asOf(s), Timezone: s.zone().String()}}
}

// sumOf is short for money in wanted values.
func sumOf(n int64) ledger.Sum { return ledger.SumOf(n) }

func pointerTo[T any](v T) *T { return &v }

// village is a ledger that is small enough to be checked by hand. Ann has two
// accounts, Bob one and a shop, Cara's was archived a moment ago, Dan's was
// never used. It is looked at on Wednesday, 11 March, 10:30.
func village(t testing.TB) (*pgxpool.Pool, cache.Window) {
	t.Helper()
	db := testkit.Postgres(t)
	opened := at(t, "01-01 00:00")
	b := ledger.Batch{Accounts: []ledger.Account{
		{Ref: "mint", Kind: ledger.System, Opened: opened},
		{Ref: "town", Kind: ledger.Government, Opened: opened},
		{Ref: "ann", Kind: ledger.Personal, Opened: opened},
		{Ref: "ann2", Kind: ledger.Personal, Holder: "ann", Opened: opened},
		{Ref: "bob", Kind: ledger.Personal, Opened: opened},
		{Ref: "shop", Kind: ledger.Business, Holder: "bob", Opened: opened},
		{Ref: "cara", Kind: ledger.Personal, Opened: opened, Archived: at(t, "03-11 10:25")},
		{Ref: "dan", Kind: ledger.Personal, Opened: opened},
	}}
	for i, move := range []struct {
		when string
		legs []ledger.Posting
	}{
		{"02-01 09:00", []ledger.Posting{{Account: "mint", Amount: -1000}, {Account: "town", Amount: 1000}}},
		{"02-26 12:00", []ledger.Posting{{Account: "town", Amount: -300}, {Account: "ann", Amount: 300}}},
		{"03-04 10:00", []ledger.Posting{{Account: "ann", Amount: -40}, {Account: "bob", Amount: 40}}},
		{"03-04 18:00", []ledger.Posting{{Account: "mint", Amount: -60}, {Account: "ann2", Amount: 60}}},
		{"03-06 08:00", []ledger.Posting{{Account: "ann", Amount: -50}, {Account: "shop", Amount: 50}}},
		{"03-09 23:59", []ledger.Posting{{Account: "shop", Amount: -10}, {Account: "bob", Amount: 10}}},
		{"03-10 00:00", []ledger.Posting{{Account: "bob", Amount: -20}, {Account: "mint", Amount: 20}}},
		{"03-11 10:10", []ledger.Posting{{Account: "town", Amount: -100}, {Account: "cara", Amount: 100}}},
		{"03-11 10:20", []ledger.Posting{{Account: "ann2", Amount: -30}, {Account: "shop", Amount: 20}, {Account: "town", Amount: 10}}},
	} {
		b.Transactions = append(b.Transactions, ledger.Transaction{
			Origin: "test", Ref: string(rune('a' + i)), At: at(t, move.when), Source: "test", Postings: move.legs,
		})
	}
	appendBatch(t, db, b)
	return db, windowAt(at(t, "03-11 10:30"))
}
