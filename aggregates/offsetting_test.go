package aggregates

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// A fair is a ledger in which sales of bread are written, one a minute.
type fair struct {
	*testing.T
	db    *pgxpool.Pool
	w     cache.Window
	sales int
}

// newFair has the accounts a to z, of whom y belongs to z's holder.
func newFair(t *testing.T) *fair {
	f := &fair{T: t, db: testkit.Postgres(t), w: windowAt(at(t, "03-20 12:00"))}
	opened := at(t, "01-01 00:00")
	b := ledger.Batch{Items: []ledger.Item{{Ref: "bread", Name: "Bread"}, {Ref: "cake", Name: "Cake"}}, Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System, Opened: opened}}}
	for c := 'a'; c <= 'z'; c++ {
		a := ledger.Account{Ref: string(c), Kind: ledger.Personal, Opened: opened}
		if c == 'y' {
			a.Holder = "z"
		}
		b.Accounts = append(b.Accounts, a)
	}
	b.Transactions = []ledger.Transaction{
		{Origin: "test", Ref: "grant", At: at(t, "02-01 00:00"), Source: "grant", Postings: []ledger.Posting{{Account: "mint", Amount: -100}, {Account: "a", Amount: 100}}},
		{Origin: "test", Ref: "today", At: at(t, "03-20 11:00"), Source: "grant", Postings: []ledger.Posting{{Account: "mint", Amount: -100}, {Account: "a", Amount: 100}}},
	}
	appendBatch(t, f.db, b)
	return f
}

// sell writes n sales of two pieces each, for 10 a piece, on a day in March.
func (f *fair) sell(day, n int, seller, buyer string) {
	f.Helper()
	f.trade("bread", day, n, seller, buyer, 2, 10)
}

func (f *fair) trade(item string, day, n int, seller, buyer string, pieces, price int64) {
	f.Helper()
	var b ledger.Batch
	for range n {
		b.Sales = append(b.Sales, f.sale(item, day, seller, buyer, pieces, price))
	}
	appendBatch(f.T, f.db, b)
}

// sale returns the next sale, which is not written.
func (f *fair) sale(item string, day int, seller, buyer string, pieces, price int64) ledger.Sale {
	f.Helper()
	f.sales++
	return ledger.Sale{
		Origin: "test", Ref: fmt.Sprint(f.sales), At: at(f.T, fmt.Sprintf("03-%02d 08:00", day)).Add(time.Duration(f.sales) * time.Minute),
		Item: item, Seller: seller, Buyer: buyer, Direction: ledger.DirectionSale, Quantity: pieces, Total: pieces * price,
	}
}

// marks judges the sales and returns what is marked: "03-05 a>b pair 3".
func (f *fair) marks() []string {
	f.Helper()
	if _, err := UpdateOffsetting(f.Context(), f.db); err != nil {
		f.Fatal(err)
	}
	return f.kept()
}

// kept returns the marks that were made before.
func (f *fair) kept() []string {
	f.Helper()
	const query = `
		SELECT to_char(day, 'MM-DD') || ' ' || s.ref || '>' || b.ref || ' ' || rule || ' ' || sales
		FROM offsetting_pairs JOIN accounts s ON s.id = seller JOIN accounts b ON b.id = buyer ORDER BY 1`
	rows, _ := f.db.Query(f.Context(), query)
	marks, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		f.Fatal(err)
	}
	return marks
}

func (f *fair) want(marks ...string) {
	f.Helper()
	if diff := cmp.Diff(append([]string{}, marks...), append([]string{}, f.marks()...)); diff != "" {
		f.Errorf("marks (-want +got):\n%s", diff)
	}
}

func TestTradeThereAndBackIsMarked(t *testing.T) {
	f := newFair(t)
	f.sell(5, 3, "a", "b")
	f.sell(8, 3, "b", "a")
	f.sell(8, 9, "c", "d") // of others
	f.want("03-05 a>b pair 3", "03-08 b>a pair 3")
	// A fourth piece of five is enough, and a third is not.
	f.trade("cake", 5, 4, "a", "b", 4, 10)
	f.trade("cake", 6, 4, "b", "a", 5, 10)
	f.trade("cake", 5, 4, "c", "d", 3, 10)
	f.trade("cake", 6, 4, "d", "c", 4, 10)
	f.want("03-05 a>b pair 3", "03-05 a>b pair 4", "03-06 b>a pair 4", "03-08 b>a pair 3")
}

func TestTooFewSalesOrTooLateAreNotMarked(t *testing.T) {
	f := newFair(t)
	f.sell(5, 2, "a", "b")
	f.sell(5, 2, "b", "a")
	f.sell(5, 3, "c", "d")
	f.sell(12, 3, "d", "c") // 7 days later
	f.want()
	f.sell(11, 3, "d", "c") // in 7 days
	f.want("03-05 c>d pair 3", "03-11 d>c pair 3")
}

func TestRoundsOfThreeAreMarked(t *testing.T) {
	f := newFair(t)
	f.sell(5, 3, "a", "b")
	f.sell(6, 3, "b", "c")
	f.want()
	f.sell(7, 3, "c", "a")
	f.want("03-05 a>b cycle 3", "03-06 b>c cycle 3", "03-07 c>a cycle 3")
}

func TestOneHolderOnBothSidesIsMarked(t *testing.T) {
	f := newFair(t)
	f.sell(5, 1, "y", "z")
	f.sell(6, 1, "a", "a")
	f.want("03-05 y>z own 1", "03-06 a>a own 1")
}

// What two do with each other is not marked where it is little of what they do.
func TestAFairMarketHasNoMarks(t *testing.T) {
	f := newFair(t)
	for day := 3; day < 18; day++ {
		var b ledger.Batch
		for i := range 10 {
			for j := range 10 {
				if i != j {
					b.Sales = append(b.Sales, f.sale("bread", day, string(rune('a'+i)), string(rune('a'+j)), 2, 10))
				}
			}
		}
		appendBatch(t, f.db, b)
	}
	f.want()
	if n := countRows(t, f.db, "offsetting_days"); n != 0 {
		t.Errorf("%d days have marked sales, want none", n)
	}
}

func countRows(t *testing.T, db *pgxpool.Pool, table string) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Sales that are written later may end what was marked, or begin it.
func TestLaterSalesJudgeTheirDaysAgain(t *testing.T) {
	f := newFair(t)
	f.sell(5, 3, "a", "b")
	f.sell(6, 3, "b", "a")
	f.want("03-05 a>b pair 3", "03-06 b>a pair 3")
	f.sell(4, 30, "a", "c") // 20 % of a's volume is no longer with b in the window of the 6th, nor of the 5th
	f.want()
	f.sell(10, 3, "a", "b") // seven days that begin after it
	f.sell(11, 4, "b", "a")
	f.want("03-05 a>b pair 3", "03-06 b>a pair 3", "03-10 a>b pair 3", "03-11 b>a pair 4")
	if judged, err := UpdateOffsetting(t.Context(), f.db); err != nil || judged != 0 {
		t.Errorf("with nothing new, %d sales are judged, %v", judged, err)
	}
}

// Merged accounts trade as the one into which they are merged.
func TestMergesJudgeAnew(t *testing.T) {
	f := newFair(t)
	f.sell(5, 3, "a", "b")
	f.sell(6, 3, "b", "c")
	f.want()
	appendBatch(t, f.db, ledger.Batch{Merges: []ledger.Merge{{Account: "c", Into: "a"}}})
	f.want("03-05 a>b pair 3", "03-06 b>c pair 3")
	appendBatch(t, f.db, ledger.Batch{Merges: []ledger.Merge{{Account: "c"}}})
	f.want()
}

func TestClearedTradeIsNotMarked(t *testing.T) {
	f := newFair(t)
	f.sell(5, 3, "a", "b")
	f.sell(6, 3, "b", "a")
	f.sell(6, 1, "y", "z")
	for _, accounts := range [][2]string{{"b", "a"}, {"y", "z"}} {
		if err := ClearOffsetting(t.Context(), f.db, "bread", accounts[0], accounts[1]); err != nil {
			t.Fatal(err)
		}
	}
	f.want()
	f.sell(7, 3, "b", "a")
	f.want()
	if n := countRows(t, f.db, "offsetting_cleared"); n != 2 {
		t.Errorf("%d pairs are cleared, want 2", n)
	}
	for _, wrong := range [][3]string{{"nothing", "a", "b"}, {"bread", "a", "nobody"}} {
		if err := ClearOffsetting(t.Context(), f.db, wrong[0], wrong[1], wrong[2]); err == nil {
			t.Errorf("clearing %q is no error", wrong)
		}
	}
}

func TestTradeThatIsClearedNoMoreIsMarkedAgain(t *testing.T) {
	f := newFair(t)
	f.sell(5, 3, "a", "b")
	f.sell(6, 3, "b", "a")
	f.want("03-05 a>b pair 3", "03-06 b>a pair 3")
	if err := ClearOffsetting(t.Context(), f.db, "bread", "a", "b"); err != nil {
		t.Fatal(err)
	}
	f.want()
	if err := UnclearOffsetting(t.Context(), f.db, "bread", "b", "a"); err != nil {
		t.Fatal(err)
	}
	f.want("03-05 a>b pair 3", "03-06 b>a pair 3")
	if n := countRows(t, f.db, "offsetting_cleared"); n != 0 {
		t.Errorf("%d pairs are cleared, want none", n)
	}
	for _, wrong := range [][3]string{{"bread", "a", "b"}, {"nothing", "a", "b"}, {"bread", "a", "nobody"}} {
		if err := UnclearOffsetting(t.Context(), f.db, wrong[0], wrong[1], wrong[2]); err == nil {
			t.Errorf("undoing that %q is cleared is no error", wrong)
		}
	}
}

func TestAnItemsRoutesAreListed(t *testing.T) {
	f := newFair(t)
	f.sell(12, 3, "a", "b")
	f.sell(13, 3, "b", "a")
	f.sell(13, 1, "y", "z")
	appendBatch(t, f.db, ledger.Batch{Holders: []ledger.Holder{{Ref: "z", Hidden: true}}})
	f.marks()
	v, err := ComputeItemRoutes(t.Context(), f.db, f.w, RoutesQuery{Item: "bread", Days: 30})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range v.Routes {
		got = append(got, fmt.Sprint(r.Day.Format("01-02"), " ", r.Seller.ID, " ", r.Seller.Name, " to ", r.Buyer.ID, " ", r.Rule, " ", r.Sales, " ", r.Volume))
	}
	want := []string{"03-13 b b to a pair 3 60", "03-13  " + ledger.HiddenName + " to  own 1 20", "03-12 a a to b pair 3 60"}
	if diff := cmp.Diff(want, got); diff != "" || v.Count != 3 || v.Sales != 7 {
		t.Errorf("%d routes, %d sales (-want +got):\n%s", v.Count, v.Sales, diff)
	}
	i, err := ComputeItem(t.Context(), f.db, f.w, ItemQuery{Item: "bread", Days: 30})
	if err != nil || i.Sales.Now != 0 || i.Price.Value != nil || i.Offsetting.Sales != 7 || i.Offsetting.Share != 1 {
		t.Errorf("without: %d sales, price %v, %+v, %v", i.Sales.Now, i.Price.Value, i.Offsetting, err)
	}
	i, err = ComputeItem(t.Context(), f.db, f.w, ItemQuery{Item: "bread", Days: 30, With: true})
	if err != nil || i.Sales.Now != 7 || i.Price.Value != nil || i.Offsetting.Sales != 7 || !i.Offsetting.Included {
		t.Errorf("with: %d sales, price %v, %+v, %v", i.Sales.Now, i.Price.Value, i.Offsetting, err)
	}
}

// A change of the time zone leaves no marks by the old days, and all days are judged
// anew.
func TestDaysOfMarksAreThoseOfTheCommunity(t *testing.T) {
	f := newFair(t)
	record := ledger.New(f.db)
	if err := record.SetSettings(t.Context(), ledger.Settings{Name: "Fair", Decimals: 2, Timezone: ledger.UTC}); err != nil {
		t.Fatal(err)
	}
	f.sell(5, 3, "a", "b")
	f.sell(6, 3, "b", "a")
	f.want("03-05 a>b pair 3", "03-06 b>a pair 3")
	if _, err := record.Repair(t.Context(), ledger.Repair{Timezone: "Pacific/Honolulu"}); err != nil { // 8 o'clock is the evening before
		t.Fatal(err)
	}
	if n := countRows(t, f.db, "offsetting_days"); n != 0 {
		t.Errorf("%d days have marks right after the change, want none", n)
	}
	f.want("03-04 a>b pair 3", "03-05 b>a pair 3")
	i, err := ComputeItem(t.Context(), f.db, f.w, ItemQuery{Item: "bread", Days: 30})
	if err != nil || i.Sales.Now != 0 || i.Offsetting.Sales != 6 {
		t.Errorf("without: %d sales, %+v, %v", i.Sales.Now, i.Offsetting, err)
	}
}

// Several processes may judge at once, while sales are written.
func TestJudgingAtOnceMarksOnce(t *testing.T) {
	f := newFair(t)
	f.sell(5, 3, "a", "b")
	f.sell(6, 3, "b", "a")
	errs := make(chan error)
	for range 4 {
		go func() { _, err := UpdateOffsetting(t.Context(), f.db); errs <- err }()
	}
	f.trade("cake", 5, 3, "c", "d", 1, 10)
	f.trade("cake", 5, 3, "d", "c", 1, 10)
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := f.kept(); !slices.Contains(got, "03-05 a>b pair 3") || !slices.Contains(got, "03-06 b>a pair 3") {
		t.Errorf("those who judged at once marked %q", got)
	}
	f.want("03-05 a>b pair 3", "03-05 c>d pair 3", "03-05 d>c pair 3", "03-06 b>a pair 3")
}

// A sale that was not there when its hour was judged counts at once, and its hour has
// the prices of all sales until the next pass.
func TestANewSaleCountsBeforeItIsJudged(t *testing.T) {
	f := newFair(t)
	f.sell(18, 3, "a", "b")
	f.sell(18, 3, "b", "a")
	f.marks()
	f.trade("bread", 18, 1, "c", "d", 1, 25)
	for _, pass := range []bool{false, true} {
		low := 10.0
		if pass {
			f.marks()
			low = 25
		}
		i, err := ComputeItemChart(t.Context(), f.db, f.w, ItemChartQuery{Item: "bread", Days: 7, Step: "1d"})
		if err != nil {
			t.Fatal(err)
		}
		c := i.Candles[len(i.Candles)-3]
		if c.Sales != 1 || *c.Prices.High != 25 || *c.Prices.Low != low || *c.Prices.VWAP != 25 {
			t.Errorf("after a pass: %t; %d sales, from %g to %g, mean %g; want 1, from %g to 25, mean 25", pass, c.Sales, *c.Prices.Low, *c.Prices.High, *c.Prices.VWAP, low)
		}
	}
}
