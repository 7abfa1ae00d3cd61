package aggregates

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// AllPrices is what all items cost at the end of the period, and what shops offer of
// them.
type AllPrices struct {
	Basis
	Count int64        `json:"count" doc:"All items that there are."`
	Items []QuotedItem `json:"items" nullable:"false" doc:"By their ids; at most 20,000. With more, those that were never sold and that nobody offers are left out first."`
}

// PricedItem is an item with its price.
type PricedItem struct {
	ID    string `json:"id" doc:"As /items/{id} takes it."`
	Name  string `json:"name"`
	Price Price  `json:"price"`
}

// ComputePrices reads the prices of all items at w's start, and their best offers.
func ComputePrices(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*AllPrices, error) {
	all := &AllPrices{Items: []QuotedItem{}}
	if err := all.read(ctx, db, w, 0, all.fill); err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	return all, nil
}

func (all *AllPrices) fill(ctx context.Context, tx pgx.Tx, s span) error {
	prices, err := readPrices(ctx, tx, s, nil)
	if err != nil {
		return err
	}
	asks, bids, err := readBestOffers(ctx, tx)
	if err != nil {
		return err
	}
	rows, _ := tx.Query(ctx, `SELECT id, ref, name, grouping FROM items ORDER BY ref`)
	var id int64
	var i QuotedItem
	_, err = pgx.ForEachRow(rows, []any{&id, &i.ID, &i.Name, &i.Group}, func() error {
		i.Price, i.Ask, i.Bid = prices[id], asks[id], bids[id]
		all.Items = append(all.Items, i)
		return nil
	})
	if err != nil {
		return fmt.Errorf("items: %w", err)
	}
	all.Count = int64(len(all.Items))
	all.bound(mostListed)
	if room := len(fitting(all.Items)); room < len(all.Items) {
		all.bound(room)
		all.Items = fitting(all.Items)
	}
	return nil
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

// readFirmPrices is readPrices of the items that have a firm price then, and of no
// others: of those that cannot have one, no more is read than what says so.
func readFirmPrices(ctx context.Context, tx pgx.Tx, s span, items []int64) (map[int64]Price, error) {
	bases := slices.DeleteFunc(slices.Clone(priceBases), func(b Days) bool { return b == 0 || b > firmDays })
	prices, err := readValues(ctx, tx, s, items, bases)
	if err != nil {
		return nil, err
	}
	if err := readTraders(ctx, tx, s, prices); err != nil {
		return nil, err
	}
	maps.DeleteFunc(prices, func(_ int64, p Price) bool { return !p.enoughTraders() })
	if err := readConfidence(ctx, tx, s, prices); err != nil {
		return nil, err
	}
	maps.DeleteFunc(prices, func(_ int64, p Price) bool { return p.Confidence != Firm })
	return prices, nil
}

func readPricesOf(ctx context.Context, tx pgx.Tx, s span, items []int64) (map[int64]Price, error) {
	prices, err := readValues(ctx, tx, s, items, priceBases)
	if err != nil {
		return nil, err
	}
	if err := readTraders(ctx, tx, s, prices); err != nil {
		return nil, err
	}
	return prices, readConfidence(ctx, tx, s, prices)
}

// readConfidence sets when each item was last sold, and with that the confidence.
func readConfidence(ctx context.Context, tx pgx.Tx, s span, prices map[int64]Price) error {
	if err := readLast(ctx, tx, s, prices); err != nil {
		return err
	}
	for id, p := range prices {
		p.Confidence = p.confidence(s.End)
		prices[id] = p
	}
	return nil
}

// readValues is readPrices without who traded and when, and so without the
// confidence. An item that has no price yet is tried with the next basis: of that
// only the days before those that are already known are read. Bases are the first of
// priceBases, or all.
func readValues(ctx context.Context, tx pgx.Tx, s span, items []int64, bases []Days) (map[int64]Price, error) {
	missing := slices.Clone(items)
	prices := make(map[int64]Price, len(missing))
	var quotes map[int64][]quote
	var known time.Time // the first day of quotes
	for _, basis := range bases {
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

// readQuotes adds to quotes what was sold of items from a day through another.
func readQuotes(ctx context.Context, tx pgx.Tx, from, through time.Time, items []int64, quotes map[int64][]quote) error {
	var item int64
	var q quote
	err := quotesSold.read(ctx, tx, from, through, items, &item, []any{&q.money, &q.pieces, &q.sales, &q.quantity}, func() {
		quotes[item] = append(quotes[item], q)
	})
	if err != nil {
		return fmt.Errorf("prices of the last days: %w", err)
	}
	return nil
}

// readMerges returns the accounts into which others are merged, by these.
func readMerges(ctx context.Context, tx pgx.Tx) (map[int64]int64, error) {
	targets := map[int64]int64{}
	rows, _ := tx.Query(ctx, `SELECT account, target FROM merges`)
	var account, target int64
	_, err := pgx.ForEachRow(rows, []any{&account, &target}, func() error {
		targets[account] = target
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	return targets, nil
}

// readTraders sets how many traded on the days of each price's basis. Accounts that
// are merged are one.
func readTraders(ctx context.Context, tx pgx.Tx, s span, prices map[int64]Price) error {
	items := map[string][]int64{} // by basis
	for id, p := range prices {
		if p.Value != nil {
			items[p.Basis] = append(items[p.Basis], id)
		}
	}
	targets, err := readMerges(ctx, tx)
	if err != nil {
		return err
	}
	traders := make(map[int64][]int64, len(prices))
	for basis, of := range items {
		var item, account int64
		err := tradersSold.read(ctx, tx, s.since(ParseDays(basis)), s.Today, of, &item, []any{&account}, func() {
			if target, merged := targets[account]; merged {
				account = target
			}
			traders[item] = append(traders[item], account)
		})
		if err != nil {
			return fmt.Errorf("traders of the last days: %w", err)
		}
	}
	for id, accounts := range traders {
		slices.Sort(accounts)
		p := prices[id]
		p.Traders = int64(len(slices.Compact(accounts)))
		prices[id] = p
	}
	return nil
}

// readLast sets when each item was last sold: the last sale of the last hour in
// which it was sold within the prices that count, so that an excluded sale does
// not make an old price look new.
func readLast(ctx context.Context, tx pgx.Tx, s span, prices map[int64]Price) error {
	const query = `
		SELECT item, close_at FROM unnest($1::bigint[], $2::float8[], $3::float8[]) AS of (item, lowest, highest) CROSS JOIN LATERAL (
			SELECT close_at FROM item_hours_without AS h
			WHERE h.item = of.item AND hour < $4 AND high >= lowest AND low <= highest
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
