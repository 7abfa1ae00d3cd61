package sample

import (
	"time"

	"exchequer/aggregates"
)

// addPrices adds the prices and best offers of the items of the list.
func (p *Economy) addPrices() {
	all := &aggregates.AllPrices{Basis: basis(0, Noon.AddDate(-1, 0, 0), Noon), Count: p.Items.Count}
	for n, of := range p.Items.Items {
		i := aggregates.QuotedItem{PricedItem: of.PricedItem, Group: []string{"Ores", "Food", ""}[n%3]}
		i.Price.Sales -= int64(n % 37)
		if of.BestAsk != nil {
			i.Ask = &aggregates.BestOffer{Price: int64(*of.BestAsk), Batch: 1, Pieces: ptr(int64(n * 7)), Seen: Noon.Add(-time.Duration(n+1) * time.Hour)}
		}
		if n%4 == 0 {
			i.Bid = &aggregates.BestOffer{Price: 64 * int64(3000/(n+1)), Batch: 64, Seen: Noon.Add(-time.Minute)}
		}
		all.Items = append(all.Items, i)
	}
	all.Items[8].Name = all.Items[7].Name // two of one name
	p.Prices = all
}
