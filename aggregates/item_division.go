package aggregates

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A division is a span cut into candles.
type division struct {
	unit    string // "4h", "day", "week" …
	hours   bool   // shorter than a day
	group   string // SQL: what the rollups of an hour are summed by, an hour or a date
	candles []Candle
	// place returns the index of the candle to which a group belongs.
	place func(group time.Time) int
}

// byDays divides the span into days if there are at most mostDays of them, and
// otherwise into longer units, as charts do.
func (s span) byDays(mostDays int) division {
	unit, buckets := s.divide(mostDays)
	d := division{unit: unit, group: localTime + "::date"}
	for _, b := range buckets {
		d.candles = append(d.candles, Candle{Start: b.start, Partial: b.partial})
	}
	d.place = func(date time.Time) int { return bucketOf(buckets, s.index(date)) }
	return d
}

// byHours divides the span into parts of n hours by the clock of its time zone, from
// midnight. Where the clock changes, a part has an hour more or less. An hour of
// UTC belongs where it begins.
func (s span) byHours(n int) division {
	d := division{unit: strconv.Itoa(n) + "h", hours: true, group: "hour"}
	type part struct{ day, nr int }
	var last part
	first := s.Start.UTC().Truncate(hour)
	if first.Before(s.Start) {
		first = first.Add(hour)
	}
	partOf := func(h time.Time) part {
		local := h.In(s.zone())
		return part{ledger.DayNumber(local), local.Hour() / n}
	}
	for h := first; h.Before(s.Through); h = h.Add(hour) {
		if now := partOf(h); len(d.candles) == 0 || now != last || n == 1 {
			d.candles = append(d.candles, Candle{Start: h.In(s.zone())})
			last = now
		}
	}
	if len(d.candles) > 0 {
		d.candles[len(d.candles)-1].Partial = s.End.Before(s.Through) || n > 1 && partOf(s.Through) == last
	}
	d.place = func(h time.Time) int {
		return max(0, sort.Search(len(d.candles), func(i int) bool { return d.candles[i].Start.After(h) })-1)
	}
	return d
}

// readSales adds an item's sales to the candles, with offsetting trade or without it,
// and returns their sum and what was traded beside them.
func (d division) readSales(ctx context.Context, tx pgx.Tx, s span, item int64, with bool) (whole Candle, apart ApartLines, err error) {
	query := `
		SELECT ` + d.group + `, sum(sales)::bigint, sum(quantity), sum(volume),
			sum(other_lines)::bigint, sum(other_quantity), sum(other_volume),
			(array_agg(open ORDER BY hour) FILTER (WHERE sales > 0))[1], max(high), min(low),
			(array_agg(close ORDER BY hour DESC) FILTER (WHERE sales > 0))[1]
		FROM ` + salesOf("item_hours", with) + ` WHERE item = @item AND hour >= @start AND hour < @through
		GROUP BY 1 ORDER BY 1`
	args := s.args()
	args["item"] = item
	rows, _ := tx.Query(ctx, query, args)
	var c Candle
	var other ApartLines
	_, err = pgx.ForEachRow(rows, []any{
		&c.Start, &c.Sales, &c.Quantity, &c.Volume, &other.Lines, &other.Quantity, &other.Volume,
		&c.Prices.Open, &c.Prices.High, &c.Prices.Low, &c.Prices.Close,
	}, func() error {
		whole.add(c)
		d.candles[d.place(c.Start)].add(c)
		apart.Lines += other.Lines
		apart.Quantity = apart.Quantity.Plus(other.Quantity)
		apart.Volume = apart.Volume.Plus(other.Volume)
		return nil
	})
	if err != nil {
		err = fmt.Errorf("sales: %w", err)
	}
	return whole, apart, err
}

// readStanding sets what stood at the end of each candle. What stood at the end of
// an hour stands until the next hour that there is.
func (d division) readStanding(ctx context.Context, tx pgx.Tx, s span, item int64) error {
	query := `
		SELECT * FROM (
			SELECT hour, CASE WHEN false THEN ` + d.group + ` END, best_ask, best_bid, asks, bids, stock FROM item_offer_hours
			WHERE item = @item AND hour < @start ORDER BY hour DESC LIMIT 1) AS before
		UNION ALL
		SELECT * FROM (
			SELECT DISTINCT ON (` + d.group + `) hour, ` + d.group + `, best_ask, best_bid, asks, bids, stock FROM item_offer_hours
			WHERE item = @item AND hour >= @start AND hour < @through
			ORDER BY ` + d.group + `, hour DESC) AS parts
		ORDER BY hour`
	args := s.args()
	args["item"] = item
	rows, _ := tx.Query(ctx, query, args)
	place := 0
	var standing *Standing // nil before the first offer
	var next Standing
	var hour time.Time
	var part *time.Time      // nil: before the period
	until := func(end int) { // candles before end keep what stood
		for ; place < end; place++ {
			d.candles[place].Standing = standing
		}
	}
	_, err := pgx.ForEachRow(rows, []any{&hour, &part, &next.BestAsk, &next.BestBid, &next.Asks, &next.Bids, &next.Stock}, func() error {
		if part != nil {
			until(d.place(*part))
		}
		stood := next
		standing = &stood
		return nil
	})
	if err != nil {
		return fmt.Errorf("what stood: %w", err)
	}
	until(len(d.candles))
	return nil
}

// readMedians sets the median price of each candle of a day or longer, and returns
// that of the whole span.
func (d division) readMedians(ctx context.Context, tx pgx.Tx, s span, item int64, with bool) (*float64, error) {
	query := `
		SELECT day, price, pieces, quantity FROM ` + salesOf("price_days", with) + `
		WHERE item = $1 AND day BETWEEN $2::date AND $3::date`
	whole := map[priced]ledger.Sum{} // quantities by price
	parts := make([]map[priced]ledger.Sum, len(d.candles))
	rows, _ := tx.Query(ctx, query, item, s.Start, s.Today)
	var at time.Time
	var p priced
	var quantity ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&at, &p.money, &p.pieces, &quantity}, func() error {
		place := d.place(at)
		if parts[place] == nil {
			parts[place] = map[priced]ledger.Sum{}
		}
		parts[place][p] = parts[place][p].Plus(quantity)
		whole[p] = whole[p].Plus(quantity)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	for place, part := range parts {
		d.candles[place].Prices.Median = medianPrice(part)
	}
	return medianPrice(whole), nil
}
