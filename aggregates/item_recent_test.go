package aggregates

import (
	"testing"
	"time"

	"exchequer/ledger"
)

// A price that doubled while shops only bought is no spread.
func TestTheSpreadIsOfTheSameDays(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }
	sale := func(at time.Time, pieces, total int64) recentSale {
		return recentSale{Direction: ledger.DirectionSale, Quantity: pieces, Total: total, Shop: true, At: at}
	}
	bought := func(at time.Time, pieces, total, tax int64) recentSale {
		return recentSale{Direction: ledger.DirectionPurchase, Quantity: pieces, Total: total, Tax: tax, Shop: true, At: at}
	}
	privately := sale(day(2), 50, 50)
	privately.Shop = false
	sales := []recentSale{
		sale(day(1), 10, 1000), // 100, and nobody bought
		sale(day(2), 2, 220), bought(day(2), 5, 500, 0), privately,
		sale(day(3), 1, 230), bought(day(3), 1, 220, 20),
		bought(day(4), 10, 3000, 0), // 300, and nobody sold
	}
	// Two pieces at 110 and 100, and one at 230 and 200.
	v := newSpread(sales, Offers{}, time.UTC)
	if v.Days != 2 || v.Paid == nil || *v.Paid != 150 || *v.Got != 400.0/3 || *v.Executed <= 0 {
		t.Errorf("the spread is %+v, want 150 and 133.3 of 2 days", v)
	}
	for name, one := range map[string][]recentSale{"other days": {sales[0], sales[6]}, "no shop": {privately, sales[2]}, "one side": sales[:2], "none": nil} {
		if v := newSpread(one, Offers{}, time.UTC); v.Days != 0 || v.Paid != nil || v.Got != nil || v.Executed != nil {
			t.Errorf("%s: the spread is %+v, want that it is not known", name, v)
		}
	}
	// Midnight is where the community lives.
	east := time.FixedZone("east", 14*3600)
	if v := newSpread([]recentSale{sale(day(1), 1, 20), bought(day(2).Add(-6*time.Hour), 1, 10, 0)}, Offers{}, east); v.Days != 1 {
		t.Errorf("the spread is %+v, want that of one day", v)
	}
}
