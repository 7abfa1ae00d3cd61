package views

import "exchequer/ledger"

// A Quantity is a whole number that is counted, or money in minor units.
type Quantity interface{ int | int64 | ledger.Sum }

// sumOf returns the number as a sum, which holds all of them.
func sumOf[N Quantity](n N) ledger.Sum {
	switch n := any(n).(type) {
	case int:
		return ledger.SumOf(int64(n))
	case int64:
		return ledger.SumOf(n)
	case ledger.Sum:
		return n
	}
	panic("unreachable")
}

// float returns the number as a float, for charts and ratios.
func float[N int64 | float64 | ledger.Sum](n N) float64 {
	switch n := any(n).(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	case ledger.Sum:
		return n.Float64()
	}
	panic("unreachable")
}

// digits returns the number without its sign.
func digits(n ledger.Sum) string {
	if n.Sign() < 0 {
		n = n.Neg()
	}
	return n.String()
}
