package aggregates

import (
	"maps"
	"math/big"
	"math/bits"
	"slices"

	"exchequer/ledger"
)

// priced is a price of money for pieces, above zero.
type priced struct{ money, pieces int64 }

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
// by their price, or the mean of the two in the middle; nil for no pieces.
func medianPrice(quantities map[priced]ledger.Sum) *float64 {
	prices := slices.SortedFunc(maps.Keys(quantities), comparePrices)
	var total ledger.Sum
	for _, p := range prices {
		total = total.Plus(quantities[p])
	}
	if total.Sign() == 0 {
		return nil
	}
	// The pieces with the numbers (n−1)/2 and n/2, from 0.
	n := total.Big()
	low := new(big.Int).Rsh(new(big.Int).Sub(n, big.NewInt(1)), 1)
	high := new(big.Int).Rsh(n, 1)
	at := func(number *big.Int) *big.Rat {
		var upTo ledger.Sum
		for _, p := range prices {
			upTo = upTo.Plus(quantities[p])
			if upTo.Big().Cmp(number) > 0 {
				return big.NewRat(p.money, p.pieces)
			}
		}
		return new(big.Rat)
	}
	sum := new(big.Rat).Add(at(low), at(high))
	median, _ := sum.Mul(sum, big.NewRat(1, 2)).Float64()
	return &median
}
