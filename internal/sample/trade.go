package sample

import (
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// trade sets what a few shops around a harbour sell.
func (p *Economy) trade() {
	seen := Noon.Add(-2 * time.Minute)
	p.Shops = &aggregates.Shops{Basis: basis(0, Noon, Noon), Shops: 412, Closed: 9, Owners: 380, Offers: 3906, Barter: 31, Seen: &seen,
		Selling: aggregates.StandingCount{Offers: 3800, Stand: 3105}, Buying: aggregates.StandingCount{Offers: 1204, Stand: 980},
		Worlds: []aggregates.WorldShops{{World: "harbour", Shops: 400}, {World: "nether", Shops: 12}},
		Places: []aggregates.Place{{World: "harbour", Name: "Spawn", Kind: "spawn"}, {World: "harbour", Name: "Lantern Quay", X: 240, Z: -60}, {World: "harbour", Name: "Mill Rising", X: 30, Z: 160}},
	}
	near := p.Shops.Places[0]
	item := aggregates.Named{Ref: "diamond", Name: "Diamond"}
	p.Found = &aggregates.Found{
		Query: aggregates.FindQuery{Item: "diamond", Amount: 16, Near: "Spawn", Within: 500, Stock: aggregates.InStock, Sort: aggregates.ByPrice},
		Item:  &item, From: &near, World: "harbour", Walk: 592, Total: 3, First: 1, Gone: 1,
		Offers: []aggregates.FoundOffer{
			offer("gildas", "Gilda’s Gems", ledger.Personal, 207, -47, 35_00, 14, seen),
			offer("seam", "The Deep Seam", ledger.Business, -84, -130, 37_00, 128, seen.Add(-time.Hour)),
			offer("stores", "Town Stores", ledger.Government, 33, 161, 42_00, 512, seen.AddDate(0, 0, -3)),
		},
		SoldOut: []aggregates.FoundOffer{offer("honeybeck", "Honeybeck’s", ledger.Business, 120, 80, 36_00, 0, seen)},
	}
	o := p.Found.Offers
	o[0].Place, o[0].Bearing = "Lantern Quay", &aggregates.Bearing{Place: "Lantern Quay", Blocks: 36, Direction: "W"}
	o[1].Place, o[1].Bearing = "Pinnacle Green", &aggregates.Bearing{Place: "Spawn", Blocks: 155, Direction: "NW"}
	o[2].Bearing = &aggregates.Bearing{Place: "Mill Rising"}
	o[0].Distance, o[1].Distance, o[2].Distance = ptr(int64(212)), ptr(int64(155)), ptr(int64(164))
	o[0].Pieces, o[1].Pieces, o[2].Pieces = 14, 16, 16
	o[1].Total, o[2].Total = ptr(ledger.SumOf(592_00)), ptr(ledger.SumOf(672_00))
	p.Found.Best = &aggregates.Deal{Offer: &o[1], Pieces: 16, Total: ledger.SumOf(592_00)}
	for i, piece := range []float64{35_00, 36_50, 37_00, 37_50, 38_00, 38_00, 38_50, 39_00, 39_00, 39_50, 40_00, 40_00, 41_00, 42_00, 43_00, 44_00, 190_00} {
		owner := "Ferry & Oak"
		if i == 0 {
			owner = "Gilda’s Gems"
		}
		p.Found.Standing = append(p.Found.Standing, aggregates.AskedPrice{Piece: piece, OwnerName: owner})
	}
	p.Found.Middle = ptr(39_00.0)
	p.shop()
	p.arbitrage()
	p.Found.Split = []aggregates.Deal{{Offer: &o[0], Pieces: 14, Total: ledger.SumOf(490_00)}, {Offer: &o[1], Pieces: 2, Total: ledger.SumOf(74_00)}}
}

// shop sets what one of them has.
func (p *Economy) shop() {
	start := Noon.Truncate(24*time.Hour).AddDate(0, 0, -29)
	s := &aggregates.Shop{
		ID: "seam", Place: "Pinnacle Green", Owner: "deep-seam", OwnerName: "The Deep Seam", OwnerKind: ledger.Business, World: "harbour",
		X: ptr(int64(-84)), Y: ptr(int64(71)), Z: ptr(int64(-130)), Bearing: &aggregates.Bearing{Place: "Spawn", Blocks: 155, Direction: "NW"},
		Active: true, Seen: Noon, Basis: basis(30, start, Noon), Signs: 3,
		Sold:   aggregates.ShopTrade{Sales: 214, Quantity: ledger.SumOf(1902), Volume: ledger.SumOf(41_204_50), Tax: ledger.SumOf(2_884_31)},
		Bought: aggregates.ShopTrade{Sales: 31, Quantity: ledger.SumOf(210), Volume: ledger.SumOf(4_100_00)},
	}
	usual := aggregates.Price{Value: ptr(38_40.0), Basis: "7", Sales: 41, Traders: 18, LastAt: ptr(Noon.Add(-3 * time.Hour)), Confidence: aggregates.Firm}
	state := func(days int, ask, stock int64) aggregates.SignState {
		return aggregates.SignState{At: start.AddDate(0, 0, days), Ask: &ask, Batch: 1, Stock: &stock, Capacity: ptr(int64(256)), Active: true}
	}
	s.Offers = []aggregates.ShopSign{
		{Ref: "1", Item: "diamond", ItemName: "Diamond", Batch: 1, Now: state(29, 37_00, 128), Stands: true, Room: true, Seen: Noon.Add(-time.Minute), Price: usual,
			History: []aggregates.SignState{state(-1, 35_00, 20), state(4, 36_00, 200), state(15, 39_00, 30), state(29, 37_00, 128)}},
		{Ref: "2", Item: "iron", ItemName: "Iron ingot", Batch: 1, Now: state(21, 4_00, 0), Room: true, Seen: Noon.Add(-2 * time.Hour), Out: ptr(start.AddDate(0, 0, 21)),
			History: []aggregates.SignState{state(-3, 4_00, 60), state(12, 4_00, 9), state(21, 4_00, 0)}, Price: aggregates.Price{Confidence: aggregates.None}},
		{Ref: "3", Item: "diamond", ItemName: "Diamond", PricedIn: ptr("emerald"), Batch: 1, Now: state(0, 3, 128), Stands: true, Room: true, Seen: Noon, Price: usual, History: []aggregates.SignState{}},
	}
	s.Offers[0].Now.Bid = ptr(int64(33_00))
	p.Shop = s
	p.ShopSales = []aggregates.ShopSale{
		{SaleCursor: aggregates.SaleCursor{At: Noon.Add(-time.Hour), ID: 9}, Item: "diamond", ItemName: "Diamond", Direction: ledger.DirectionSale, Quantity: 3, Total: 111_00, Tax: 7_77, Customer: "ada", CustomerName: "Ada", CustomerKind: ledger.Personal, Ref: "s9"},
		{SaleCursor: aggregates.SaleCursor{At: Noon.Add(-2 * time.Hour), ID: 8}, Item: "diamond", ItemName: "Diamond", Direction: ledger.DirectionPurchase, Quantity: 1, Total: 33_00, CustomerName: "hidden holder", Ref: "s8"},
	}
}

// arbitrage sets one trip, and what is marked on maps.
func (p *Economy) arbitrage() {
	end := func(shop, owner string, price int64, x int64) aggregates.TripEnd {
		return aggregates.TripEnd{Shop: shop, Owner: shop, OwnerName: owner, OwnerKind: ledger.Business, World: "harbour", X: &x, Z: ptr(int64(10)), Price: price, Batch: 1, Seen: Noon.Add(-time.Hour)}
	}
	p.Arbitrage = &aggregates.Arbitrage{Basis: basis(0, Noon, Noon), TaxRate: 0.05, TaxSales: 812, Items: 1, Trips: []aggregates.Trip{{
		Item: "iron", ItemName: "Iron ingot", From: end("seam", "The Deep Seam", 4_00, -84), To: end("works", "Ashdale Works", 4_60, 120), Pieces: 32, Bounded: "room",
		Cost: ledger.SumOf(128_00), Tax: ledger.SumOf(7_36), Profit: ledger.SumOf(11_84), Distance: ptr(int64(204)),
	}}}
	p.Markers = &aggregates.Markers{Shops: []aggregates.MarkedShop{{Shop: "seam", Name: "The Deep Seam", World: "harbour", X: -84, Y: ptr(int64(71)), Z: -130, Offers: 3, Stand: 2},
		{Shop: "gate", Name: "<Gate> & Co", World: "nether", X: 1, Z: 2, Offers: 1}}}
}

func offer(shop, owner string, kind ledger.Kind, x, z, price, stock int64, seen time.Time) aggregates.FoundOffer {
	return aggregates.FoundOffer{
		Site:  aggregates.Site{Shop: shop, Owner: shop, OwnerName: owner, OwnerKind: kind, World: "harbour", X: &x, Y: ptr(int64(64)), Z: &z},
		Price: price, Batch: 1, Stock: &stock, Capacity: ptr(int64(600)), Stands: stock > 0, Seen: seen, Piece: float64(price),
	}
}
