package views

import (
	"fmt"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// cell writes one value of a table for people.
func cell(v any, unit aggregates.Unit, s ledger.Settings) string {
	switch v := v.(type) {
	case nil:
		return "n/a"
	case string:
		return v
	case int64:
		if unit == aggregates.Money {
			return Money(v, s)
		}
		return Count(v)
	case float64:
		if unit == aggregates.Percent {
			return Percent(v)
		}
		return digitsFor(v)
	case time.Time:
		if unit == aggregates.Day {
			return Date(v)
		}
		return Date(v) + " " + Time(v)
	}
	return fmt.Sprint(v)
}

// digitsFor writes whole numbers as such and others with four decimals.
func digitsFor(v float64) string {
	if v == float64(int64(v)) {
		return Count(int64(v))
	}
	return Decimal(v, 4)
}

func numeric(u aggregates.Unit) bool {
	return u == aggregates.Count || u == aggregates.Money || u == aggregates.Ratio || u == aggregates.Percent
}
