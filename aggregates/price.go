package aggregates

import (
	"math"
	"slices"
	"sort"
	"time"
)

// A Price is what a piece of an item costs, as its sales say, with what it is
// made of. All prices of items are made by this one rule; docs/numbers.md
// explains it.
//
// The basis is the shortest of 7, 30, 90 and 365 days and all time that has 5 sales
// that count. A sale does not count if its unit price is far from those of the
// others, see usualPrices. The price is the exact median of the unit prices of
// those that count, weighted by quantity.
type Price struct {
	Value      *float64   `json:"value" doc:"Minor units a piece, the median of the sales that count, weighted by quantity; null: it was never sold."`
	Basis      string     `json:"basis" enum:"7,30,90,365,all" doc:"The days whose sales it is made of, today included: the fewest of these with 5 sales that count."`
	Sales      int64      `json:"sales" doc:"How many sales count."`
	Traders    int64      `json:"traders" doc:"Different accounts that sold or bought on these days; 0: the ledger does not say who traded."`
	LastAt     *time.Time `json:"lastAt" doc:"When it was last sold within the prices that count."`
	Excluded   int64      `json:"excluded" doc:"How many sales of these days do not count, because their prices are far from those of the others."`
	Low        *float64   `json:"low" doc:"The lowest unit price that counts; a sale below it is excluded."`
	High       *float64   `json:"high" doc:"The highest unit price that counts; a sale above it is excluded."`
	Spread     *float64   `json:"spread" doc:"The factor from the median sale within which half of the sales that count are: 1.1 is up to a tenth dearer or cheaper."`
	Confidence Confidence `json:"confidence" enum:"firm,thin,guess,none" doc:"firm: from 5 sales within 30 days by 3 traders, the last one within 7 days; thin: from 3 sales, the last one within 90 days; guess: any other; none: there is no price."`
}

// Confidence is how much a price says.
type Confidence string

// The confidences, from the most to the least.
const (
	Firm  Confidence = "firm"
	Thin  Confidence = "thin"
	Guess Confidence = "guess"
	None  Confidence = "none" // no price
)

// The rule of prices.
const (
	enoughSales = 5  // that count, for a basis and a firm price
	firmDays    = 30 // the longest basis of a firm price
	firmAge     = 7 * day
	thinLeast   = 3 // sales
	thinAge     = 90 * day
)

// priceBases are the bases in the order in which they are tried.
var priceBases = []Days{7, 30, 90, 365, 0}

// confidence returns the confidence of a price at a time.
func (p *Price) confidence(now time.Time) Confidence {
	if p.Value == nil || p.LastAt == nil {
		return None
	}
	age := now.Sub(*p.LastAt)
	switch days := ParseDays(p.Basis); {
	case p.Sales >= enoughSales && p.enoughTraders() && days > 0 && days <= firmDays && age <= firmAge:
		return Firm
	case p.Sales >= thinLeast && age <= thinAge:
		return Thin
	}
	return Guess
}

// enoughTraders reports whether it may be firm.
func (p *Price) enoughTraders() bool { return p.Traders == 0 || p.Traders >= firmTraders }

// newPrice returns the price that quotes make, without what follows from other
// tables. It changes quotes.
func newPrice(basis Days, quotes []quote) Price {
	p := Price{Basis: basis.Key()}
	for _, q := range quotes {
		p.Excluded += q.sales
	}
	usual := usualPrices(quotes)
	if len(usual) == 0 {
		return p
	}
	for _, q := range usual {
		p.Sales += q.sales
	}
	p.Excluded -= p.Sales
	low, high := usual[0].float(), usual[len(usual)-1].float()
	c := newLogPrices(usual)
	spread := math.Exp(c.spread(c.median()))
	p.Value, p.Low, p.High, p.Spread = middlePiece(usual), &low, &high, &spread
	return p
}

// Prices far from the others do not count. Their distance is that of their
// logarithms, since half a price is as far from it as twice the price.
const (
	mostSpreads = 5 // times the median distance from the median
	leastSpread = 1.1
	mostFactor  = 10 // however far the sales are apart
)

// usualPrices returns the quotes that count, in rising order. It changes
// quotes. It leaves out the price that is farthest from the median, one
// after the other, as long as that one's distance is more than 5 times the median
// distance (MAD), at least a factor of 1.1^5 and at most one of 10. Both medians
// are of sales, not of pieces, so that a sale weighs the same whatever its size.
//
// It leaves out one at a time so that what is far away does not matter: when it
// is out, all is as if it had never been there.
func usualPrices(quotes []quote) []quote {
	quotes = merged(quotes)
	c := newLogPrices(quotes)
	for len(c.logs) > 1 {
		middle := c.median()
		limit := min(max(mostSpreads*c.spread(middle), mostSpreads*math.Log(leastSpread)), math.Log(mostFactor))
		limit *= 1 + 1e-9 // what is at the limit counts
		last := len(c.logs) - 1
		below, above := middle-c.logs[0], c.logs[last]-middle
		switch {
		case max(below, above) <= limit:
			return quotes
		case above >= below:
			quotes, c = quotes[:last], c.part(0, last)
		default:
			quotes, c = quotes[1:], c.part(1, last+1)
		}
	}
	return quotes
}

// merged returns the quotes in rising order, one a price. It changes quotes.
func merged(quotes []quote) []quote {
	slices.SortFunc(quotes, func(a, b quote) int { return comparePrices(a.priced, b.priced) })
	all := quotes[:0]
	for _, q := range quotes {
		if last := len(all) - 1; last >= 0 && comparePrices(all[last].priced, q.priced) == 0 {
			all[last].sales += q.sales
			all[last].quantity = all[last].quantity.Plus(q.quantity)
		} else {
			all = append(all, q)
		}
	}
	return all
}

// logPrices are the logarithms of prices in rising order, and the numbers of sales
// before each of them and after the last.
type logPrices struct {
	logs []float64
	upTo []int64
}

func newLogPrices(quotes []quote) logPrices {
	c := logPrices{make([]float64, len(quotes)), make([]int64, len(quotes)+1)}
	for i, q := range quotes {
		c.logs[i] = math.Log(q.float())
		c.upTo[i+1] = c.upTo[i] + q.sales
	}
	return c
}

func (c logPrices) part(from, to int) logPrices {
	return logPrices{c.logs[from:to], c.upTo[from : to+1]}
}

// sales returns the number of sales from a price to the one before another.
func (c logPrices) sales(from, to int) int64 { return c.upTo[to] - c.upTo[from] }

// median returns the price of the sale in the middle, or the mean of the two in
// the middle.
func (c logPrices) median() float64 {
	n := len(c.logs)
	all := c.sales(0, n)
	low := sort.Search(n, func(i int) bool { return 2*c.sales(0, i+1) >= all })
	if 2*c.sales(0, low+1) > all {
		return c.logs[low]
	}
	return (c.logs[low] + c.logs[low+1]) / 2
}

// spread returns the least distance from the middle within which at least half
// of the sales are.
func (c logPrices) spread(middle float64) float64 {
	n := len(c.logs)
	first := sort.Search(n, func(i int) bool { return c.logs[i] >= middle }) // that is not below
	below := func(i int) float64 { return middle - c.logs[i] }
	above := func(i int) float64 { return c.logs[first+i] - middle }
	half := func(d float64) bool {
		from := sort.Search(first, func(i int) bool { return below(i) <= d })
		to := first + sort.Search(n-first, func(i int) bool { return above(i) > d })
		return 2*c.sales(from, to) >= c.sales(0, n)
	}
	least := math.Inf(1)
	if i := sort.Search(first, func(i int) bool { return !half(below(i)) }); i > 0 {
		least = below(i - 1)
	}
	if i := sort.Search(n-first, func(i int) bool { return half(above(i)) }); i < n-first {
		least = min(least, above(i))
	}
	return least
}
