package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// addItems adds what the pages of items show: a diamond, in some detail, and a list
// of all items.
func (p *Economy) addItems(days aggregates.Days) {
	r := rand.New(rand.NewPCG(3, 4))
	buckets, unit := starts(days)
	of := basis(days, buckets[0], Noon)
	price := aggregates.Price{
		Value: ptr(3840.0), Basis: "7", Sales: 41, Traders: 30, LastAt: ptr(Noon.Add(-3 * time.Hour)), Excluded: 1,
		Low: ptr(3500.0), High: ptr(4200.0), Confidence: aggregates.Firm,
	}
	chart := &aggregates.ItemChart{ID: "ada", Name: "Diamond", Basis: of, Step: unit}
	for n, at := range buckets {
		mid := 3700 + 200*math.Sin(float64(n)/4)
		c := aggregates.Candle{
			Start: at, Sales: 3 + r.Int64N(20), Quantity: ledger.SumOf(20 + r.Int64N(60)), Partial: n == len(buckets)-1,
			Prices:   aggregates.Prices{Open: ptr(mid - 40 + 80*r.Float64()), High: ptr(mid + 120), Low: ptr(mid - 130), Close: ptr(mid - 40 + 80*r.Float64()), VWAP: ptr(mid), Median: ptr(mid)},
			Standing: &aggregates.Standing{BestAsk: ptr(mid + 60), BestBid: ptr(mid - 300), Asks: 4, Bids: 2, Stock: ledger.SumOf(900 + r.Int64N(300))},
		}
		switch n {
		case 5: // nothing was sold, and nobody bought
			c.Sales, c.Quantity, c.Prices = 0, ledger.Sum{}, aggregates.Prices{}
			c.Standing.BestBid = nil
		case 9: // one planted sale
			c.Prices.High = ptr(mid * 1000)
		}
		if c.Sales > 0 {
			c.Volume = ledger.SumOf(int64(c.Quantity.Float64() * mid))
		}
		chart.Candles = append(chart.Candles, c)
	}
	p.ItemChart = chart

	offer := func(owner, place string, kind ledger.Kind, each, stock int64, stands bool) aggregates.ShopOffer {
		return aggregates.ShopOffer{Shop: "s:" + owner, Place: place, Owner: owner, OwnerName: owner, OwnerKind: kind, Ask: &each, Bid: ptr(each - 300), Batch: 1, Stock: &stock, Capacity: ptr(stock + 96), Stands: stands, Seen: Noon.Add(-time.Hour)}
	}
	selling := []aggregates.ShopOffer{
		offer("Gilda’s Gems", "Lantern Quay", ledger.Personal, 3500, 14, true), offer("Ferry & Oak", "Harbour Row", ledger.Business, 3650, 3, true),
		offer("The Deep Seam", "", ledger.Business, 3700, 128, true), offer("Town Stores", "Port Exchequer", ledger.Government, 4200, 512, true),
		offer("Saltmere Ores", "Saltmere", ledger.Business, 3300, 0, false),
	}
	selling[2].World, selling[2].X, selling[2].Z = "overworld", ptr(int64(207)), ptr(int64(-47))
	selling[3].Owner, selling[3].OwnerName = "", ledger.HiddenName
	p.Item = &aggregates.Item{
		ID: "ada", Name: "Diamond", Basis: of, Price: price, Before: ptr(3685.0), Bucket: unit,
		Sales: aggregates.Compared[int64]{Now: 402, Before: ptr(int64(420))}, Quantity: aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(1135), Before: ptr(ledger.SumOf(1209))},
		Volume: aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(43_466_00), Before: ptr(ledger.SumOf(44_800_00))}, Apart: aggregates.ApartLines{Lines: 2, Quantity: ledger.SumOf(-2), Volume: ledger.SumOf(-76_00)},
		Sellers: 23, Buyers: 118,
		Offers: aggregates.Offers{BestAsk: ptr(3500.0), BestBid: ptr(3300.0), Asks: 4, Bids: 3, Stock: ledger.SumOf(657), Shops: 5, Stocked: 4, Buyers: 2, Selling: selling, Buying: selling[1:3]},
		Spread: aggregates.Spread{Sales: 402, Tax: 0.07, Offered: ptr(0.131), Days: 12, Paid: ptr(3838.0), Got: ptr(3150.0), Executed: ptr(0.197)},
	}

	paid := aggregates.Paid{Sales: 401, Quantity: ledger.SumOf(1134), Median: ptr(3840.0), Quarter: ptr(3710.0), Quarter3: ptr(3920.0), Low: ptr(3300.0), High: ptr(4480.0), Excluded: 1,
		Outliers: []aggregates.DayPriced{{Day: buckets[min(9, len(buckets)-1)], Each: 3_700_000, Sales: 1, Quantity: ledger.SumOf(1)}}}
	for n := range 12 {
		pieces := int64(280 * math.Exp(-math.Pow(float64(n)-5, 2)/5))
		paid.Bins = append(paid.Bins, aggregates.PriceBin{Low: float64(3300 + 100*n), High: float64(3400 + 100*n), Sales: pieces/3 + 1, Quantity: ledger.SumOf(pieces)})
	}
	side := func(hhi float64) aggregates.Side {
		v := aggregates.Side{Traders: 23, Volume: ledger.SumOf(43_466_00), HHI: &hhi, Others: aggregates.Trader{Sales: 90, Quantity: ledger.SumOf(255), Volume: ledger.SumOf(9_779_00), Share: 0.225}}
		for n, name := range []string{"The Deep Seam", "Merryshaw & Sons", "Gilda Moorhurst", "Ashdale Trading"} {
			share := []float64{0.312, 0.224, 0.148, 0.091}[n]
			v.Top = append(v.Top, aggregates.Trader{ID: fmt.Sprint("t", n), Name: name, Kind: ledger.Business, Sales: 100, Quantity: ledger.SumOf(300), Volume: ledger.SumOf(int64(share * 43_466_00)), Share: share})
		}
		return v
	}
	p.ItemTrade = &aggregates.ItemTrade{ID: "ada", Name: "Diamond", Basis: of, Paid: paid, Sellers: side(1790), Buyers: side(610), Sizes: aggregates.Sizes{
		Sales: 402, Median: 2, Others: aggregates.Size{Sales: 9, Quantity: ledger.SumOf(300)},
		Common: []aggregates.Size{{Pieces: 1, Sales: 180, Quantity: ledger.SumOf(180)}, {Pieces: 2, Sales: 120, Quantity: ledger.SumOf(240)}, {Pieces: 16, Sales: 93, Quantity: ledger.SumOf(1488)}},
	}}

	p.ItemTrade.Together = aggregates.Together{Start: Noon.Truncate(24*time.Hour).AddDate(0, 0, -29), Buyers: 118}
	for n, name := range []string{"Iron Pickaxe", "Torch", "Oak Log"} {
		buyers := int64(41 - 13*n)
		p.ItemTrade.Together.Items = append(p.ItemTrade.Together.Items, aggregates.TogetherItem{
			ID: fmt.Sprint("with", n), Name: name, Buyers: buyers, Days: 2 * buyers, Share: float64(buyers) / 118})
	}

	list := &aggregates.Items{Basis: of, Count: 62, Sold: 60, Stocked: 41, Firm: 20, Volume: ledger.SumOf(990_000_00)}
	for n := range 62 {
		i := aggregates.ListedItem{PricedItem: aggregates.PricedItem{ID: fmt.Sprint("item", n), Name: fmt.Sprint("Item ", n), Price: price}, Sales: int64(62 - n), Quantity: ledger.SumOf(int64(700 - 10*n)), Volume: ledger.SumOf(int64(60_000_00 - 1_000_00*n))}
		i.Group = []string{"Ores", "Food"}[n%2]
		i.Price.Confidence = []aggregates.Confidence{aggregates.Firm, aggregates.Thin, aggregates.Guess}[n%3]
		i.Price.Value, i.Before = ptr(3840/float64(n+1)), ptr(3700/float64(n+1))
		if n%3 != 2 {
			i.Asks, i.BestAsk, i.Stock = 2, i.Price.Value, ledger.SumOf(int64(n*7))
		}
		list.Items = append(list.Items, i)
	}
	list.Items[2].ID, list.Items[2].Name = "ada", "Diamond"
	for _, n := range []int{60, 61} {
		i := &list.Items[n]
		i.Sales, i.Quantity, i.Volume, i.Price, i.Before = 0, ledger.Sum{}, ledger.Sum{}, aggregates.Price{Confidence: aggregates.None}, nil
	}
	p.Items = list
}

// ItemGroup returns the other items of an item's group.
func (p *Economy) ItemGroup(ref string) *aggregates.ItemGroup {
	g := &aggregates.ItemGroup{Basis: p.Items.Basis, Items: []aggregates.ListedItem{}}
	for _, i := range p.Items.Items {
		if i.ID == ref {
			g.Group = i.Group
		}
	}
	for _, i := range p.Items.Items {
		if g.Group != "" && i.Group == g.Group && i.ID != ref {
			g.Items = append(g.Items, i)
			g.Count++
		}
	}
	return g
}

// ItemRanks returns the places of the items that were sold.
func (p *Economy) ItemRanks() *aggregates.ItemRanks {
	v := &aggregates.ItemRanks{Basis: p.Items.Basis, Sold: p.Items.Sold, Ranks: map[string]int64{}}
	for n, i := range p.Items.Items {
		if i.Sales > 0 {
			v.Ranks[i.ID] = int64(n) + 1
		}
	}
	return v
}
