package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// The limits of what is read for a keeper of shops.
const (
	mostKept     = 300    // offers
	mostKeptSold = 20_000 // sales
	mostKinds    = 50     // items that were sold
)

// A Keeper is what somebody with shops wants to know of them. It is read exactly, since
// it is for one person.
type Keeper struct {
	Offers []KeptOffer // of active shops, priced in money, by shop and item
	More   bool        // there are more offers than these
	Since  time.Time
	Sold   []KeptSale // to customers since then, without returns and gifts, largest total first
	Kinds  int64      // items that were sold; Sold has the first ones
	Total  ledger.Sum // of all that was sold
	Sales  int64
	Cut    bool // these are the latest sales: there are more
}

// A KeptOffer is one of the keeper's offers, beside the best of others.
type KeptOffer struct {
	Shop, Place       string // the shop's ref, and where it is
	Item, ItemName    string
	Batch             int64
	Ask, Bid          *int64
	Stock, Capacity   *int64
	Empty             bool // it sells, and has no batch
	Full              bool // it buys, and has no room for a batch
	Cheapest, Dearest *Rival
}

// A Rival is the best offer that others make for an item: the cheapest of those that sell
// it, or the one that pays most.
type Rival struct {
	Shop, Place string
	Piece       float64 // minor units
}

// A KeptSale is what was sold of an item.
type KeptSale struct {
	Item, ItemName string
	Sales          int64
	Quantity       ledger.Sum
	Total          ledger.Sum
}

// ReadKeeper reads what the shops of some accounts offer, and what they have sold since a
// time. Accounts that are merged into these count with them.
func ReadKeeper(ctx context.Context, db *pgxpool.Pool, accounts []string, since time.Time) (*Keeper, error) {
	k := &Keeper{Since: since}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, db, snapshot, func(tx pgx.Tx) error {
		const query = `
			WITH own AS (SELECT id FROM accounts WHERE ref = ANY($1))
			SELECT id FROM own UNION SELECT account FROM merges WHERE target IN (SELECT id FROM own)`
		rows, _ := tx.Query(ctx, query, accounts)
		own, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		if err := k.fillOffers(ctx, tx, own); err != nil {
			return fmt.Errorf("offers: %w", err)
		}
		if err := k.fillSold(ctx, tx, own); err != nil {
			return fmt.Errorf("sales: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("shops of a keeper: %w", err)
	}
	return k, nil
}

func (k *Keeper) fillOffers(ctx context.Context, tx pgx.Tx, own []int64) error {
	const query = `
		SELECT s.ref, s.place, i.ref, i.name, k.batch, k.ask, k.bid, k.stock, k.capacity,
			k.ask IS NOT NULL AND k.stock < k.batch, k.bid IS NOT NULL AND k.capacity - k.stock < k.batch,
			sells.ref, sells.place, sells.piece, buys.ref, buys.place, buys.piece
		FROM shops s JOIN offers k ON k.shop = s.id JOIN items i ON i.id = k.item
		LEFT JOIN LATERAL (
			SELECT t.ref, t.place, o.ask::float8 / o.batch AS piece FROM offers o JOIN shops t ON t.id = o.shop
			WHERE o.item = k.item AND ` + asksMoney + ` AND ` + askStands + ` AND t.active AND t.owner <> ALL($1)
			ORDER BY o.ask::float8 / o.batch, o.id LIMIT 1) AS sells ON k.ask IS NOT NULL
		LEFT JOIN LATERAL (
			SELECT t.ref, t.place, o.bid::float8 / o.batch AS piece FROM offers o JOIN shops t ON t.id = o.shop
			WHERE o.item = k.item AND ` + bidsMoney + ` AND ` + bidStands + ` AND t.active AND t.owner <> ALL($1)
			ORDER BY o.bid::float8 / o.batch DESC, o.id DESC LIMIT 1) AS buys ON k.bid IS NOT NULL
		WHERE s.owner = ANY($1) AND s.active AND k.active AND k.priced_in IS NULL
		ORDER BY s.place, s.ref, i.name, i.ref, k.ref LIMIT $2`
	rows, _ := tx.Query(ctx, query, own, mostKept+1)
	var o KeptOffer
	var sells, buys struct {
		shop, place *string
		piece       *float64
	}
	fields := []any{
		&o.Shop, &o.Place, &o.Item, &o.ItemName, &o.Batch, &o.Ask, &o.Bid, &o.Stock, &o.Capacity, &o.Empty, &o.Full,
		&sells.shop, &sells.place, &sells.piece, &buys.shop, &buys.place, &buys.piece,
	}
	_, err := pgx.ForEachRow(rows, fields, func() error {
		if k.More = len(k.Offers) == mostKept; k.More {
			return nil
		}
		o.Cheapest, o.Dearest = nil, nil
		if sells.piece != nil {
			o.Cheapest = &Rival{*sells.shop, *sells.place, *sells.piece}
		}
		if buys.piece != nil {
			o.Dearest = &Rival{*buys.shop, *buys.place, *buys.piece}
		}
		k.Offers = append(k.Offers, o)
		return nil
	})
	return err
}

func (k *Keeper) fillSold(ctx context.Context, tx pgx.Tx, own []int64) error {
	const query = `
		WITH latest AS MATERIALIZED (
			SELECT item, quantity, total, row_number() OVER (ORDER BY at DESC, id DESC) AS nr FROM sales
			WHERE shop IN (SELECT id FROM shops WHERE owner = ANY($1)) AND at >= $2 AND direction = 'sale' AND quantity > 0 AND total > 0
			ORDER BY at DESC, id DESC LIMIT $3 + 1)
		SELECT i.ref, i.name, count(*), sum(quantity), sum(total), sum(count(*)) OVER ()::bigint, sum(sum(total)) OVER (), count(*) OVER (),
			(SELECT count(*) > $3 FROM latest)
		FROM latest l JOIN items i ON i.id = l.item WHERE nr <= $3 GROUP BY i.ref, i.name ORDER BY sum(total) DESC, i.ref LIMIT $4`
	rows, _ := tx.Query(ctx, query, own, k.Since, mostKeptSold, mostKinds)
	var s KeptSale
	_, err := pgx.ForEachRow(rows, []any{&s.Item, &s.ItemName, &s.Sales, &s.Quantity, &s.Total, &k.Sales, &k.Total, &k.Kinds, &k.Cut}, func() error {
		k.Sold = append(k.Sold, s)
		return nil
	})
	return err
}
