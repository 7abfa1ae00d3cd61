package importer_test

import (
	"testing"

	"exchequer/internal/testkit"
)

// TestOnlineRetailGivesItsKnownFigures imports every line of the shop and asks
// the database for each figure that was computed outside of this project.
// Money is in tenths of a penny.
func TestOnlineRetailGivesItsKnownFigures(t *testing.T) {
	file := testkit.Data(t, "online-retail", "online-retail.csv.gz")
	inProcessOfItsOwn(t)
	db := testkit.Postgres(t)
	summary := run(t, db, "online-retail.toml", file)
	if summary.Rows != 541_909 || summary.Sales != 541_909 {
		t.Errorf("imported %+v, want 541,909 rows, each a sale", summary)
	}
	if summary.Transactions != 23_798 || summary.ZeroTransactions != 2_102 {
		t.Errorf("%d invoices move money and %d sum to zero, want 23,798 + 2,102 = 25,900", summary.Transactions, summary.ZeroTransactions)
	}
	if summary.RoundedAmounts != 0 || summary.Rounding != "0" {
		t.Errorf("%d amounts were rounded by %s, want none", summary.RoundedAmounts, summary.Rounding)
	}
	for _, figure := range []struct {
		what, query string
		want        int64
	}{
		{"rows", `SELECT count(*) FROM sales`, 541_909},
		{"quantity × unit price", `SELECT sum(total) FROM sales`, 9_747_747_934},
		{"the same in the postings", `SELECT sum(amount) FROM postings JOIN accounts a ON a.id = account WHERE kind <> 'system'`, 9_747_747_934},
		{"the same in the supply", `SELECT sum(balance) FROM balances JOIN accounts a ON a.id = account WHERE kind <> 'system'`, 9_747_747_934},
		{"sold", `SELECT sum(total) FROM sales WHERE quantity > 0 AND total > 0`, 10_666_684_544},
		{"sold by the rollup", `SELECT sum(volume) FROM item_hours`, 10_666_684_544},
		{"lines sold", `SELECT count(*) FROM sales WHERE quantity > 0 AND total > 0`, 530_104},
		{"lines sold by the rollup", `SELECT sum(sales) FROM item_hours`, 530_104},
		{"lines by the rollup", `SELECT sum(sales + other_lines) FROM item_hours`, 541_909},
		{"total by the rollup", `SELECT sum(volume + other_volume) FROM item_hours`, 9_747_747_934},
		{"quantity", `SELECT sum(quantity) FROM sales`, 5_176_450},
		{"quantity by the rollup", `SELECT sum(quantity + other_quantity) FROM item_hours`, 5_176_450},
		{"invoices", `SELECT count(DISTINCT split_part(ref, ':', 1)) FROM sales`, 25_900},
		{"invoices that moved money", `SELECT count(*) FROM transactions`, 23_798},
		{"items", `SELECT count(*) FROM items`, 4_070},
		{"customers", `SELECT count(DISTINCT holder) FROM accounts WHERE kind = 'personal'`, 4_372},
		{"countries", `SELECT count(DISTINCT split_part(ref, '/', 3)) FROM accounts WHERE kind <> 'system'`, 38},
		{"lines with quantity < 0", `SELECT count(*) FROM sales WHERE quantity < 0`, 10_624},
		{"lines with price 0", `SELECT count(*) FROM sales WHERE total = 0`, 2_515},
		{"lines without customer", `SELECT count(*) FROM sales JOIN accounts a ON a.id = buyer WHERE kind = 'business'`, 135_080},
		{"lines with a price < 0", `SELECT count(*) FROM sales WHERE quantity > 0 AND total < 0`, 2},
		{"spent by customers", `SELECT sum(balance) FROM balances JOIN accounts a ON a.id = account WHERE kind = 'personal'`, 8_300_065_814},
	} {
		if got := number(t, db, figure.query); got != figure.want {
			t.Errorf("%s: %s = %d, want %d", figure.what, figure.query, got, figure.want)
		}
	}

	spent := numbers(t, db, `SELECT coalesce(sum(balance), 0)::bigint FROM accounts LEFT JOIN balances ON account = id
		WHERE kind = 'personal' GROUP BY holder`)
	if len(spent) != 4_372 {
		t.Errorf("%d customers, want 4,372", len(spent))
	}
	close10(t, "Gini of all customers", gini(spent), .7092835734)
	for spent[0] <= 0 {
		spent = spent[1:]
	}
	close10(t, "Gini of the positive ones", gini(spent), .7028283286)
	close10(t, "top 1%", top(spent, .01), .2987737346)
	close10(t, "top 10%", top(spent, .10), .5969912914)

	verify(t, db)
	retailNumbers(t, db)
}
