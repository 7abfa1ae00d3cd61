package aggregates

import (
	"cmp"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

func real(s ledger.Sale) bool { return s.Quantity > 0 && s.Total > 0 }

// traded is a candle by scanning.
func traded(sales []ledger.Sale) (c Candle, apart ApartLines) {
	slices.SortFunc(sales, func(a, b ledger.Sale) int { return a.At.Compare(b.At) })
	for _, s := range sales {
		if !real(s) {
			apart.Lines++
			apart.Quantity, apart.Volume = apart.Quantity.Add(s.Quantity), apart.Volume.Add(s.Total)
			continue
		}
		price := float64(s.Total) / float64(s.Quantity)
		if c.Sales == 0 {
			c.Prices.Open, c.Prices.High, c.Prices.Low = &price, &price, &price
		}
		c.Prices.Close = &price
		c.Prices.High = pointerTo(max(*c.Prices.High, price))
		c.Prices.Low = pointerTo(min(*c.Prices.Low, price))
		c.Sales++
		c.Quantity, c.Volume = c.Quantity.Add(s.Quantity), c.Volume.Add(s.Total)
	}
	if c.Sales > 0 {
		c.Prices.Median = scannedMedian(sales)
		c.Prices.VWAP = pointerTo(c.Volume.Float64() / c.Quantity.Float64())
	}
	return c, apart
}

// scannedMedian lays out the pieces one by one.
func scannedMedian(sales []ledger.Sale) *float64 {
	var pieces []float64
	for _, s := range sales {
		for range s.Quantity {
			if real(s) {
				pieces = append(pieces, float64(s.Total)/float64(s.Quantity))
			}
		}
	}
	slices.Sort(pieces)
	return pointerTo((pieces[(len(pieces)-1)/2] + pieces[len(pieces)/2]) / 2)
}

// traders counts who sold, who bought, and both together.
func traders(sales []ledger.Sale) (sellers, buyers, all int64) {
	s, b, a := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, sale := range sales {
		if real(sale) {
			s[sale.Seller], b[sale.Buyer], a[sale.Seller], a[sale.Buyer] = true, true, true, true
		}
	}
	for _, m := range []map[string]bool{s, b, a} {
		delete(m, "")
	}
	return int64(len(s)), int64(len(b)), int64(len(a))
}

func checkMarket(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales []ledger.Sale, items map[string]ledger.Item) {
	t.Helper()
	period := within(sales, s.Start, s.End)
	sum, apart := traded(period)
	want := &Market{
		Basis: basisOf(s), Apart: apart,
		Sales: Compared[int64]{Now: sum.Sales}, Quantity: Compared[ledger.Sum]{Now: sum.Quantity}, Volume: Compared[ledger.Sum]{Now: sum.Volume},
	}
	if before, ok := s.previous(); ok {
		past, _ := traded(within(sales, before.Start, before.End))
		want.Sales.Before, want.Quantity.Before, want.Volume.Before = &past.Sales, &past.Quantity, &past.Volume
	}
	sold := byItem(slices.DeleteFunc(period, func(s ledger.Sale) bool { return !real(s) }))
	want.Items = int64(len(sold))
	groups := map[string]GroupMarket{}
	before := s
	before.Today, before.End, before.Through = plus(s.Start, -1), s.Start, s.Start
	for ref, in := range sold {
		of, _ := traded(in)
		name, group := items[ref].Name, items[ref].Group
		i := ItemMarket{
			ID: ref, Name: name, Group: group, Sales: of.Sales, Quantity: of.Quantity, Volume: of.Volume,
			Share: of.Volume.Float64() / sum.Volume.Float64(), VWAP: *of.Prices.VWAP, High: of.Prices.High, Low: of.Prices.Low,
			Price: scannedPrice(s, byItem(sales)[ref]),
		}
		if s.Days > 0 && s.Start.After(s.First) {
			i.Earlier = pointerTo(scannedPrice(before, byItem(sales)[ref]))
		}
		for _, b := range scannedCourse(s, mostDrawn, in) {
			i.Course = append(i.Course, b.price())
		}
		want.Top = append(want.Top, i)
		g := groups[group]
		g.Group, g.Items, g.Sales, g.Volume = group, g.Items+1, g.Sales+of.Sales, g.Volume.Plus(of.Volume)
		groups[group] = g
	}
	for _, g := range groups {
		if g.Share = g.Volume.Float64() / sum.Volume.Float64(); len(groups) > 1 || g.Group != "" {
			want.Groups = append(want.Groups, g)
		}
	}
	slices.SortFunc(want.Groups, func(a, b GroupMarket) int {
		return cmp.Or(b.Volume.Compare(a.Volume), cmp.Compare(a.Group, b.Group))
	})
	slices.SortFunc(want.Top, func(a, b ItemMarket) int {
		return cmp.Or(b.Volume.Compare(a.Volume), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	for _, of := range want.Top[min(len(want.Top), mostItems):] {
		want.Others.Items++
		want.Others.Sales += of.Sales
		want.Others.Quantity = want.Others.Quantity.Plus(of.Quantity)
		want.Others.Volume = want.Others.Volume.Plus(of.Volume)
	}
	want.Top = want.Top[:min(len(want.Top), mostItems)]
	got, err := ComputeMarket(t.Context(), db, w, MarketQuery{Days: s.Days})
	if err == nil {
		want.Offsetting = got.Offsetting // see checkWithOffsetting
	}
	compare(t, "market", s.Days, want, got, err)
}

func checkItem(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales []ledger.Sale, ref string) {
	t.Helper()
	sales = slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return s.Item != ref })
	sum, apart := traded(within(sales, s.Start, s.End))
	want := &Item{
		ID: ref, Name: itemName(ref), Basis: basisOf(s), Apart: apart, Prices: sum.Prices, Thin: sum.Sales < 5, Offers: newOffers(),
		Sales: Compared[int64]{Now: sum.Sales}, Quantity: Compared[ledger.Sum]{Now: sum.Quantity}, Volume: Compared[ledger.Sum]{Now: sum.Volume},
	}
	var all int64
	want.Sellers, want.Buyers, all = traders(within(sales, s.Start, s.End))
	want.Thin = want.Thin || all > 0 && all < 3
	if before, ok := s.previous(); ok {
		past, _ := traded(within(sales, before.Start, before.End))
		want.Sales.Before, want.Quantity.Before, want.Volume.Before = &past.Sales, &past.Quantity, &past.Volume
	}
	want.Price, want.Before = scannedPrice(s, sales), scannedBefore(sales, s)
	want.Spread = scannedSpread(within(sales, s.Start, s.Through), s.zone())
	unit, buckets := s.divide(mostDays)
	want.Bucket = unit
	for _, b := range buckets {
		from := plus(s.Start, b.from)
		c, _ := traded(within(sales, from, plus(s.Start, b.to+1)))
		c.Start, c.Partial = b.start, b.partial
		want.Candles = append(want.Candles, c)
	}
	got, err := ComputeItem(t.Context(), db, w, ItemQuery{Item: ref, Days: s.Days})
	if err == nil {
		want.Offsetting = got.Offsetting
	}
	compare(t, "item", s.Days, want, got, err)
}
