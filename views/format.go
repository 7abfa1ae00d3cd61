package views

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"exchequer/ledger"
)

const (
	minus = "\u2212"
	nbsp  = "\u00a0"
)

// Money writes an amount of minor units in full: "₤8,214,906.50". A symbol
// that is a word in small letters follows the number: "12 coins".
func Money[N Quantity](amount N, s ledger.Settings) string {
	sum := sumOf(amount)
	digits := digits(sum)
	fraction := ""
	if s.Decimals > 0 {
		if short := s.Decimals + 1 - len(digits); short > 0 {
			digits = strings.Repeat("0", short) + digits
		}
		cut := len(digits) - s.Decimals
		digits, fraction = digits[:cut], "."+digits[cut:]
	}
	return withSymbol(group(digits)+fraction, sum.Sign() < 0, s)
}

// MoneyShort writes an amount for a narrow place: whole units below ten
// million, "₤8,214,906", then "₤82.1 m". Amounts of less than 100 units keep
// their decimals, save zero.
func MoneyShort[N Quantity](amount N, s ledger.Settings) string {
	minor := sumOf(amount).Float64()
	switch v := math.Abs(minor) / math.Pow10(s.Decimals); {
	case v == 0:
		return withSymbol("0", false, s)
	case v < 100:
		return Money(amount, s)
	case v < 9_999_999.5:
		return withSymbol(group(strconv.FormatFloat(math.Round(v), 'f', 0, 64)), minor < 0, s)
	default:
		return MoneyCompact(minor, s)
	}
}

// MoneyCompact writes about three digits: "₤8.2 m", "₤950".
func MoneyCompact(amount float64, s ledger.Settings) string {
	v := amount / math.Pow10(s.Decimals)
	return withSymbol(Compact(math.Abs(v)), v < 0, s)
}

// MoneyChange is Money with its sign.
func MoneyChange[N Quantity](amount N, s ledger.Settings) string {
	if sumOf(amount).Sign() > 0 {
		return "+" + Money(amount, s)
	}
	return Money(amount, s)
}

func withSymbol(number string, negative bool, s ledger.Settings) string {
	sign := ""
	if negative {
		sign = minus
	}
	first, size := utf8.DecodeRuneInString(s.Symbol)
	switch {
	case s.Symbol == "":
		return sign + number
	case unicode.IsLower(first):
		return sign + number + nbsp + s.Symbol
	case size == len(s.Symbol) && !unicode.IsLetter(first):
		return sign + s.Symbol + number
	default:
		return sign + s.Symbol + nbsp + number
	}
}

func group(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Count writes a whole number with thousands separators.
func Count[N Quantity](n N) string {
	sum := sumOf(n)
	if sum.Sign() < 0 {
		return minus + group(digits(sum))
	}
	return group(digits(sum))
}

// Plural is Count with its noun: "1 holder", "2,317 holders".
func Plural(n int64, one, many string) string { return Count(n) + nbsp + noun(n, one, many) }

func noun(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

var magnitudes = []struct {
	size float64
	name string
}{{1e15, "qn"}, {1e12, "tn"}, {1e9, "bn"}, {1e6, "m"}, {1e3, "k"}}

// Compact writes a number with about three digits: "950", "12.3 k", "8.21 m".
func Compact(v float64) string {
	sign := ""
	if v < 0 {
		sign, v = minus, -v
	}
	for i, m := range magnitudes {
		if v < m.size*0.9995 {
			continue
		}
		if q := v / m.size; i == 0 && q >= 1000 {
			return sign + group(strconv.FormatFloat(q, 'f', 0, 64)) + nbsp + m.name
		} else {
			return sign + digits3(q) + nbsp + m.name
		}
	}
	return sign + digits3(v)
}

// digits3 writes three significant digits, without zeros at the end.
func digits3(v float64) string {
	decimals := 2
	switch {
	case v >= 99.95:
		decimals = 0
	case v >= 9.995:
		decimals = 1
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// Percent writes a ratio as percent with one decimal: 0.117 is "11.7 %". What
// rounds to zero is "< 0.1 %".
func Percent(ratio float64) string {
	switch {
	case math.IsNaN(ratio) || math.IsInf(ratio, 0):
		return "n/a"
	case ratio == 0:
		return "0" + nbsp + "%"
	case math.Abs(ratio) < 0.0005:
		if ratio < 0 {
			return "> " + minus + "0.1" + nbsp + "%"
		}
		return "< 0.1" + nbsp + "%"
	}
	sign := ""
	if ratio < 0 {
		sign = minus
	}
	v := math.Abs(ratio) * 100
	decimals := 1
	if v >= 999.95 {
		decimals = 0
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(v, 'f', decimals, 64), ".")
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + group(whole) + fraction + nbsp + "%"
}

// Decimal writes a number with a fixed number of decimals.
func Decimal(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "n/a"
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	whole, fraction, found := strings.Cut(s, ".")
	if found {
		fraction = "." + fraction
	}
	s = group(whole) + fraction
	if v < 0 && strings.Trim(s, "0.,") != "" {
		return minus + s
	}
	return s
}

// Signed is Decimal with its sign, "no change" for what rounds to zero.
func Signed(v float64, decimals int) string {
	s := Decimal(v, decimals)
	switch {
	case strings.Trim(s, "0.,") == "":
		return "no change"
	case v > 0:
		return "+" + s
	}
	return s
}

// Change compares a number with its earlier value: "+1.8 %", "× 12", "no change".
// If that was zero or negative there is no percentage.
func Change(now, before float64) string {
	switch {
	case now == before:
		return "no change"
	case before == 0:
		return "from 0"
	case before < 0:
		return "from below 0"
	}
	ratio := now/before - 1
	if ratio >= 10 {
		return "×" + nbsp + digits3(now/before)
	}
	if math.Abs(ratio) < 0.0005 {
		return "no change"
	}
	if ratio > 0 {
		return "+" + Percent(ratio)
	}
	return Percent(ratio)
}

// Date writes "3 Nov 2026", in the community's time zone, as all that follow.
func Date(t time.Time, s ledger.Settings) string { return local(t, s).Format("2 Jan 2006") }

// DayMonth writes "3 Nov".
func DayMonth(t time.Time, s ledger.Settings) string { return local(t, s).Format("2 Jan") }

// Time writes "12:00:30".
func Time(t time.Time, s ledger.Settings) string { return local(t, s).Format("15:04:05") }

// Zone writes the abbreviation of the time zone at a time: "CET", "UTC", and
// "UTC−03" where people have none.
func Zone(t time.Time, s ledger.Settings) string {
	name := local(t, s).Format("MST")
	if strings.ContainsAny(name, "+-") {
		return "UTC" + strings.Replace(name, "-", minus, 1)
	}
	return name
}

// moment writes a time of day, with its date if that differs from the other's.
func moment(t, other time.Time, s ledger.Settings) string {
	if ledger.DayNumber(local(t, s)) == ledger.DayNumber(local(other, s)) {
		return Time(t, s)
	}
	return DayMonth(t, s) + " " + Time(t, s)
}

func local(t time.Time, s ledger.Settings) time.Time { return t.In(s.Zone()) }

// Duration writes the largest unit that fits: "30 s", "5 min", "2 h", "3 d".
func Duration(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for _, u := range units {
		if d >= u.size {
			return strconv.FormatInt(int64(d/u.size), 10) + nbsp + u.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + nbsp + "ms"
}
