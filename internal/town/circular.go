package town

import (
	"time"

	"exchequer/ledger"
)

// A circle is people who pass the same goods round among themselves, one after the
// other, so that each has them again. They take no part in anything else, and nothing
// about them is left to chance, so that the rest of the town is as it is without them.
type circle struct {
	item   string
	people []*account
}

// foundCircles founds a pair and a triangle, which trade in things that few others do.
func (t *Town) foundCircles() {
	for _, c := range []struct {
		item  string
		names []string // none that chance gives
	}{
		{"Painting", []string{"Bess Tarn", "Cob Marl"}},
		{"Honeycomb", []string{"Tib Loam", "Dod Kelp", "Wat Rill"}},
	} {
		made := circle{item: c.item}
		for _, name := range c.names {
			made.people = append(made.people, t.book.open(ledger.Account{
				Ref: "player:" + slug(name), Kind: ledger.Personal, Name: name, Opened: t.start.AddDate(0, 0, -400),
			}))
		}
		t.circles = append(t.circles, made)
	}
}

// planCircles plans that at some hours of a day each sells to the next.
func (t *Town) planCircles(hour time.Time) {
	const first, apart = 9, 4 // hours
	for n, c := range t.circles {
		for turn, seller := range c.people {
			if hour.Hour() == first+apart*turn {
				buyer := c.people[(turn+1)%len(c.people)]
				t.plan(time.Duration(17+n)*time.Minute, func(at time.Time) { t.passOn(c.item, seller, buyer, at) })
			}
		}
	}
}

// passOn sells a batch, without a shop and its tax.
func (t *Town) passOn(name string, seller, buyer *account, at time.Time) {
	for i := range t.items {
		it := &t.items[i]
		if it.name != name {
			continue
		}
		price := int64(it.price) * int64(100+dayNumber(at)%5) / 100 // the same in each turn of a day
		ref := t.book.pay(at, "stall", pieceCount(it.batch, it)+" from "+seller.Name, buyer, leg{seller, price})
		if ref != "" {
			t.book.sell(1, ref, ledger.Sale{
				At: at, Item: it.ref, Seller: seller.Ref, Buyer: buyer.Ref,
				Direction: ledger.DirectionSale, Quantity: it.batch, Total: price,
			})
		}
	}
}
