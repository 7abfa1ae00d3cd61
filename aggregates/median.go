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

// float returns the price of a piece, rounded once.
func (p priced) float() float64 {
	const exact = 1 << 53
	if p.money <= exact && p.pieces <= exact {
		return float64(p.money) / float64(p.pieces)
	}
	f, _ := big.NewRat(p.money, p.pieces).Float64()
	return f
}

// A quote is what was sold of an item at one unit price.
type quote struct {
	priced
	sales    int64
	quantity ledger.Sum
}

// medianPrice returns the price of the piece in the middle, if all are laid out
// by their price, or the mean of the two in the middle; nil for no pieces.
func medianPrice(quantities map[priced]ledger.Sum) *float64 {
	var quotes []quote
	for _, p := range slices.SortedFunc(maps.Keys(quantities), comparePrices) {
		quotes = append(quotes, quote{priced: p, quantity: quantities[p]})
	}
	return middlePiece(quotes)
}

// middlePiece is medianPrice of quotes in rising order. It is exact, and rounded
// once.
func middlePiece(quotes []quote) *float64 {
	var total ledger.Sum
	for _, q := range quotes {
		total = total.Plus(q.quantity)
	}
	if total.Sign() == 0 {
		return nil
	}
	// Of n pieces, the lower of the two in the middle is the first with half of
	// all up to it, the higher one the first with more than half.
	var low priced
	var upTo ledger.Sum // twice the pieces
	for _, q := range quotes {
		upTo = upTo.Plus(q.quantity).Plus(q.quantity)
		side := upTo.Compare(total)
		if side >= 0 && low.pieces == 0 {
			low = q.priced
		}
		if side <= 0 {
			continue
		}
		median := q.float()
		if low != q.priced {
			sum := new(big.Rat).Add(big.NewRat(low.money, low.pieces), big.NewRat(q.money, q.pieces))
			median, _ = sum.Mul(sum, big.NewRat(1, 2)).Float64()
		}
		return &median
	}
	return nil // unreachable: the last one has more than half
}
