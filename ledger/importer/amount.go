package importer

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strings"
)

// A numberFormat is how numbers are written in a file. The currency's symbol may
// come before or after an amount, and (1.50) is minus 1.50, as in accounting.
type numberFormat struct {
	decimal   byte // '.' or ','
	thousands byte // 0: none
	symbol    string
}

// A decimal is exactly coef / 10^scale. It has no trailing zeros.
type decimal struct {
	coef  int64
	scale int
}

var (
	errNotNumber = errors.New("not a number")
	errTooLarge  = errors.New("too large")
	errRounds    = errors.New("has more decimals than the ledger")
)

// maxScale is how many decimals a number may have; 10^18 fits in an int64.
const maxScale = 18

// parse reads a number exactly: digits, perhaps a sign, a decimal separator,
// and thousands separators in groups of three. No exponents, no NaN.
func (f numberFormat) parse(s string) (decimal, error) {
	s = strings.TrimSpace(s)
	negative := false
	if len(s) > 2 && s[0] == '(' && s[len(s)-1] == ')' {
		negative, s = true, s[1:len(s)-1]
	}
	sign := func() bool {
		if s != "" && !negative && (s[0] == '-' || s[0] == '+') {
			negative, s = s[0] == '-', s[1:]
			return true
		}
		return false
	}
	signed := sign()
	if f.symbol != "" {
		if rest, found := strings.CutPrefix(s, f.symbol); found {
			s = strings.TrimLeft(rest, " ")
			if !signed {
				sign()
			}
		} else if rest, found := strings.CutSuffix(s, f.symbol); found {
			s = strings.TrimRight(rest, " ")
		}
	}
	whole, fraction, hasFraction := strings.Cut(s, string(f.decimal))
	fraction = strings.TrimRight(digitsOrBad(fraction), "0")
	whole, ok := f.ungroup(whole)
	if !ok || strings.HasPrefix(fraction, "!") || whole == "" && (!hasFraction || s == string(f.decimal)) {
		return decimal{}, errNotNumber
	}
	if len(fraction) > maxScale {
		return decimal{}, errTooLarge
	}
	d := decimal{scale: len(fraction)}
	var size uint64
	for _, digits := range []string{whole, fraction} {
		for i := range len(digits) {
			high, low := bits.Mul64(size, 10)
			sum, carry := bits.Add64(low, uint64(digits[i]-'0'), 0)
			if high != 0 || carry != 0 {
				return decimal{}, errTooLarge
			}
			size = sum
		}
	}
	if size > math.MaxInt64 {
		return decimal{}, errTooLarge
	}
	d.coef = int64(size)
	if negative {
		d.coef = -d.coef
	}
	return d, nil
}

// digitsOrBad returns s if it has only digits, else "!".
func digitsOrBad(s string) string {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "!"
		}
	}
	return s
}

// ungroup removes thousands separators. It returns false if one is misplaced.
func (f numberFormat) ungroup(s string) (string, bool) {
	if f.thousands == 0 || strings.IndexByte(s, f.thousands) < 0 {
		return s, digitsOrBad(s) == s
	}
	groups := strings.Split(s, string(f.thousands))
	for i, g := range groups {
		if digitsOrBad(g) != g || len(g) > 3 || len(g) == 0 || i > 0 && len(g) != 3 {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}

// A rounding is what to do with more decimals than the ledger keeps.
type rounding string

const (
	roundError    rounding = "error"
	roundHalfEven rounding = "half-even"
	roundHalfUp   rounding = "half-up" // away from zero
	roundDown     rounding = "down"    // towards zero
)

// product returns a × b in minor units of the given number of decimals, and
// reports whether it was rounded.
func product(a, b decimal, decimals int, how rounding) (amount int64, rounded bool, err error) {
	scale := a.scale + b.scale
	high, low := bits.Mul64(magnitude(a.coef), magnitude(b.coef))
	negative := (a.coef < 0) != (b.coef < 0)
	for ; scale < decimals; scale++ {
		if high != 0 {
			return 0, false, errTooLarge
		}
		high, low = bits.Mul64(low, 10)
	}
	if scale > decimals {
		high, low, rounded, err = divide(high, low, scale-decimals, how)
		if err != nil {
			return 0, false, err
		}
	}
	if high != 0 || low > math.MaxInt64 {
		return 0, false, errTooLarge
	}
	if negative {
		return -int64(low), rounded, nil
	}
	return int64(low), rounded, nil
}

// divide returns (high, low) / 10^digits, rounded.
func divide(high, low uint64, digits int, how rounding) (uint64, uint64, bool, error) {
	n := new(big.Int).SetUint64(high)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(low))
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	quotient, rest := new(big.Int).QuoRem(n, unit, new(big.Int))
	if rest.Sign() == 0 {
		return words(quotient, false)
	}
	half := rest.Lsh(rest, 1).Cmp(unit)
	switch how {
	case roundError:
		return 0, 0, false, errRounds
	case roundHalfEven:
		if half > 0 || half == 0 && quotient.Bit(0) == 1 {
			quotient.Add(quotient, big.NewInt(1))
		}
	case roundHalfUp:
		if half >= 0 {
			quotient.Add(quotient, big.NewInt(1))
		}
	case roundDown:
	}
	return words(quotient, true)
}

func words(n *big.Int, rounded bool) (uint64, uint64, bool, error) {
	if n.BitLen() > 63 {
		return 0, 0, false, errTooLarge
	}
	return 0, n.Uint64(), rounded, nil
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// difference returns what rounding a × b to amount added.
func difference(a, b decimal, amount int64, decimals int) *big.Rat {
	exact := new(big.Rat).Mul(a.rat(), b.rat())
	return exact.Sub(decimal{amount, decimals}.rat(), exact)
}

func (d decimal) rat() *big.Rat {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.scale)), nil)
	return new(big.Rat).SetFrac(big.NewInt(d.coef), unit)
}

// expected describes a valid number.
func (f numberFormat) expected() string {
	text := fmt.Sprintf("digits, with %q before decimals, such as -1234%c56", string(f.decimal), f.decimal)
	if f.thousands != 0 {
		text += fmt.Sprintf(" or 1%c234%c56", f.thousands, f.decimal)
	}
	return text
}
