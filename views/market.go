package views

import (
	"math"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// whyNoSales is why a market has nothing to show.
const whyNoSales = "Nothing was sold in this period."

// Turnover shows what was sold in a period beside the one before.
func Turnover(p Page, m *aggregates.Market) Content {
	if m.Sales.Now == 0 {
		return Content{Missing: whyNoSales}
	}
	c := Content{Sub: Plural(m.Items, "item", "items") + " sold", Says: sayTurnover(m, p.Settings), Body: tiles([]tile{
		comparedTile("turnover", "Turnover", moneyTile(m.Volume.Now, p.Settings), m.Volume),
		comparedTile("sales", "Sales", Count(m.Sales.Now), m.Sales),
		comparedTile("pieces", "Pieces", Count(m.Quantity.Now), m.Quantity),
		{Key: "mean", Name: "A sale, on average", Value: moneyTile(int64(math.Round(m.Volume.Now.Float64()/float64(m.Sales.Now))), p.Settings)},
	})}
	if m.Apart.Lines > 0 {
		c.Sub += " · " + Plural(m.Apart.Lines, "return or correction", "returns and corrections") + " apart"
	}
	return c
}

func comparedTile[N int64 | ledger.Sum](key, name, value string, c aggregates.Compared[N]) tile {
	return trendTile(key, name, value, aggregates.Trend[N]{Number: aggregates.Number[N]{Now: &c.Now, Before: c.Before}}, "against the period before")
}

// itemsShown is the number of rows on the market page.
const itemsShown = 20

// Items shows the items with the largest value of sales.
func Items(p Page, m *aggregates.Market) Content {
	if m.Sales.Now == 0 {
		return Content{Missing: whyNoSales}
	}
	return Content{Sub: "By value; the price is the mean of a piece", Says: sayLeader(m), Body: items(m.Top[:min(len(m.Top), itemsShown)], p.Settings)}
}

// price returns a price of one piece, which may be a fraction of the minor unit.
func price(minor float64, s ledger.Settings) string { return Money(int64(math.Round(minor)), s) }
