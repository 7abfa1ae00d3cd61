package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A datedQuote is what was sold of an item at a price on a day.
type datedQuote struct {
	day int // its number
	quote
}

// A datedTrader is an account that sold or bought an item on a day.
type datedTrader struct {
	day     int // its number
	account int64
}

// A dayPrice is the price of an item at the end of a day.
type dayPrice struct {
	item int64
	nr   int // of the day
	Price
}

// pricesByDay returns the prices that items with these quotes have at the ends of days,
// if a firm one has their basis.
func pricesByDay(days []time.Time, quotes map[int64][]datedQuote) (prices []dayPrice) {
	for item, of := range quotes {
		for nr, day := range days {
			if p, ok := firmValue(of, ledger.DayNumber(day)); ok {
				prices = append(prices, dayPrice{item, nr, p})
			}
		}
	}
	return prices
}

// firmOf returns those of the prices of items at the ends of days that are firm: of each
// item with any, one a day, nil where there is none.
func firmOf(ctx context.Context, tx pgx.Tx, s span, days []time.Time, prices []dayPrice) (map[int64][]*float64, error) {
	prices, err := withTraders(ctx, tx, days, prices)
	if err != nil || len(prices) == 0 {
		return nil, err
	}
	if err := readLastByDay(ctx, tx, s, days, prices); err != nil {
		return nil, err
	}
	firm := map[int64][]*float64{}
	for _, p := range prices {
		if p.confidence(s.atEnd(days[p.nr]).End) != Firm {
			continue
		}
		if firm[p.item] == nil {
			firm[p.item] = make([]*float64, len(days))
		}
		firm[p.item][p.nr] = p.Value
	}
	return firm, nil
}

// firmValue returns the price at the end of a day, if a firm one has a basis: what is
// sold of the item is in the order of days.
func firmValue(sold []datedQuote, day int) (Price, bool) {
	for _, basis := range priceBases {
		if basis == 0 || basis > firmDays {
			break
		}
		dated := ofDays(sold, day-int(basis)+1, day, func(q datedQuote) int { return q.day })
		of, sales := make([]quote, len(dated)), int64(0)
		for n, q := range dated {
			of[n], sales = q.quote, sales+q.sales
		}
		if sales < enoughSales {
			continue
		}
		if p := newPrice(basis, of); p.Sales >= enoughSales {
			return p, true
		}
	}
	return Price{}, false
}

// ofDays returns the part of a list, which is in the order of days, that is of a day
// through another.
func ofDays[T any](list []T, from, through int, day func(T) int) []T {
	find := func(number int) int {
		i, _ := slices.BinarySearchFunc(list, number, func(of T, number int) int { return cmp.Compare(day(of), number) })
		return i
	}
	return list[find(from):find(through+1)]
}

// readDatedQuotes returns what was sold of items on the days on which firm prices at the
// ends of days depend, in order.
func readDatedQuotes(ctx context.Context, tx pgx.Tx, days []time.Time, items []int64) (map[int64][]datedQuote, error) {
	if len(items) == 0 || len(days) == 0 {
		return nil, nil
	}
	quotes := make(map[int64][]datedQuote, len(items))
	var item int64
	var date time.Time
	var q datedQuote
	into := []any{&date, &q.money, &q.pieces, &q.sales, &q.quantity}
	err := datedQuotesSold.read(ctx, tx, plus(days[0], 1-firmDays), days[len(days)-1], items, &item, into, func() {
		q.day = ledger.DayNumber(date)
		quotes[item] = append(quotes[item], q)
	})
	if err != nil {
		return nil, fmt.Errorf("prices by day: %w", err)
	}
	for _, of := range quotes {
		slices.SortFunc(of, func(a, b datedQuote) int { return cmp.Compare(a.day, b.day) })
	}
	return quotes, nil
}

// itemsOf returns the items of prices, each once.
func itemsOf(prices []dayPrice) []int64 {
	items := make([]int64, len(prices))
	for n, p := range prices {
		items[n] = p.item
	}
	slices.Sort(items)
	return slices.Compact(items)
}

// withTraders sets how many traded on the days of each price's basis, and returns those
// that may be firm.
func withTraders(ctx context.Context, tx pgx.Tx, days []time.Time, prices []dayPrice) ([]dayPrice, error) {
	if len(prices) == 0 {
		return nil, nil
	}
	targets, err := readMerges(ctx, tx)
	if err != nil {
		return nil, err
	}
	items := itemsOf(prices)
	traders := make(map[int64][]datedTrader, len(items))
	var item, account int64
	var date time.Time
	err = datedTradersSold.read(ctx, tx, plus(days[0], 1-firmDays), days[len(days)-1], items, &item, []any{&date, &account}, func() {
		if target, merged := targets[account]; merged {
			account = target
		}
		traders[item] = append(traders[item], datedTrader{ledger.DayNumber(date), account})
	})
	if err != nil {
		return nil, fmt.Errorf("traders by day: %w", err)
	}
	for _, of := range traders {
		slices.SortFunc(of, func(a, b datedTrader) int { return cmp.Compare(a.day, b.day) })
	}
	kept := prices[:0]
	for _, p := range prices {
		last := ledger.DayNumber(days[p.nr])
		seen := map[int64]bool{}
		for _, t := range ofDays(traders[p.item], last-int(ParseDays(p.Basis))+1, last, func(t datedTrader) int { return t.day }) {
			seen[t.account] = true
		}
		if p.Traders = int64(len(seen)); p.enoughTraders() {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// readLastByDay sets when each item was last sold before the end of each price's day.
func readLastByDay(ctx context.Context, tx pgx.Tx, s span, days []time.Time, prices []dayPrice) error {
	const query = `
		SELECT nr, close_at FROM unnest($1::bigint[], $2::float8[], $3::float8[], $4::timestamptz[]) WITH ORDINALITY AS of (item, lowest, highest, until, nr)
		CROSS JOIN LATERAL (
			SELECT close_at FROM item_hours_without AS h
			WHERE h.item = of.item AND hour < until AND high >= lowest AND low <= highest
			ORDER BY hour DESC LIMIT 1) AS last`
	var items []int64
	var low, high []float64
	var until []time.Time
	for _, p := range prices {
		items, low, high, until = append(items, p.item), append(low, *p.Low), append(high, *p.High), append(until, s.atEnd(days[p.nr]).Through)
	}
	rows, _ := tx.Query(ctx, query, items, low, high, until)
	var nr int
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&nr, &at}, func() error {
		last := at
		prices[nr-1].LastAt = &last
		return nil
	})
	if err != nil {
		return fmt.Errorf("last sales by day: %w", err)
	}
	return nil
}
