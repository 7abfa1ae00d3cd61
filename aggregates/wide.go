package aggregates

import (
	"math/big"
	"math/bits"
)

// A wide is a signed 128-bit integer in two's complement. It holds any sum of
// balances times ranks: 2^32 balances of 2^63 each, times their number, and
// some over.
type wide struct{ hi, lo uint64 }

func wideOf(x int64) wide { return wide{uint64(x >> 63), uint64(x)} }

// product is exact for all x and y.
func product(x, y int64) wide {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	hi -= uint64(x>>63)&uint64(y) + uint64(y>>63)&uint64(x)
	return wide{hi, lo}
}

func (a wide) plus(b wide) wide {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return wide{hi, lo}
}

func (a wide) minus(b wide) wide {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return wide{hi, lo}
}

// sign is -1, 0 or 1.
func (a wide) sign() int {
	switch {
	case int64(a.hi) < 0:
		return -1
	case a.hi == 0 && a.lo == 0:
		return 0
	}
	return 1
}

// int64 returns the number and whether it fits.
func (a wide) int64() (int64, bool) {
	return int64(a.lo), a.hi == uint64(int64(a.lo)>>63)
}

func (a wide) big() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(int64(a.hi)), 64)
	return n.Add(n, new(big.Int).SetUint64(a.lo))
}

func (a wide) float() float64 {
	f, _ := new(big.Float).SetInt(a.big()).Float64()
	return f
}

// ratio is the float64 nearest to num/den, so that equal shares of anything
// come out as exactly what they are. den is not zero.
func ratio(num, den *big.Int) float64 {
	f, _ := new(big.Rat).SetFrac(num, den).Float64()
	return f
}
