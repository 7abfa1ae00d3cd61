package views

import (
	"math"
	"strconv"
	"strings"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// UnitPrice writes the price of one piece, in minor units, which may be a fraction
// of one: with at least three digits, "₤12.34", "₤0.0594".
func UnitPrice(minor float64, s ledger.Settings) string {
	if math.Abs(minor) >= 99.5 || minor == 0 {
		return Money(int64(math.Round(minor)), s)
	}
	major := math.Abs(minor) / math.Pow10(s.Decimals)
	decimals := min(2-int(math.Floor(math.Log10(major))), 12)
	text := strconv.FormatFloat(major, 'f', max(decimals, s.Decimals), 64)
	for strings.HasSuffix(text, "0") && len(text)-strings.IndexByte(text, '.')-1 > s.Decimals {
		text = text[:len(text)-1]
	}
	return withSymbol(strings.TrimSuffix(text, "."), minor < 0, s)
}

// priceBasis says what a price is made of: "median of 41 sales by 12 traders in
// 7 days, last one 3 h ago, 2 left out".
func priceBasis(p aggregates.Price, end time.Time) string {
	var b strings.Builder
	b.WriteString("median of " + Plural(p.Sales, "sale", "sales"))
	if p.Traders > 0 {
		b.WriteString(" by " + Plural(p.Traders, "trader", "traders"))
	}
	if days := aggregates.ParseDays(p.Basis); days > 0 {
		b.WriteString(" in " + Plural(int64(days), "day", "days"))
	}
	if p.LastAt != nil {
		b.WriteString(", the last one " + priceAge(p, end))
	}
	if p.Excluded > 0 {
		b.WriteString(", " + Count(p.Excluded) + " far from the others left out")
	}
	return b.String()
}

// priceAge says how long ago the last sale was at the end of a period.
func priceAge(p aggregates.Price, end time.Time) string {
	if p.LastAt == nil {
		return ""
	}
	return Duration(max(end.Sub(*p.LastAt), 0)) + " ago"
}

// priceChange compares a price with what it was. It returns nothing unless both
// are firm or thin.
func priceChange(now aggregates.Price, before *aggregates.Price) (text, class string) {
	says := func(p aggregates.Price) bool {
		return p.Confidence == aggregates.Firm || p.Confidence == aggregates.Thin
	}
	if before == nil || !says(now) || !says(*before) {
		return "", ""
	}
	text = Change(*now.Value, *before.Value)
	return text, direction(*now.Value-*before.Value, text)
}
