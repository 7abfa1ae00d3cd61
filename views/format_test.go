package views

import (
	"math"
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

var (
	pounds = ledger.Settings{Symbol: "£", Decimals: 2}
	coins  = ledger.Settings{Symbol: "coins"}
	crowns = ledger.Settings{Symbol: "SEK", Decimals: 2}
	bare   = ledger.Settings{Decimals: 6}
)

// plain makes the spaces that do not break visible as such.
func plain(s string) string { return strings.ReplaceAll(s, nbsp, "_") }

func TestMoneyIsWrittenInFull(t *testing.T) {
	for _, c := range []struct {
		amount int64
		s      ledger.Settings
		want   string
	}{
		{0, pounds, "£0.00"},
		{5, pounds, "£0.05"},
		{-5, pounds, "−£0.05"},
		{821490650, pounds, "£8,214,906.50"},
		{-100000, pounds, "−£1,000.00"},
		{math.MaxInt64, pounds, "£92,233,720,368,547,758.07"},
		{math.MinInt64, pounds, "−£92,233,720,368,547,758.08"},
		{1234, coins, "1,234_coins"},
		{-1, coins, "−1_coins"},
		{123456, crowns, "SEK_1,234.56"},
		{1, bare, "0.000001"},
		{1_000_000, bare, "1.000000"},
	} {
		if got := plain(Money(c.amount, c.s)); got != c.want {
			t.Errorf("Money(%d, %q) = %q, want %q", c.amount, c.s.Symbol, got, c.want)
		}
	}
}

func TestMoneyIsWrittenShort(t *testing.T) {
	for _, c := range []struct {
		amount int64
		want   string
	}{
		{0, "£0"},
		{99_99, "£99.99"},
		{100_49, "£100"},
		{8_214_906_50, "£8,214,907"},
		{9_999_999_49, "£9,999,999"},
		{9_999_999_50, "£10_m"},
		{82_149_065_00, "£82.1_m"},
		{math.MaxInt64, "£92.2_qn"},
		{math.MinInt64, "−£92.2_qn"},
	} {
		if got := plain(MoneyShort(c.amount, pounds)); got != c.want {
			t.Errorf("MoneyShort(%d) = %q, want %q", c.amount, got, c.want)
		}
	}
	for amount, want := range map[ledger.Sum][2]string{
		ledger.Product(math.MaxInt64, 1000):  {"Ξ_9,223,372,036,854.775807000", "Ξ_9.22_tn"},
		ledger.Product(math.MaxInt64, -1000): {"−Ξ_9,223,372,036,854.775807000", "−Ξ_9.22_tn"},
		ledger.SumOf(1):                      {"Ξ_0.000000001", "Ξ_0.000000001"},
	} {
		gwei := ledger.Settings{Symbol: "Ξ", Decimals: 9}
		if got := [2]string{plain(Money(amount, gwei)), plain(MoneyShort(amount, gwei))}; got != want {
			t.Errorf("%s with 9 decimals is %q, want %q", amount, got, want)
		}
	}
	if got := MoneyChange(1200, pounds); got != "+£12.00" {
		t.Errorf("MoneyChange(1200) = %q", got)
	}
}

func TestNumbersAreWrittenCompactly(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 9.994: "9.99", 12.34: "12.3", 950: "950", 999.4: "999", 999.6: "1_k", 1234: "1.23_k", 10_000: "10_k",
		999_600: "1_m", 8_214_906: "8.21_m", 1e9: "1_bn", 2.5e12: "2.5_tn", 9e15: "9_qn", 1e18: "1,000_qn", -1500: "−1.5_k",
	} {
		if got := plain(Compact(v)); got != want {
			t.Errorf("Compact(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestRatiosAreWrittenAsPercent(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0_%", 0.117: "11.7_%", 1: "100.0_%", 0.0004: "<_0.1_%", -0.0004: ">_−0.1_%", -0.2: "−20.0_%", 12.5: "1,250_%",
		0.0005: "0.1_%", math.Inf(1): "n/a",
	} {
		got := strings.ReplaceAll(plain(Percent(v)), " ", "_")
		if got != want {
			t.Errorf("Percent(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestChangesHaveASignOrAWord(t *testing.T) {
	for _, c := range []struct {
		now, before float64
		want        string
	}{
		{101.8, 100, "+1.8_%"}, {97.6, 100, "−2.4_%"}, {100, 100, "no change"}, {100.01, 100, "no change"},
		{5, 0, "from 0"}, {5, -2, "from below 0"}, {0, 0, "no change"}, {0, 7, "−100.0_%"}, {1200, 100, "×_12"}, {-100, 100, "−200.0_%"},
	} {
		if got := plain(Change(c.now, c.before)); got != c.want {
			t.Errorf("Change(%v, %v) = %q, want %q", c.now, c.before, got, c.want)
		}
	}
	for v, want := range map[float64]string{0.114: "+0.11", -0.06: "−0.06", 0.001: "no change", -0.004: "no change"} {
		if got := Signed(v, 2); got != want {
			t.Errorf("Signed(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestTimesAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		30 * time.Second: "30_s", 5 * time.Minute: "5_min", 150 * time.Minute: "2_h", 80 * time.Hour: "3_d", 20 * time.Millisecond: "20_ms", 0: "0_ms",
	} {
		if got := plain(Duration(d)); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
	if got := moment(noon, noon.Add(time.Minute), pounds); got != "12:00:30" {
		t.Errorf("a moment of the same day = %q", got)
	}
	if got := moment(noon, noon.AddDate(0, 0, 1), pounds); got != "20 Nov 12:00:30" {
		t.Errorf("a moment of another day = %q", got)
	}
}

func TestTimesAreThoseOfTheCommunity(t *testing.T) {
	evening := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	for zone, want := range map[string]string{
		"":                  "20 Nov 2026 23:30:00 UTC",
		"Europe/Berlin":     "21 Nov 2026 00:30:00 CET",
		"America/New_York":  "20 Nov 2026 18:30:00 EST",
		"America/Sao_Paulo": "20 Nov 2026 20:30:00 UTC−03",
		"Asia/Dubai":        "21 Nov 2026 03:30:00 UTC+04",
	} {
		s := ledger.Settings{Timezone: zone}
		if got := Date(evening, s) + " " + Time(evening, s) + " " + Zone(evening, s); got != want {
			t.Errorf("in %q it is %s, want %s", zone, got, want)
		}
	}
	berlin := ledger.Settings{Timezone: "Europe/Berlin"}
	if got := Zone(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), berlin); got != "CEST" {
		t.Errorf("in summer it is %s", got)
	}
	if got := moment(evening, evening.Add(-time.Hour), berlin); got != "21 Nov 00:30:00" {
		t.Errorf("an hour before is another day: %q", got)
	}
	midnight := time.Date(2026, 11, 20, 0, 0, 0, 0, berlin.Zone())
	if got := cell(midnight, aggregates.Column{Unit: aggregates.Day}, berlin); got != "20 Nov 2026" {
		t.Errorf("a day is written %q", got)
	}
}

func TestTicksShareAUnit(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{0, 50_000_000, 100_000_000}, "0 0.5_m 1.0_m"},
		{[]float64{-25, 0, 25, 50}, "−0.25 0 0.25 0.50"},
		{[]float64{0, 500_000, 1_000_000}, "0 5_k 10_k"},
		{[]float64{0, 25_000, 50_000, 75_000, 100_000}, "0 250 500 750 1,000"},
		{[]float64{0, 5e18}, "0 50_qn"},
	} {
		if got := plain(strings.Join(moneyTicks(pounds)(c.values), " ")); got != c.want {
			t.Errorf("ticks of %v = %q, want %q", c.values, got, c.want)
		}
	}
}

func TestCellsOfATable(t *testing.T) {
	column := func(name string, u aggregates.Unit) aggregates.Column { return aggregates.Column{Name: name, Unit: u} }
	for _, c := range []struct {
		v    any
		c    aggregates.Column
		want string
	}{
		{nil, column("x", aggregates.Ratio), "n/a"},
		{"shop", column("x", aggregates.Text), "shop"},
		{int64(1234), column("x", aggregates.Count), "1,234"},
		{int64(1234), column("total", aggregates.Money), "£12.34"},
		{int64(1234), column("change_7d", aggregates.Money), "+£12.34"},
		{0.25, column("x", aggregates.Percent), "25.0_%"},
		{0.642, column("x", aggregates.Ratio), "0.6420"},
		{aggregates.Share(0.25), column("x", aggregates.Ratio), "25.0_%"},
		{2317.0, column("x", aggregates.Ratio), "2,317"},
		{noon, column("x", aggregates.Day), "20 Nov 2026"},
		{noon, column("x", aggregates.Instant), "20 Nov 2026 12:00:30"},
	} {
		if got := plain(cell(c.v, c.c, pounds)); got != c.want {
			t.Errorf("cell(%v) = %q, want %q", c.v, got, c.want)
		}
	}
}
