package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// mostRecent is how many of an item's latest sales are read one by one, for what no
// rollup has: taxes, directions, pieces a sale.
const mostRecent = 1000

// A recentSale is a sale as it was written.
type recentSale struct {
	Direction            ledger.Direction
	Quantity, Total, Tax int64
	Shop                 bool // it names one
	At                   time.Time
}

// readRecent returns the latest sales of an item in the period, at most mostRecent,
// with offsetting trade or without it.
func readRecent(ctx context.Context, tx pgx.Tx, s span, item int64, with bool) ([]recentSale, error) {
	query := `
		SELECT direction, quantity, total, tax, shop IS NOT NULL, at FROM sales
		WHERE item = @item AND at >= @start AND at < @through AND quantity > 0 AND total > 0 AND (@with OR NOT ` + isOffsetting + `)
		ORDER BY at DESC, id DESC LIMIT @limit`
	args := s.args()
	maps.Copy(args, pgx.NamedArgs{"item": item, "with": with, "limit": mostRecent})
	rows, _ := tx.Query(ctx, query, args)
	sales, err := pgx.CollectRows(rows, pgx.RowToStructByPos[recentSale])
	if err != nil {
		return nil, fmt.Errorf("latest sales: %w", err)
	}
	return sales, nil
}

// Spread is what is lost by buying an item and selling it again at once. It is of
// what customers of shops pay and get.
type Spread struct {
	Sales    int64    `json:"sales" doc:"Of how many latest sales in the period taxes and executed are, at most 1,000."`
	Tax      float64  `json:"tax" doc:"The part of what shops paid for it that was tax; 1 is all."`
	Offered  *float64 `json:"offered" doc:"(best ask − best bid after tax) / their mean; null where one of them is missing."`
	Days     int64    `json:"days" doc:"On how many days of these sales shops both sold and bought it: paid, got and executed are of them."`
	Paid     *float64 `json:"paid" doc:"What customers paid to shops, in minor units a piece, tax included: the mean of the days' medians by pieces, each day by the pieces that shops sold or bought, whichever are fewer; null without such a day."`
	Got      *float64 `json:"got" doc:"What customers got from shops after tax, likewise."`
	Executed *float64 `json:"executed" doc:"(paid − got) / their mean; negative where shops paid more than shops took on the same days; null without such a day."`
}

// A tradedDay is what shops sold and bought of an item on a day.
type tradedDay struct {
	paid, got    map[priced]ledger.Sum // pieces by price
	sold, bought ledger.Sum            // pieces
}

// newSpread compares what shops sold with what shops bought on the same days, since
// prices move.
func newSpread(sales []recentSale, o Offers, zone *time.Location) Spread {
	v := Spread{Sales: int64(len(sales))}
	days := map[int]*tradedDay{}
	var tax, total ledger.Sum
	for _, s := range sales {
		if s.Direction == ledger.DirectionPurchase && s.Total > s.Tax {
			tax, total = tax.Add(s.Tax), total.Add(s.Total)
		}
		if !s.Shop {
			continue
		}
		nr := ledger.DayNumber(s.At.In(zone))
		if days[nr] == nil {
			days[nr] = &tradedDay{paid: map[priced]ledger.Sum{}, got: map[priced]ledger.Sum{}}
		}
		switch d := days[nr]; {
		case s.Direction == ledger.DirectionSale:
			p := priced{s.Total, s.Quantity}
			d.paid[p], d.sold = d.paid[p].Add(s.Quantity), d.sold.Add(s.Quantity)
		case s.Total > s.Tax:
			p := priced{s.Total - s.Tax, s.Quantity}
			d.got[p], d.bought = d.got[p].Add(s.Quantity), d.bought.Add(s.Quantity)
		}
	}
	if total.Sign() > 0 {
		v.Tax = tax.Float64() / total.Float64()
	}
	var paid, got, weights float64
	for _, nr := range slices.Sorted(maps.Keys(days)) {
		d := days[nr]
		p, g := medianPrice(d.paid), medianPrice(d.got)
		if p == nil || g == nil {
			continue
		}
		weight := min(d.sold.Float64(), d.bought.Float64())
		paid, got, weights = paid+weight**p, got+weight**g, weights+weight
		v.Days++
	}
	if weights > 0 {
		paid, got = paid/weights, got/weights
		v.Paid, v.Got = &paid, &got
	}
	v.Executed = apart(v.Paid, v.Got)
	if o.BestBid != nil {
		after := *o.BestBid * (1 - v.Tax)
		v.Offered = apart(o.BestAsk, &after)
	}
	return v
}

// apart returns the difference of two prices over their mean.
func apart(high, low *float64) *float64 {
	if high == nil || low == nil || *high+*low <= 0 {
		return nil
	}
	d := 2 * (*high - *low) / (*high + *low)
	return &d
}

// Sizes is how many pieces were sold at a time.
type Sizes struct {
	Sales  int64  `json:"sales" doc:"Of how many latest sales in the period, at most 1,000."`
	Common []Size `json:"common" nullable:"false" doc:"The most frequent numbers of pieces, at most 10, smallest first."`
	Others Size   `json:"others" doc:"All other sales together; its pieces are 0."`
	Median int64  `json:"median" doc:"Half of the sales were of at most so many pieces."`
}

// Size is the sales of one number of pieces.
type Size struct {
	Pieces   int64      `json:"pieces"`
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity" doc:"Pieces in all of them."`
}

// mostSizes is how many numbers of pieces are told apart.
const mostSizes = 10

func newSizes(sales []recentSale) Sizes {
	v := Sizes{Sales: int64(len(sales)), Common: []Size{}}
	bySize := map[int64]int64{}
	var sizes []int64
	for _, s := range sales {
		bySize[s.Quantity]++
		sizes = append(sizes, s.Quantity)
	}
	if len(sizes) == 0 {
		return v
	}
	slices.Sort(sizes)
	v.Median = sizes[(len(sizes)-1)/2]
	for pieces, n := range bySize {
		v.Common = append(v.Common, Size{pieces, n, ledger.Product(pieces, n)})
	}
	slices.SortFunc(v.Common, func(a, b Size) int { return cmp.Or(cmp.Compare(b.Sales, a.Sales), cmp.Compare(a.Pieces, b.Pieces)) })
	for _, other := range v.Common[min(len(v.Common), mostSizes):] {
		v.Others.Sales += other.Sales
		v.Others.Quantity = v.Others.Quantity.Plus(other.Quantity)
	}
	v.Common = v.Common[:min(len(v.Common), mostSizes)]
	slices.SortFunc(v.Common, func(a, b Size) int { return cmp.Compare(a.Pieces, b.Pieces) })
	return v
}
