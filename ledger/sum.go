package ledger

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"

	"github.com/jackc/pgx/v5/pgtype"
)

// A Sum is a sum of amounts: a signed 128-bit integer in two's complement. Each
// amount and each balance fits in 64 bits; what many of them add up to need not.
// A Sum holds any sum of 2^63 amounts, so that its methods do not check for
// overflow. In JSON it is a number with all its digits.
type Sum struct{ hi, lo uint64 }

// SumOf returns x as a sum.
func SumOf(x int64) Sum { return Sum{uint64(x >> 63), uint64(x)} }

// Product returns x times y, exact for all x and y.
func Product(x, y int64) Sum {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	hi -= uint64(x>>63)&uint64(y) + uint64(y>>63)&uint64(x)
	return Sum{hi, lo}
}

// Plus returns a + b.
func (a Sum) Plus(b Sum) Sum {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return Sum{hi, lo}
}

// Add returns a + x.
func (a Sum) Add(x int64) Sum { return a.Plus(SumOf(x)) }

// Minus returns a − b.
func (a Sum) Minus(b Sum) Sum {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return Sum{hi, lo}
}

// Neg returns −a.
func (a Sum) Neg() Sum { return Sum{}.Minus(a) }

// Sign returns -1, 0 or 1.
func (a Sum) Sign() int {
	switch {
	case int64(a.hi) < 0:
		return -1
	case a.hi == 0 && a.lo == 0:
		return 0
	}
	return 1
}

// Compare returns -1, 0 or 1 where a is less than, equal to or greater than b.
func (a Sum) Compare(b Sum) int { return a.Minus(b).Sign() }

// Equal reports whether a and b are the same.
func (a Sum) Equal(b Sum) bool { return a == b }

// Int64 returns the sum and reports whether it fits.
func (a Sum) Int64() (int64, bool) {
	return int64(a.lo), a.hi == uint64(int64(a.lo)>>63)
}

// Big returns the sum as a big integer.
func (a Sum) Big() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(int64(a.hi)), 64)
	return n.Add(n, new(big.Int).SetUint64(a.lo))
}

// Float64 returns the float64 nearest to the sum.
func (a Sum) Float64() float64 {
	if x, ok := a.Int64(); ok {
		return float64(x)
	}
	f, _ := new(big.Float).SetInt(a.Big()).Float64()
	return f
}

// String returns the sum in decimal digits.
func (a Sum) String() string {
	if x, ok := a.Int64(); ok {
		return fmt.Sprint(x)
	}
	return a.Big().String()
}

// MarshalJSON returns all digits, as a number.
func (a Sum) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalJSON reads a whole number.
func (a *Sum) UnmarshalJSON(text []byte) error {
	n, ok := new(big.Int).SetString(string(text), 10)
	if !ok {
		return fmt.Errorf("%.40q is not a whole number", text)
	}
	return a.set(n)
}

// set fails for a number that does not fit.
func (a *Sum) set(n *big.Int) error {
	if n.IsInt64() { // nearly all, and without the allocations
		*a = SumOf(n.Int64())
		return nil
	}
	low := new(big.Int).And(n, new(big.Int).SetUint64(1<<64-1))
	high := new(big.Int).Rsh(n, 64)
	if !high.IsInt64() {
		return errors.New("a sum does not fit in 128 bits")
	}
	*a = Sum{uint64(high.Int64()), low.Uint64()}
	return nil
}

// ScanNumeric reads a numeric column of Postgres, which must be whole.
func (a *Sum) ScanNumeric(v pgtype.Numeric) error {
	if !v.Valid || v.NaN || v.InfinityModifier != 0 {
		return errors.New("a sum is not a number")
	}
	n := v.Int
	if v.Exp != 0 {
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(v.Exp, -v.Exp))), nil)
		rest := new(big.Int)
		if n = new(big.Int); v.Exp > 0 {
			n.Mul(v.Int, unit)
		} else if n.QuoRem(v.Int, unit, rest); rest.Sign() != 0 {
			return errors.New("a sum is not whole")
		}
	}
	return a.set(n)
}

// ScanInt64 reads a number that is not null.
func (a *Sum) ScanInt64(v pgtype.Int8) error {
	if !v.Valid {
		return errors.New("a sum is not a number")
	}
	*a = SumOf(v.Int64)
	return nil
}

// NumericValue returns the sum for a numeric column of Postgres.
func (a Sum) NumericValue() (pgtype.Numeric, error) {
	return pgtype.Numeric{Int: a.Big(), Valid: true}, nil
}
