package aggregates

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// onDays are the sales of a span of whole days, as rollups by day have them.
func onDays(sales []ledger.Sale, from, today time.Time) []ledger.Sale {
	return slices.DeleteFunc(within(sales, from, plus(today, 1)), func(s ledger.Sale) bool { return !real(s) })
}

// each is a unit price.
func each(s ledger.Sale) float64 { return float64(s.Total) / float64(s.Quantity) }

func scannedBefore(sales []ledger.Sale, s span) *float64 {
	before, reaches := s.previous()
	if !reaches {
		return nil
	}
	return scannedPrice(before, sales).Value
}

// pieceByPiece is the median of prices laid out piece by piece.
func pieceByPiece(sales []ledger.Sale, price func(ledger.Sale) float64) *float64 {
	var pieces []float64
	for _, s := range sales {
		for range s.Quantity {
			pieces = append(pieces, price(s))
		}
	}
	if len(pieces) == 0 {
		return nil
	}
	slices.Sort(pieces)
	return pointerTo((pieces[(len(pieces)-1)/2] + pieces[len(pieces)/2]) / 2)
}

// scannedSpread is of at most mostRecent sales and no offers.
func scannedSpread(sales []ledger.Sale, zone *time.Location) Spread {
	var v Spread
	sold, bought := map[string][]ledger.Sale{}, map[string][]ledger.Sale{}
	var tax, total int64
	for _, s := range sales {
		if !real(s) {
			continue
		}
		v.Sales++
		date := s.At.In(zone).Format(time.DateOnly)
		switch {
		case s.Direction == ledger.DirectionSale && s.Shop != "":
			sold[date] = append(sold[date], s)
		case s.Direction == ledger.DirectionPurchase && s.Total > s.Tax:
			tax, total = tax+s.Tax, total+s.Total
			if s.Shop != "" {
				bought[date] = append(bought[date], s)
			}
		}
	}
	if total > 0 {
		v.Tax = float64(tax) / float64(total)
	}
	pieces := func(sales []ledger.Sale) (n int64) {
		for _, s := range sales {
			n += s.Quantity
		}
		return n
	}
	var paid, got, weights float64
	for date := range sold {
		if bought[date] == nil {
			continue
		}
		v.Days++
		weight := float64(min(pieces(sold[date]), pieces(bought[date])))
		weights += weight
		paid += weight * *pieceByPiece(sold[date], each)
		got += weight * *pieceByPiece(bought[date], func(s ledger.Sale) float64 { return float64(s.Total-s.Tax) / float64(s.Quantity) })
	}
	if v.Days > 0 {
		v.Paid, v.Got = pointerTo(paid/weights), pointerTo(got/weights)
		v.Executed = pointerTo((*v.Paid - *v.Got) / ((*v.Paid + *v.Got) / 2))
	}
	return v
}

// stood is what the offers of an item were at a time, by scanning their changes.
func stood(t *testing.T, db *pgxpool.Pool, item string, end time.Time) *Standing {
	t.Helper()
	const query = `
		SELECT count(*), min(ask::float8 / batch) FILTER (WHERE asks), max(bid::float8 / batch) FILTER (WHERE bids),
			count(*) FILTER (WHERE asks), count(*) FILTER (WHERE bids), coalesce(sum(stock) FILTER (WHERE asks), 0)
		FROM (
			SELECT *, active AND priced_in IS NULL AND ask IS NOT NULL AND coalesce(stock >= batch, true) AS asks,
				active AND priced_in IS NULL AND bid IS NOT NULL AND coalesce(capacity - stock >= batch, true) AS bids
			FROM (SELECT DISTINCT ON (offer) * FROM offer_changes WHERE item = (SELECT id FROM items WHERE ref = $1) AND at < $2
				ORDER BY offer, at DESC) AS latest) AS states`
	var n int64
	var s Standing
	if err := db.QueryRow(t.Context(), query, item, end).Scan(&n, &s.BestAsk, &s.BestBid, &s.Asks, &s.Bids, &s.Stock); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		return nil
	}
	return &s
}

// TestItemsAreWhatScanningSays compares the list of items, the course of one and how
// it was traded with the same numbers by scanning sales and changes of offers.
func TestItemsAreWhatScanningSays(t *testing.T) {
	for n, days := range []int{5, 45, 200, 900} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(n), 17))
			now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
			r := randomRecord(random, now, days, transactionsIn(days))
			sales := r.randomSales(random, 250)
			b := r.batch()
			for item := range 60 {
				ref := fmt.Sprintf("i/%02d", item)
				b.Items = append(b.Items, ledger.Item{Ref: ref, Name: itemName(ref)})
			}
			owners := slices.Collect(func(yield func(string) bool) {
				for ref := range r.accounts {
					if !yield(ref) {
						return
					}
				}
			})
			slices.Sort(owners)
			for shop := range 4 {
				b.Shops = append(b.Shops, ledger.Shop{Ref: fmt.Sprint("shop", shop), Owner: owners[shop], Active: true, Seen: plus(now, -days)})
			}
			for i := range sales {
				if random.IntN(2) == 0 {
					sales[i].Direction = ledger.DirectionPurchase
				}
				if sales[i].Total > 20 {
					sales[i].Tax = random.Int64N(sales[i].Total / 10)
				}
				if random.IntN(25) == 0 && real(sales[i]) {
					sales[i].Total *= 1000 // planted
				}
				if i%4 > 0 {
					sales[i].Shop = fmt.Sprint("shop", i%4)
				}
				when := sales[i].At
				o := ledger.Offer{
					Shop: fmt.Sprint("shop", random.IntN(4)), Item: fmt.Sprintf("i/%02d", random.IntN(6)), Batch: 1 + random.Int64N(3), Active: random.IntN(5) > 0, Seen: when,
					Ask: pointerTo(1 + random.Int64N(900)), Stock: pointerTo(random.Int64N(6)), Capacity: pointerTo(random.Int64N(9)),
				}
				if random.IntN(2) == 0 {
					o.Bid = pointerTo(1 + random.Int64N(700))
				}
				if !slices.ContainsFunc(b.Offers, func(p ledger.Offer) bool { return p.Shop == o.Shop && p.Item == o.Item && p.Seen.Equal(o.Seen) }) {
					b.Offers = append(b.Offers, o)
				}
			}
			b.Sales = sales
			db := testkit.Postgres(t)
			appendBatch(t, db, b)
			w := windowAt(now)
			for _, days := range AllDays() {
				s := r.span(w, days)
				checkItems(t, db, w, s, sales)
				for _, ref := range []string{"i/00", "i/03", "i/59"} {
					of := slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return s.Item != ref })
					checkItemTrade(t, db, w, s, of, ref)
					checkSpread(t, db, w, s, of, ref)
					for _, step := range Steps() {
						checkItemChart(t, db, w, s, of, ref, ParseStep(string(step), days))
					}
				}
			}
		})
	}
}

func checkSpread(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales []ledger.Sale, ref string) {
	t.Helper()
	got, err := ComputeItem(t.Context(), db, w, ItemQuery{Item: ref, Days: s.Days})
	if err != nil {
		t.Fatal(err)
	}
	want := scannedSpread(within(sales, s.Start, s.Through), s.zone())
	want.Offered = got.Spread.Offered // of the offers
	compare(t, "spread of "+ref, s.Days, want, got.Spread, nil)
}

func checkItems(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales []ledger.Sale) {
	t.Helper()
	want := &Items{Basis: basisOf(s), Count: 60}
	for n := range 60 {
		ref := fmt.Sprintf("i/%02d", n)
		of := slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return s.Item != ref })
		sum, _ := traded(within(of, s.Start, s.End))
		i := ListedItem{PricedItem: PricedItem{ID: ref, Name: itemName(ref), Price: scannedPrice(s, of)}, Before: scannedBefore(of, s), Sales: sum.Sales, Quantity: sum.Quantity, Volume: sum.Volume}
		if stand := stood(t, db, ref, w.Start); stand != nil {
			i.BestAsk, i.BestBid, i.Asks, i.Stock = stand.BestAsk, stand.BestBid, stand.Asks, stand.Stock
		}
		want.Items = append(want.Items, i)
		want.Volume = want.Volume.Plus(i.Volume)
		want.Sold += int64(one(i.Sales > 0))
		want.Stocked += int64(one(i.Asks > 0))
		want.Firm += int64(one(i.Price.Confidence == Firm))
	}
	slices.SortFunc(want.Items, func(a, b ListedItem) int {
		return cmp.Or(b.Volume.Compare(a.Volume), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	got, err := ComputeItems(t.Context(), db, w, s.Days)
	compare(t, "items", s.Days, want, got, err)
}

func checkItemChart(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales []ledger.Sale, ref string, step Step) {
	t.Helper()
	got, err := ComputeItemChart(t.Context(), db, w, ItemChartQuery{Item: ref, Days: s.Days, Step: step})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Candles); n == 0 || n > 370 {
		t.Fatalf("%s days by %s: %d candles", s.Days.Key(), step, n)
	}
	want := &ItemChart{ID: ref, Name: itemName(ref), Basis: basisOf(s), Step: got.Step}
	length := map[string]time.Duration{"1h": hour, "4h": 4 * hour, "day": day}[got.Step]
	for n, c := range got.Candles { // what they hold; where they begin is checked below
		end := s.Through
		if n+1 < len(got.Candles) {
			end = got.Candles[n+1].Start
		}
		start := c.Start
		if n == 0 {
			start = s.Start
		}
		if length > 0 && n > 0 && c.Start.Sub(got.Candles[n-1].Start) != length {
			t.Errorf("%s by %s: a candle at %s follows one at %s", s.Days.Key(), step, c.Start, got.Candles[n-1].Start)
		}
		of, _ := traded(within(sales, start, end))
		of.Start, of.Partial, of.Standing = c.Start, c.Partial, stood(t, db, ref, end)
		if got.Step == "1h" || got.Step == "4h" {
			of.Prices.Median = nil
		}
		want.Candles = append(want.Candles, of)
	}
	compare(t, "course of "+ref+" by "+string(step), s.Days, want, got, nil)
	if first, last := got.Candles[0], got.Candles[len(got.Candles)-1]; first.Start.After(s.Start) || !s.Historical && !last.Partial && w.Start.Truncate(4*hour) != w.Start {
		t.Errorf("%s by %s: the candles begin at %s, the last one at %s (partial: %t)", s.Days.Key(), step, first.Start, last.Start, last.Partial)
	}
}

func checkItemTrade(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales []ledger.Sale, ref string) {
	t.Helper()
	got, err := ComputeItemTrade(t.Context(), db, w, ItemQuery{Item: ref, Days: s.Days})
	if err != nil {
		t.Fatal(err)
	}
	sold := onDays(sales, s.Start, s.Today)
	want := &ItemTrade{ID: ref, Name: itemName(ref), Basis: basisOf(s), Together: got.Together} // which has a test of its own
	usual := scannedUsual(sold)
	want.Paid = Paid{Sales: int64(len(usual)), Excluded: int64(len(sold) - len(usual))}
	if len(usual) > 0 {
		var pieces []float64
		for _, s := range usual {
			want.Paid.Quantity = want.Paid.Quantity.Add(s.Quantity)
			for range s.Quantity {
				pieces = append(pieces, each(s))
			}
		}
		slices.Sort(pieces)
		n := len(pieces)
		want.Paid.Median, want.Paid.Low, want.Paid.High = scannedMedian(usual), &pieces[0], &pieces[n-1]
		want.Paid.Quarter, want.Paid.Quarter3 = &pieces[(n+3)/4-1], &pieces[(3*n+3)/4-1]
		for i, b := range got.Paid.Bins {
			bin := PriceBin{Low: b.Low, High: b.High}
			for _, s := range usual {
				if p := each(s); p >= b.Low-1e-9 && (p < b.High-1e-9 || i == len(got.Paid.Bins)-1) {
					bin.Sales++
					bin.Quantity = bin.Quantity.Add(s.Quantity)
				}
			}
			want.Paid.Bins = append(want.Paid.Bins, bin)
		}
		type priceOn struct {
			day  time.Time
			each float64
		}
		out := map[priceOn]DayPriced{}
		for _, sale := range sold {
			if p := each(sale); p < pieces[0] || p > pieces[n-1] {
				key := priceOn{sale.At.Truncate(day), p}
				o := out[key]
				out[key] = DayPriced{key.day, p, o.Sales + 1, o.Quantity.Add(sale.Quantity)}
			}
		}
		for _, o := range out {
			want.Paid.Outliers = append(want.Paid.Outliers, o)
		}
		slices.SortFunc(want.Paid.Outliers, func(a, b DayPriced) int { return cmp.Or(b.Day.Compare(a.Day), cmp.Compare(b.Each, a.Each)) })
	}
	want.Sellers = scannedSide(sold, func(s ledger.Sale) string { return s.Seller })
	want.Buyers = scannedSide(sold, func(s ledger.Sale) string { return s.Buyer })
	for i, of := range []*Side{&want.Sellers, &want.Buyers} { // which of several with the same value comes first is no question
		listed := []Side{got.Sellers, got.Buyers}[i].Top
		for n := range of.Top {
			of.Top[n].Kind = listed[n].Kind
		}
	}
	sizes := map[int64]int64{}
	var all []int64
	for _, s := range within(sales, s.Start, s.Through) {
		if real(s) {
			sizes[s.Quantity]++
			all = append(all, s.Quantity)
		}
	}
	slices.Sort(all)
	want.Sizes.Sales = int64(len(all))
	for pieces := range int64(12) {
		if sizes[pieces] > 0 {
			want.Sizes.Common = append(want.Sizes.Common, Size{pieces, sizes[pieces], ledger.Product(pieces, sizes[pieces])})
		}
	}
	if len(all) > 0 {
		want.Sizes.Median = all[(len(all)-1)/2]
	}
	compare(t, "trade of "+ref, s.Days, want, got, nil)
}

// scannedSide is who traded, by sale.
func scannedSide(sold []ledger.Sale, of func(ledger.Sale) string) Side {
	var v Side
	byAccount := map[string]*Trader{}
	for _, s := range sold {
		ref := of(s)
		if ref == "" {
			continue
		}
		if byAccount[ref] == nil {
			byAccount[ref] = &Trader{ID: ref, Name: ref}
		}
		t := byAccount[ref]
		t.Sales++
		t.Quantity, t.Volume = t.Quantity.Add(s.Quantity), t.Volume.Add(s.Total)
		v.Volume = v.Volume.Add(s.Total)
	}
	v.Traders = int64(len(byAccount))
	hhi := 0.0
	for _, t := range byAccount {
		t.Share = t.Volume.Float64() / v.Volume.Float64()
		hhi += math.Pow(100*t.Share, 2)
		v.Top = append(v.Top, *t)
	}
	if len(v.Top) > 0 {
		v.HHI = &hhi
	}
	slices.SortFunc(v.Top, func(a, b Trader) int { return cmp.Or(b.Volume.Compare(a.Volume), cmp.Compare(a.ID, b.ID)) })
	return v
}
