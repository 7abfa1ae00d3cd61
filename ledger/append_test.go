package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// village is a batch with an account of each kind, an item and a shop.
func village() ledger.Batch {
	price := int64(250)
	return ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "mint", Kind: ledger.System},
			{Ref: "ann", Kind: ledger.Personal, Name: "Ann"},
			{Ref: "ann-savings", Kind: ledger.Personal, Holder: "ann"},
			{Ref: "bob", Kind: ledger.Personal},
			{Ref: "bakery", Kind: ledger.Business, Holder: "bob"},
			{Ref: "town", Kind: ledger.Government},
		},
		Items:  []ledger.Item{{Ref: "bread", Name: "Bread"}},
		Shops:  []ledger.Shop{{Ref: "stall", Owner: "bakery", Active: true, Seen: noon}},
		Offers: []ledger.Offer{{Shop: "stall", Item: "bread", Ask: &price, Batch: 1, Active: true, Seen: noon}},
	}
}

func transaction(ref string, at time.Time, legs ...ledger.Posting) ledger.Transaction {
	return ledger.Transaction{Origin: "test", Ref: ref, At: at, Source: "trade", Postings: legs}
}

func TestAppendKeepsBalancesAndRollups(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	b.Transactions = []ledger.Transaction{
		transaction("grant", noon, ledger.Posting{"mint", -1000}, ledger.Posting{"ann", 1000}),
		transaction("save", noon.Add(time.Minute), ledger.Posting{"ann", -300}, ledger.Posting{"ann-savings", 300}),
		transaction("buy", noon.Add(time.Hour), ledger.Posting{"ann", -250}, ledger.Posting{"bakery", 200}, ledger.Posting{"town", 50}),
	}
	b.Sales = []ledger.Sale{
		{Origin: "test", Ref: "s1", At: noon.Add(time.Hour), Item: "bread", Shop: "stall", Seller: "bakery", Buyer: "ann",
			Direction: ledger.DirectionSale, Quantity: 2, Total: 250, Tax: 50, Transaction: "buy"},
		{Origin: "test", Ref: "s2", At: noon.Add(time.Hour), Item: "bread", Direction: ledger.DirectionSale, Quantity: -1, Total: -125},
	}
	written, err := l.Append(t.Context(), b)
	if want := (ledger.Written{Transactions: 3, Postings: 7, Sales: 2}); err != nil || written != want {
		t.Fatalf("Append = %+v, %v, want %+v", written, err, want)
	}
	wantRows(t, db, `SELECT ref, balance FROM balances JOIN accounts ON id = account ORDER BY ref`,
		"ann 450", "ann-savings 300", "bakery 200", "mint -1000", "town 50")
	wantRows(t, db, `SELECT extract(hour FROM hour)::int, transactions, postings, volume, transfers FROM activity_hours ORDER BY hour`,
		"12 2 4 1300 0", "13 1 3 250 250")
	wantRows(t, db, `SELECT extract(hour FROM hour)::int, from_kind, to_kind, source, transactions, volume FROM flow_hours ORDER BY 1, 2, 3`,
		"12 personal personal trade 1 300", "12 system personal trade 1 1000",
		"13 personal business trade 1 200", "13 personal government trade 1 50")
	wantRows(t, db, `SELECT sales, quantity, volume, other_lines, other_quantity, other_volume, open, high, low, close FROM item_hours`,
		"1 2 250 1 -1 -125 125 125 125 125")
	wantRows(t, db, `SELECT s.ref, t.ref FROM sales s LEFT JOIN transactions t ON t.id = s.transaction ORDER BY 1`,
		"s1 buy", "s2 <nil>")
	wantSound(t, l)

	before := dump(t, db)
	written, err = l.Append(t.Context(), b)
	if want := (ledger.Written{SkippedTransactions: 3, SkippedSales: 2}); err != nil || written != want {
		t.Errorf("the same Append again = %+v, %v, want %+v", written, err, want)
	}
	if diff := cmp.Diff(before, dump(t, db)); diff != "" {
		t.Errorf("repeating a batch changed the ledger:\n%s", diff)
	}
}

func TestABatchWithOneMistakeWritesNothing(t *testing.T) {
	pay := func(from, to string, amount int64) ledger.Transaction {
		return transaction("pay", noon, ledger.Posting{from, -amount}, ledger.Posting{to, amount})
	}
	for name, test := range map[string]struct {
		change func(*ledger.Batch)
		want   string
	}{
		"an account that nobody knows": {func(b *ledger.Batch) {
			b.Transactions = []ledger.Transaction{pay("ann", "ghost", 1)}
			b.Transactions[0].Line = "data.csv:17"
		}, `data.csv:17: transaction "pay": account "ghost" is unknown`},
		"an item that nobody knows": {func(b *ledger.Batch) {
			b.Sales = []ledger.Sale{{Origin: "o", Ref: "s", At: noon, Item: "cake", Direction: ledger.DirectionSale}}
		}, `sale "s": item "cake" is unknown`},
		"a shop that nobody knows": {func(b *ledger.Batch) {
			b.Sales = []ledger.Sale{{Origin: "o", Ref: "s", At: noon, Item: "bread", Shop: "inn", Direction: ledger.DirectionSale}}
		}, `sale "s": shop "inn" is unknown`},
		"a transaction that nobody knows": {func(b *ledger.Batch) {
			b.Sales = []ledger.Sale{{Origin: "o", Ref: "s", At: noon, Item: "bread", Transaction: "x", Direction: ledger.DirectionSale}}
		}, `sale "s": transaction "x" is unknown`},
		"another kind": {func(b *ledger.Batch) { b.Accounts[1].Kind = ledger.Business },
			`account "ann": kind is personal in the ledger and business in the batch, and never changes`},
		"another holder": {func(b *ledger.Batch) { b.Accounts[2].Holder = "bob" },
			`account "ann-savings": holder is "ann" in the ledger and "bob" in the batch, and never changes`},
		"a balance that no int64 holds": {func(b *ledger.Batch) {
			b.Transactions = []ledger.Transaction{pay("ann", "bob", 1<<62)}
			b.Transactions[0].At = noon.AddDate(0, 0, 1)
		}, "batch: the balance of an account would pass what 64 bits hold"},
		"what an account gains, that no int64 holds": {func(b *ledger.Batch) {
			b.Transactions = []ledger.Transaction{pay("ann", "bob", 1<<62), pay("ann", "town", 1<<62), pay("ann", "town", 1<<62)}
			for i := range b.Transactions {
				b.Transactions[i].Ref += string(rune('0' + i))
			}
		}, "batch: the balance of an account would pass what 64 bits hold"},
	} {
		t.Run(name, func(t *testing.T) {
			db := testkit.Postgres(t)
			l := ledger.New(db)
			b := village()
			b.Transactions = []ledger.Transaction{transaction("rich", noon, ledger.Posting{"mint", -1 << 62}, ledger.Posting{"bob", 1 << 62})}
			if _, err := l.Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			before := dump(t, db)
			b = village()
			b.Accounts = append(b.Accounts, ledger.Account{Ref: "new", Kind: ledger.Personal})
			test.change(&b)
			_, err := l.Append(t.Context(), b)
			var refused *ledger.BatchError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Append = %v, want a BatchError with %s", err, test.want)
			}
			if diff := cmp.Diff(before, dump(t, db)); diff != "" {
				t.Errorf("a refused batch changed the ledger:\n%s", diff)
			}
		})
	}
}

// wantRows runs a query and compares its rows, written with spaces between.
func wantRows(t *testing.T, db *pgxpool.Pool, query string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, rowsOf(t, db, query)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

// Large batches of the same accounts, each in another order, at once.
func TestWritersOfTheSameAccountsDoNotDeadlock(t *testing.T) {
	const writers, batches, accounts = 4, 4, 1000
	l := ledger.New(testkit.Postgres(t))
	var all ledger.Batch
	for i := range accounts {
		all.Accounts = append(all.Accounts, ledger.Account{Ref: fmt.Sprint(i), Kind: ledger.Personal})
	}
	if _, err := l.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	for writer := range writers {
		writing.Go(func() {
			for nr := range batches {
				var b ledger.Batch
				for i := range accounts {
					b.Transactions = append(b.Transactions, transaction(fmt.Sprint(writer, nr, i), noon,
						ledger.Posting{Account: fmt.Sprint((i*7 + writer) % accounts), Amount: 1},
						ledger.Posting{Account: fmt.Sprint((i*11 + nr + 1) % accounts), Amount: -1}))
				}
				if _, err := l.Append(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	wantSound(t, l)
}

// A batch may name the accounts of one that is begun and not committed, and what is
// rolled back leaves nothing but these.
func TestABatchIsBegunWhileAnotherIsNotCommitted(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	var batches []ledger.Batch
	for day := range 3 {
		b := village()
		b.Shops, b.Offers = nil, nil
		b.Transactions = []ledger.Transaction{transaction(fmt.Sprint("grant ", day), noon.AddDate(0, 0, day), ledger.Posting{"mint", -10}, ledger.Posting{"ann", 10})}
		batches = append(batches, b)
	}
	batches[1].Accounts, batches[2].Accounts = nil, nil
	first, err := l.Begin(t.Context(), batches[0])
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.Begin(t.Context(), batches[1])
	if err != nil {
		t.Fatal(err)
	}
	const balances = `SELECT ref, balance FROM balances JOIN accounts ON id = account ORDER BY ref`
	wantRows(t, db, `SELECT count(*) FROM refs`, "0")
	for _, p := range []*ledger.Pending{first, second} {
		if written, err := p.Commit(t.Context()); err != nil || written.Transactions != 1 {
			t.Errorf("Commit = %+v, %v, want 1 transaction", written, err)
		}
	}
	third, err := l.Begin(t.Context(), batches[2])
	if err != nil {
		t.Fatal(err)
	}
	third.Rollback(t.Context())
	wantRows(t, db, balances, "ann 20", "mint -20")
	wantRows(t, db, `SELECT ref FROM refs ORDER BY ref`, "grant 0", "grant 1")
	wantSound(t, l)
}

func TestAnIssuerIsWhatTheAccountSaysWhateverItsKind(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	accounts := []ledger.Account{
		{Ref: "mint", Kind: ledger.System}, {Ref: "pool", Kind: ledger.System, Issuer: &no},
		{Ref: "council", Kind: ledger.Government, Issuer: &yes}, {Ref: "ann", Kind: ledger.Personal},
	}
	if _, err := l.Append(t.Context(), ledger.Batch{Accounts: accounts}); err != nil {
		t.Fatal(err)
	}
	const issuers = `SELECT ref, issuer FROM accounts ORDER BY ref COLLATE "C"`
	want := []string{"ann false", "council true", "mint true", "pool false"}
	wantRows(t, db, issuers, want...)
	for i := range accounts { // an account that is merely named stays as it is
		accounts[i].Issuer, accounts[i].Name = nil, "renamed"
	}
	if _, err := l.Append(t.Context(), ledger.Batch{Accounts: accounts}); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, issuers, want...)
	_, err := l.Append(t.Context(), ledger.Batch{Accounts: []ledger.Account{{Ref: "council", Kind: ledger.Government, Issuer: &no}}})
	if err == nil || !strings.Contains(err.Error(), `issuer is true in the ledger and false in the batch; to change it: exchequer repair --issuer "council"=false`) {
		t.Errorf("another issuer: %v, want an error that names repair", err)
	}
	wantRows(t, db, issuers, want...)
}

// Large amounts that pass from hand to hand add up to more than 64 bits hold, in an
// hour, in a day and in the supply, while every balance fits.
func TestSumsMayPassWhat64BitsHold(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	const large = 1<<63 - 1
	for nr := range 3 {
		b := village()
		b.Accounts = append(b.Accounts, ledger.Account{Ref: "mint-2", Kind: ledger.System}, ledger.Account{Ref: "rich", Kind: ledger.Personal})
		pay := func(name, from, to string) {
			b.Transactions = append(b.Transactions, transaction(fmt.Sprint(name, nr), noon,
				ledger.Posting{Account: from, Amount: -large}, ledger.Posting{Account: to, Amount: large}))
		}
		if nr == 0 {
			pay("first", "mint", "ann")
			pay("second", "mint-2", "rich")
		}
		pay("there", "ann", "bob")
		pay("back", "bob", "ann")
		b.Sales = []ledger.Sale{{Origin: "test", Ref: fmt.Sprint("s", nr), At: noon, Item: "bread", Direction: ledger.DirectionSale, Quantity: large, Total: large}}
		if _, err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	sum := func(times int64) string { return ledger.Product(large, times).String() }
	wantRows(t, db, `SELECT volume::text, transfers::text FROM activity_hours`, sum(8)+" "+sum(6))
	wantRows(t, db, `SELECT sum(volume)::text FROM flow_hours WHERE from_issuer`, sum(2))
	wantRows(t, db, `SELECT received::text, sent::text FROM account_days JOIN accounts ON id = account WHERE ref = 'ann'`, sum(4)+" "+sum(3))
	wantRows(t, db, `SELECT quantity::text, volume::text FROM item_hours`, sum(3)+" "+sum(3))
	wantSound(t, l)
	if _, err := db.Exec(t.Context(), `DELETE FROM account_days; UPDATE activity_hours SET volume = 0`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Repair(t.Context(), ledger.Repair{}); err != nil {
		t.Fatal(err)
	}
	wantSound(t, l)
}
