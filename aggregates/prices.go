package aggregates

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// AllPrices is the prices of all items at the end of the period.
type AllPrices struct {
	Basis
	Items []PricedItem `json:"items" nullable:"false" doc:"All items that were ever sold, by their ids."`
}

// PricedItem is an item with its price.
type PricedItem struct {
	ID    string `json:"id" doc:"As /items/{id} takes it."`
	Name  string `json:"name"`
	Price Price  `json:"price"`
}

// ComputePrices reads the prices of all items at w's start.
func ComputePrices(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*AllPrices, error) {
	all := &AllPrices{Items: []PricedItem{}}
	err := all.read(ctx, db, w, 0, func(ctx context.Context, tx pgx.Tx, s span) error {
		prices, err := readPrices(ctx, tx, s, nil)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `SELECT id, ref, name FROM items ORDER BY ref`)
		var id int64
		var i PricedItem
		_, err = pgx.ForEachRow(rows, []any{&id, &i.ID, &i.Name}, func() error {
			if i.Price = prices[id]; i.Price.Value != nil {
				all.Items = append(all.Items, i)
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	return all, nil
}

// ItemPrice is the price of one item, and what does not count for it.
type ItemPrice struct {
	PricedItem
	Basis
	Excluded []ExcludedSale `json:"excluded" nullable:"false" doc:"The sales that do not count, latest first, at most 100."`
}

// ExcludedSale is a sale that does not count for a price.
type ExcludedSale struct {
	At       time.Time `json:"at"`
	Quantity int64     `json:"quantity" doc:"Pieces."`
	Total    int64     `json:"total" doc:"Minor units."`
	Each     float64   `json:"each" doc:"Minor units a piece."`
}

// mostExcluded is how many excluded sales are listed.
const mostExcluded = 100

// ItemRef is the parameter of memos of one item: its ref.
type ItemRef string

// Key is the ref, escaped.
func (r ItemRef) Key() string { return url.QueryEscape(string(r)) }

// ComputePrice reads the price of an item at w's start. It returns nil if there is
// no such item.
func ComputePrice(ctx context.Context, db *pgxpool.Pool, w cache.Window, ref ItemRef) (*ItemPrice, error) {
	i := &ItemPrice{PricedItem: PricedItem{ID: string(ref), Price: Price{Confidence: None}}, Excluded: []ExcludedSale{}}
	var id int64
	err := db.QueryRow(ctx, `SELECT id, name FROM items WHERE ref = $1`, string(ref)).Scan(&id, &i.Name)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("price: find the item: %w", err)
	}
	err = i.read(ctx, db, w, 0, func(ctx context.Context, tx pgx.Tx, s span) error {
		prices, err := readPrices(ctx, tx, s, []int64{id})
		if err != nil {
			return err
		}
		i.Price = prices[id]
		i.Excluded, err = readExcluded(ctx, tx, s, id, i.Price)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("price of an item: %w", err)
	}
	return i, nil
}

// readPrices returns the prices of these items at the end of s, nil for all items;
// those may be shared, see priceShare, and the caller does not change them. Items
// that were never sold have no value. It reads the last days of each item,
// as few as make a price, so its cost follows the items and not their sales.
func readPrices(ctx context.Context, tx pgx.Tx, s span, items []int64) (map[int64]Price, error) {
	if items == nil {
		return readAllPrices(ctx, tx, s)
	}
	return readPricesOf(ctx, tx, s, items)
}

func readPricesOf(ctx context.Context, tx pgx.Tx, s span, items []int64) (map[int64]Price, error) {
	prices, err := readValues(ctx, tx, s, items)
	if err != nil {
		return nil, err
	}
	if err := readTraders(ctx, tx, s, prices); err != nil {
		return nil, err
	}
	if err := readLast(ctx, tx, s, prices); err != nil {
		return nil, err
	}
	for id, p := range prices {
		p.Confidence = p.confidence(s.End)
		prices[id] = p
	}
	return prices, nil
}

// readValues is readPrices without who traded and when, and so without the
// confidence. An item that has no price yet is tried with the next basis: of that
// only the days before those that are already known are read.
func readValues(ctx context.Context, tx pgx.Tx, s span, items []int64) (map[int64]Price, error) {
	prices := make(map[int64]Price, len(items))
	missing := slices.Sorted(slices.Values(items)) // the order of the rows, which are found faster so
	var quotes map[int64][]quote
	var known time.Time // the first day of quotes
	for _, basis := range priceBases {
		from, through := s.since(basis), s.Today
		if quotes != nil && from.Before(known) {
			through = plus(known, -1)
		} else {
			quotes = make(map[int64][]quote, len(missing))
		}
		known = from
		if err := readQuotes(ctx, tx, from, through, missing, quotes); err != nil {
			return nil, err
		}
		missing = slices.DeleteFunc(missing, func(id int64) bool {
			quotes[id] = merged(quotes[id])
			p := newPrice(basis, quotes[id])
			if p.Sales < enoughSales && basis > 0 {
				return false
			}
			prices[id] = p
			return true
		})
	}
	return prices, nil
}

// since returns the first day of a basis that ends with s.
func (s span) since(basis Days) time.Time {
	if basis == 0 {
		return s.First
	}
	return plus(s.Today, 1-int(basis))
}

// readQuotes adds to quotes what was sold of items from a day through another. The
// query goes from item to item, so that it reads nothing of other days: without its
// OFFSET, the database may read all days of all items.
func readQuotes(ctx context.Context, tx pgx.Tx, from, through time.Time, items []int64, quotes map[int64][]quote) error {
	const query = `
		SELECT item, price, pieces, sales, quantity FROM unnest($1::bigint[]) AS item CROSS JOIN LATERAL (
			SELECT price, pieces, sales, quantity FROM price_days
			WHERE price_days.item = item.item AND day BETWEEN $2::date AND $3::date OFFSET 0) AS sold`
	if len(items) == 0 {
		return nil
	}
	rows, _ := tx.Query(ctx, query, items, from, through)
	var item int64
	var q quote
	_, err := pgx.ForEachRow(rows, []any{&item, &q.money, &q.pieces, &q.sales, &q.quantity}, func() error {
		quotes[item] = append(quotes[item], q)
		return nil
	})
	if err != nil {
		return fmt.Errorf("prices of the last days: %w", err)
	}
	return nil
}

// readTraders sets how many traded on the days of each price's basis.
func readTraders(ctx context.Context, tx pgx.Tx, s span, prices map[int64]Price) error {
	const query = `
		SELECT item, traders FROM unnest($1::bigint[], $2::date[]) AS of (item, since) CROSS JOIN LATERAL (
			SELECT count(DISTINCT account) AS traders FROM trader_days
			WHERE trader_days.item = of.item AND day BETWEEN since AND $3::date) AS traded`
	var items []int64
	var since []time.Time
	for _, id := range slices.Sorted(maps.Keys(prices)) {
		if p := prices[id]; p.Value != nil {
			items, since = append(items, id), append(since, s.since(ParseDays(p.Basis)))
		}
	}
	rows, _ := tx.Query(ctx, query, items, since, s.Today)
	var item, traders int64
	_, err := pgx.ForEachRow(rows, []any{&item, &traders}, func() error {
		p := prices[item]
		p.Traders = traders
		prices[item] = p
		return nil
	})
	if err != nil {
		return fmt.Errorf("traders of the last days: %w", err)
	}
	return nil
}

// readLast sets when each item was last sold: the last sale of the last hour in
// which it was sold within the prices that count, so that an excluded sale does
// not make an old price look new.
func readLast(ctx context.Context, tx pgx.Tx, s span, prices map[int64]Price) error {
	const query = `
		SELECT item, close_at FROM unnest($1::bigint[], $2::float8[], $3::float8[]) AS of (item, lowest, highest) CROSS JOIN LATERAL (
			SELECT close_at FROM item_hours
			WHERE item_hours.item = of.item AND hour < $4 AND high >= lowest AND low <= highest
			ORDER BY hour DESC LIMIT 1) AS last`
	var items []int64
	var low, high []float64
	for _, id := range slices.Sorted(maps.Keys(prices)) {
		if p := prices[id]; p.Value != nil {
			items, low, high = append(items, id), append(low, *p.Low), append(high, *p.High)
		}
	}
	rows, _ := tx.Query(ctx, query, items, low, high, s.Through)
	var item int64
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&item, &at}, func() error {
		p := prices[item]
		last := at
		p.LastAt = &last
		prices[item] = p
		return nil
	})
	if err != nil {
		return fmt.Errorf("last sales: %w", err)
	}
	return nil
}

// readExcluded lists the sales of an item that do not count for its price.
func readExcluded(ctx context.Context, tx pgx.Tx, s span, item int64, p Price) ([]ExcludedSale, error) {
	if p.Excluded == 0 {
		return []ExcludedSale{}, nil
	}
	const query = `
		SELECT at, quantity, total, total::float8 / quantity FROM sales
		WHERE item = $1 AND at >= $2 AND at < $3 AND quantity > 0 AND total > 0
			AND NOT total::float8 / quantity BETWEEN $4 AND $5
		ORDER BY at DESC, id DESC LIMIT $6`
	rows, _ := tx.Query(ctx, query, item, s.since(ParseDays(p.Basis)), s.Through, p.Low, p.High, mostExcluded)
	excluded, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ExcludedSale])
	if err != nil {
		return nil, fmt.Errorf("excluded sales: %w", err)
	}
	return excluded, nil
}
