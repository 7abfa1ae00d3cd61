package views

import (
	"math"
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
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
	return c.switchOffsetting(m.Offsetting, p.Settings)
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
	sub := "By value. Price of a piece at the end of the period"
	if len(m.Top) > 0 && m.Top[0].Earlier != nil {
		sub += ", against the day before it"
	}
	return Content{Sub: sub, Says: sayLeader(m), Body: items(p.Params, m.Top[:min(len(m.Top), itemsShown)], m.End, p.Settings)}
}

// Groups shows the sales of each group of items.
func Groups(p Page, m *aggregates.Market) Content {
	switch {
	case m.Sales.Now == 0:
		return Content{Missing: whyNoSales}
	case len(m.Groups) == 0:
		return Content{Missing: "The ledger says of no item what group it belongs to."}
	}
	return Content{Sub: "Share of the turnover", Body: groups(m.Groups, p.Settings)}
}

// groupName is the name of a group.
func groupName(g aggregates.GroupMarket) string { return orElse(g.Group, "Other items") }

// whyNoIndex is why there is no price index.
const whyNoIndex = "No item was sold at two times that could be compared."

// PriceIndex shows how prices moved, in percent of those at the start.
func PriceIndex(p Page, x *aggregates.PriceIndex) Content {
	if x.Change == nil {
		return Content{Missing: whyNoIndex}
	}
	return Content{
		Sub: "All prices against " + indexBase(x, p.Settings) + ", in %. " + Plural(x.Items, "item", "items") + ", " +
			Percent(*x.Coverage) + " of the turnover",
		Says: sayPrices(x, p.Settings), Body: indexChart(x, p.Settings),
	}
}

// indexBase returns when the index is 100.
func indexBase(x *aggregates.PriceIndex, s ledger.Settings) string {
	for _, p := range x.Points {
		if p.Value != nil {
			return strings.ToLower(x.Bucket[:1]) + x.Bucket[1:] + " " + bucketShort(p.Start, x.Bucket, s)
		}
	}
	return ""
}

func indexChart(x *aggregates.PriceIndex, s ledger.Settings) templ.Component {
	c := chart.Columns{
		About: chart.About{ID: "prices", Title: "Prices a " + x.Bucket, Desc: "Change " + Signed(*x.Change*100, 1) + " %."},
		Ticks: countTicks, Empty: whyNoIndex,
	}
	var starts []time.Time
	for _, at := range x.Points {
		starts = append(starts, at.Start)
		column := chart.Column{Partial: at.Partial, Tip: "nothing to compare\n" + bucketName(at.Start, x.Bucket, s)}
		if at.Value != nil {
			column.Value = *at.Value - 100
			column.Tip = Signed(column.Value, 2) + " %\n" + bucketName(at.Start, x.Bucket, s) + ", " + Plural(at.Items, "item", "items") + " compared"
			column.Written = Signed(column.Value, 0) + " %"
		}
		c.Values = append(c.Values, column)
	}
	c.Labels = chart.DateLabels(starts, x.Bucket)
	return c.Draw()
}

// contributionsShown is the number of rows on the market page.
const contributionsShown = 8

// Contributions shows which items moved the index.
func Contributions(p Page, x *aggregates.PriceIndex) Content {
	switch {
	case x.Change == nil:
		return Content{Missing: whyNoIndex}
	case len(x.Contributions) == 0:
		return Content{Missing: "No price moved in this period."}
	}
	return Content{Sub: "Points of the " + Signed(*x.Change*100, 1) + " %, over all pairs of " + x.Bucket + "s", Body: contributions(p.Params, x)}
}

// contributionRows lists the largest contributions, and all others as one.
func contributionRows(x *aggregates.PriceIndex) []aggregates.Contribution {
	shown := x.Contributions[:min(len(x.Contributions), contributionsShown)]
	others := aggregates.Contribution{Name: "Others", Change: *x.Change}
	for _, c := range shown {
		others.Change -= c.Change
	}
	return append(append([]aggregates.Contribution{}, shown...), others)
}

// moversShown is the number of rows on the market page, of each list.
const moversShown = 8

// Movers shows the prices that rose and fell most.
func Movers(p Page, m *aggregates.Movers) Content {
	switch {
	case !m.Reaches:
		return Content{Missing: "There are no prices before this period to compare with."}
	case m.Up+m.Down == 0:
		return Content{Missing: "No price moved that was firm both then and now."}
	}
	return Content{
		Sub:  "Firm prices against the day before the period: " + Count(m.Up) + " of " + Count(m.Compared) + " rose, " + Count(m.Down) + " fell",
		Body: movers(m, p.Settings),
	}
}

// most returns the largest moves of a list.
func most(list []aggregates.Mover) []aggregates.Mover {
	return list[:min(len(list), moversShown)]
}

// Turns shows items that are new on the market and those that are gone.
func Turns(p Page, m *aggregates.Movers) Content {
	switch {
	case !m.Reaches:
		return Content{Missing: "There are no days before this period to compare with."}
	case m.NewItems+m.OldItems == 0:
		return Content{Missing: "Every item that was sold before was sold in this period too, and no other."}
	}
	return Content{
		Sub:  Plural(m.NewItems, "item", "items") + " sold for the first time, " + Count(m.OldItems) + " no longer",
		Body: newAndGone(m, p.Settings),
	}
}

// gapsShown is the number of rows on the market page.
const gapsShown = 15

// Gaps shows what is missing from the market.
func Gaps(p Page, g *aggregates.Gaps) Content {
	switch {
	case g.Offered == 0:
		return Content{Missing: "No shop has ever offered anything, as far as the ledger says."}
	case len(g.Items) == 0:
		return Content{Missing: "Nothing is missing: of each item that was sold in 7 days there is stock for a day or more, at its usual price."}
	}
	return Content{
		Sub: "Of " + Plural(g.Offered, "item", "items") + " that shops offer: " + Count(g.SoldOut) + " sold out, " + Count(g.Short) +
			" short, " + Count(g.Wanted) + " wanted, " + Count(g.Dear) + " dear",
		Body: gaps(g, p.Settings),
	}
}

// gapCover says how long the stock lasts.
func gapCover(g aggregates.Gap) string {
	switch {
	case g.Asks == 0:
		return "none"
	case g.Cover == nil:
		return ""
	case *g.Cover < 10:
		return Decimal(*g.Cover, 1) + nbsp + "d"
	}
	return Decimal(*g.Cover, 0) + nbsp + "d"
}

// orNone writes a price that may not be there.
func orNone(minor *float64, s ledger.Settings) string {
	if minor == nil {
		return "none"
	}
	return UnitPrice(*minor, s)
}
