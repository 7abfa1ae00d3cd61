package chart

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func candles(n int) Candles {
	c := Candles{
		About: About{ID: "price", Title: "Price"}, Empty: "nothing", Sold: "Pieces sold", Stock: "Pieces in stock",
		Labels: func(float64) []Label { return nil }, Write: func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) },
	}
	c.Ticks = func(values []float64) []string { return make([]string, len(values)) }
	c.Counts = c.Ticks
	for i := range n {
		price := 100 + float64(i%5)
		ask, stock := price+3, 10.0
		c.Values = append(c.Values, Candle{Traded: true, Open: price, High: price + 2, Low: price - 2, Close: price + 1, Middle: &price, Ask: &ask, Stock: &stock, Pieces: 4, Tip: "tip"})
	}
	return c
}

func TestOnePlantedPriceDoesNotFlattenTheCandles(t *testing.T) {
	c := candles(30)
	c.Values[7].High = 100_000
	low, high := c.limits()
	sc := c.priceScale(low, high)
	if sc.top > 150 || sc.low < 50 {
		t.Errorf("prices about 100 and one of 100,000 are drawn from %v to %v", sc.low, sc.top)
	}
	var s svg
	c.draw(&s)
	if drawn := s.String(); strings.Count(drawn, `class="cut"`) != 1 || !strings.Contains(drawn, ">100000</text>") {
		t.Error("the planted price is not cut and labelled")
	}
}

func TestCandlesSayWhereTheirAxisBegins(t *testing.T) {
	c := candles(10)
	c.Ticks = func(values []float64) []string {
		var labels []string
		for _, v := range values {
			labels = append(labels, strconv.FormatFloat(v, 'f', 0, 64))
		}
		return labels
	}
	var s svg
	c.draw(&s)
	low, high := c.limits()
	if want := ">axis from " + c.Ticks([]float64{c.priceScale(low, high).low})[0] + "<"; !strings.Contains(s.String(), want) {
		t.Errorf("candles about 100 do not say %q", want)
	}
	for i := range c.Values {
		c.Values[i].Low = 2
	}
	s = svg{}
	c.draw(&s)
	if strings.Contains(s.String(), "axis from") {
		t.Error("candles whose axis begins at zero say from where")
	}
}

func TestCandlesWithoutSalesOrOffersAreGaps(t *testing.T) {
	c := candles(10)
	for i := range c.Values {
		if i%2 == 0 {
			c.Values[i] = Candle{Tip: "no sale"}
		}
		c.Values[i].Thin = i == 1
	}
	c.Values[3].Close = c.Values[3].Open - 5
	var s svg
	c.draw(&s)
	drawn := s.String()
	for what, want := range map[string]int{`class="rose"`: 3, `class="fell"`: 1, `class="few"`: 1, `class="bar"`: 5, `data-tip`: 10} {
		if got := strings.Count(drawn, what); got != want {
			t.Errorf("%d of %s, want %d", got, what, want)
		}
	}
	if (Candles{Values: make([]Candle, 5)}).any() {
		t.Error("times without a sale and an offer are something to draw")
	}
}

func TestHoursAreLabelledByTheirDays(t *testing.T) {
	var starts []time.Time
	for i := range 42 {
		starts = append(starts, time.Date(2026, 11, 28, 4*i, 0, 0, 0, time.UTC))
	}
	for width, want := range map[float64]string{narrow: "28 Nov, 30, 2 Dec, 4", wide: "28 Nov, 29, 30, 1 Dec, 2, 3, 4"} {
		var got []string
		for _, l := range HourLabels(starts)(width) {
			got = append(got, l.Text)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("at %v px: %q, want %q", width, got, want)
		}
	}
}

func TestCandlesHaveFlagsAboveTheirPlot(t *testing.T) {
	c := candles(30)
	c.Desc = "Prices."
	c.Flags = []Flag{{1, 3, 9, true, "A fair & a feast"}, {2, 20, 20, false, "A tax"}}
	var s svg
	c.draw(&s)
	drawn := s.String()
	for what, want := range map[string]int{`class="span"`: 1, `class="pole"`: 2, `class="nr"`: 2, "tip\n1 A fair &amp; a feast": 7, "tip\n2 A tax": 1, flagKeys: 1} {
		if got := strings.Count(drawn, what); got != want {
			t.Errorf("%d of %q, want %d", got, what, want)
		}
	}
	low, high := c.limits()
	if sc := c.priceScale(low, high); sc.y(sc.top) != candlesTop+flagRow || sc.y(sc.low) != candlesFloor {
		t.Errorf("the prices are drawn from %v to %v", sc.y(sc.top), sc.y(sc.low))
	}
	if bad := faults(drawn); bad != "" {
		t.Error(bad)
	}
}
