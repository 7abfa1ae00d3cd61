package aggregates

import (
	"math/big"
	"math/bits"
	"slices"

	"exchequer/ledger"
)

// priced is how many pieces were sold at a price of money for pieces, above zero.
type priced struct {
	money, pieces int64
	quantity      ledger.Sum
}

// comparePrices compares money / pieces exactly.
func comparePrices(a, b priced) int {
	ah, al := bits.Mul64(uint64(a.money), uint64(b.pieces))
	bh, bl := bits.Mul64(uint64(b.money), uint64(a.pieces))
	switch {
	case ah < bh || ah == bh && al < bl:
		return -1
	case ah == bh && al == bl:
		return 0
	}
	return 1
}

// medianPrice returns the price of the piece in the middle, if all are laid out
// by their price, or the mean of the two in the middle; nil for no pieces. It
// reorders the prices.
func medianPrice(prices []priced) *float64 {
	slices.SortFunc(prices, comparePrices)
	var total ledger.Sum
	for _, p := range prices {
		total = total.Plus(p.quantity)
	}
	n := total.Big()
	if n.Sign() == 0 {
		return nil
	}
	// The pieces with the numbers (n−1)/2 and n/2, from 0.
	low := new(big.Int).Rsh(new(big.Int).Sub(n, big.NewInt(1)), 1)
	high := new(big.Int).Rsh(n, 1)
	sum := new(big.Rat).Add(priceAt(prices, low), priceAt(prices, high))
	median, _ := sum.Mul(sum, big.NewRat(1, 2)).Float64()
	return &median
}

// priceAt returns the price of a piece by its number.
func priceAt(prices []priced, number *big.Int) *big.Rat {
	var below ledger.Sum
	for _, p := range prices {
		below = below.Plus(p.quantity)
		if below.Big().Cmp(number) > 0 {
			return big.NewRat(p.money, p.pieces)
		}
	}
	return new(big.Rat)
}
