package aggregates

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

// scannedUsual lays out the sales one by one and leaves out the farthest as long as
// it is too far.
func scannedUsual(sales []ledger.Sale) (usual []ledger.Sale) {
	usual = slices.Clone(sales)
	unit := func(s ledger.Sale) float64 { return math.Log(float64(s.Total) / float64(s.Quantity)) }
	slices.SortFunc(usual, func(a, b ledger.Sale) int {
		return comparePrices(priced{a.Total, a.Quantity}, priced{b.Total, b.Quantity})
	})
	for len(usual) > 0 {
		var distances []float64
		n := len(usual)
		middle := unit(usual[n/2])
		if n%2 == 0 && unit(usual[n/2-1]) != middle {
			middle = (unit(usual[n/2-1]) + middle) / 2
		}
		for _, s := range usual {
			distances = append(distances, math.Abs(unit(s)-middle))
		}
		slices.Sort(distances)
		limit := max(5*distances[(n-1)/2], 5*math.Log(1.1))
		limit = min(limit, math.Log(10)) * (1 + 1e-9)
		if distances[n-1] <= limit {
			break
		}
		out := usual[0]
		if unit(usual[n-1])-middle >= middle-unit(out) {
			out = usual[n-1]
		}
		usual = slices.DeleteFunc(usual, func(s ledger.Sale) bool { return unit(s) == unit(out) })
	}
	return usual
}

// quotesOf sums sales by their unit price.
func quotesOf(sales []ledger.Sale) []quote {
	at := map[float64]int{}
	var quotes []quote
	for _, s := range sales {
		each := float64(s.Total) / float64(s.Quantity)
		i, ok := at[each]
		if !ok {
			i = len(quotes)
			at[each] = i
			quotes = append(quotes, quote{priced: priced{s.Total, s.Quantity}})
		}
		quotes[i].sales++
		quotes[i].quantity = quotes[i].quantity.Add(s.Quantity)
	}
	return quotes
}

// drawnSales are sales around a price, closer or farther apart, some far away.
func drawnSales(r *rand.Rand) []ledger.Sale {
	var sales []ledger.Sale
	price, apart := 1+r.Float64()*1000, r.Float64()*1.5
	for range 1 + r.IntN(40) {
		each := price * math.Exp(apart*r.NormFloat64())
		if r.IntN(10) == 0 {
			each *= math.Exp(6 * r.NormFloat64())
		}
		quantity := 1 + r.Int64N(64)
		sales = append(sales, ledger.Sale{Quantity: quantity, Total: max(1, int64(each*float64(quantity)))})
		if r.IntN(3) == 0 {
			sales = append(sales, sales[r.IntN(len(sales))])
		}
	}
	return sales
}

func TestAPriceIsWhatItsSalesSayOneByOne(t *testing.T) {
	for seed := range uint64(2000) {
		sales := drawnSales(rand.New(rand.NewPCG(seed, 1)))
		usual := scannedUsual(sales)
		var pieces ledger.Sum
		for _, s := range usual {
			pieces = pieces.Add(s.Quantity)
		}
		each := func(s ledger.Sale) *float64 { return pointerTo(float64(s.Total) / float64(s.Quantity)) }
		var distances []float64
		c := newLogPrices(quotesOf(usual[len(usual)/2:][:1]))
		middle := c.median()
		if n := len(usual); n%2 == 0 {
			middle = (middle + newLogPrices(quotesOf(usual[n/2-1:][:1])).median()) / 2
		}
		for _, s := range usual {
			distances = append(distances, math.Abs(newLogPrices(quotesOf([]ledger.Sale{s})).median()-middle))
		}
		slices.Sort(distances)
		want := Price{Basis: "30", Spread: pointerTo(math.Exp(distances[(len(usual)-1)/2])), Value: scannedMedian(usual), Sales: int64(len(usual)), Excluded: int64(len(sales) - len(usual)),
			Low: each(usual[0]), High: each(usual[len(usual)-1])}
		if diff := cmp.Diff(want, newPrice(30, quotesOf(sales)), nearly); diff != "" {
			t.Fatalf("seed %d, %v (-one by one +got):\n%s", seed, sales, diff)
		}
	}
}

func TestOneSaleFarAwayChangesNoPrice(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 2))
		sales := drawnSales(r)
		before := newPrice(7, quotesOf(sales))
		if before.Sales < enoughSales {
			continue
		}
		pieces := []int64{1, 10_000, 1_000_000}[r.IntN(3)]
		for _, planted := range []ledger.Sale{
			{Quantity: pieces, Total: max(1, int64(1000**before.Value*float64(pieces)))},
			{Quantity: 1_000_000 * pieces, Total: max(1, int64(*before.Value*float64(1000*pieces)))},
		} {
			after := newPrice(7, quotesOf(append(slices.Clone(sales), planted)))
			if math.Abs(*after.Value / *before.Value - 1) > .01 || after.Excluded == 0 {
				t.Fatalf("seed %d, %+v: %v became %v by %+v", seed, sales, *before.Value, *after.Value, planted)
			}
		}
	}
}

func TestEqualPricesDoNotExcludeTheNextOnes(t *testing.T) {
	var sales []ledger.Sale
	for range 20 {
		sales = append(sales, ledger.Sale{Quantity: 1, Total: 100})
	}
	for _, c := range []struct{ total, excluded int64 }{{150, 0}, {170, 1}, {65, 0}, {60, 1}} {
		p := newPrice(7, quotesOf(append(slices.Clone(sales), ledger.Sale{Quantity: 1, Total: c.total})))
		if p.Excluded != c.excluded || *p.Value != 100 {
			t.Errorf("20 sales at 100 and one at %d: %+v, want %d excluded", c.total, p, c.excluded)
		}
	}
}

func TestConfidenceFollowsSalesTradersAndAge(t *testing.T) {
	now := at(t, "03-11 12:00")
	for _, c := range []struct {
		basis          string
		sales, traders int64
		age            time.Duration
		want           Confidence
	}{
		{"7", 5, 3, hour, Firm}, {"30", 5, 0, 7 * day, Firm}, {"30", 5, 0, 7*day + 1, Thin}, {"7", 5, 2, hour, Thin},
		{"365", 900, 90, hour, Thin}, {"all", 3, 2, 90 * day, Thin}, {"all", 2, 2, hour, Guess}, {"365", 9, 9, 91 * day, Guess},
	} {
		p := Price{Value: pointerTo(1.0), Basis: c.basis, Sales: c.sales, Traders: c.traders, LastAt: pointerTo(now.Add(-c.age))}
		if got := p.confidence(now); got != c.want {
			t.Errorf("%d sales in %s days by %d traders, the last one %s ago: %s, want %s", c.sales, c.basis, c.traders, c.age, got, c.want)
		}
	}
	if none := newPrice(0, nil); none.confidence(now) != None || none.Value != nil {
		t.Errorf("without a sale: %+v, want no price", none)
	}
}
