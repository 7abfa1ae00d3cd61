package views

import (
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
)

func TestUnitPricesHaveThreeDigitsAtLeast(t *testing.T) {
	for minor, want := range map[float64]string{
		1234.4: "£12.34", 20100: "£201.00", 99.4: "£0.994", 5.937: "£0.0594", 50: "£0.50", 0.125: "£0.00125", 100: "£1.00",
	} {
		if got := UnitPrice(minor, pounds); got != want {
			t.Errorf("UnitPrice(%v) = %q, want %q", minor, got, want)
		}
	}
	whole := pounds
	whole.Decimals = 0
	if got := UnitPrice(7, whole); got != "£7" {
		t.Errorf("without decimals: %q", got)
	}
}

func TestAPriceSaysWhatItIsMadeOf(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	value, last := 1250.0, now.Add(-3*time.Hour)
	p := aggregates.Price{Value: &value, Basis: "7", Sales: 41, Traders: 12, LastAt: &last, Excluded: 2, Confidence: aggregates.Firm}
	for _, c := range []struct {
		confidence aggregates.Confidence
		want       string
	}{
		{aggregates.Firm, "£12.50 , median of 41 sales by 12 traders in 7 days, the last one 3 h ago, 2 far from the others left out"},
		{aggregates.Guess, "£12.50 guess , median of 41 sales by 12 traders in 7 days, the last one 3 h ago, 2 far from the others left out"},
	} {
		p.Confidence = c.confidence
		if got := strings.ReplaceAll(words(render(t, quote(p, now, pounds)).Find(".quote")), nbsp, " "); got != c.want {
			t.Errorf("%s price: %q, want %q", c.confidence, got, c.want)
		}
	}
	if got := words(render(t, quote(aggregates.Price{Confidence: aggregates.None}, now, pounds)).Find(".quote")); got != "no price" {
		t.Errorf("without a price: %q", got)
	}
}
