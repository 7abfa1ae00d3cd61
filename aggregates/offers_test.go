package aggregates

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

// The stall asks less than the inn until it is sold out; a third offer is barter.
func TestAnItemHasTheOffersThatStandAndThoseThatStood(t *testing.T) {
	db, w := village(t)
	offer := func(shop, when string, ask, stock int64) ledger.Offer {
		return ledger.Offer{Shop: shop, Item: "bread", Ask: &ask, Batch: 2, Stock: &stock, Active: true, Seen: at(t, when)}
	}
	bid, capacity := int64(60), int64(65)
	inn := offer("inn", "03-06 08:00", 120, 64)
	inn.Bid, inn.Capacity = &bid, &capacity // there is room for one piece, and a batch is two
	barter := offer("inn", "03-06 08:00", 1, 64)
	barter.Ref, barter.PricedIn = "barter", "iron"
	x, z := int64(207), int64(-47)
	appendBatch(t, db, ledger.Batch{
		Items: []ledger.Item{{Ref: "bread"}, {Ref: "iron"}},
		Shops: []ledger.Shop{
			{Ref: "stall", Place: "Quay", Owner: "shop", World: "main", X: &x, Z: &z, Active: true, Seen: at(t, "03-04 08:00")},
			{Ref: "inn", Owner: "bob", Active: true, Seen: at(t, "03-04 08:00")},
		},
		Offers: []ledger.Offer{offer("stall", "03-04 08:00", 100, 8), offer("stall", "03-09 08:00", 90, 8), offer("stall", "03-09 20:00", 90, 1), inn, barter},
	})
	i, err := ComputeItem(t.Context(), db, w, ItemQuery{Item: "bread", Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	price := func(v float64) *float64 { return &v }
	var stood []*Standing
	for _, c := range i.Candles {
		stood = append(stood, c.Standing)
	}
	want := []*Standing{ // 5 to 11 March
		{price(50), nil, 1, 0, ledger.SumOf(8)}, {price(50), nil, 2, 0, ledger.SumOf(72)}, {price(50), nil, 2, 0, ledger.SumOf(72)}, {price(50), nil, 2, 0, ledger.SumOf(72)},
		{price(60), nil, 1, 0, ledger.SumOf(64)}, {price(60), nil, 1, 0, ledger.SumOf(64)}, {price(60), nil, 1, 0, ledger.SumOf(64)},
	}
	if diff := cmp.Diff(want, stood); diff != "" {
		t.Errorf("what stood, by day (-want +got):\n%s", diff)
	}
	o := i.Offers
	if o.BestBid != nil || *o.BestAsk != 60 || o.Asks != 1 || o.Bids != 0 || o.Stock != ledger.SumOf(64) {
		t.Errorf("now stand %+v", o)
	}
	var list []string
	for _, s := range o.Selling {
		list = append(list, fmt.Sprintf("%s %q %q %s %s %d %d %t %s",
			s.Shop, s.Place, s.World, s.OwnerName, s.OwnerKind, *s.Ask, *s.Stock, s.Stands, s.Seen.Format(time.TimeOnly)))
	}
	if diff := cmp.Diff([]string{`inn "" "" bob personal 120 64 true 08:00:00`, `stall "Quay" "main" shop business 90 1 false 20:00:00`}, list); diff != "" {
		t.Errorf("selling (-want +got):\n%s", diff)
	}
	if len(o.Buying) != 1 || o.Buying[0].Stands || len(o.Barter) != 1 || *o.Barter[0].PricedIn != "iron" {
		t.Errorf("buying %+v, barter %+v", o.Buying, o.Barter)
	}
}
