package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// mostListed bounds the list of items, and so does listRoom. With more, those with the
// least value are left out.
const mostListed = 20_000

// Items is all items with what they cost and what was sold of them in a period.
//
// The list is one value and not a query a page, since it is sorted by what is
// computed, such as the change of a price: 5,000 items are some 2 MB, filtering and
// sorting them takes a few milliseconds, and no reader's text reaches the database.
type Items struct {
	Basis
	Count   int64        `json:"count" doc:"All items that there are."`
	Sold    int64        `json:"sold" doc:"Items sold in the period."`
	Stocked int64        `json:"stocked" doc:"Items with an ask that stands."`
	Firm    int64        `json:"firm" doc:"Items with a firm price."`
	Volume  ledger.Sum   `json:"volume" doc:"What was paid for all of them in the period, tax included."`
	Items   []ListedItem `json:"items" nullable:"false" doc:"Largest volume in the period first, then by name; at most 20,000, and as many as 3.5 MB have room for."`
}

// ListedItem is an item of the list.
type ListedItem struct {
	PricedItem
	Group    string     `json:"group" doc:"Of what sort it is; empty: not known."`
	Before   *float64   `json:"before" doc:"The price at the end of the period before; null: there was none, or the ledger does not reach back."`
	Sales    int64      `json:"sales" doc:"In the period."`
	Quantity ledger.Sum `json:"quantity" doc:"Pieces sold in the period."`
	Volume   ledger.Sum `json:"volume" doc:"What was paid for them, tax included."`
	BestAsk  *float64   `json:"bestAsk" doc:"The lowest ask that stands, in minor units a piece; null: none stands."`
	BestBid  *float64   `json:"bestBid" doc:"The highest bid that stands."`
	Asks     int64      `json:"asks" doc:"How many asks stand."`
	Stock    ledger.Sum `json:"stock" doc:"Pieces that the asks have, as far as it is known."`
}

// Change is the price over the price before, less 1; nil if one of them is missing.
func (i ListedItem) Change() *float64 { return i.ChangeFrom(i.Before) }

// ChangeFrom is Change from another price before.
func (i ListedItem) ChangeFrom(before *float64) *float64 {
	if i.Price.Value == nil || before == nil {
		return nil
	}
	change := *i.Price.Value / *before - 1
	return &change
}

// ComputeItems reads all items and what was sold of them in the period that ends
// with w's start.
func ComputeItems(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Items, error) {
	v := &Items{Items: []ListedItem{}}
	err := v.read(ctx, db, w, days, func(ctx context.Context, tx pgx.Tx, s span) error { return v.fill(ctx, db, tx, s) })
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	return v, nil
}

func (v *Items) fill(ctx context.Context, db *pgxpool.Pool, tx pgx.Tx, s span) error {
	query := listedItems("true", "true") + ` LIMIT @limit`
	args := s.args()
	args["limit"] = mostListed
	rows, _ := tx.Query(ctx, query, args)
	var id int64
	var ids []int64
	var i ListedItem
	_, err := pgx.ForEachRow(rows, append(i.columns(&id), &v.Count, &v.Sold, &v.Stocked, &v.Volume), func() error {
		ids, v.Items = append(ids, id), append(v.Items, i)
		return nil
	})
	if err != nil {
		return fmt.Errorf("what was sold and is offered: %w", err)
	}
	of := ids
	if len(ids) < mostListed {
		of = nil // these are all
	}
	var now map[int64]Price
	var past map[int64]*float64
	err = both(ctx, db, tx,
		func(ctx context.Context, tx pgx.Tx) (err error) { now, err = readPrices(ctx, tx, s, of); return err },
		func(ctx context.Context, tx pgx.Tx) (err error) {
			past, err = pricesBefore(ctx, tx, s, ids)
			return err
		})
	if err != nil {
		return err
	}
	for n, id := range ids {
		v.Items[n].Price, v.Items[n].Before = now[id], past[id]
	}
	for _, i := range v.Items {
		if i.Price.Confidence == Firm {
			v.Firm++
		}
	}
	v.Items = fitting(v.Items)
	return nil
}

// listedItems is SQL for items with what was sold of them in a period and what stands of
// offers, largest volume first: those for which a condition holds, and the same as a
// condition of their sales. All rows have how many they are, how many were sold and are
// in stock, and the volume.
func listedItems(which, whose string) string {
	return `
		SELECT id, ref, name, grouping, coalesce(sales, 0), coalesce(quantity, 0), coalesce(volume, 0), best_ask, best_bid, coalesce(asks, 0), coalesce(stock, 0),
			count(*) OVER (), count(*) FILTER (WHERE sales > 0) OVER (), count(*) FILTER (WHERE asks > 0) OVER (), coalesce(sum(volume) OVER (), 0)
		FROM items LEFT JOIN (
			SELECT item, sum(sales)::bigint AS sales, sum(quantity) AS quantity, sum(volume) AS volume
			FROM item_days_without WHERE day BETWEEN @start::date AND @today::date AND ` + whose + ` GROUP BY item) AS sold ON sold.item = id
		LEFT JOIN LATERAL (
			SELECT best_ask, best_bid, asks, stock FROM item_offer_hours WHERE item_offer_hours.item = id ORDER BY hour DESC LIMIT 1) AS offered ON true
		WHERE ` + which + `
		ORDER BY coalesce(volume, 0) DESC, name, ref`
}

// columns are the first columns of a row of listedItems.
func (i *ListedItem) columns(id *int64) []any {
	return []any{id, &i.ID, &i.Name, &i.Group, &i.Sales, &i.Quantity, &i.Volume, &i.BestAsk, &i.BestBid, &i.Asks, &i.Stock}
}

// priceListed sets the prices of listed items with these ids, now and before.
func priceListed(ctx context.Context, tx pgx.Tx, s span, ids []int64, items []ListedItem) error {
	now, err := readPrices(ctx, tx, s, ids)
	if err != nil {
		return err
	}
	past, err := pricesBefore(ctx, tx, s, ids)
	if err != nil {
		return err
	}
	for n, id := range ids {
		items[n].Price, items[n].Before = now[id], past[id]
	}
	return nil
}

// pricesBefore returns the prices of items at the end of the period before, by the
// rule of [Price], without who traded and when; none if the ledger does not reach
// back to that period's start.
func pricesBefore(ctx context.Context, tx pgx.Tx, s span, ids []int64) (map[int64]*float64, error) {
	before, reaches := s.previous()
	if !reaches {
		return nil, nil
	}
	values, err := readValues(ctx, tx, before, ids, priceBases)
	if err != nil {
		return nil, fmt.Errorf("period before: %w", err)
	}
	prices := make(map[int64]*float64, len(ids))
	for id, p := range values {
		prices[id] = p.Value
	}
	return prices, nil
}

// Table has one row an item.
func (v *Items) Table() Table { return ItemsTable(v.Items) }

// ItemsTable has one row an item of a list.
func ItemsTable(items []ListedItem) Table {
	t := Table{Columns: []Column{
		{"name", "Item", Text}, {"id", "Id", Text}, {"price", "Price of a piece, minor units", Ratio}, {"confidence", "Confidence", Text},
		{"last_at", "Last sold", Instant}, {"change", "Change of the price", Percent}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count},
		{"volume", "Value", Money}, {"ask", "Cheapest, minor units a piece", Ratio}, {"bid", "Best offer, minor units a piece", Ratio}, {"stock", "In stock", Count},
	}}
	for _, i := range items {
		row := []any{i.Name, i.ID, orNil(i.Price.Value), string(i.Price.Confidence), nil, orNil(i.Change()), i.Sales, i.Quantity,
			i.Volume, orNil(i.BestAsk), orNil(i.BestBid), i.Stock}
		if i.Price.LastAt != nil {
			row[4] = *i.Price.LastAt
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// SummaryTable has one row a measure.
func (v *Items) SummaryTable() Table {
	t := Table{Columns: []Column{{"measure", "Measure", Text}, {"number", "Number", Count}}}
	t.Rows = [][]any{{"Items", v.Count}, {"Sold in the period", v.Sold}, {"In stock", v.Stocked}, {"With a firm price", v.Firm}, {"Value sold, minor units", v.Volume}}
	return t
}
