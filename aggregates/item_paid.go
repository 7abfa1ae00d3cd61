package aggregates

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// Paid is what was paid for a piece of an item in a period. Sales whose price is far
// from those of the others are left out, by the rule of [Price].
type Paid struct {
	Sales    int64       `json:"sales" doc:"That count."`
	Quantity ledger.Sum  `json:"quantity" doc:"Pieces in them."`
	Median   *float64    `json:"median" doc:"Minor units a piece, by pieces; null: nothing was sold."`
	Quarter  *float64    `json:"quarter" doc:"A quarter of the pieces was sold at this price or below."`
	Quarter3 *float64    `json:"quarter3" doc:"Three quarters of the pieces were sold at this price or below."`
	Low      *float64    `json:"low" doc:"The lowest price that counts."`
	High     *float64    `json:"high" doc:"The highest price that counts."`
	Bins     []PriceBin  `json:"bins" nullable:"false" doc:"From low to high, of the same width, at most 24."`
	Excluded int64       `json:"excluded" doc:"Sales that do not count."`
	Outliers []DayPriced `json:"outliers" nullable:"false" doc:"Those, by day and price, the latest first, at most 100."`
}

// PriceBin is the pieces sold at prices from Low to less than High, in the last bin
// High included.
type PriceBin struct {
	Low      float64    `json:"low"`
	High     float64    `json:"high"`
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity"`
}

// DayPriced is the sales at one price on one day.
type DayPriced struct {
	Day      time.Time  `json:"day"`
	Each     float64    `json:"each" doc:"Minor units a piece."`
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity"`
}

// mostExcluded is how many excluded prices are listed.
const mostExcluded = 100

func (v *Paid) fill(ctx context.Context, tx pgx.Tx, s span, item int64, with bool) error {
	query := `
		SELECT price, pieces, sum(sales)::bigint, sum(quantity) FROM ` + salesOf("price_days", with) + `
		WHERE item = $1 AND day BETWEEN $2::date AND $3::date GROUP BY price, pieces`
	rows, _ := tx.Query(ctx, query, item, s.Start, s.Today)
	var quotes []quote
	var q quote
	_, err := pgx.ForEachRow(rows, []any{&q.money, &q.pieces, &q.sales, &q.quantity}, func() error {
		quotes = append(quotes, q)
		return nil
	})
	if err != nil {
		return fmt.Errorf("what was paid: %w", err)
	}
	*v = newPaid(quotes)
	if v.Excluded == 0 {
		return nil
	}
	outliers := `
		SELECT day, price::float8 / pieces AS each, sales, quantity FROM ` + salesOf("price_days", with) + `
		WHERE item = $1 AND day BETWEEN $2::date AND $3::date AND NOT price::float8 / pieces BETWEEN $4 AND $5
		ORDER BY day DESC, each DESC LIMIT $6`
	rows, _ = tx.Query(ctx, outliers, item, s.Start, s.Today, v.Low, v.High, mostExcluded)
	if v.Outliers, err = pgx.CollectRows(rows, pgx.RowToStructByPos[DayPriced]); err != nil {
		return fmt.Errorf("outliers: %w", err)
	}
	for i := range v.Outliers {
		v.Outliers[i].Day = s.day(v.Outliers[i].Day)
	}
	return nil
}

// newPaid returns what quotes say. It sorts them.
func newPaid(quotes []quote) Paid {
	v := Paid{Bins: []PriceBin{}, Outliers: []DayPriced{}}
	for _, q := range quotes {
		v.Excluded += q.sales
	}
	usual := usualPrices(quotes)
	if len(usual) == 0 {
		return v
	}
	for _, q := range usual {
		v.Sales += q.sales
		v.Quantity = v.Quantity.Plus(q.quantity)
	}
	v.Excluded -= v.Sales
	low, high := usual[0].float(), usual[len(usual)-1].float()
	v.Median, v.Low, v.High = middlePiece(usual), &low, &high
	v.Quarter, v.Quarter3 = upToQuarters(usual, v.Quantity, 1), upToQuarters(usual, v.Quantity, 3)
	step := binStep(low, high)
	first := math.Floor(low/step) * step
	bins := 1
	if high > low {
		bins = int(math.Floor((high-first)/step)) + 1
	}
	for i := range bins {
		v.Bins = append(v.Bins, PriceBin{Low: first + float64(i)*step, High: first + float64(i+1)*step})
	}
	for _, q := range usual {
		b := &v.Bins[min(max(0, int((q.float()-first)/step)), bins-1)]
		b.Sales += q.sales
		b.Quantity = b.Quantity.Plus(q.quantity)
	}
	return v
}

// upToQuarters returns the lowest price up to which so many quarters of the pieces
// were sold, of quotes in rising order.
func upToQuarters(quotes []quote, total ledger.Sum, quarters int) *float64 {
	var upTo, part ledger.Sum
	for range quarters {
		part = part.Plus(total)
	}
	for _, q := range quotes {
		for range 4 {
			upTo = upTo.Plus(q.quantity)
		}
		if upTo.Compare(part) >= 0 {
			price := q.float()
			return &price
		}
	}
	return nil
}

// binStep returns the width of some 16 bins from low to high, 1, 2, 2.5 or 5 times a
// power of ten. Where all prices are the same it is a part of the price.
func binStep(low, high float64) float64 {
	rough := (high - low) / 16
	if rough <= 0 {
		rough = high / 100
	}
	magnitude := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, nice := range []float64{1, 2, 2.5, 5} {
		if nice*magnitude >= rough {
			return nice * magnitude
		}
	}
	return 10 * magnitude
}
