package views

import (
	"fmt"
	"math"
	"strconv"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// offersShown is the number of offers on an item's page. The panel's own page has
// all of them.
const offersShown = 9

// ItemName returns the name of an item for its page's title.
func ItemName(name, ref string) string { return orElse(readable(name), readable(ref)) }

// ItemNote returns the place of an item among all: "3rd of 184 items by value".
func ItemNote(v *aggregates.ItemRanks, ref string) string {
	rank := v.Ranks[ref]
	if rank == 0 {
		return ""
	}
	return ordinal(rank) + " of " + Plural(v.Sold, "item", "items") + " by value"
}

func ordinal(n int64) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return Count(n) + suffix
}

// ItemFigures shows what an item costs and how much of it is traded.
func ItemFigures(p Page, i *aggregates.Item) Content {
	s := p.Settings
	price := tile{Key: "price", Name: "Price"}
	if i.Price.Value == nil {
		price.Why = "none: it was never sold"
	} else {
		if i.Price.Confidence != aggregates.Firm {
			price.Name = "Price, " + string(i.Price.Confidence)
		}
		price.Value, price.Exact = UnitPrice(*i.Price.Value, s), priceBasis(i.Price, i.End)
		if i.Before != nil {
			price.Change = Change(*i.Price.Value, *i.Before)
			price.Class, price.Since = direction(*i.Price.Value-*i.Before, price.Change), "against the price before the period, "+UnitPrice(*i.Before, s)
		}
	}
	pieces := comparedTile("pieces", "Pieces sold", Count(i.Quantity.Now), i.Quantity)
	value := comparedTile("value", "Value sold", moneyTile(i.Volume.Now, s), i.Volume)
	value.Exact = Money(i.Volume.Now, s)
	shops := tile{Key: "shops", Name: "Shops that sell it", Value: Count(i.Offers.Shops), Change: stockText(i.Offers), Class: "flat", Since: "now"}
	offer := tile{Key: "offer", Name: "Cheapest · best offer", Value: optionalPrice(i.Offers.BestAsk, s) + " · " + optionalPrice(i.Offers.BestBid, s)}
	switch {
	case i.Offers.BestAsk == nil && i.Offers.BestBid == nil:
		offer.Value, offer.Why = "", "nobody offers it now"
	case i.Spread.Offered != nil:
		offer.Change, offer.Class, offer.Since = Percent(*i.Spread.Offered)+" apart", "flat", "of their mean, after tax"
	}
	c := Content{Sub: figuresSub(i, s), Says: sayItem(i, s), Body: tiles([]tile{price, pieces, value, shops, offer})}
	return c.switchOffsetting(i.Offsetting, s)
}

func stockText(o aggregates.Offers) string {
	switch {
	case o.Shops == 0:
		return ""
	case o.Stocked == 0:
		return "all sold out"
	case o.Stock.Sign() == 0:
		return Count(o.Stocked) + " in stock"
	}
	return Count(o.Stocked) + " in stock, " + Count(o.Stock) + nbsp + "pieces"
}

// figuresSub says what the price is made of, and what lies between buying and
// selling.
func figuresSub(i *aggregates.Item, s ledger.Settings) string {
	sub := "Never sold"
	if i.Price.Value != nil {
		sub = "Price: " + priceBasis(i.Price, i.End)
	}
	if i.Spread.Executed != nil {
		sub += ". On " + Plural(i.Spread.Days, "day", "days") + " with both, customers of shops paid " + UnitPrice(*i.Spread.Paid, s) + " and got " +
			UnitPrice(*i.Spread.Got, s) + " after tax: " + Percent(*i.Spread.Executed) + " apart"
	}
	if i.Apart.Lines > 0 {
		sub += ". " + Plural(i.Apart.Lines, "return or correction", "returns and corrections") + " apart"
	}
	return sub
}

// sayItem says what an item costs and where it is cheapest.
func sayItem(i *aggregates.Item, s ledger.Settings) Sentence {
	if i.Price.Value == nil || i.Historical {
		return Sentence{}
	}
	name, about := brief(readable(i.Name), mostName), " sells for "
	if i.Price.Confidence != aggregates.Firm {
		about = " sells for about "
	}
	said := phrase(name+about, UnitPrice(*i.Price.Value, s))
	if days := aggregates.ParseDays(i.Price.Basis); days > 0 {
		said = append(said, phrase(", the median of "+Plural(int64(days), "day", "days"))...)
	}
	if i.Before != nil && i.Price.Confidence == aggregates.Firm {
		switch change := *i.Price.Value / *i.Before - 1; {
		case math.Abs(change) < 0.0005:
			said = append(said, phrase(", as much as "+span(i.Period)+" ago")...)
		case change >= 1:
			said = append(said, phrase(", "+digits3(change+1)+" times as much as "+span(i.Period)+" ago")...)
		case change > 0:
			said = append(said, phrase(", "+Percent(change)+" more than "+span(i.Period)+" ago")...)
		default:
			said = append(said, phrase(", "+Percent(-change)+" less than "+span(i.Period)+" ago")...)
		}
	}
	var more []Words
	if len(i.Offers.Selling) > 0 && i.Offers.Selling[0].Stands {
		o := i.Offers.Selling[0]
		at := brief(readable(o.OwnerName), mostName)
		if o.Place != "" {
			at += " in " + brief(readable(o.Place), mostName)
		}
		ask := float64(*o.Ask) / float64(o.Batch)
		more = phrase(". It is cheapest at ", at, ": ", UnitPrice(ask, s))
		if beyond := ask / *i.Price.Value - 1; math.Abs(beyond) >= 0.1 {
			more = append(more, phrase(", "+Change(ask, *i.Price.Value)+" against the median")...)
		}
	}
	return Sentence{Words: said, More: more}
}

// WhereToBuy shows the offers to sell, cheapest first.
func WhereToBuy(p Page, i *aggregates.Item) Content {
	stand := standing(i.Offers.Selling)
	out := i.Offers.Shops - i.Offers.Stocked
	if len(stand) == 0 {
		if i.Offers.Shops > 0 {
			return Content{Missing: "It is sold out in " + Plural(i.Offers.Shops, "shop", "shops") + "."}
		}
		return Content{Missing: "No shop offers it."}
	}
	more := ""
	if left := i.Offers.Asks - int64(min(len(stand), offersShown)); left > 0 {
		more = Plural(left, "more offer", "more offers")
	}
	soldOut := ""
	if out > 0 {
		soldOut = "sold out in " + Plural(out, "more shop", "more shops")
	}
	return Content{Sub: "Cheapest first, a piece, in stock", Body: whereToBuy(stand[:min(len(stand), offersShown)], i.Price.Value, more, soldOut, p)}
}

// WhereToSell shows the offers to buy, best first.
func WhereToSell(p Page, i *aggregates.Item) Content {
	stand := standing(i.Offers.Buying)
	if len(stand) == 0 {
		if i.Offers.Buyers > 0 {
			return Content{Missing: "The shops that buy it have enough for now."}
		}
		return Content{Missing: "No shop buys it."}
	}
	sub := "Best offer first, a piece"
	if i.Spread.Tax > 0 {
		sub += "; of it " + Percent(i.Spread.Tax) + " was tax lately"
	}
	more := ""
	if left := i.Offers.Bids - int64(min(len(stand), offersShown)); left > 0 {
		more = Plural(left, "more offer", "more offers")
	}
	return Content{Sub: sub, Body: whereToSell(stand[:min(len(stand), offersShown)], more, p)}
}

// standing returns the offers that stand, which come first.
func standing(offers []aggregates.ShopOffer) []aggregates.ShopOffer {
	for n, o := range offers {
		if !o.Stands {
			return offers[:n]
		}
	}
	return offers
}

// offerAt returns where a shop is: its place, else its coordinates.
func offerAt(o aggregates.ShopOffer) string {
	switch {
	case o.Place != "":
		return o.Place
	case o.X != nil && o.Z != nil:
		at := strconv.FormatInt(*o.X, 10) + " / " + strconv.FormatInt(*o.Z, 10)
		if o.World != "" {
			at = o.World + " " + at
		}
		return at
	}
	return o.World
}

// room returns how many pieces a shop still takes.
func room(o aggregates.ShopOffer) string {
	if o.Capacity == nil || o.Stock == nil {
		return "any"
	}
	return Count(max(0, *o.Capacity-*o.Stock))
}

// toMedian writes a price against the price of an item.
func toMedian(each float64, price *float64) string {
	if price == nil || *price == 0 {
		return ""
	}
	ratio := each / *price - 1
	if math.Abs(ratio) < 0.0005 {
		return "0" + nbsp + "%"
	}
	if ratio > 0 {
		return "+" + Percent(ratio)
	}
	return Percent(ratio)
}

func askOf(o aggregates.ShopOffer) float64 { return float64(*o.Ask) / float64(o.Batch) }
func bidOf(o aggregates.ShopOffer) float64 { return float64(*o.Bid) / float64(o.Batch) }

// WhatWasPaid shows the pieces by unit price.
func WhatWasPaid(p Page, v *aggregates.ItemTrade) Content {
	paid := v.Paid
	if paid.Median == nil {
		return Content{Missing: whyNoSales}
	}
	s := p.Settings
	c := chart.Columns{
		About: chart.About{ID: "paid", Title: "Pieces by unit price",
			Desc: "Median " + UnitPrice(*paid.Median, s) + "; half of all pieces between " + UnitPrice(*paid.Quarter, s) + " and " + UnitPrice(*paid.Quarter3, s) + "."},
		Ticks: countTicks, Least: 1, Joined: true,
	}
	first, width := paid.Bins[0].Low, paid.Bins[0].High-paid.Bins[0].Low
	at := func(price float64) float64 { return (price - first) / width }
	for _, b := range paid.Bins {
		c.Values = append(c.Values, chart.Column{
			Value:   b.Quantity.Float64(),
			Tip:     Count(b.Quantity) + nbsp + "pieces\n" + UnitPrice(b.Low, s) + " to " + UnitPrice(b.High, s) + ", " + Plural(b.Sales, "sale", "sales"),
			Written: Count(b.Quantity),
		})
	}
	c.Mark = &chart.Mark{At: at(*paid.Median), Text: "median " + barePrice(*paid.Median, s)}
	c.Shade = &chart.Shade{From: at(*paid.Quarter), To: at(*paid.Quarter3)}
	c.Labels = func(plot float64) []chart.Label {
		var labels []chart.Label
		every := 1
		for widest := chart.TextWidth(barePrice(paid.Bins[len(paid.Bins)-1].High, s)) + 12; float64(every)*plot/float64(len(paid.Bins)) < widest; every++ {
		}
		for i := 0; i < len(paid.Bins); i += every {
			labels = append(labels, chart.Label{At: float64(i), Text: barePrice(paid.Bins[i].Low, s)})
		}
		return labels
	}
	sub := "Pieces by unit price; shaded: the middle half, " + barePrice(*paid.Quarter, s) + " to " + barePrice(*paid.Quarter3, s)
	return Content{Sub: sub, Body: c.Draw()}
}

// WhoSells shows the largest sellers.
func WhoSells(p Page, v *aggregates.ItemTrade) Content { return who(p, v.Sellers, "sell", "seller") }

// WhoBuys shows the largest buyers.
func WhoBuys(p Page, v *aggregates.ItemTrade) Content { return who(p, v.Buyers, "buy", "buyer") }

// tradersShown is the number of sellers, and of buyers, on an item's page.
const tradersShown = 6

func who(p Page, v aggregates.Side, verb, noun string) Content {
	if v.HHI == nil {
		return Content{Missing: "Nobody is known to " + verb + " it in this period."}
	}
	verdict := "not concentrated"
	if *v.HHI > aggregates.Concentrated {
		verdict = "concentrated"
	}
	sub := fmt.Sprintf("Share of value of %s: %s", Plural(v.Traders, noun, noun+"s"), verdict)
	rest := v.Others
	shown := v.Top[:min(len(v.Top), tradersShown)]
	for _, t := range v.Top[len(shown):] {
		rest.Share += t.Share
	}
	others := v.Traders - int64(len(shown))
	foot := "Concentration (HHI) " + Decimal(*v.HHI, 0) + "; above " + Count(int64(aggregates.Concentrated)) + " counts as concentrated"
	return Content{Sub: sub, Body: traders(shown, others, rest.Share, foot)}
}

// PiecesASale shows how many pieces were sold at a time.
func PiecesASale(_ Page, v *aggregates.ItemTrade) Content {
	if v.Sizes.Sales == 0 {
		return Content{Missing: whyNoSales}
	}
	return Content{Sub: "Of the latest " + Plural(v.Sizes.Sales, "sale", "sales") + "; half were of " + Count(v.Sizes.Median) + " or fewer", Body: sizes(v.Sizes)}
}

// LeftOut shows the sales that no price counts.
func LeftOut(p Page, v *aggregates.ItemTrade) Content {
	if v.Paid.Excluded == 0 {
		return Content{Missing: "No sale was far from the others in this period."}
	}
	return Content{Sub: Plural(v.Paid.Excluded, "sale", "sales") + " far from the others; the latest", Body: leftOut(v.Paid.Outliers[:min(len(v.Paid.Outliers), offersShown)], p.Settings)}
}

// An ItemSale is a line of trade of an item, and what is said of it.
type ItemSale struct {
	ledger.SaleLine
	Offsetting bool // it is part of offsetting trade
	LeftOut    bool // it is far from the others, so that the price now does not count it
}

// Mark returns what is said of the line; empty if nothing.
func (x ItemSale) Mark() string {
	switch {
	case x.Offsetting:
		return "offsetting"
	case x.LeftOut:
		return "left out of the price"
	}
	return ""
}

// ItemSales returns the rows of the list of an item's sales.
func ItemSales(lines []ItemSale, s ledger.Settings) templ.Component {
	return itemSales(lines, s)
}

// eachOf writes the unit price of a line of trade; nothing for a gift.
func eachOf(l ledger.SaleLine, s ledger.Settings) string {
	if l.Quantity == 0 || l.Total == 0 {
		return ""
	}
	return UnitPrice(math.Abs(float64(l.Total)/float64(l.Quantity)), s)
}

// lineKind returns what a line of trade is if it is no sale.
func lineKind(l ledger.SaleLine) string {
	switch {
	case l.Quantity > 0 && l.Total > 0:
		return ""
	case l.Total == 0:
		return "gift"
	}
	return "return"
}
