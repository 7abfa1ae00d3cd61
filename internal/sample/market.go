package sample

import (
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// price is a price of the last week.
func price(minor float64, sales int64, confidence aggregates.Confidence) aggregates.Price {
	p := aggregates.Price{
		Value: &minor, Basis: "7", Sales: sales, Traders: 2 + sales/2, LastAt: ptr(Noon.Add(-3 * time.Hour)),
		Low: ptr(minor * 0.9), High: ptr(minor * 1.2), Spread: ptr(1.04), Confidence: confidence,
	}
	switch confidence {
	case aggregates.Thin:
		p.Basis, p.LastAt = "365", ptr(Noon.AddDate(0, 0, -12))
	case aggregates.Guess:
		p.Basis, p.LastAt, p.Excluded = "all", ptr(Noon.AddDate(0, 0, -200)), 1
	}
	return p
}

// sellGoods sets what was traded.
func (p *Economy) sellGoods(days aggregates.Days, starts []time.Time, unit string) {
	firm := func(minor float64) aggregates.Price { return price(minor, 41, aggregates.Firm) }
	rare := price(11_50, 2, aggregates.Guess)
	p.Market = &aggregates.Market{
		Basis: basis(days, starts[0], Noon), Items: 3,
		Sales: aggregates.Compared[int64]{Now: 1241, Before: ptr(int64(1100))}, Quantity: aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(41_003)}, Volume: aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(990_000_00)},
		Offsetting: aggregates.Offsetting{Sales: 61, Quantity: ledger.SumOf(1204), Volume: ledger.SumOf(31_000_00), Share: 0.0304},
		Top: []aggregates.ItemMarket{
			{ID: "diamond", Name: "Diamond", Group: "Ores", Sales: 700, Quantity: ledger.SumOf(3000), Volume: ledger.SumOf(600_000_00), Share: 0.606, VWAP: 200_00,
				Price: firm(201_00), Earlier: ptr(firm(190_00)), Course: []float64{190_00, 195_00, 193_00, 201_00}},
			{ID: "oak_log", Name: "Oak log", Sales: 541, Quantity: ledger.SumOf(38_003), Volume: ledger.SumOf(390_000_00), Share: 0.394, VWAP: 1026,
				Price: price(5.937, 4, aggregates.Thin), Earlier: ptr(price(6.2, 4, aggregates.Thin)), Course: []float64{6.2, 5.9}},
		},
		Groups: []aggregates.GroupMarket{
			{Group: "Ores", Items: 1, Sales: 700, Volume: ledger.SumOf(600_000_00), Share: 0.606},
			{Items: 2, Sales: 541, Volume: ledger.SumOf(390_000_00), Share: 0.394},
		},
	}
	p.Index = &aggregates.PriceIndex{
		Basis: p.Market.Basis, Bucket: unit, Change: ptr(0.023), Coverage: ptr(0.871), Items: 57,
		Contributions: []aggregates.Contribution{{ID: "diamond", Name: "Diamond", Change: 0.031, Share: 0.606}, {ID: "oak_log", Name: "Oak log", Change: -0.007, Share: 0.394}}, Others: -0.001,
	}
	for i, at := range starts {
		value := 100 + 2.3*float64(i)/float64(max(len(starts)-2, 1)) // the current one is not over
		p.Index.Points = append(p.Index.Points, aggregates.IndexPoint{Start: at, Value: &value, Coverage: ptr(0.87), Items: 50, Partial: i == len(starts)-1})
	}
	p.Movers = &aggregates.Movers{
		Basis: p.Market.Basis, Reaches: true, Compared: 31, Up: 1, Down: 1,
		Rose:     []aggregates.Mover{{ID: "diamond", Name: "Diamond", Now: firm(201_00), Before: firm(190_00), Change: 0.0579}},
		Fell:     []aggregates.Mover{{ID: "cake", Name: "Cake", Now: firm(6_10), Before: firm(7_20), Change: -0.1528}},
		NewItems: 1, New: []aggregates.ItemDates{{ID: "lantern", Name: "Lantern", First: starts[len(starts)-1], Last: starts[len(starts)-1], Price: price(9_00, 4, aggregates.Thin)}},
		OldItems: 1, Old: []aggregates.ItemDates{{ID: "obsidian", Name: "Obsidian", First: Noon.AddDate(-1, 0, 0), Last: Noon.AddDate(0, 0, -200), Price: rare}},
	}
	p.Gaps = &aggregates.Gaps{
		Basis: basis(7, Noon.AddDate(0, 0, -6), Noon), Offered: 60, SoldOut: 1, Short: 1, Wanted: 1, Dear: 1,
		Items: []aggregates.Gap{
			{ID: "diamond", Name: "Diamond", Short: true, Dear: true, Sales: 160, Sold: ledger.SumOf(700), Volume: ledger.SumOf(140_000_00), Stock: ledger.SumOf(80), Cover: ptr(0.8),
				Asks: 3, Bids: 1, BestAsk: ptr(250_00.0), BestBid: ptr(170_00.0), Price: firm(201_00)},
			{ID: "cake", Name: "Cake", SoldOut: true, Wanted: true, Sales: 30, Sold: ledger.SumOf(40), Volume: ledger.SumOf(244_00), Bids: 2, BestBid: ptr(5_00.0), Price: firm(6_10)},
		},
	}
}
