package aggregates

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
)

// townMarket is a small town's ledger, with all its sales and items.
func townMarket(t *testing.T) (*pgxpool.Pool, cache.Window, []ledger.Sale, map[string]ledger.Item) {
	t.Helper()
	db := openFilled(t, markets)
	return db, windowAt(at(t, "03-11 15:00")), slices.Clone(marketSales), marketItems
}

// What markets is filled with.
var (
	marketSales []ledger.Sale
	marketItems = map[string]ledger.Item{}
)

var markets = testkit.NewFilled(func(t testing.TB, url string) {
	marketSales = nil // on Citus it is filled for each test
	db := openURL(t, url)
	defer db.Close()
	record := ledger.New(db)
	err := town.New(town.Config{Seed: 7, Players: 120, Days: 45, End: at(t, "03-11 15:00")}).History(t.Context(), func(b ledger.Batch) error {
		marketSales = append(marketSales, b.Sales...)
		for _, i := range b.Items {
			marketItems[i.Ref] = i
		}
		_, err := record.Append(t.Context(), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
})

func townSpan(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days) (s span) {
	t.Helper()
	var b Basis
	if err := b.read(t.Context(), db, w, days, func(_ context.Context, _ pgx.Tx, of span) error { s = of; return nil }); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheTownsMarketIsWhatScanningSays(t *testing.T) {
	db, w, sales, items := townMarket(t)
	name := func(ref string) string { return items[ref].Name }
	for _, days := range []Days{7, 30, 0} {
		s := townSpan(t, db, w, days)
		checkMarket(t, db, w, s, sales, items)
		checkIndex(t, db, w, s, sales)
		checkMovers(t, db, w, s, sales, name)
	}
	checkPrices(t, db, w, townSpan(t, db, w, 0), sales, name)
	checkGaps(t, db, w, sales)

	// One sale of each item at 1,000 times its price, of one piece or of many, moves
	// nothing that is shown by one percent.
	before, err := ComputePrices(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	index, err := ComputePriceIndex(t.Context(), db, w, MarketQuery{Days: 30})
	if err != nil {
		t.Fatal(err)
	}
	plants := ledger.Batch{}
	for i, item := range before.Items {
		if item.Price.Value == nil {
			continue // never sold
		}
		pieces := []int64{1, 10_000}[i%2]
		plants.Sales = append(plants.Sales, ledger.Sale{Origin: "plant", Ref: fmt.Sprint(i), At: w.Start.Add(-hour), Item: item.ID,
			Direction: ledger.DirectionSale, Quantity: pieces, Total: int64(1000 * *item.Price.Value * float64(pieces))})
	}
	appendBatch(t, db, plants)
	after, err := ComputePrices(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for i, item := range after.Items {
		was := before.Items[i].Price
		if was.Sales < 5 {
			continue
		}
		checked++
		if math.Abs(*item.Price.Value / *was.Value - 1) > .01 || item.Price.Excluded != was.Excluded+1 {
			t.Errorf("one sale at 1,000 times the price made %s %+v of %+v", item.ID, item.Price, was)
		}
	}
	if checked < 50 {
		t.Errorf("%d items with 5 sales or more, want 50 at least", checked)
	}
	moved, err := ComputePriceIndex(t.Context(), db, w, MarketQuery{Days: 30})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(*moved.Change-*index.Change) > .01 || math.Abs(*moved.Coverage-*index.Coverage) > .01 {
		t.Errorf("the plants moved the index: %+v of %v, coverage %v of %v", *moved.Change, *index.Change, *moved.Coverage, *index.Coverage)
	}
}

// checkGaps compares what is missing with scans of all sales and of all changes of
// offers.
func checkGaps(t *testing.T, db *pgxpool.Pool, w cache.Window, sales []ledger.Sale) {
	t.Helper()
	s := townSpan(t, db, w, 7)
	got, err := ComputeGaps(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	const query = `
		WITH now AS (
			SELECT DISTINCT ON (offer) item, active AND priced_in IS NULL AS on, ask, bid, batch, stock, capacity
			FROM offer_changes WHERE at < $3 ORDER BY offer, at DESC),
		standing AS (
			SELECT item, coalesce(on_ask, 0) AS asks, coalesce(on_bid, 0) AS bids, coalesce(stock, 0) AS stock, best_ask FROM (
				SELECT item, count(*) FILTER (WHERE on_ask) AS on_ask, count(*) FILTER (WHERE on_bid) AS on_bid,
					sum(stock) FILTER (WHERE on_ask) AS stock, min(ask::float8 / batch) FILTER (WHERE on_ask) AS best_ask
				FROM (SELECT *, "on" AND ask IS NOT NULL AND coalesce(stock >= batch, true) AS on_ask,
					"on" AND bid IS NOT NULL AND coalesce(capacity - stock >= batch, true) AS on_bid FROM now) AS judged
				GROUP BY item) AS counted)
		SELECT ref, asks, bids, stock::bigint, best_ask, coalesce(sales, 0), coalesce(sold, 0)::bigint, coalesce(volume, 0)::bigint
		FROM standing JOIN items ON id = item LEFT JOIN (
			SELECT item, count(*) AS sales, sum(quantity) AS sold, sum(total) AS volume FROM sales
			WHERE quantity > 0 AND total > 0 AND at >= $1 AND at < $2 GROUP BY item) AS week USING (item)`
	rows, _ := db.Query(t.Context(), query, s.Start, s.End, s.Through)
	days := s.End.Sub(s.Start).Hours() / 24
	of := byItem(sales)
	want := map[string]string{}
	var ref string
	var asks, bids, stock, sold, pieces, volume int64
	var ask *float64
	offered := int64(0)
	line := func(sold, short, wanted, dear bool, sales int64, cover *float64, volume any) string {
		text := fmt.Sprint(sold, short, wanted, dear, sales, volume)
		if cover != nil {
			text += fmt.Sprintf(" %.6f", *cover)
		}
		return text
	}
	_, err = pgx.ForEachRow(rows, []any{&ref, &asks, &bids, &stock, &ask, &sold, &pieces, &volume}, func() error {
		offered++
		var cover *float64
		if sold > 0 && stock > 0 {
			cover = pointerTo(float64(stock) / (float64(pieces) / days))
		}
		p := scannedPrice(s, of[ref])
		dear := ask != nil && (p.Confidence == Firm || p.Confidence == Thin) && *ask > *p.Value*max(*p.Spread, 1.1)*max(*p.Spread, 1.1)
		out, short, wanted := sold > 0 && asks == 0, asks > 0 && cover != nil && *cover < 1, bids > 0 && asks == 0
		if out || short || wanted || dear {
			want[ref] = line(out, short, wanted, dear, sold, cover, volume)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, g := range got.Items {
		found[g.ID] = line(g.SoldOut, g.Short, g.Wanted, g.Dear, g.Sales, g.Cover, g.Volume)
	}
	if offered != got.Offered {
		t.Errorf("%d items offered, want %d", got.Offered, offered)
	}
	compare(t, "gaps", 7, want, found, nil)
}

// The town has a pair and a triangle who pass goods round. Nobody else is marked.
func TestTheTownsCirclesAreMarked(t *testing.T) {
	db, w, sales, items := townMarket(t)
	if _, err := UpdateOffsetting(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	marks := marked(t, db, keptMarks)
	routes := map[string]int{}
	for of, rule := range marks {
		routes[of[0]+" "+of[2]+" "+of[3]+" "+rule]++
	}
	for _, route := range []string{"item:painting player:bess-tarn player:cob-marl pair", "item:honeycomb player:wat-rill player:tib-loam cycle"} {
		if routes[route] < 40 {
			t.Errorf("%s is marked on %d days, want nearly all", route, routes[route])
		}
	}
	if len(routes) != 5 {
		t.Errorf("%d routes are marked, want those of the five: %v", len(routes), routes)
	}
	without := slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool {
		return marks[[4]string{s.Item, s.At.Format(time.DateOnly), s.Seller, s.Buyer}] != ""
	})
	for _, days := range []Days{7, 30} {
		s := townSpan(t, db, w, days)
		checkMarket(t, db, w, s, without, items)
		checkIndex(t, db, w, s, without)
		checkWithOffsetting(t, db, w, s, sales, without, "item:painting")
	}
}
