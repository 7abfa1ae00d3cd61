package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// The limits of what is compared and listed.
const (
	mostTrips      = 50
	tripsOfItem    = 3
	comparedSides  = 20   // the best asks and the best bids of an item
	taxedPurchases = 1000 // of the latest sales, by which the tax is known
	latestSales    = 5000 // among which these are looked for
)

// Arbitrage is what could be bought in one shop and sold in another for more.
type Arbitrage struct {
	Basis
	TaxRate  float64 `json:"taxRate" doc:"The part of a customer's proceeds that is taken as tax: tax / total of the latest purchases of shops."`
	TaxSales int64   `json:"taxSales" doc:"Of how many purchases; 0: none is known, and no tax is taken off."`
	Items    int64   `json:"items" doc:"Items with a bid above an ask of another owner, before tax."`
	Trips    []Trip  `json:"trips" nullable:"false" doc:"The best of each item first, by profit; at most 3 of an item and 50 in all."`
}

// A Trip buys an item in one shop and sells it in another.
type Trip struct {
	Item     string     `json:"item"`
	ItemName string     `json:"itemName"`
	From     TripEnd    `json:"from" doc:"Where it is bought."`
	To       TripEnd    `json:"to" doc:"Where it is sold."`
	Pieces   int64      `json:"pieces" doc:"As many as stock, room and the balance of the buying owner allow, in whole batches of both."`
	Bounded  string     `json:"bounded" enum:"stock,room,balance,unknown" doc:"By what the pieces are bounded; unknown: by nothing that is known, so that it is one batch of both."`
	Cost     ledger.Sum `json:"cost" doc:"Minor units; tax is in the ask."`
	Tax      ledger.Sum `json:"tax" doc:"Taken off the proceeds."`
	Profit   ledger.Sum `json:"profit" doc:"Proceeds less tax and cost."`
	Distance *int64     `json:"distance" doc:"Blocks; null: not known, or between worlds."`
}

// A TripEnd is the offer at one end of a trip.
type TripEnd struct {
	Shop      string      `json:"shop"`
	Place     string      `json:"place"`
	Owner     string      `json:"owner" doc:"The account's id; empty if its holder is hidden."`
	OwnerName string      `json:"ownerName"`
	OwnerKind ledger.Kind `json:"ownerKind" enum:"personal,business,government,system"`
	World     string      `json:"world"`
	X         *int64      `json:"x"`
	Z         *int64      `json:"z"`
	Price     int64       `json:"price" doc:"Of a batch: the ask, or the bid."`
	Batch     int64       `json:"batch"`
	Seen      time.Time   `json:"seen"`
}

// A standing offer is an end that a trip may have.
type standing struct {
	TripEnd
	account int64
	holder  string
	most    *int64 // pieces that it has, or has room for; nil: not known
	funds   *int64 // of the owner; nil: without a limit
}

// ComputeArbitrage compares the current offers of each item.
func ComputeArbitrage(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*Arbitrage, error) {
	a := &Arbitrage{Trips: []Trip{}}
	if err := a.read(ctx, db, w, 0, a.fill); err != nil {
		return nil, fmt.Errorf("arbitrage: %w", err)
	}
	return a, nil
}

func (a *Arbitrage) fill(ctx context.Context, tx pgx.Tx, _ span) error {
	if err := a.fillTax(ctx, tx); err != nil {
		return err
	}
	type side struct{ asks, bids []standing }
	items := map[Named]*side{}
	// Only items of which some bid is above some ask, and of these the best of each
	// side.
	const query = `
		WITH standing AS (
			SELECT o.item, 'ask' AS side, o.shop, o.ask AS price, o.batch, o.stock AS most, o.seen, o.ask::float8 / o.batch AS piece
			FROM offers o WHERE ` + asksMoney + ` AND ` + askStands + `
			UNION ALL
			SELECT o.item, 'bid', o.shop, o.bid, o.batch, o.capacity - o.stock, o.seen, -(o.bid::float8 / o.batch)
			FROM offers o WHERE ` + bidsMoney + ` AND ` + bidStands + ` AND o.bid > 0
		), crossing AS (
			SELECT item FROM standing GROUP BY item
			HAVING -min(piece) FILTER (WHERE side = 'bid') > min(piece) FILTER (WHERE side = 'ask')
		), ranked AS (
			SELECT *, row_number() OVER (PARTITION BY item, side ORDER BY piece, seen DESC, shop) AS nr FROM standing JOIN crossing USING (item)
		)
		SELECT i.ref, i.name, r.side, ` + siteColumns + `, r.price, r.batch, r.seen, r.most, s.owner, a.holder, CASE WHEN NOT owner.issuer AND NOT hidden THEN coalesce(b.balance, 0) END
		FROM ranked r JOIN items i ON i.id = r.item JOIN shops s ON s.id = r.shop ` + siteJoins + ` LEFT JOIN balances b ON b.account = s.owner
		WHERE r.nr <= $1 ORDER BY i.ref, r.side, r.piece, s.ref`
	rows, _ := tx.Query(ctx, query, comparedSides)
	var item Named
	var name string
	var e standing
	var y *int64
	_, err := pgx.ForEachRow(rows, []any{&item.Ref, &item.Name, &name, &e.Shop, &e.Place, &e.Owner, &e.OwnerName, &e.OwnerKind, &e.World, &e.X, &y, &e.Z,
		&e.Price, &e.Batch, &e.Seen, &e.most, &e.account, &e.holder, &e.funds}, func() error {
		of := items[item]
		if of == nil {
			of = &side{}
			items[item] = of
		}
		if name == "ask" {
			of.asks = append(of.asks, e)
		} else {
			of.bids = append(of.bids, e)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("offers: %w", err)
	}
	var ranks [tripsOfItem][]Trip
	for item, of := range items {
		trips, crosses := tripsOf(item, of.asks, of.bids, a.TaxRate)
		if crosses {
			a.Items++
		}
		for i, trip := range trips[:min(len(trips), tripsOfItem)] {
			ranks[i] = append(ranks[i], trip)
		}
	}
	for _, trips := range ranks {
		slices.SortFunc(trips, func(a, b Trip) int {
			return cmp.Or(b.Profit.Compare(a.Profit), cmp.Compare(a.Item, b.Item))
		})
		a.Trips = append(a.Trips, trips...)
	}
	a.Trips = a.Trips[:min(len(a.Trips), mostTrips)]
	return nil
}

// fillTax reads what customers who sold paid as tax of late.
func (a *Arbitrage) fillTax(ctx context.Context, tx pgx.Tx) error {
	const query = `
		SELECT count(*), coalesce(sum(tax)::float8 / nullif(sum(total), 0), 0)::float8
		FROM (
			SELECT * FROM (SELECT * FROM sales ORDER BY id DESC LIMIT $1) AS latest
			WHERE direction = 'purchase' AND quantity > 0 AND total > 0 AND tax >= 0 ORDER BY id DESC LIMIT $2) AS purchases`
	if err := tx.QueryRow(ctx, query, latestSales, taxedPurchases).Scan(&a.TaxSales, &a.TaxRate); err != nil {
		return fmt.Errorf("tax: %w", err)
	}
	a.TaxRate = min(a.TaxRate, 1)
	return nil
}

// tripsOf returns the trips of an item that bring a profit, the best first, and
// reports whether a bid is above an ask of another owner.
func tripsOf(item Named, asks, bids []standing, taxRate float64) (trips []Trip, crosses bool) {
	for _, from := range asks {
		for _, to := range bids {
			if from.account == to.account || from.holder == to.holder || comparePrices(priced{to.Price, to.Batch}, priced{from.Price, from.Batch}) <= 0 {
				continue
			}
			crosses = true
			if t, ok := newTrip(item, from, to, taxRate); ok {
				trips = append(trips, t)
			}
		}
	}
	slices.SortStableFunc(trips, func(a, b Trip) int {
		return cmp.Or(b.Profit.Compare(a.Profit), cmp.Compare(a.From.Shop, b.From.Shop), cmp.Compare(a.To.Shop, b.To.Shop))
	})
	return trips, crosses
}

// newTrip returns a trip with all that can be moved at once, and reports whether it
// brings a profit.
func newTrip(item Named, from, to standing, taxRate float64) (Trip, bool) {
	lot, fits := commonMultiple(from.Batch, to.Batch)
	if !fits {
		return Trip{}, false
	}
	t := Trip{Item: item.Ref, ItemName: item.Name, From: from.TripEnd, To: to.TripEnd, Bounded: "unknown", Pieces: lot}
	bound := func(by string, pieces int64) {
		if pieces = pieces / lot * lot; t.Bounded == "unknown" || pieces < t.Pieces {
			t.Bounded, t.Pieces = by, pieces
		}
	}
	if from.most != nil {
		bound("stock", *from.most)
	}
	if to.most != nil {
		bound("room", *to.most)
	}
	if to.funds != nil {
		batches := max(0, *to.funds) / to.Price
		if batches <= (1<<62)/to.Batch {
			bound("balance", batches*to.Batch)
		}
	}
	if t.Pieces <= 0 {
		return Trip{}, false
	}
	t.Cost = ledger.Product(t.Pieces/from.Batch, from.Price)
	proceeds := ledger.Product(t.Pieces/to.Batch, to.Price)
	t.Tax = taxed(proceeds, taxRate)
	t.Profit = proceeds.Minus(t.Tax).Minus(t.Cost)
	if from.X != nil && to.X != nil && from.World == to.World {
		d := blocks(*from.X, *from.Z, *to.X, *to.Z)
		t.Distance = &d
	}
	return t, t.Profit.Sign() > 0
}

// taxed returns a part of a sum, rounded up, so that no profit is too large.
func taxed(sum ledger.Sum, rate float64) ledger.Sum {
	if rate <= 0 {
		return ledger.Sum{}
	}
	exact := new(big.Rat).Mul(new(big.Rat).SetInt(sum.Big()), new(big.Rat).SetFloat64(rate))
	whole, rest := new(big.Int).QuoRem(exact.Num(), exact.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	if whole.IsInt64() {
		return ledger.SumOf(whole.Int64())
	}
	return sum
}

// commonMultiple returns the least number of pieces that is whole batches of both,
// and reports whether it is one that somebody could carry.
func commonMultiple(a, b int64) (int64, bool) {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	const most = 1 << 40
	if a/x > most/b {
		return 0, false
	}
	return a / x * b, true
}

// Table has one row a trip.
func (a *Arbitrage) Table() Table {
	t := Table{Columns: []Column{
		{"item", "Item", Text}, {"id", "Id", Text}, {"from", "Buy at", Text}, {"from_shop", "Shop", Text}, {"ask", "Price of a batch", Money}, {"ask_batch", "Pieces in it", Count}, {"ask_seen", "Seen", Instant},
		{"to", "Sell at", Text}, {"to_shop", "Shop", Text}, {"bid", "Price of a batch", Money}, {"bid_batch", "Pieces in it", Count}, {"bid_seen", "Seen", Instant},
		{"pieces", "Pieces", Count}, {"bounded", "Bounded by", Text}, {"cost", "Cost", Money}, {"tax", "Tax", Money}, {"profit", "Profit", Money}, {"distance", "Distance, blocks", Count},
	}}
	for _, p := range a.Trips {
		t.Rows = append(t.Rows, []any{p.ItemName, p.Item, p.From.OwnerName, p.From.Shop, p.From.Price, p.From.Batch, p.From.Seen.UTC(),
			p.To.OwnerName, p.To.Shop, p.To.Price, p.To.Batch, p.To.Seen.UTC(), p.Pieces, p.Bounded, p.Cost, p.Tax, p.Profit, orNil(p.Distance)})
	}
	return t.upTo(len(a.Trips), mostTrips)
}
