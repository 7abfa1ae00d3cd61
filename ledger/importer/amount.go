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

// A decimal is exactly coef / 10^scale. It has no zeros at the end of its fraction.
type decimal struct {
	coef  int64
	scale int
	large *big.Int // instead of coef, where that does not hold it
}

// integer returns a whole number.
func integer(n int64) decimal { return decimal{coef: n} }

// shift moves the decimal point to the right, or to the left if places is negative.
func (d decimal) shift(places int) decimal {
	d.scale -= places
	return d
}

var (
	errNotNumber = errors.New("not a number")
	errTooLarge  = errors.New("too large")
	errRounds    = errors.New("has more decimals than the ledger")
)

// maxDigits is how many digits a number may have before its point, and after it.
const maxDigits = 36

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
	if len(fraction) > maxDigits || len(strings.TrimLeft(whole, "0")) > maxDigits {
		return decimal{}, errTooLarge
	}
	d := decimal{scale: len(fraction)}
	if coef, ok := parseUint(whole + fraction); ok {
		d.coef = coef
	} else {
		d.large, _ = new(big.Int).SetString(whole+fraction, 10)
	}
	if negative {
		d.coef = -d.coef
		if d.large != nil {
			d.large.Neg(d.large)
		}
	}
	return d, nil
}

// parseUint returns the value of digits, and false if an int64 does not hold it.
func parseUint(digits string) (int64, bool) {
	var n uint64
	for i := range len(digits) {
		if n > (math.MaxInt64-9)/10 {
			high, low := bits.Mul64(n, 10)
			sum, carry := bits.Add64(low, uint64(digits[i]-'0'), 0)
			if high != 0 || carry != 0 || sum > math.MaxInt64 {
				return 0, false
			}
			n = sum
			continue
		}
		n = n*10 + uint64(digits[i]-'0')
	}
	return int64(n), true
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
	roundExact    rounding = "exact" // it is an error
	roundHalfEven rounding = "half-even"
	roundHalfUp   rounding = "half-up" // away from zero
	roundDown     rounding = "down"    // towards zero
)

// product returns a × b in minor units of the given number of decimals, and
// reports whether it was rounded.
func product(a, b decimal, decimals int, how rounding) (amount int64, rounded bool, err error) {
	scale := a.scale + b.scale
	if a.large == nil && b.large == nil && scale <= decimals { // mostly
		high, low := bits.Mul64(magnitude(a.coef), magnitude(b.coef))
		for ; scale < decimals && high == 0; scale++ {
			high, low = bits.Mul64(low, 10)
		}
		switch {
		case high != 0 || low > math.MaxInt64:
			return 0, false, errTooLarge
		case (a.coef < 0) != (b.coef < 0):
			return -int64(low), false, nil
		}
		return int64(low), false, nil
	}
	n := new(big.Int).Mul(a.big(), b.big())
	negative := n.Sign() < 0
	n.Abs(n)
	if scale < decimals {
		n.Mul(n, powerOfTen(decimals-scale))
	}
	if scale > decimals {
		if n, rounded, err = divide(n, scale-decimals, how); err != nil {
			return 0, false, err
		}
	}
	if n.BitLen() > 63 {
		return 0, false, errTooLarge
	}
	if negative {
		n.Neg(n)
	}
	return n.Int64(), rounded, nil
}

// divide returns n / 10^digits, rounded; n is not negative.
func divide(n *big.Int, digits int, how rounding) (*big.Int, bool, error) {
	unit := powerOfTen(digits)
	quotient, rest := new(big.Int).QuoRem(n, unit, new(big.Int))
	if rest.Sign() == 0 {
		return quotient, false, nil
	}
	half := rest.Lsh(rest, 1).Cmp(unit)
	switch how {
	case roundExact:
		return nil, false, errRounds
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
	return quotient, true, nil
}

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// difference returns what rounding a × b to amount added.
func difference(a, b decimal, amount int64, decimals int) *big.Rat {
	exact := new(big.Rat).Mul(a.rat(), b.rat())
	return exact.Sub(integer(amount).shift(-decimals).rat(), exact)
}

func (d decimal) big() *big.Int {
	if d.large != nil {
		return d.large
	}
	return big.NewInt(d.coef)
}

func (d decimal) rat() *big.Rat {
	if d.scale < 0 {
		return new(big.Rat).SetInt(new(big.Int).Mul(d.big(), powerOfTen(-d.scale)))
	}
	return new(big.Rat).SetFrac(d.big(), powerOfTen(d.scale))
}

// expected describes a valid number.
func (f numberFormat) expected() string {
	text := fmt.Sprintf("digits, with %q before decimals, such as -1234%c56", string(f.decimal), f.decimal)
	if f.thousands != 0 {
		text += fmt.Sprintf(" or 1%c234%c56", f.thousands, f.decimal)
	}
	return text
}
