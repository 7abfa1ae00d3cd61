package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// mostItems is how many items the market lists.
const mostItems = 50

// Market is what was traded in a period. Lines with a quantity and a total
// above zero are sales; returns, gifts and corrections are counted apart.
type Market struct {
	Basis
	Items    int64                `json:"items" doc:"How many different items were sold."`
	Sales    Compared[int64]      `json:"sales" doc:"Lines of trade with a quantity and a total above zero."`
	Quantity Compared[ledger.Sum] `json:"quantity" doc:"Pieces sold."`
	Volume   Compared[ledger.Sum] `json:"volume" doc:"What was paid for them, tax included."`
	Apart    ApartLines           `json:"apart" doc:"Returns, gifts and corrections, which are part of nothing else here."`
	Top      []ItemMarket         `json:"top" nullable:"false" doc:"The items sold, largest volume first, at most 50."`
	Others   OtherItems           `json:"others" doc:"The items sold that are not listed."`
}

// ApartLines is the lines of trade that are no sales.
type ApartLines struct {
	Lines    int64      `json:"lines"`
	Quantity ledger.Sum `json:"quantity" doc:"Their sum; negative where more came back."`
	Volume   ledger.Sum `json:"volume" doc:"Their sum, in minor units; negative where more was paid back."`
}

// ItemMarket is one item's sales.
type ItemMarket struct {
	ID       string     `json:"id" doc:"As /items/{id} takes it."`
	Name     string     `json:"name"`
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity"`
	Volume   ledger.Sum `json:"volume"`
	Share    float64    `json:"share" doc:"Of the whole volume; 1 is all of it."`
	VWAP     float64    `json:"vwap" doc:"Minor units a piece: volume / quantity."`
	High     *float64   `json:"high" doc:"Of the unit prices, in minor units a piece."`
	Low      *float64   `json:"low"`
}

// OtherItems is the sum of the items that are not listed.
type OtherItems struct {
	Items    int64      `json:"items" doc:"How many there are."`
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity"`
	Volume   ledger.Sum `json:"volume"`
}

// ComputeMarket reads what was traded in the period that ends with w's start.
func ComputeMarket(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Market, error) {
	m := &Market{Top: []ItemMarket{}}
	if err := m.read(ctx, db, w, days, m.fill); err != nil {
		return nil, fmt.Errorf("market: %w", err)
	}
	return m, nil
}

func (m *Market) fill(ctx context.Context, tx pgx.Tx, s span) error {
	// One query reads the list and the sums over all items. Items that have only
	// lines apart are part of the sums and come last.
	const query = `
		SELECT ref, name, sales, quantity, volume, high, low,
			count(*) FILTER (WHERE sales > 0) OVER (), sum(sales) OVER ()::bigint, sum(quantity) OVER (), sum(volume) OVER (),
			sum(lines) OVER ()::bigint, sum(lines_quantity) OVER (), sum(lines_volume) OVER ()
		FROM (
			SELECT item, sum(sales)::bigint AS sales, sum(quantity) AS quantity, sum(volume) AS volume,
				max(high) AS high, min(low) AS low,
				sum(other_lines) AS lines, sum(other_quantity) AS lines_quantity, sum(other_volume) AS lines_volume
			FROM item_hours WHERE hour >= @start AND hour < @through GROUP BY item
		) AS traded JOIN items ON id = item
		ORDER BY volume DESC, name, ref LIMIT @limit`
	args := s.args()
	args["limit"] = mostItems
	rows, _ := tx.Query(ctx, query, args)
	var i ItemMarket
	_, err := pgx.ForEachRow(rows, []any{
		&i.ID, &i.Name, &i.Sales, &i.Quantity, &i.Volume, &i.High, &i.Low,
		&m.Items, &m.Sales.Now, &m.Quantity.Now, &m.Volume.Now, &m.Apart.Lines, &m.Apart.Quantity, &m.Apart.Volume,
	}, func() error {
		if i.Sales > 0 {
			m.Top = append(m.Top, i)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("items by volume: %w", err)
	}
	m.Others = OtherItems{Items: m.Items, Sales: m.Sales.Now, Quantity: m.Quantity.Now, Volume: m.Volume.Now}
	for i := range m.Top {
		of := &m.Top[i]
		of.Share = of.Volume.Float64() / m.Volume.Now.Float64()
		of.VWAP = of.Volume.Float64() / of.Quantity.Float64()
		m.Others.Items--
		m.Others.Sales -= of.Sales
		m.Others.Quantity = m.Others.Quantity.Minus(of.Quantity)
		m.Others.Volume = m.Others.Volume.Minus(of.Volume)
	}
	return m.compare(ctx, tx, s)
}

// compare fills the sums of the period before s.
func (m *Market) compare(ctx context.Context, tx pgx.Tx, s span) error {
	before, reaches := s.previous()
	if !reaches {
		return nil
	}
	query := `
		SELECT ` + untilEnd("sales", "true") + `, ` + untilEnd("quantity", "true") + `, ` + untilEnd("volume", "true") + `
		FROM item_hours WHERE hour >= @start AND hour < @end`
	var sales int64
	var quantity, volume ledger.Sum
	if err := tx.QueryRow(ctx, query, before.args()).Scan(&sales, &quantity, &volume); err != nil {
		return fmt.Errorf("period before: %w", err)
	}
	m.Sales.Before, m.Quantity.Before, m.Volume.Before = &sales, &quantity, &volume
	return nil
}
