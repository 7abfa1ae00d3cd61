package aggregates

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// mostOffers is how many asks, bids and barters of an item are listed, each.
const mostOffers = 100

// Offers is what shops offer of an item at the moment of reading. An ask is
// where a customer buys, a bid where a customer sells.
type Offers struct {
	BestAsk *float64    `json:"bestAsk" doc:"The lowest ask, in minor units a piece; null: no ask stands."`
	BestBid *float64    `json:"bestBid" doc:"The highest bid, in minor units a piece; null: no bid stands."`
	Asks    int64       `json:"asks" doc:"How many asks stand: of active offers in money whose stock is unknown or has a batch."`
	Bids    int64       `json:"bids" doc:"How many bids stand: of active offers in money whose room is unknown or takes a batch."`
	Stock   ledger.Sum  `json:"stock" doc:"Pieces that the asks have, as far as it is known."`
	Shops   int64       `json:"shops" doc:"Different shops with an active ask in money."`
	Stocked int64       `json:"stocked" doc:"Of these, the shops whose ask stands."`
	Buyers  int64       `json:"buyers" doc:"Different shops with an active bid in money."`
	Selling []ShopOffer `json:"selling" nullable:"false" doc:"Active offers with an ask in money, at most 100: those that stand, cheapest first, then those sold out."`
	Buying  []ShopOffer `json:"buying" nullable:"false" doc:"Active offers with a bid in money, at most 100: those that stand, dearest first, then those that are full."`
	Barter  []ShopOffer `json:"barter" nullable:"false" doc:"Active offers priced in another item, at most 100, latest first. They are part of no price."`
}

func newOffers() Offers {
	return Offers{Selling: []ShopOffer{}, Buying: []ShopOffer{}, Barter: []ShopOffer{}}
}

// A ShopOffer is one offer and where it is.
type ShopOffer struct {
	Shop      string      `json:"shop"`
	Place     string      `json:"place"`
	Owner     string      `json:"owner" doc:"The account's id; empty if its holder is hidden."`
	OwnerName string      `json:"ownerName"`
	OwnerKind ledger.Kind `json:"ownerKind" enum:"personal,business,government,system"`
	World     string      `json:"world"`
	X         *int64      `json:"x"`
	Y         *int64      `json:"y"`
	Z         *int64      `json:"z"`
	Ask       *int64      `json:"ask" doc:"What a customer pays for a batch."`
	Bid       *int64      `json:"bid" doc:"What a customer gets for a batch."`
	PricedIn  *string     `json:"pricedIn" doc:"The id of the item of which ask and bid are pieces; null: they are money."`
	Batch     int64       `json:"batch" doc:"Pieces."`
	Stock     *int64      `json:"stock" doc:"Pieces; null: not known, or without a limit."`
	Capacity  *int64      `json:"capacity"`
	Stands    bool        `json:"stands" doc:"false: it is sold out or full."`
	Seen      time.Time   `json:"seen"`
}

// listedOffers lists offers of an item that satisfy a condition.
func listedOffers(condition, stands, order string) string {
	return `
		SELECT s.ref, s.place, CASE WHEN hidden THEN '' ELSE a.ref END, CASE WHEN hidden THEN '` + ledger.HiddenName + `' ELSE a.name END, a.kind, s.world, s.x, s.y, s.z,
			o.ask, o.bid, p.ref, o.batch, o.stock, o.capacity, ` + stands + ` AS stands, o.seen
		FROM offers o JOIN shops s ON s.id = o.shop LEFT JOIN merges m ON m.account = s.owner
			JOIN accounts owner ON owner.id = s.owner JOIN accounts a ON a.id = coalesce(m.target, s.owner)
			CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders h WHERE h.hidden AND h.ref = a.holder) AS hidden) h LEFT JOIN items p ON p.id = o.priced_in
		WHERE o.item = $1 AND o.active AND ` + condition + `
		ORDER BY stands DESC, ` + order + `, o.seen DESC, s.ref, o.ref LIMIT $2`
}

func (o *Offers) fill(ctx context.Context, tx pgx.Tx, item int64) error {
	const now = `SELECT best_ask, best_bid, asks, bids, stock FROM item_offer_hours WHERE item = $1 ORDER BY hour DESC LIMIT 1`
	err := tx.QueryRow(ctx, now, item).Scan(&o.BestAsk, &o.BestBid, &o.Asks, &o.Bids, &o.Stock)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // nobody ever offered it
	}
	if err != nil {
		return fmt.Errorf("what stands: %w", err)
	}
	const shops = `
		SELECT count(DISTINCT shop) FILTER (WHERE ask IS NOT NULL),
			count(DISTINCT shop) FILTER (WHERE ask IS NOT NULL AND coalesce(stock >= batch, true)),
			count(DISTINCT shop) FILTER (WHERE bid IS NOT NULL)
		FROM offers WHERE item = $1 AND active AND priced_in IS NULL`
	if err := tx.QueryRow(ctx, shops, item).Scan(&o.Shops, &o.Stocked, &o.Buyers); err != nil {
		return fmt.Errorf("shops: %w", err)
	}
	for _, list := range []struct {
		into  *[]ShopOffer
		query string
	}{
		{&o.Selling, listedOffers(`priced_in IS NULL AND ask IS NOT NULL`, `coalesce(stock >= batch, true)`, `ask::float8 / batch`)},
		{&o.Buying, listedOffers(`priced_in IS NULL AND bid IS NOT NULL`, `coalesce(capacity - stock >= batch, true)`, `bid::float8 / batch DESC`)},
		{&o.Barter, listedOffers(`priced_in IS NOT NULL`, `true`, `o.seen DESC`)},
	} {
		rows, _ := tx.Query(ctx, list.query, item, mostOffers)
		offers, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ShopOffer])
		if err != nil {
			return fmt.Errorf("offers: %w", err)
		}
		*list.into = offers
	}
	return nil
}

// Standing is what stood at the end of a time, or stands if it is not over.
type Standing struct {
	BestAsk *float64   `json:"bestAsk" doc:"Minor units a piece; null: no ask stood."`
	BestBid *float64   `json:"bestBid" doc:"Minor units a piece; null: no bid stood."`
	Asks    int64      `json:"asks"`
	Bids    int64      `json:"bids"`
	Stock   ledger.Sum `json:"stock"`
}
