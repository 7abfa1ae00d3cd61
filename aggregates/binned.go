package aggregates

import (
	"cmp"
	"math"
	"math/big"
	"slices"

	"exchequer/ledger"
)

// binned is a distribution of which only the number of holders and their sum are known,
// by bin of balances. What follows from it lies between what it would be if all holders
// of a bin had the same, and if they were as far apart as the bounds of the bin and the
// sum allow: of all balances within the bounds with that sum, no others are more equal,
// or less, in the sense of majorization, which all measures here respect (A. W. Marshall,
// I. Olkin, B. C. Arnold, "Inequalities: Theory of Majorization and Its Applications",
// 2011). A measure is the middle between these two, and its bound half of the distance.
type binned struct {
	bins  []balanceBin // that have holders, in ascending order
	n     int64
	total *big.Int
}

// A balanceBin is the holders with balances from low to high.
type balanceBin struct {
	low, high *big.Int
	n         int64
	sum       *big.Int
	before    int64    // holders of all bins below
	below     *big.Int // and what they have
}

// newBinned returns the distribution of tallies of one population, in the order of their
// bins.
func newBinned(tallies []ledger.Tally) (*binned, error) {
	d := &binned{total: new(big.Int)}
	for _, t := range tallies {
		low, high, ok := ledger.BinBounds(t.Place)
		if !ok {
			return nil, errTooLarge
		}
		if t.Holders <= 0 {
			continue // verify says that it is wrong
		}
		b := balanceBin{low: big.NewInt(low), high: big.NewInt(high), n: t.Holders, sum: t.Total.Big(), before: d.n, below: new(big.Int).Set(d.total)}
		d.bins = append(d.bins, b)
		d.n += b.n
		d.total.Add(d.total, b.sum)
	}
	return d, nil
}

// apart returns the balances of a bin that are as far apart as can be: so many have low,
// one has between, and the others have high.
func (b *balanceBin) apart() (lows int64, between *big.Int, highs int64) {
	width := new(big.Int).Sub(b.high, b.low)
	over := new(big.Int).Mul(b.low, big.NewInt(b.n))
	over.Sub(b.sum, over)
	if width.Sign() == 0 {
		return b.n - 1, b.low, 0
	}
	times, rest := new(big.Int).QuoRem(over, width, new(big.Int))
	if highs = times.Int64(); highs >= b.n {
		return 0, b.high, b.n - 1
	}
	return b.n - 1 - highs, rest.Add(rest, b.low), highs
}

// poorest returns the least and the most that the poorest holders of the bin have, of
// whom there may be a part.
func (b *balanceBin) poorest(holders *big.Rat) (least, most *big.Rat) {
	most = new(big.Rat).Mul(new(big.Rat).SetFrac(b.sum, big.NewInt(b.n)), holders)
	lows, between, highs := b.apart()
	least = new(big.Rat)
	left := new(big.Rat).Set(holders)
	for _, run := range []struct {
		n int64
		x *big.Int
	}{{lows, b.low}, {1, between}, {highs, b.high}} {
		of := new(big.Rat).SetInt64(run.n)
		if left.Cmp(of) < 0 {
			of.Set(left)
		}
		left.Sub(left, of)
		least.Add(least, of.Mul(of, new(big.Rat).SetInt(run.x)))
	}
	return least, most
}

// at returns the bin of the holder with so many before, which is not the last of all.
func (d *binned) at(before int64) *balanceBin {
	i, found := slices.BinarySearchFunc(d.bins, before, func(b balanceBin, n int64) int { return cmp.Compare(b.before, n) })
	if !found {
		i--
	}
	return &d.bins[i]
}

func (d *binned) shared() string {
	switch {
	case d.n == 0:
		return whyEmpty
	case d.total.Sign() <= 0:
		return whyNothing
	}
	return ""
}

// bounded returns the measure that is from one number to the other.
func bounded(least, most *big.Rat) Measure {
	low, _ := least.Float64()
	high, _ := most.Float64()
	if least.Cmp(most) == 0 {
		return available(low)
	}
	return bounding(low, high)
}

// bounding returns the measure that is from one number to the other, each of which may be
// off by what a float64 is.
func bounding(low, high float64) Measure {
	value := low + (high-low)/2
	bound := math.Nextafter(max(high-value, value-low), math.Inf(1)) + 1e-15*math.Abs(value)
	return Measure{Value: &value, Bound: &bound}
}

// Len, Debtors, Zeros, Total and Mean are exact.
func (d *binned) Len() int { return int(d.n) }

func (d *binned) Debtors() (n int) {
	for i := range d.bins {
		if d.bins[i].low.Sign() < 0 {
			n += int(d.bins[i].n)
		}
	}
	return n
}

func (d *binned) Zeros() int {
	for i := range d.bins {
		if d.bins[i].low.Sign() == 0 {
			return int(d.bins[i].n)
		}
	}
	return 0
}

func (d *binned) Total() (total ledger.Sum) {
	if err := total.UnmarshalJSON([]byte(d.total.String())); err != nil {
		return ledger.Sum{} // sums of 2^63 balances fit
	}
	return total
}

func (d *binned) Mean() float64 {
	if d.n == 0 {
		return 0
	}
	return ratio(d.total, big.NewInt(d.n))
}

// rank returns the least and the most that the holder with so many before has: the
// others of the bin have its bounds at most, and the bin has its sum.
func (d *binned) rank(before int64) (least, most *big.Int) {
	b := d.at(before)
	t := before - b.before // in the bin
	most = new(big.Int).Mul(b.low, big.NewInt(t))
	most.Sub(b.sum, most)
	most = floorDiv(most, b.n-t)
	least = new(big.Int).Mul(b.high, big.NewInt(b.n-t-1))
	least.Sub(least, b.sum)
	least = floorDiv(least, t+1) // of minus it, so that it is rounded up
	least.Neg(least)
	if most.Cmp(b.high) > 0 {
		most = b.high
	}
	if least.Cmp(b.low) < 0 {
		least = b.low
	}
	return least, most
}

// about returns about what the holder with so many before has.
func (d *binned) about(before int) int64 {
	least, most := d.rank(int64(before))
	return floorDiv(new(big.Int).Add(least, most), 2).Int64()
}

func floorDiv(x *big.Int, n int64) *big.Int {
	q, _ := new(big.Int).DivMod(x, big.NewInt(n), new(big.Int))
	return q
}

func (d *binned) Median() Measure {
	if d.n == 0 {
		return available(0)
	}
	least, most := d.rank((d.n - 1) / 2)
	least2, most2 := d.rank(d.n / 2)
	half := func(x, y *big.Int) *big.Rat { return new(big.Rat).SetFrac(new(big.Int).Add(x, y), big.NewInt(2)) }
	return bounded(half(least, least2), half(most, most2))
}

// spread returns the least and the most of Σ (2i − n − 1) x. Between the bins it is that
// of their means; within one, at most what it is of balances far apart.
func (d *binned) spread() (least, most *big.Int) {
	least, most = new(big.Int), new(big.Int)
	for i := range d.bins {
		b := &d.bins[i]
		weight := new(big.Int).Sub(big.NewInt(2*b.before+b.n), big.NewInt(d.n))
		least.Add(least, weight.Mul(weight, b.sum))
	}
	most.Set(least)
	for i := range d.bins {
		b := &d.bins[i]
		lows, between, highs := b.apart()
		// Pairs of the three runs: each adds the difference of its balances.
		one, pairs := new(big.Int).Sub(between, b.low), new(big.Int)
		most.Add(most, one.Mul(one, big.NewInt(lows)))
		two := new(big.Int).Sub(b.high, between)
		most.Add(most, two.Mul(two, big.NewInt(highs)))
		pairs.Mul(big.NewInt(lows), big.NewInt(highs))
		most.Add(most, pairs.Mul(pairs, new(big.Int).Sub(b.high, b.low)))
	}
	return least, most
}

func (d *binned) perHead(x, sum *big.Int) *big.Rat {
	return new(big.Rat).SetFrac(x, new(big.Int).Mul(sum, big.NewInt(d.n)))
}

func (d *binned) Gini() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	least, most := d.spread()
	return bounded(d.perHead(least, d.total), d.perHead(most, d.total))
}

func (d *binned) GiniNormal() Measure {
	absolute := new(big.Int)
	for i := range d.bins {
		absolute.Add(absolute, new(big.Int).Abs(d.bins[i].sum))
	}
	switch debtors := d.Debtors(); {
	case d.n == 0:
		return unavailable(whyEmpty)
	case debtors == 0 && absolute.Sign() == 0:
		return unavailable(whyAllZero)
	case debtors == 0:
		return unavailable(whyNoDebt)
	}
	least, most := d.spread()
	return bounded(d.perHead(least, absolute), d.perHead(most, absolute))
}

// poorest returns the least and the most of the share that the poorest num/den of the
// holders hold. The total must be positive.
func (d *binned) poorest(num, den int) (least, most *big.Rat) {
	holders := new(big.Rat).Mul(new(big.Rat).SetInt64(d.n), big.NewRat(int64(num), int64(den)))
	whole := new(big.Int).Quo(holders.Num(), holders.Denom()).Int64()
	total := new(big.Rat).SetInt(d.total)
	if whole >= d.n {
		return big.NewRat(1, 1), big.NewRat(1, 1)
	}
	b := d.at(whole)
	least, most = b.poorest(holders.Sub(holders, new(big.Rat).SetInt64(b.before)))
	below := new(big.Rat).SetInt(b.below)
	return least.Quo(least.Add(least, below), total), most.Quo(most.Add(most, below), total)
}

func (d *binned) richest(num, den int) (least, most *big.Rat) {
	low, high := d.poorest(den-num, den)
	one := big.NewRat(1, 1)
	return new(big.Rat).Sub(one, high), new(big.Rat).Sub(one, low)
}

func (d *binned) BottomShare(num, den int) Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	return bounded(d.poorest(num, den))
}

func (d *binned) TopShare(num, den int) Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	return bounded(d.richest(num, den))
}

func (d *binned) Palma() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	least, most := d.poorest(40, 100)
	if least.Sign() <= 0 { // where it may be, the ratio has no bound
		return unavailable(whyBottom)
	}
	low, high := d.richest(10, 100)
	return bounded(low.Quo(low, most), high.Quo(high, least))
}

func (d *binned) Theil() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	if d.Debtors() > 0 {
		return unavailable(whyDebtors)
	}
	mean := d.Mean()
	of := func(x float64) float64 {
		if x <= 0 {
			return 0
		}
		return x / mean * math.Log(x/mean)
	}
	low, high := 0.0, 0.0
	for i := range d.bins {
		b := &d.bins[i]
		lows, between, highs := b.apart()
		low += float64(b.n) * of(ratio(b.sum, big.NewInt(b.n)))
		high += float64(lows)*of(float(b.low)) + of(float(between)) + float64(highs)*of(float(b.high))
	}
	low, high = low/float64(d.n), high/float64(d.n)
	const rounding = 1e-12 // of sums of logarithms
	if high-low < rounding {
		return available(max(0, low))
	}
	return bounding(max(0, low-rounding), high+rounding)
}

func float(x *big.Int) float64 {
	f, _ := new(big.Float).SetInt(x).Float64()
	return f
}

func (d *binned) HHI() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	least, most := new(big.Int), new(big.Int)
	square := func(x *big.Int, n int64) *big.Int {
		s := new(big.Int).Mul(x, x)
		return s.Mul(s, big.NewInt(n))
	}
	for i := range d.bins {
		b := &d.bins[i]
		lows, between, highs := b.apart()
		least.Add(least, floorDiv(square(b.sum, 1), b.n))
		most.Add(most, square(b.low, lows)).Add(most, square(between, 1)).Add(most, square(b.high, highs))
	}
	of := func(x *big.Int) *big.Rat {
		return new(big.Rat).SetFrac(x.Mul(x, big.NewInt(1e4)), square(d.total, 1))
	}
	return bounded(of(least), of(most))
}

// Nakamoto counts the richest bins down to the one in which they have more than half.
func (d *binned) Nakamoto() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	for i := len(d.bins) - 1; i >= 0; i-- {
		b := &d.bins[i]
		if twice := new(big.Int).Lsh(b.below, 1); twice.Cmp(d.total) >= 0 {
			continue // the holders from this bin on have half at most
		}
		// k of the bin are enough if those below have less than half of all.
		enough := func(k int64) (sure, perhaps bool) {
			least, most := b.poorest(new(big.Rat).SetInt64(b.n - k))
			below, half := new(big.Rat).SetInt(b.below), new(big.Rat).SetFrac(d.total, big.NewInt(2))
			return most.Add(most, below).Cmp(half) < 0, least.Add(least, below).Cmp(half) < 0
		}
		above := d.n - b.before - b.n
		first := smallest(b.n, func(k int64) bool { _, perhaps := enough(k); return perhaps })
		last := smallest(b.n, func(k int64) bool { sure, _ := enough(k); return sure })
		value, bound := float64(above+(first+last)/2), float64((last-first+1)/2)
		if first == last {
			return available(value)
		}
		return Measure{Value: &value, Bound: &bound}
	}
	return unavailable(whyNothing)
}

// smallest returns the smallest number from 1 to most for which a condition holds, as it
// does for all that are larger, and for most.
func smallest(most int64, holds func(int64) bool) int64 {
	low, high := int64(1), most
	for low < high {
		if middle := low + (high-low)/2; holds(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// Lorenz returns the points of Distribution.Lorenz, and how far off they may be.
func (d *binned) Lorenz() (points []LorenzPoint, bound float64) {
	if d.shared() != "" {
		return nil, 0
	}
	for p := 0; p <= 1000; p++ {
		if p%10 == 0 || p > 990 {
			m := bounded(d.poorest(p, 1000))
			points = append(points, LorenzPoint{Holders: float64(p) / 1000, Wealth: *m.Value})
			if m.Bound != nil {
				bound = max(bound, *m.Bound)
			}
		}
	}
	return points, bound
}

// Bins returns the bins of Distribution.Bins. Holders of a bin of ours that one of their
// bounds divides are shared out evenly.
func (d *binned) Bins() []Bin {
	var bins []Bin
	if d.n == 0 {
		return nil
	}
	if n := d.Debtors(); n > 0 {
		bins = append(bins, d.bin(d.bins[0].low.Int64(), 0))
	}
	if d.Zeros() > 0 {
		bins = append(bins, d.bin(0, 1))
	}
	for i := range d.bins {
		if b := &d.bins[i]; b.low.Sign() > 0 {
			bounds := roundBounds(b.low.Int64(), d.bins[len(d.bins)-1].high.Int64())
			for i := range bounds[1:] {
				bins = append(bins, d.bin(bounds[i], bounds[i+1]))
			}
			break
		}
	}
	return bins
}

func (d *binned) bin(low, high int64) Bin {
	from, under, off := d.under(low)
	to, upTo, off2 := d.under(high)
	if high == math.MaxInt64 {
		to, upTo, off2 = d.n, d.total, 0
	}
	bin := Bin{Low: low, High: high, Holders: to - from, Bound: off + off2}
	if err := bin.Total.UnmarshalJSON([]byte(new(big.Int).Sub(upTo, under).String())); err != nil {
		bin.Total = ledger.Sum{}
	}
	return bin
}

// under returns how many holders have less than x, and how much, and by how many that
// may be off.
func (d *binned) under(x int64) (n int64, sum *big.Int, off int64) {
	bound := big.NewInt(x)
	i, _ := slices.BinarySearchFunc(d.bins, bound, func(b balanceBin, x *big.Int) int { return b.high.Cmp(x) })
	if i == len(d.bins) {
		return d.n, d.total, 0
	}
	b := &d.bins[i]
	if bound.Cmp(b.low) <= 0 {
		return b.before, b.below, 0
	}
	into, width := new(big.Int).Sub(bound, b.low), new(big.Int).Sub(b.high, b.low)
	part := new(big.Int).Mul(into, big.NewInt(b.n))
	n = part.Quo(part, width.Add(width, big.NewInt(1))).Int64()
	// They have about what lies in the middle between low and x, and leave to the others
	// what these can have.
	sum = new(big.Int).Add(b.low, bound)
	sum.Mul(sum, big.NewInt(n)).Quo(sum, big.NewInt(2))
	others := big.NewInt(b.n - n)
	most, least := new(big.Int).Mul(bound, others), new(big.Int).Mul(b.high, others)
	most.Sub(b.sum, most)
	least.Sub(b.sum, least)
	if sum.Cmp(most) > 0 {
		sum = most
	}
	if sum.Cmp(least) < 0 {
		sum = least
	}
	return b.before + n, sum.Add(sum, b.below), b.n
}
