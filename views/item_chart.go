package views

import (
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// StepParam is the length of a candle.
var StepParam = &Param{
	Name: "step", Label: "Length of a candle", Default: "auto",
	Nearest: func(text string) string {
		if slices.Contains(aggregates.Steps(), aggregates.Step(text)) {
			return text
		}
		return "auto"
	},
	Options: []Option{{"auto", "auto", "as suits the period"}, {"1h", "1 h", "candles of an hour, in 7 days"}, {"4h", "4 h", "candles of 4 hours, in 7 or 30 days"}, {"1d", "day", "candles of a day"}, {"1w", "week", "candles of a week"}},
}

// stepNames are the words for steps.
var stepNames = map[string]string{"1h": "hour", "4h": "4 hours"}

// ItemCourse shows the price of an item as candles.
func ItemCourse(p Page, v *aggregates.ItemChart) Content {
	if !slices.ContainsFunc(v.Candles, func(c aggregates.Candle) bool { return c.Sales > 0 || c.Standing != nil }) {
		return Content{Missing: "It was neither sold nor offered in this period."}
	}
	middle := "median"
	chosen := map[string]string{"day": "1d", "week": "1w"}[v.Step]
	if stepNames[v.Step] != "" {
		middle, chosen = "mean", v.Step
	}
	legend := strings.TrimSpace(p.Settings.Symbol+" a piece.") + " Outlined: rose; filled: fell; dotted: under 5 sales. Line: " + middle + " by pieces. Band: from the best offer to the cheapest"
	address := p.compareLink(aggregates.SeriesRef{Kind: aggregates.SeriesPrice, Ref: v.ID})
	var starts []time.Time
	for _, candle := range v.Candles {
		starts = append(starts, candle.Start)
	}
	flags := p.FlagsOn(starts, v.End)
	c := Content{Flags: flags, Body: compareWith(itemChart(v, flags, p.Settings), address, "the price of "+ItemName(v.Name, v.ID), watchLink(WatchItemsParam, v.ID))}
	if chosen == "" {
		c.Sub = "Candles of a " + v.Step + "; a period this long has no shorter ones. " + legend
	} else {
		c.Sub, c.Switches = "Candles:", []Switch{{Param: StepParam, Chosen: chosen, After: legend}}
	}
	return c
}

func itemChart(v *aggregates.ItemChart, flags Flags, s ledger.Settings) templ.Component {
	step := orElse(stepNames[v.Step], v.Step)
	each := "a " + step
	if v.Step == "1h" || v.Step == "4h" {
		each = "in " + map[string]string{"1h": "an hour", "4h": "4 hours"}[v.Step]
	}
	c := chart.Candles{
		About: chart.About{ID: "price", Title: "Price by " + step, Desc: courseDesc(v, s)},
		Ticks: moneyTicks(s), Counts: countTicks, Write: func(v float64) string { return barePrice(v, s) },
		Sold: "Pieces sold " + each, Stock: "Pieces in stock",
		Flags: flags.Flags,
		Empty: "It was neither sold nor offered in this period.",
	}
	var starts []time.Time
	for i, of := range v.Candles {
		starts = append(starts, local(of.Start, s))
		candle := chart.Candle{
			Traded: of.Sales > 0, Middle: of.Prices.Median, Pieces: of.Quantity.Float64(), Thin: of.Sales < 5, Partial: of.Partial,
			Open: orZero(of.Prices.Open), High: orZero(of.Prices.High), Low: orZero(of.Prices.Low), Close: orZero(of.Prices.Close),
		}
		if stepNames[v.Step] != "" {
			candle.Middle = of.Prices.VWAP
		}
		if st := of.Standing; st != nil {
			stock := st.Stock.Float64()
			candle.Ask, candle.Bid, candle.Stock = st.BestAsk, st.BestBid, &stock
		}
		candle.Tip = candleTip(v, of, candle.Middle, s)
		if of.Partial && i == len(v.Candles)-1 && v.Step == "day" && !v.Historical {
			candle.Name = "today"
		}
		c.Values = append(c.Values, candle)
	}
	c.Labels = chart.DateLabels(starts, v.Step)
	if stepNames[v.Step] != "" {
		c.Labels = chart.HourLabels(starts)
	}
	return c.Draw()
}

func candleTip(v *aggregates.ItemChart, c aggregates.Candle, middle *float64, s ledger.Settings) string {
	at := bucketName(c.Start, v.Step, s)
	if stepNames[v.Step] != "" {
		at = local(c.Start, s).Format("Mon 2 Jan 15:04")
	}
	first := "no sale"
	if c.Sales > 0 {
		first = optionalPrice(middle, s)
		at += ", " + Plural(c.Sales, "sale", "sales") + ", " + Count(c.Quantity) + nbsp + "pieces\n" +
			"from " + optionalPrice(c.Prices.Open, s) + " to " + optionalPrice(c.Prices.Close, s) + ", lowest " + optionalPrice(c.Prices.Low, s) + ", highest " + optionalPrice(c.Prices.High, s)
	}
	if st := c.Standing; st != nil {
		at += "\ncheapest " + optionalPrice(st.BestAsk, s) + ", best offer " + optionalPrice(st.BestBid, s) + ", " + Count(st.Stock) + nbsp + "in stock"
	}
	if c.Partial {
		at += "\nnot over"
	}
	return first + "\n" + at
}

// courseDesc describes the first and the last price, and the lowest and the highest.
func courseDesc(v *aggregates.ItemChart, s ledger.Settings) string {
	var sold []aggregates.Candle
	for _, c := range v.Candles {
		if c.Sales > 0 {
			sold = append(sold, c)
		}
	}
	if len(sold) == 0 {
		return "Nothing was sold."
	}
	low, high := *sold[0].Prices.Low, *sold[0].Prices.High
	for _, c := range sold {
		low, high = min(low, *c.Prices.Low), max(high, *c.Prices.High)
	}
	return "From " + optionalPrice(sold[0].Prices.Open, s) + " to " + optionalPrice(sold[len(sold)-1].Prices.Close, s) +
		", lowest " + UnitPrice(low, s) + ", highest " + UnitPrice(high, s) + "."
}
