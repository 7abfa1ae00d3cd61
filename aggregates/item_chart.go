package aggregates

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// A Step is the length of a candle. The candles of a period are at most some 370.
type Step string

// Steps returns the steps, shortest first.
func Steps() []Step { return []Step{"1h", "4h", "1d", "1w"} }

// ParseStep returns the step of a text for a period: the nearest one that divides
// the period into few enough candles, and an ordinary one if the text names none.
func ParseStep(text string, days Days) Step {
	shortest := map[Days]Step{7: "1h", 30: "4h"}[days]
	switch step := Step(text); {
	case step == "1h" && shortest == "1h", step == "4h" && shortest != "", step == "1d", step == "1w":
		return step
	case step == "1h" && shortest != "":
		return shortest
	case step != "1d" && days == 7:
		return "4h"
	}
	return "1d"
}

// ItemChartQuery selects an item, a period and a step that [ParseStep] returned for
// it.
type ItemChartQuery struct {
	Item string
	Days Days
	Step Step
	With bool // with offsetting trade
}

// Key is "minecraft%3Adiamond:30:1d".
func (q ItemChartQuery) Key() string {
	return url.QueryEscape(q.Item) + ":" + q.Days.Key() + ":" + string(q.Step) + withKey(q.With)
}

// ItemChart is the course of an item's price in a period.
type ItemChart struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Basis
	Step    string   `json:"step" enum:"1h,4h,day,week,month,year,decade" doc:"What a candle stands for. Days of a long period become weeks or more, so that there are at most 370."`
	Candles []Candle `json:"candles" nullable:"false" doc:"Oldest first; without a sale: zero, and no prices. Candles of hours have no median."`
}

// ComputeItemChart reads the candles of an item in the period that ends with w's
// start. It returns nil if there is no such item.
func ComputeItemChart(ctx context.Context, db *pgxpool.Pool, w cache.Window, q ItemChartQuery) (*ItemChart, error) {
	v := &ItemChart{ID: q.Item, Step: "day", Candles: []Candle{}}
	id, name, err := findItem(ctx, db, q.Item)
	if err != nil || id == 0 {
		return nil, err
	}
	v.Name = name
	err = v.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error {
		d := s.by(q.Step)
		if _, _, err := d.readSales(ctx, tx, s, id, q.With); err != nil {
			return err
		}
		if !d.hours {
			if _, err := d.readMedians(ctx, tx, s, id, q.With); err != nil {
				return err
			}
		}
		v.Step, v.Candles = d.unit, d.candles
		return d.readStanding(ctx, tx, s, id)
	})
	if err != nil {
		return nil, fmt.Errorf("course of an item: %w", err)
	}
	return v, nil
}

// by divides the span by a step.
func (s span) by(step Step) division {
	switch step {
	case "1h":
		return s.byHours(1)
	case "4h":
		return s.byHours(4)
	case "1w":
		return s.byDays(0)
	}
	return s.byDays(mostDays)
}

// Table has one row a candle.
func (v *ItemChart) Table() Table {
	start := Column{"start", "First day", Day}
	if v.Step == "1h" || v.Step == "4h" {
		start = Column{"start", "From", Instant}
	}
	t := Table{Columns: []Column{
		start, {"open", "Open", Ratio}, {"high", "High", Ratio}, {"low", "Low", Ratio}, {"close", "Close", Ratio}, {"mean", "Mean", Ratio}, {"median", "Median", Ratio},
		{"sales", "Sales", Count}, {"quantity", "Pieces", Count}, {"volume", "Value", Money}, {"ask", "Cheapest at its end", Ratio}, {"bid", "Best offer at its end", Ratio}, {"stock", "In stock at its end", Count},
	}}
	for _, c := range v.Candles {
		row := []any{c.Start, orNil(c.Prices.Open), orNil(c.Prices.High), orNil(c.Prices.Low), orNil(c.Prices.Close), orNil(c.Prices.VWAP), orNil(c.Prices.Median),
			c.Sales, c.Quantity, c.Volume, nil, nil, nil}
		if st := c.Standing; st != nil {
			row[10], row[11], row[12] = orNil(st.BestAsk), orNil(st.BestBid), st.Stock
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
