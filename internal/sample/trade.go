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
	p.Found.Split = []aggregates.Deal{{Offer: &o[0], Pieces: 14, Total: ledger.SumOf(490_00)}, {Offer: &o[1], Pieces: 2, Total: ledger.SumOf(74_00)}}
}

func offer(shop, owner string, kind ledger.Kind, x, z, price, stock int64, seen time.Time) aggregates.FoundOffer {
	return aggregates.FoundOffer{
		Site:  aggregates.Site{Shop: shop, Owner: shop, OwnerName: owner, OwnerKind: kind, World: "harbour", X: &x, Y: ptr(int64(64)), Z: &z},
		Price: price, Batch: 1, Stock: &stock, Capacity: ptr(int64(600)), Stands: stock > 0, Seen: seen, Piece: float64(price),
	}
}
