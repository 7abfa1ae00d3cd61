package aggregates

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// ItemQuery selects an item and a period. Each is a key, so the caller checks
// first that the item exists, see [Exists].
type ItemQuery struct {
	Item string // its ref
	Days Days
	With bool // with offsetting trade
}

// Key is "minecraft%3Adiamond:30", or "minecraft%3Adiamond:30:with". The ref is escaped, so it
// contains no colon.
func (q ItemQuery) Key() string {
	return url.QueryEscape(q.Item) + ":" + q.Days.Key() + withKey(q.With)
}

// Item is the price of an item and what was traded of it in a period. Prices
// are minor units a piece.
type Item struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Basis
	Sales    Compared[int64]      `json:"sales" doc:"Lines of trade with a quantity and a total above zero."`
	Quantity Compared[ledger.Sum] `json:"quantity" doc:"Pieces sold."`
	Volume   Compared[ledger.Sum] `json:"volume" doc:"What was paid for them, tax included."`
	Apart    ApartLines           `json:"apart" doc:"Returns, gifts and corrections, which are part of nothing else here."`
	Price    Price                `json:"price" doc:"Now, whatever the period."`
	Before   *float64             `json:"before" doc:"The price at the end of the period before; null: there was none, or the ledger does not reach back."`
	Prices   Prices               `json:"prices" doc:"Of all sales in the period, those included that do not count for the price."`
	Sellers  int64                `json:"sellers" doc:"Different accounts that sold in the period, as far as they are known."`
	Buyers   int64                `json:"buyers" doc:"Different accounts that bought in the period, as far as they are known."`
	Thin     bool                 `json:"thin" doc:"Fewer than 5 sales in the period, or fewer than 3 traders where they are known: the prices say little."`
	Offers   Offers               `json:"offers" doc:"Of the moment of reading, whatever the period."`
	Spread   Spread               `json:"spread"`
	Bucket   string               `json:"bucket" enum:"day,week,month,year,decade" doc:"What a candle stands for: a day in periods up to a year."`
	Candles  []Candle             `json:"candles" nullable:"false" doc:"Oldest first; without a sale: zero, and no prices."`

	Offsetting Offsetting `json:"offsetting" doc:"Sales that offset each other. All else here is without them, unless they are included; the price always is."`
}

// Prices are the first, highest, lowest and last unit price in a time, and the
// mean and the median weighted by quantity. They are nil where nothing was sold.
type Prices struct {
	Open  *float64 `json:"open"`
	High  *float64 `json:"high"`
	Low   *float64 `json:"low"`
	Close *float64 `json:"close"`
	VWAP  *float64 `json:"vwap" doc:"volume / quantity"`
	// Median is exact, and rounded once.
	Median *float64 `json:"median" doc:"The price of the piece in the middle, or the mean of the two in the middle, of all pieces by their price."`
}

// A Candle is one day, week (from Monday), month, year or decade.
type Candle struct {
	Start    time.Time  `json:"start"`
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity"`
	Volume   ledger.Sum `json:"volume"`
	Prices   Prices     `json:"prices"`
	Standing *Standing  `json:"standing,omitempty" doc:"What stood at its end, of what shops offered; left out before the first offer."`
	Partial  bool       `json:"partial" doc:"It is not over, or the period begins within it."`
}

// ComputeItem reads what was traded of an item in the period that ends with
// w's start. It returns nil if there is no such item.
func ComputeItem(ctx context.Context, db *pgxpool.Pool, w cache.Window, q ItemQuery) (*Item, error) {
	i := &Item{ID: q.Item, Bucket: "day", Price: Price{Basis: Days(0).Key(), Confidence: None}, Thin: true, Offers: newOffers(), Candles: []Candle{}, Offsetting: Offsetting{Included: q.With}}
	id, name, err := findItem(ctx, db, q.Item)
	if err != nil || id == 0 {
		return nil, err
	}
	i.Name = name
	err = i.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error { return i.fill(ctx, tx, s, id) })
	if err != nil {
		return nil, fmt.Errorf("item: %w", err)
	}
	return i, nil
}

func (i *Item) fill(ctx context.Context, tx pgx.Tx, s span, id int64) error {
	d := s.byDays(mostDays)
	whole, apart, err := d.readSales(ctx, tx, s, id, i.Offsetting.Included)
	if err != nil {
		return err
	}
	i.Bucket, i.Candles, i.Apart = d.unit, d.candles, apart
	i.Sales.Now, i.Quantity.Now, i.Volume.Now, i.Prices = whole.Sales, whole.Quantity, whole.Volume, whole.Prices
	if i.Prices.Median, err = d.readMedians(ctx, tx, s, id, i.Offsetting.Included); err != nil {
		return err
	}
	if err := i.Offsetting.read(ctx, tx, s, id, i.Volume.Now); err != nil {
		return err
	}
	if err := i.fillTraders(ctx, tx, s, id); err != nil {
		return err
	}
	if err := d.readStanding(ctx, tx, s, id); err != nil {
		return err
	}
	if err := i.Offers.fill(ctx, tx, id); err != nil {
		return err
	}
	recent, err := readRecent(ctx, tx, s, id, i.Offsetting.Included)
	if err != nil {
		return err
	}
	i.Spread = newSpread(recent, i.Offers, s.zone())
	if err := i.fillPrice(ctx, tx, s, id); err != nil {
		return err
	}
	return i.compare(ctx, tx, s, id)
}

// fillPrice sets the price now and at the end of the period before.
func (i *Item) fillPrice(ctx context.Context, tx pgx.Tx, s span, id int64) error {
	now, err := readPrices(ctx, tx, s, []int64{id})
	if err != nil {
		return err
	}
	past, err := pricesBefore(ctx, tx, s, []int64{id})
	if err != nil {
		return err
	}
	i.Price, i.Before = now[id], past[id]
	return nil
}

// mostDays is the length of the longest period whose values are by day.
const mostDays = 366

// add adds a later candle to c.
func (c *Candle) add(d Candle) {
	if d.Sales == 0 {
		return
	}
	if c.Sales == 0 {
		c.Prices = d.Prices
	}
	c.Prices.Close = d.Prices.Close
	if *d.Prices.High > *c.Prices.High {
		c.Prices.High = d.Prices.High
	}
	if *d.Prices.Low < *c.Prices.Low {
		c.Prices.Low = d.Prices.Low
	}
	c.Sales += d.Sales
	c.Quantity = c.Quantity.Plus(d.Quantity)
	c.Volume = c.Volume.Plus(d.Volume)
	vwap := c.Volume.Float64() / c.Quantity.Float64()
	c.Prices.VWAP = &vwap
}

// compare fills the sums of the period before s.
func (i *Item) compare(ctx context.Context, tx pgx.Tx, s span, id int64) error {
	before, reaches := s.previous()
	if !reaches {
		return nil
	}
	query := `
		SELECT ` + untilEnd("sales", "true") + `, ` + untilEnd("quantity", "true") + `, ` + untilEnd("volume", "true") + `
		FROM ` + salesOf("item_hours", i.Offsetting.Included) + ` WHERE item = @item AND hour >= @start AND hour < @end`
	args := before.args()
	args["item"] = id
	var sales int64
	var quantity, volume ledger.Sum
	err := tx.QueryRow(ctx, query, args).Scan(&sales, &quantity, &volume)
	if err != nil {
		return fmt.Errorf("period before: %w", err)
	}
	i.Sales.Before, i.Quantity.Before, i.Volume.Before = &sales, &quantity, &volume
	return nil
}
