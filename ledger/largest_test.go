package ledger_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/migrations"
)

// What comes late takes its place among the largest of its day, the first written
// before others that are as large.
func TestTheLargestOfADayAreKept(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, village())
	n := 0
	pay := func(day int, amounts ...int64) {
		t.Helper()
		b := ledger.Batch{}
		for _, amount := range amounts {
			n++
			b.Transactions = append(b.Transactions, transaction(fmt.Sprintf("t%02d", n), noon.AddDate(0, 0, day), ledger.Posting{Account: "mint", Amount: -amount}, ledger.Posting{Account: "ann", Amount: amount}))
		}
		appended(t, l, b)
	}
	const kept = `
		SELECT day - date '1970-01-01', volumes::text, (SELECT string_agg(ref, ' ' ORDER BY nr) FROM unnest(transactions) WITH ORDINALITY AS of (t, nr) JOIN transactions ON id = t)
		FROM flow_largest ORDER BY 1`
	today := noon.Unix() / 86400
	pay(0, 1, 3, 2)
	wantRows(t, db, kept, fmt.Sprintf("%d {3,2,1} t02 t03 t01", today))
	pay(0, 5, 6, 7, 8, 9, 10, 11)
	pay(0, 1) // as large as the least, and later
	wantRows(t, db, kept, fmt.Sprintf("%d {11,10,9,8,7,6,5,3,2,1} t10 t09 t08 t07 t06 t05 t04 t02 t03 t01", today))
	pay(-1, 4)
	pay(0, 7, 100, 1)
	wantRows(t, db, kept, fmt.Sprintf("%d {4} t12", today-1),
		fmt.Sprintf("%d {100,11,10,9,8,7,7,6,5,3} t14 t10 t09 t08 t07 t06 t13 t05 t04 t02", today))
	wantSound(t, l)
	if _, err := db.Exec(t.Context(), `UPDATE flow_largest SET transactions = trim_array(transactions, 1), volumes = trim_array(volumes, 1)`); err != nil {
		t.Fatal(err)
	}
	done, err := l.Repair(t.Context(), ledger.Repair{})
	if err != nil || done.Rows["flow_largest"] != 2 {
		t.Errorf("repair replaced %v, %v, want two rows of flow_largest", done.Rows, err)
	}
	wantSound(t, l)
}

// However a record is divided into batches, and in whatever order they come, the
// largest are the same, and what a conversion makes of it is too.
func TestBatchesKeepTheSameLargest(t *testing.T) {
	testkit.NotOnCitus(t, "a ledger there has been migrated before")
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 5))
	accounts := slices.Clone(people)
	var all []ledger.Transaction
	for i := range 400 {
		tx := ledger.Transaction{Origin: "test", Ref: fmt.Sprint(i), Source: []string{"shop", "wage", "gift"}[random.IntN(3)],
			At: noon.Add(-time.Duration(random.IntN(72)) * time.Hour)}
		sum := int64(0)
		for j := range 1 + random.IntN(5) {
			amount := 1 + random.Int64N(40)
			if random.IntN(2) == 0 {
				amount = -amount
			}
			sum += amount
			tx.Postings = append(tx.Postings, ledger.Posting{Account: accounts[(i+j)%len(accounts)].Ref, Amount: amount})
		}
		if sum == 0 {
			continue
		}
		tx.Postings = append(tx.Postings, ledger.Posting{Account: accounts[random.IntN(len(accounts))].Ref, Amount: -sum})
		all = append(all, tx)
	}
	const kept = `SELECT source, day::text, from_kind, from_issuer, to_kind, to_issuer, volumes::text FROM flow_largest ORDER BY 1, 2, 3, 4, 5, 6`
	one := testkit.Postgres(t)
	appended(t, ledger.New(one), ledger.Batch{Accounts: accounts, Transactions: all})
	want := rowsOf(t, one, kept)

	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, ledger.Batch{Accounts: accounts})
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for len(all) > 0 {
		n := min(len(all), 1+random.IntN(40))
		appended(t, l, ledger.Batch{Transactions: all[:n]})
		all = all[n:]
	}
	wantRows(t, db, kept, want...)
	wantSound(t, l)
	gently, err := l.VerifyGently(t.Context(), time.Minute, time.Minute)
	if err != nil || !gently.OK() {
		t.Errorf("seed %d: VerifyGently found %v, %v in a sound ledger", seed, gently.Differences, err)
	}

	const exactly = `SELECT f::text FROM flow_largest f ORDER BY 1`
	want = rowsOf(t, db, exactly)
	entries, err := migrations.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	before := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), "_largest.sql") })
	migrateTo(t, db, int32(before))
	migrateTo(t, db, int32(len(entries)))
	wantRows(t, db, exactly, want...)
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
}
