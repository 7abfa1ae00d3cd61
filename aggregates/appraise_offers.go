package aggregates

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// QuotedItem is an item with its price and its best offers at the moment of reading.
type QuotedItem struct {
	PricedItem
	Group string     `json:"group" doc:"The ledger's sort of goods; empty if it has none."`
	Ask   *BestOffer `json:"ask" doc:"The cheapest offer to sell that stands; null: none does."`
	Bid   *BestOffer `json:"bid" doc:"The dearest offer to buy that stands; null: none does."`
}

// BestOffer is the best offer of one side.
type BestOffer struct {
	Price  int64     `json:"price" doc:"Of a batch, in minor units."`
	Batch  int64     `json:"batch" doc:"Pieces."`
	Pieces *int64    `json:"pieces" doc:"Of an ask those in stock, of a bid those that it has room for; null: not known, or without a limit."`
	Seen   time.Time `json:"seen" doc:"When the offer was last seen."`
}

// Piece returns the price of one piece, in minor units.
func (o *BestOffer) Piece() float64 { return float64(o.Price) / float64(o.Batch) }

// bound leaves out items so that at most so many are left: first those without a
// price and an offer, then the last ones.
func (all *AllPrices) bound(most int) {
	if len(all.Items) > most {
		all.Items = slices.DeleteFunc(all.Items, func(i QuotedItem) bool { return i.Price.Value == nil && i.Ask == nil && i.Bid == nil })
		all.Items = all.Items[:min(len(all.Items), most)]
	}
}

// readBestOffers returns the cheapest ask and the dearest bid that stand of each
// item. It reads the first entries of an index of each item, and those before them
// that are sold out or full.
func readBestOffers(ctx context.Context, tx pgx.Tx) (asks, bids map[int64]*BestOffer, err error) {
	const asking = `
		SELECT items.id, price, batch, pieces, seen FROM items CROSS JOIN LATERAL (
			SELECT o.ask AS price, o.batch, o.stock AS pieces, o.seen FROM offers o
			WHERE o.item = items.id AND ` + asksMoney + ` AND ` + askStands + ` ORDER BY (o.ask::float8 / o.batch), o.id LIMIT 1) AS best`
	const bidding = `
		SELECT items.id, price, batch, pieces, seen FROM items CROSS JOIN LATERAL (
			SELECT o.bid AS price, o.batch, o.capacity - o.stock AS pieces, o.seen FROM offers o
			WHERE o.item = items.id AND ` + bidsMoney + ` AND ` + bidStands + ` ORDER BY (o.bid::float8 / o.batch) DESC, o.id DESC LIMIT 1) AS best`
	if asks, err = readBest(ctx, tx, asking); err != nil {
		return nil, nil, fmt.Errorf("cheapest asks: %w", err)
	}
	if bids, err = readBest(ctx, tx, bidding); err != nil {
		return nil, nil, fmt.Errorf("dearest bids: %w", err)
	}
	return asks, bids, nil
}

func readBest(ctx context.Context, tx pgx.Tx, query string) (map[int64]*BestOffer, error) {
	best := map[int64]*BestOffer{}
	rows, _ := tx.Query(ctx, query)
	var item int64
	var o BestOffer
	_, err := pgx.ForEachRow(rows, []any{&item, &o.Price, &o.Batch, &o.Pieces, &o.Seen}, func() error {
		of := o
		best[item] = &of
		return nil
	})
	return best, err
}
