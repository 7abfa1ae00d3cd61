package aggregates

import (
	"math/big"
	"math/bits"
)

// An int128 is a signed 128-bit integer in two's complement. It holds any sum of
// balances times ranks: 2^32 balances of 2^63 each, times their number.
type int128 struct{ hi, lo uint64 }

func int128Of(x int64) int128 { return int128{uint64(x >> 63), uint64(x)} }

// product returns x times y, exact for all x and y.
func product(x, y int64) int128 {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	hi -= uint64(x>>63)&uint64(y) + uint64(y>>63)&uint64(x)
	return int128{hi, lo}
}

func (a int128) plus(b int128) int128 {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return int128{hi, lo}
}

func (a int128) minus(b int128) int128 {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return int128{hi, lo}
}

// sign returns -1, 0 or 1.
func (a int128) sign() int {
	switch {
	case int64(a.hi) < 0:
		return -1
	case a.hi == 0 && a.lo == 0:
		return 0
	}
	return 1
}

// int64 returns the number and reports whether it fits.
func (a int128) int64() (int64, bool) {
	return int64(a.lo), a.hi == uint64(int64(a.lo)>>63)
}

func (a int128) big() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(int64(a.hi)), 64)
	return n.Add(n, new(big.Int).SetUint64(a.lo))
}

func (a int128) float() float64 {
	f, _ := new(big.Float).SetInt(a.big()).Float64()
	return f
}

// ratio returns the float64 nearest to num/den, so that equal shares are exactly
// equal. den must not be zero.
func ratio(num, den *big.Int) float64 {
	f, _ := new(big.Rat).SetFrac(num, den).Float64()
	return f
}
