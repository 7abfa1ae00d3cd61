package aggregates

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// TestWhatIsBoughtTogetherIsWhatScanningSays compares what the buyers of an item
// bought beside it with the same by joining all sales with all sales.
func TestWhatIsBoughtTogetherIsWhatScanningSays(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 9))
	now := at(t, "03-11 15:00")
	b := ledger.Batch{}
	for n := range 12 {
		b.Accounts = append(b.Accounts, ledger.Account{Ref: fmt.Sprintf("a%02d", n), Kind: ledger.Personal, Opened: plus(now, -60)})
	}
	b.Merges = []ledger.Merge{{Account: "a01", Into: "a00"}, {Account: "a02", Into: "a00"}, {Account: "a04", Into: "a03"}}
	b.Accounts = append(b.Accounts, ledger.Account{Ref: "mint", Kind: ledger.System, Opened: plus(now, -60)})
	for n := range 50 { // so that the ledger has days
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: fmt.Sprint(n), Source: "gift", At: plus(now, n-50),
			Postings: []ledger.Posting{{Account: "mint", Amount: -1}, {Account: "a11", Amount: 1}}})
	}
	for n := range 12 {
		ref := fmt.Sprintf("i/%02d", n)
		b.Items = append(b.Items, ledger.Item{Ref: ref, Name: itemName(ref), Group: []string{"", "ore", "food"}[n%3]})
	}
	for n := range 400 {
		s := ledger.Sale{Origin: "test", Ref: fmt.Sprint("sale", n), At: plus(now, -random.IntN(45)).Add(-hour), Direction: ledger.DirectionSale,
			Item: fmt.Sprintf("i/%02d", random.IntN(1+random.IntN(11))), Seller: "a11", Buyer: fmt.Sprintf("a%02d", random.IntN(10)), Quantity: 1 + random.Int64N(5), Total: 1 + random.Int64N(500)}
		switch random.IntN(9) {
		case 0:
			s.Total, s.Quantity = -s.Total, -s.Quantity
		case 1:
			s.Total = 0
		case 2:
			s.Buyer = ""
		}
		b.Sales = append(b.Sales, s)
	}
	db := testkit.Postgres(t)
	appendBatch(t, db, b)
	const scan = `
		WITH bought AS (
			SELECT item, (at AT TIME ZONE 'UTC')::date AS day, coalesce(target, buyer) AS who FROM sales LEFT JOIN merges ON account = buyer
			WHERE quantity > 0 AND total > 0 AND buyer IS NOT NULL AND (at AT TIME ZONE 'UTC')::date > $2::date - 30)
		SELECT o.ref, o.name, count(DISTINCT y.who), count(DISTINCT (y.who, y.day)), (SELECT count(DISTINCT who) FROM bought WHERE item = i.id)
		FROM items i JOIN bought x ON x.item = i.id JOIN bought y ON y.who = x.who AND y.day = x.day AND y.item <> x.item JOIN items o ON o.id = y.item
		WHERE i.ref = $1 GROUP BY i.id, o.ref, o.name HAVING count(DISTINCT y.who) >= 3 ORDER BY 3 DESC, 4 DESC, 2, 1`
	listed := 0
	for n := range 12 {
		ref := fmt.Sprintf("i/%02d", n)
		for _, days := range []Days{7, 30, 0} {
			got, err := ComputeItemTrade(t.Context(), db, windowAt(now), ItemQuery{Item: ref, Days: days})
			if err != nil {
				t.Fatal(err)
			}
			want := Together{Start: at(t, "02-10 00:00"), Buyers: got.Together.Buyers}
			rows, _ := db.Query(t.Context(), scan, ref, now)
			var i TogetherItem
			if _, err := pgx.ForEachRow(rows, []any{&i.ID, &i.Name, &i.Buyers, &i.Days, &want.Buyers}, func() error {
				i.Share = float64(i.Buyers) / float64(want.Buyers)
				want.Items = append(want.Items, i)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			compare(t, "bought with "+ref, days, want, got.Together, nil)
			listed += len(got.Together.Items)
		}
	}
	if listed == 0 {
		t.Error("nothing is bought together")
	}
}
