package sample

import (
	"exchequer/aggregates"
	"exchequer/ledger"
)

// addOffsetting adds sales that offset each other.
func (p *Economy) addOffsetting(days aggregates.Days) {
	buckets, _ := starts(days)
	v := &aggregates.ItemRoutes{ID: "ada", Name: "Diamond", Basis: basis(days, buckets[0], Noon), Sales: 42, Volume: ledger.SumOf(3_226_00), Count: 12, Routes: []aggregates.ItemRoute{}}
	ends := []aggregates.RouteEnd{
		{ID: "a1", Name: "Ada Penrose", Kind: ledger.Personal}, {ID: "b1", Name: "Ferry & Oak", Kind: ledger.Business}, {Name: ledger.HiddenName, Kind: ledger.Personal},
	}
	for n := range 12 {
		r := aggregates.ItemRoute{Day: Noon.AddDate(0, 0, -n/3), Seller: ends[n%3], Buyer: ends[(n+1)%3], Rule: aggregates.CycleRule, Sales: 3, Quantity: ledger.SumOf(6), Volume: ledger.SumOf(230_00)}
		switch n {
		case 0:
			r.Rule = aggregates.PairRule
		case 11:
			r.Rule, r.Sales, r.Volume = aggregates.OwnRule, 9, ledger.SumOf(696_00)
		}
		v.Routes = append(v.Routes, r)
	}
	p.ItemRoutes = v
	p.Item.Offsetting = aggregates.Offsetting{Sales: 42, Quantity: ledger.SumOf(84), Volume: ledger.SumOf(3_226_00), Share: 0.0691}
}
