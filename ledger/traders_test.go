package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

const (
	whoPaidWhom = `SELECT a.ref, coalesce(o.ref, 'several'), received, sent, transactions
		FROM counterparties c JOIN accounts a ON a.id = account LEFT JOIN accounts o ON o.id = other ORDER BY 1, 2`
	whoTraded = `SELECT a.ref, side, sales, quantity, volume FROM trader_days JOIN accounts a ON a.id = account ORDER BY 1, 2`
)

func TestTradersAndPricesAreKeptByDay(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	sale := func(ref string, at time.Time, buyer string, quantity, total int64) ledger.Sale {
		return ledger.Sale{Origin: "test", Ref: ref, At: at, Item: "bread", Seller: "bakery", Buyer: buyer,
			Direction: ledger.DirectionSale, Quantity: quantity, Total: total}
	}
	b.Sales = []ledger.Sale{
		sale("1", noon, "ann", 2, 5), sale("2", noon, "bob", 4, 10), sale("3", noon.Add(time.Hour), "ann", 3, 9), sale("4", noon, "", 1, 3),
		sale("5", noon, "ann", -2, -5), sale("6", noon, "ann", 1, 0), // a return and a gift
	}
	appended(t, l, b)
	wantRows(t, db, whoTraded, "ann buyer 2 5 14", "bakery seller 4 10 27", "bob buyer 1 4 10")
	// 5/2 was paid twice, for 2 and for 4 pieces.
	wantRows(t, db, `SELECT price, pieces, sales, quantity, volume FROM price_days ORDER BY 1`, "3 1 2 4 12", "5 2 2 6 15")
}

func TestCounterpartiesAreWhoPaidWhomOnBalance(t *testing.T) {
	for name, c := range map[string]struct {
		legs []ledger.Posting
		want []string
	}{
		"one pays one": {[]ledger.Posting{{"ann", -10}, {"bob", 10}}, []string{"ann bob 0 10 1", "bob ann 10 0 1"}},
		"change comes back": {[]ledger.Posting{{"ann", -15}, {"bob", 10}, {"ann", 5}},
			[]string{"ann bob 0 10 1", "bob ann 10 0 1"}},
		"one pays two": {[]ledger.Posting{{"ann", -10}, {"bakery", 7}, {"town", 3}},
			[]string{"ann bakery 0 7 1", "ann town 0 3 1", "bakery ann 7 0 1", "town ann 3 0 1"}},
		// 4·6/9 and 4·3/9 are 2 and 1, 5·6/9 and 5·3/9 are 3 and 1: ann comes first
		// and pays one more to bob, so mint pays the other one to town.
		"two pay two": {[]ledger.Posting{{"mint", -5}, {"ann", -4}, {"bob", 6}, {"town", 3}},
			[]string{"ann bob 0 3 1", "ann town 0 1 1", "bob ann 3 0 1", "bob mint 3 0 1",
				"mint bob 0 3 1", "mint town 0 2 1", "town ann 1 0 1", "town mint 2 0 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			db := testkit.Postgres(t)
			b := village()
			b.Transactions = []ledger.Transaction{transaction("t", noon, c.legs...)}
			appended(t, ledger.New(db), b)
			wantRows(t, db, whoPaidWhom, c.want...)
		})
	}
}

func TestATransactionWithVeryManyPairsNamesNoCounterparties(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	var b ledger.Batch
	many, payroll := transaction("many", noon), transaction("payroll", noon.AddDate(0, 0, 1))
	for i := range 40 {
		payer, payee := fmt.Sprint("payer ", i), fmt.Sprint("payee ", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: payer, Kind: ledger.Personal}, ledger.Account{Ref: payee, Kind: ledger.Personal})
		many.Postings = append(many.Postings, ledger.Posting{payer, -7}, ledger.Posting{payee, 7})
		if i > 0 {
			payroll.Postings = append(payroll.Postings, ledger.Posting{"payer 0", -1}, ledger.Posting{payee, 1})
		}
	}
	b.Transactions = []ledger.Transaction{many, payroll}
	appended(t, l, b)
	wantRows(t, db, `SELECT extract(day FROM day)::int, other = 0, count(*), sum(received)::int, sum(sent)::int FROM counterparties GROUP BY 1, 2 ORDER BY 1`,
		"4 true 80 280 280", "5 false 78 39 39")
}
