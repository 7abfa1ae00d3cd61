package aggregates

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"exchequer/ledger"
)

// deal sets how much of an amount can be had at the offer, and for how much.
func (o *FoundOffer) deal(sell bool, amount int64) {
	o.Pieces, o.Total = 0, nil
	if !o.Stands {
		return
	}
	wanted := o.batches(sell, amount)
	n := min(wanted, o.limit(sell))
	o.Pieces = n * o.Batch
	if n == wanted && n > 0 {
		total := ledger.Product(n, o.Price)
		o.Total = &total
	}
}

// batches returns how many batches make an amount: rounded up for who buys, down
// for who sells.
func (o *FoundOffer) batches(sell bool, amount int64) int64 {
	n := amount / o.Batch
	if !sell && n*o.Batch < amount {
		n++
	}
	return n
}

// limit returns how many batches the offer has in stock, or has room and money for.
func (o *FoundOffer) limit(sell bool) int64 {
	n := int64(math.MaxInt64 / o.Batch)
	if !sell {
		if o.Stock != nil {
			n = *o.Stock / o.Batch
		}
		return n
	}
	if o.Stock != nil && o.Capacity != nil {
		n = max(0, *o.Capacity-*o.Stock) / o.Batch
	}
	if o.funds != nil && o.Price > 0 {
		n = min(n, max(0, *o.funds)/o.Price)
	}
	return n
}

// better compares offers by the price of a piece, the best first.
func better(sell bool, a, b *FoundOffer) int {
	order := comparePrices(priced{a.Price, a.Batch}, priced{b.Price, b.Batch})
	if sell {
		order = -order
	}
	return order
}

// nearer compares distances, unknown ones last.
func nearer(a, b *FoundOffer) int {
	if a.Distance == nil || b.Distance == nil {
		return cmp.Compare(one(a.Distance == nil), one(b.Distance == nil))
	}
	return cmp.Compare(*a.Distance, *b.Distance)
}

// order returns the order of what is found.
func (f *Found) order() func(a, b FoundOffer) int {
	sell := f.Query.Sell
	byPrice := func(a, b *FoundOffer) int {
		return cmp.Or(better(sell, a, b), nearer(a, b), cmp.Compare(a.Shop, b.Shop))
	}
	switch f.Query.Sort {
	case ByDistance:
		return func(a, b FoundOffer) int { return cmp.Or(nearer(&a, &b), byPrice(&a, &b)) }
	case ByBoth:
		return func(a, b FoundOffer) int {
			if a.Distance == nil || b.Distance == nil {
				return cmp.Or(nearer(&a, &b), byPrice(&a, &b))
			}
			return cmp.Or(cmp.Compare(f.worth(&a), f.worth(&b)), byPrice(&a, &b))
		}
	}
	return func(a, b FoundOffer) int { return byPrice(&a, &b) }
}

// worth returns what the amount costs at an offer with the way to it, or what it
// brings without the way, negative; at the price of a piece, whatever is in stock.
func (f *Found) worth(o *FoundOffer) float64 {
	price := o.Piece * float64(f.Query.Amount)
	if f.Query.Sell {
		price = -price
	}
	return price + float64(f.Walk)*float64(*o.Distance)/100
}

// bestDeals sets the best single offer, and several that are better together.
func (f *Found) bestDeals(stand []FoundOffer) {
	sell, amount := f.Query.Sell, f.Query.Amount
	all := make([]*FoundOffer, len(stand))
	for i := range stand {
		o := stand[i] // stand is sorted later
		all[i] = &o
	}
	slices.SortStableFunc(all, func(a, b *FoundOffer) int {
		return cmp.Or(better(sell, a, b), nearer(a, b), cmp.Compare(a.Shop, b.Shop))
	})
	for _, o := range all {
		if o.Total == nil {
			continue
		}
		pieces := o.batches(sell, amount) * o.Batch
		if f.Best == nil || gains(sell, *o.Total, f.Best.Total) {
			f.Best = &Deal{o, pieces, *o.Total}
		}
	}
	var split []Deal
	var sum ledger.Sum
	left := amount
	for _, o := range all {
		n := min(o.batches(sell, left), o.limit(sell))
		if left <= 0 || n == 0 {
			continue
		}
		total := ledger.Product(n, o.Price)
		split = append(split, Deal{o, n * o.Batch, total})
		sum = sum.Plus(total)
		left -= n * o.Batch
	}
	f.Lacks = max(0, left)
	if len(split) > 1 && (f.Best == nil || gains(sell, sum, f.Best.Total)) && (sell || f.Lacks == 0) {
		f.Split = split
	}
	if f.Walk == 0 && len(all) > 0 {
		f.Walk = max(1, int64(min(all[0].Piece*float64(amount)/100, math.MaxInt64/2)))
	}
}

// gains reports whether a is better than b: less for who buys, more for who sells.
func gains(sell bool, a, b ledger.Sum) bool {
	if sell {
		return a.Compare(b) > 0
	}
	return a.Compare(b) < 0
}

// pageAt returns the part of n rows that begins at a cursor, which is a number of
// rows, and the cursor of the rows that follow.
func pageAt(after string, n, limit int) (from, to int, next string) {
	from, err := strconv.Atoi(after)
	if err != nil || from < 0 {
		from = 0
	}
	from = min(from, n)
	to = n
	if n-from > limit {
		to = from + limit
		next = strconv.Itoa(to)
	}
	return from, to, next
}
