package ledger_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// However accounts are paid, opened, archived, brought back and merged while what holders
// have is added up, it is what the record says, with what came since and without.
func TestHoldersHaveWhatTheirAccountsHave(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	const accounts = 12
	of := func(n int) ledger.Account {
		return ledger.Account{Ref: fmt.Sprint("a", n), Kind: ledger.Personal, Holder: fmt.Sprint("h", n/3)}
	}
	first := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "shop", Kind: ledger.Business, Holder: "h1"}}}
	for n := range accounts {
		first.Accounts = append(first.Accounts, of(n))
	}
	if _, err := l.Append(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	began := time.Now().Add(-40 * 24 * time.Hour)
	var writers, folder sync.WaitGroup
	for w := range uint64(4) {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(seed, w))
			for n := range 25 {
				var b ledger.Batch
				for i := range 1 + random.IntN(3) {
					to, amount := fmt.Sprint("a", random.IntN(accounts)), 1+random.Int64N(500)
					from := []string{"mint", "shop", fmt.Sprint("a", random.IntN(accounts))}[random.IntN(3)]
					b.Transactions = append(b.Transactions, ledger.Transaction{
						Origin: "test", Ref: fmt.Sprint(w, " ", n, " ", i), At: began.Add(time.Duration(random.IntN(39*24)) * time.Hour), Source: "pay",
						Postings: []ledger.Posting{{Account: from, Amount: -amount}, {Account: to, Amount: amount}},
					})
				}
				switch account := of(random.IntN(accounts)); random.IntN(7) {
				case 0:
					account.Archived = began.Add(time.Duration(random.IntN(39*24)) * time.Hour)
					b.Accounts = append(b.Accounts, account)
				case 1:
					account.InUse = true
					b.Accounts = append(b.Accounts, account)
				case 2: // the upper half into the lower one, so that there are no chains
					into := []string{"", fmt.Sprint("a", random.IntN(accounts/2))}[random.IntN(2)]
					b.Merges = append(b.Merges, ledger.Merge{Account: fmt.Sprint("a", accounts/2+random.IntN(accounts/2)), Into: into})
				case 3:
					opened := ledger.Account{Ref: fmt.Sprint("new", w, " ", n), Kind: ledger.Personal, Holder: fmt.Sprint("h", random.IntN(6))}
					b.Accounts = append(b.Accounts, opened)
					b.Transactions[0].Postings[1].Account = opened.Ref
				}
				if _, err := l.Append(t.Context(), b); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
	written := make(chan struct{})
	folds := 0
	folder.Go(func() {
		for {
			if foldNow(t, db) {
				folds++
			}
			select {
			case <-written:
				return
			default:
			}
			wantSound(t, l) // beside the writers
		}
	})
	writers.Wait()
	close(written)
	folder.Wait()
	wantSound(t, l)
	if !foldNow(t, db) && folds == 0 {
		t.Error("nothing was added up")
	}
	wantSound(t, l)
	if _, err := l.Repair(t.Context(), ledger.Repair{}); err != nil {
		t.Fatal(err)
	}
	foldNow(t, db)
	wantSound(t, l)
	if t.Failed() {
		t.Logf("seed %d, %d folds", seed, folds)
	}
}

// foldNow adds up what changed, however long ago it was last, and reports whether it did.
func foldNow(t *testing.T, db *pgxpool.Pool) bool {
	t.Helper()
	if _, err := db.Exec(t.Context(), `UPDATE holder_fold SET at = '-infinity', whole_at = '-infinity'`); err != nil {
		t.Fatal(err)
	}
	folded, err := ledger.FoldHolders(t.Context(), db, 0)
	if err != nil {
		t.Error(err)
	}
	return folded
}

// Nothing is added up of few accounts, and not again before something changed.
func TestHoldersAreAddedUpWhereThereAreMany(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended := func(n int) {
		t.Helper()
		b := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: fmt.Sprint("a", n), Kind: ledger.Personal}}, Transactions: []ledger.Transaction{
			{Origin: "test", Ref: fmt.Sprint(n), At: time.Now().Add(-time.Hour), Source: "grant", Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: fmt.Sprint("a", n), Amount: 5}}}}}
		if _, err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	fold := func(want bool, when string) {
		t.Helper()
		if folded, err := ledger.FoldHolders(t.Context(), db, 2); err != nil || folded != want {
			t.Errorf("%s: added up %t, %v, want %t", when, folded, err, want)
		}
	}
	fold(false, "an empty ledger")
	appended(1)
	fold(false, "two accounts")
	appended(2)
	fold(true, "three")
	appended(3)
	fold(false, "a moment after")
	if _, err := db.Exec(t.Context(), `UPDATE holder_fold SET at = now() - interval '1 minute', whole_at = now() - interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
	fold(true, "a minute after")
	if _, err := db.Exec(t.Context(), `UPDATE holder_fold SET at = now() - interval '1 minute', whole_at = now() - interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
	fold(false, "with nothing new")
	wantSound(t, l)
}

// Each balance is in the bin whose bounds it is within, and bins follow each other.
func TestBinsOfBalances(t *testing.T) {
	db := testkit.Postgres(t)
	ctx := context.WithoutCancel(t.Context())
	amounts := []int64{0, 1, -1, 63, 64, 127, 128, 129, -128, 1000, 10_000, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1, -math.MaxInt64 / 2}
	for range 500 {
		amounts = append(amounts, int64(rand.Uint64())>>rand.IntN(64))
	}
	for _, amount := range amounts {
		var bin int
		if err := db.QueryRow(ctx, `SELECT balance_bin($1::bigint)`, amount).Scan(&bin); err != nil {
			t.Fatal(err)
		}
		low, high, ok := ledger.BinBounds(bin)
		if !ok || amount < low || amount > high {
			t.Errorf("%d is in bin %d, of %d to %d", amount, bin, low, high)
		}
	}
	last := int64(math.MinInt64)
	for bin := -ledger.LastBin; bin <= ledger.LastBin; bin++ {
		low, high, ok := ledger.BinBounds(bin)
		if !ok || low != last || high < low {
			t.Fatalf("bin %d is %d to %d, %t, after %d", bin, low, high, ok, last)
		}
		last = high + 1
	}
	if last != math.MinInt64 { // after the largest number
		t.Errorf("the last bin ends with %d", last-1)
	}
	for _, amount := range []string{"9223372036854775808", "-9223372036854775809"} {
		var bin int
		if err := db.QueryRow(ctx, `SELECT balance_bin($1::text::numeric)`, amount).Scan(&bin); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := ledger.BinBounds(bin); ok {
			t.Errorf("%s does not fit in 64 bits, and is in bin %d", amount, bin)
		}
	}
}

// Appends wait for a fold only until it sees the whole record.
func TestAppendsGoOnBesideAFold(t *testing.T) {
	db := testkit.Postgres(t)
	guard, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Rollback(context.WithoutCancel(t.Context()))
	alone, err := guard.Begin(t.Context())
	if err == nil {
		err = ledger.LockAppends(t.Context(), alone)
	}
	if err == nil {
		err = alone.Rollback(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := ledger.New(db).Append(ctx, ledger.Batch{Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}}}); err != nil {
		t.Errorf("an append while the transaction goes on that has locked appends out in a savepoint: %v", err)
	}
}
