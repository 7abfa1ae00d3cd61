package aggregates

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// SoldSeries is a page of the course of an item's price.
type SoldSeries struct {
	ID       string      `json:"id"`
	Step     Step        `json:"step" enum:"1h,4h,1d,1w" doc:"What a point stands for: an hour, four by the community's clock from midnight, a day, or a week from Monday."`
	Timezone string      `json:"timezone" doc:"Whose days they are."`
	Points   []SoldPoint `json:"points" nullable:"false" doc:"Oldest first; a time without a sale has none."`
	// Next is when the first point of the next page begins, zero at the end.
	Next time.Time `json:"-"`
}

// SoldPoint is what an item was sold for in a step.
type SoldPoint struct {
	Start    time.Time  `json:"start"`
	Sales    int64      `json:"sales" doc:"How often it was sold."`
	Quantity ledger.Sum `json:"quantity" doc:"Pieces."`
	Volume   ledger.Sum `json:"volume" doc:"What was paid for them."`
	Open     float64    `json:"open" doc:"The price of the first sale, in minor units a piece."`
	High     float64    `json:"high"`
	Low      float64    `json:"low"`
	Close    float64    `json:"close" doc:"That of the last sale."`
	Mean     float64    `json:"mean" doc:"volume / quantity"`
	Median   *float64   `json:"median" doc:"The price of the piece in the middle; null: it is not known of steps shorter than a day."`
	Traders  *int64     `json:"traders" doc:"Different accounts that sold or bought, those that are merged counted as one; 0: the ledger does not say who traded; null: it is not known of steps shorter than a day."`
	LastAt   time.Time  `json:"lastAt" doc:"When it was last sold in this time."`
	Partial  bool       `json:"partial" doc:"true: the step is not over."`
}

// stepHours is the length of a page by step.
var stepHours = map[Step]int{"1h": 1000, "4h": 2000, "1d": 366 * 24, "1w": 2 * 366 * 24}

// Series returns the points of an item from that of a time on, as they are known now.
// A page ends after some time, and has a point at least if any follows. It returns nil
// if there is no such item. The step is one of [Steps].
func (p *Sold) Series(ctx context.Context, item string, step Step, from, now time.Time) (*SoldSeries, error) {
	db := p.reads.pool(ctx)
	id, _, err := findItem(ctx, db, item)
	if err != nil || id == 0 {
		return nil, err
	}
	v := &SoldSeries{ID: item, Step: step, Points: []SoldPoint{}}
	if err := readOnly(ctx, db, func(tx pgx.Tx) error { return v.fill(ctx, tx, id, from, now) }); err != nil {
		return nil, fmt.Errorf("series of an item: %w", err)
	}
	return v, nil
}

func (v *SoldSeries) fill(ctx context.Context, tx pgx.Tx, item int64, from, now time.Time) error {
	const timezone = `SELECT coalesce((SELECT timezone FROM settings), 'UTC')`
	if err := tx.QueryRow(ctx, timezone).Scan(&v.Timezone); err != nil {
		return fmt.Errorf("time zone: %w", err)
	}
	zone, err := ledger.LoadZone(v.Timezone)
	if err != nil {
		return fmt.Errorf("time zone: %w", err)
	}
	first, err := nextSold(ctx, tx, item, v.Step.start(from, zone))
	if err != nil || first.IsZero() {
		return err
	}
	start := v.Step.start(first, zone)
	end := v.Step.start(start.Add(time.Duration(stepHours[v.Step])*hour), zone)
	if err := v.readPoints(ctx, tx, item, start, end); err != nil {
		return err
	}
	if v.Step == "1d" || v.Step == "1w" {
		if err := v.readDays(ctx, tx, item, start, plus(end, -1)); err != nil {
			return err
		}
	}
	if n := len(v.Points); n > 0 {
		last := &v.Points[n-1]
		last.Partial = v.Step.start(now, zone).Equal(last.Start)
	}
	v.Next, err = nextSold(ctx, tx, item, end)
	if !v.Next.IsZero() {
		v.Next = v.Step.start(v.Next, zone)
	}
	return err
}

// Start returns the start of the step to which t belongs, by the clock of a zone.
func (step Step) Start(t time.Time, zone *time.Location) time.Time { return step.start(t, zone) }

// start returns the start of the step to which t belongs, by the clock of a zone.
func (step Step) start(t time.Time, zone *time.Location) time.Time {
	day := ledger.DayOf(t, zone)
	switch step {
	case "1h":
		return t.Truncate(hour).In(zone)
	case "4h":
		local := t.In(zone)
		if h := local.Hour() / 4 * 4; h > 0 {
			return time.Date(local.Year(), local.Month(), local.Day(), h, 0, 0, 0, zone)
		}
	case "1w":
		return plus(day, -(int(day.Weekday())+6)%7)
	}
	return day
}

// nextSold returns the first hour from a time on in which an item was sold, zero if
// there is none.
func nextSold(ctx context.Context, tx pgx.Tx, item int64, from time.Time) (at time.Time, err error) {
	const query = `SELECT hour FROM item_hours_without WHERE item = $1 AND hour >= $2 AND sales > 0 ORDER BY hour LIMIT 1`
	err = tx.QueryRow(ctx, query, item, from).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return at, fmt.Errorf("the next hour with a sale: %w", err)
	}
	return at, nil
}

// readPoints reads the hours of the item, and puts those of a step together.
func (v *SoldSeries) readPoints(ctx context.Context, tx pgx.Tx, item int64, start, end time.Time) error {
	const query = `
		SELECT hour, sales, quantity, volume, open, high, low, close, close_at FROM item_hours_without
		WHERE item = $1 AND hour >= $2 AND hour < $3 AND sales > 0 ORDER BY hour`
	rows, _ := tx.Query(ctx, query, item, start, end)
	var h SoldPoint
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&at, &h.Sales, &h.Quantity, &h.Volume, &h.Open, &h.High, &h.Low, &h.Close, &h.LastAt}, func() error {
		h.Start = v.Step.start(at, start.Location())
		if n := len(v.Points); n == 0 || !v.Points[n-1].Start.Equal(h.Start) {
			v.Points = append(v.Points, SoldPoint{Start: h.Start, Open: h.Open, High: h.High, Low: h.Low})
		}
		v.Points[len(v.Points)-1].add(h)
		return nil
	})
	if err != nil {
		return fmt.Errorf("hours: %w", err)
	}
	return nil
}

// add adds the sales of a later hour.
func (p *SoldPoint) add(h SoldPoint) {
	p.Sales += h.Sales
	p.Quantity, p.Volume = p.Quantity.Plus(h.Quantity), p.Volume.Plus(h.Volume)
	p.High, p.Low = max(p.High, h.High), min(p.Low, h.Low)
	p.Close, p.LastAt = h.Close, h.LastAt
	p.Mean = p.Volume.Float64() / p.Quantity.Float64()
}

// readDays sets what is known of whole days only: the medians, and how many traded.
func (v *SoldSeries) readDays(ctx context.Context, tx pgx.Tx, item int64, first, last time.Time) error {
	zone := first.Location()
	places := map[int64]int{} // of points, by when they begin
	prices := make([]map[priced]ledger.Sum, len(v.Points))
	for i, p := range v.Points {
		places[p.Start.Unix()] = i
		prices[i] = map[priced]ledger.Sum{}
		v.Points[i].Traders = new(int64)
	}
	place := func(date time.Time) (int, bool) {
		i, ok := places[v.Step.start(ledger.DayStart(ledger.DayNumber(date), zone), zone).Unix()]
		return i, ok
	}
	const quotes = `SELECT day, price, pieces, quantity FROM price_days_without WHERE item = $1 AND day BETWEEN $2::date AND $3::date`
	rows, _ := tx.Query(ctx, quotes, item, first, last)
	var date time.Time
	var p priced
	var quantity ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&date, &p.money, &p.pieces, &quantity}, func() error {
		if i, ok := place(date); ok {
			prices[i][p] = prices[i][p].Plus(quantity)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	for i := range v.Points {
		v.Points[i].Median = medianPrice(prices[i])
	}
	of := map[Step]string{"1d": `day`, "1w": `day - (extract(isodow FROM day)::int - 1)`}[v.Step]
	rows, _ = tx.Query(ctx, `
		SELECT `+of+`, count(DISTINCT coalesce(target, account)) FROM trader_days_without LEFT JOIN merges USING (account)
		WHERE item = $1 AND day BETWEEN $2::date AND $3::date GROUP BY 1`, item, first, last)
	var traders int64
	_, err = pgx.ForEachRow(rows, []any{&date, &traders}, func() error {
		if i, ok := place(date); ok {
			*v.Points[i].Traders = traders
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("traders: %w", err)
	}
	return nil
}
