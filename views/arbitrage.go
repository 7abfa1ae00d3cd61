package views

import (
	"exchequer/aggregates"
	"exchequer/ledger"
)

// Arbitrage shows what could be bought in one shop and sold in another for more.
func Arbitrage(p Page, a *aggregates.Arbitrage) Content {
	if len(a.Trips) == 0 {
		return Content{Missing: "No shop pays more than another one asks, after tax. There is a trip once a shop with room and money pays more for an item than another one, which has it in stock, asks for it, by more than the tax."}
	}
	c := Content{Says: sayTrip(a, p.Settings), Body: trips(p, a)}
	c.Sub = "All that can be moved at once; " + taxed(a)
	return c
}

// taxed says what tax is taken off.
func taxed(a *aggregates.Arbitrage) string {
	switch {
	case a.TaxSales == 0:
		return "no tax is taken off, since no shop has bought anything of late"
	case a.TaxRate == 0:
		return "no tax is taken off: none was in the latest " + Plural(a.TaxSales, "purchase", "purchases") + " of shops"
	}
	return Percent(a.TaxRate) + " of the proceeds are taken off as tax, as seen in the latest " + Plural(a.TaxSales, "purchase", "purchases") + " of shops"
}

func sayTrip(a *aggregates.Arbitrage, s ledger.Settings) Sentence {
	best := a.Trips[0]
	return Sentence{Words: phrase("The best trip brings ", Money(best.Profit, s),
		": "+Plural(best.Pieces, "piece", "pieces")+" of "+brief(best.ItemName, mostName)+" from "+brief(best.From.OwnerName, mostName)+" to "+brief(best.To.OwnerName, mostName))}
}

// endPrice writes the price of a piece at one end of a trip.
func endPrice(e aggregates.TripEnd, s ledger.Settings) string {
	return UnitPrice(float64(e.Price)/float64(e.Batch), s)
}

// boundedBy says by what the pieces of a trip are bounded.
func boundedBy(t aggregates.Trip) string {
	switch t.Bounded {
	case "stock":
		return "all in stock"
	case "room":
		return "all it has room for"
	case "balance":
		return "all it can pay"
	}
	return "one batch; stock and room are not known"
}
