package aggregates

import (
	"math"
	"math/big"
	"slices"

	"exchequer/ledger"
)

// A Distribution is the balances of a population, one a holder, in order. Its
// sums are exact integers; only the final ratios are floats. It takes one sort
// and two passes to make.
type Distribution struct {
	sorted []int64
	below  []ledger.Sum // below[k] is the sum of the k smallest
	spread ledger.Sum   // Σ (2i − n − 1) x, half the sum of all absolute differences
	debt   ledger.Sum   // the sum of the negative balances
}

// NewDistribution returns the distribution of the balances. It sorts and keeps
// the slice.
func NewDistribution(balances []int64) *Distribution {
	sortBalances(balances)
	d := &Distribution{sorted: balances, below: make([]ledger.Sum, len(balances)+1)}
	var sum, spread ledger.Sum
	weight := 1 - int64(len(balances))
	for i, x := range balances {
		sum = sum.Plus(ledger.SumOf(x))
		d.below[i+1] = sum
		spread = spread.Plus(ledger.Product(weight, x))
		weight += 2
	}
	d.spread = spread
	d.debt = d.below[d.Debtors()]
	return d
}

// Why a measure is not available, for visitors.
const (
	whyEmpty   = "Nobody in this group holds an account that was ever used."
	whyNothing = "Not defined here: the balances of this group do not sum to more than zero."
	whyBottom  = "Not defined here: the poorer 40 % together hold nothing, or owe more than they have."
	whyDebtors = "Not defined here: some holders are in debt."
	whyNoDebt  = "The same as the Gini: nobody is in debt."
	whyAllZero = "Not defined here: all balances are zero."
)

func available(v float64) Measure { return Measure{Value: &v} }

func unavailable(why string) Measure { return Measure{Why: why} }

// shared returns why shares of the total are not defined, empty if they are.
func (d *Distribution) shared() string {
	switch {
	case d.Len() == 0:
		return whyEmpty
	case d.Total().Sign() <= 0:
		return whyNothing
	}
	return ""
}

// Len returns the number of holders.
func (d *Distribution) Len() int { return len(d.sorted) }

// Debtors returns the number of balances below zero.
func (d *Distribution) Debtors() int {
	n, _ := slices.BinarySearch(d.sorted, 0)
	return n
}

// Zeros returns the number of balances of exactly zero.
func (d *Distribution) Zeros() int { return d.upTo(0) - d.Debtors() }

// upTo returns the number of balances of at most x.
func (d *Distribution) upTo(x int64) int {
	if x == math.MaxInt64 {
		return len(d.sorted)
	}
	n, _ := slices.BinarySearch(d.sorted, x+1)
	return n
}

// Total returns the sum of all balances.
func (d *Distribution) Total() ledger.Sum { return d.below[len(d.sorted)] }

// Mean is the average balance, 0 for nobody.
func (d *Distribution) Mean() float64 {
	if d.Len() == 0 {
		return 0
	}
	return ratio(d.Total().Big(), big.NewInt(int64(d.Len())))
}

// Median is the middle balance, or the mean of the two in the middle; 0 for nobody.
func (d *Distribution) Median() float64 {
	n := d.Len()
	if n == 0 {
		return 0
	}
	middle := ledger.SumOf(d.sorted[(n-1)/2]).Plus(ledger.SumOf(d.sorted[n/2]))
	return ratio(middle.Big(), big.NewInt(2))
}

// Gini is 2Σ i·x / (nΣx) − (n+1)/n over balances in ascending order, i from 1,
// without the sample correction n/(n−1). It may pass 1 where there are debtors.
func (d *Distribution) Gini() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	return available(ratio(d.spread.Big(), d.times(d.Total())))
}

// GiniNormal is ΣΣ|xi−xj| / (2n Σ|x|), which stays within 0 and 1 where there
// are debtors: E. Raffinetti, E. Siletti, A. Vernizzi, "On the Gini coefficient
// normalization when attributes with negative values are considered", 2015.
func (d *Distribution) GiniNormal() Measure {
	switch {
	case d.Len() == 0:
		return unavailable(whyEmpty)
	case d.debt.Sign() == 0 && d.Total().Sign() == 0:
		return unavailable(whyAllZero)
	case d.debt.Sign() == 0:
		return unavailable(whyNoDebt)
	}
	absolute := d.Total().Minus(d.debt).Minus(d.debt)
	return available(ratio(d.spread.Big(), d.times(absolute)))
}

// times returns the sum times the number of holders.
func (d *Distribution) times(sum ledger.Sum) *big.Int {
	return new(big.Int).Mul(sum.Big(), big.NewInt(int64(d.Len())))
}

// poorest returns the share of the total that the poorest num/den of the holders
// hold: the Lorenz curve, linear between its points. The total must be positive.
func (d *Distribution) poorest(num, den int) *big.Rat {
	k, rest := d.Len()*num/den, d.Len()*num%den
	sum := new(big.Int).Mul(d.below[k].Big(), big.NewInt(int64(den)))
	if rest > 0 {
		sum.Add(sum, ledger.Product(d.sorted[k], int64(rest)).Big())
	}
	return new(big.Rat).SetFrac(sum, new(big.Int).Mul(d.Total().Big(), big.NewInt(int64(den))))
}

// BottomShare is the share of the total held by the poorest num/den of the
// holders, interpolated: of five holders, the poorest tenth is half of the poorest.
func (d *Distribution) BottomShare(num, den int) Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	share, _ := d.poorest(num, den).Float64()
	return available(share)
}

// TopShare is the share of the total held by the richest num/den of the
// holders: 1 − L(1 − num/den), interpolated. It is exactly num/den when all are equal.
func (d *Distribution) TopShare(num, den int) Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	share, _ := d.richest(num, den).Float64()
	return available(share)
}

func (d *Distribution) richest(num, den int) *big.Rat {
	return new(big.Rat).Sub(big.NewRat(1, 1), d.poorest(den-num, den))
}

// Palma is the share of the richest 10 % over the share of the poorest 40 %.
func (d *Distribution) Palma() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	bottom := d.poorest(40, 100)
	if bottom.Sign() <= 0 {
		return unavailable(whyBottom)
	}
	palma, _ := new(big.Rat).Quo(d.richest(10, 100), bottom).Float64()
	return available(palma)
}

// Theil is Theil's T, (1/n) Σ (x/μ) ln(x/μ) with 0·ln 0 = 0: between 0, all
// equal, and ln n, one has all.
func (d *Distribution) Theil() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	if d.debt.Sign() < 0 {
		return unavailable(whyDebtors)
	}
	mean, sum := d.Mean(), 0.0
	for _, x := range d.sorted[d.upTo(0):] {
		t := float64(x) / mean
		sum += t * math.Log(t)
	}
	return available(max(0, sum/float64(d.Len())))
}

// HHI is the Herfindahl-Hirschman index, Σ (100·share)²: 10,000 when one has
// all, 10,000/n when all are equal. It may pass 10,000 where there are debtors.
func (d *Distribution) HHI() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	total, sum := d.Total().Float64(), 0.0
	for _, x := range d.sorted {
		share := float64(x) / total
		sum += share * share
	}
	return available(1e4 * sum)
}

// Nakamoto is the smallest number of holders who together hold more than half.
func (d *Distribution) Nakamoto() Measure {
	if why := d.shared(); why != "" {
		return unavailable(why)
	}
	var held ledger.Sum
	for k := 1; ; k++ {
		held = held.Plus(ledger.SumOf(d.sorted[d.Len()-k]))
		if held.Plus(held).Minus(d.Total()).Sign() > 0 {
			return available(float64(k))
		}
	}
}

// Lorenz is the curve at each hundredth of the holders, and at each thousandth
// of the last one, where most of the money may be. It is nil where shares are
// not defined, and dips below zero where there are debtors.
func (d *Distribution) Lorenz() []LorenzPoint {
	if d.shared() != "" {
		return nil
	}
	points := make([]LorenzPoint, 0, 110)
	for p := 0; p <= 1000; p++ {
		if p%10 == 0 || p > 990 {
			wealth, _ := d.poorest(p, 1000).Float64()
			points = append(points, LorenzPoint{Holders: float64(p) / 1000, Wealth: wealth})
		}
	}
	return points
}

// ratio returns the float64 nearest to num/den, so that equal shares are exactly
// equal. den must not be zero.
func ratio(num, den *big.Int) float64 {
	f, _ := new(big.Rat).SetFrac(num, den).Float64()
	return f
}
