package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

const (
	mostGaps    = 200 // that are listed
	shortDays   = 1   // of cover: less is a gap
	dearSpreads = 2   // above the usual price, in spreads
)

// Gaps is what is missing from the market at the moment of reading: of the items
// that shops offered at some time, those that are sold out, short, wanted or dear.
// Its period is the last 7 days, whose sales say how fast stock is sold.
type Gaps struct {
	Basis
	Offered int64 `json:"offered" doc:"Items that shops have offered at some time."`
	SoldOut int64 `json:"soldOut" doc:"Items that were sold in the last 7 days and that no shop has now."`
	Short   int64 `json:"short" doc:"Items whose stock lasts less than a day."`
	Wanted  int64 `json:"wanted" doc:"Items that shops buy and none sells."`
	Dear    int64 `json:"dear" doc:"Items whose lowest ask is far above their price."`
	Items   []Gap `json:"items" nullable:"false" doc:"Items of which something is missing, those first of which most was sold in the last 7 days, at most 200."`
}

// A Gap is an item of which something is missing.
type Gap struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	SoldOut bool       `json:"soldOut" doc:"It was sold in the last 7 days, and no ask stands."`
	Short   bool       `json:"short" doc:"Its stock lasts less than a day."`
	Wanted  bool       `json:"wanted" doc:"A bid stands, and no ask."`
	Dear    bool       `json:"dear" doc:"The lowest ask is more than 2 spreads above the price, a spread being a tenth at least. Only of firm and thin prices."`
	Sales   int64      `json:"sales" doc:"In the last 7 days."`
	Sold    ledger.Sum `json:"sold" doc:"Pieces, in the last 7 days."`
	Volume  ledger.Sum `json:"volume" doc:"What was paid for them."`
	Stock   ledger.Sum `json:"stock" doc:"Pieces that the standing asks have, as far as it is known."`
	Cover   *float64   `json:"cover" doc:"Days that the stock lasts if as much is sold a day as in the last 7 days; null where nothing was sold, or the stock is not known."`
	Asks    int64      `json:"asks" doc:"How many asks stand."`
	Bids    int64      `json:"bids" doc:"How many bids stand."`
	BestAsk *float64   `json:"bestAsk" doc:"The lowest, in minor units a piece."`
	BestBid *float64   `json:"bestBid" doc:"The highest, in minor units a piece."`
	Price   Price      `json:"price"`
}

// Words returns what is missing of it: "sold out", "short", "wanted", "dear".
func (of Gap) Words() []string {
	var words []string
	for _, w := range []struct {
		is   bool
		word string
	}{{of.SoldOut, "sold out"}, {of.Short, "short"}, {of.Wanted, "wanted"}, {of.Dear, "dear"}} {
		if w.is {
			words = append(words, w.word)
		}
	}
	return words
}

// ComputeGaps reads what is missing at w's start.
func ComputeGaps(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*Gaps, error) {
	g := &Gaps{Items: []Gap{}}
	if err := g.read(ctx, db, w, 7, g.fill); err != nil {
		return nil, fmt.Errorf("gaps: %w", err)
	}
	return g, nil
}

func (g *Gaps) fill(ctx context.Context, tx pgx.Tx, s span) error {
	const query = `
		SELECT id, ref, name, coalesce(sales, 0), coalesce(sold, 0), coalesce(volume, 0), best_ask, best_bid, asks, bids, stock FROM items
		CROSS JOIN LATERAL (
			SELECT best_ask, best_bid, asks, bids, stock FROM item_offer_hours
			WHERE item = id AND hour < $3 ORDER BY hour DESC LIMIT 1) AS offered
		LEFT JOIN (
			SELECT item, sum(sales)::bigint AS sales, sum(quantity) AS sold, sum(volume) AS volume
			FROM item_days_without WHERE day BETWEEN $1::date AND $2::date GROUP BY item) AS week ON item = id`
	prices, err := readPrices(ctx, tx, s, nil)
	if err != nil {
		return err
	}
	days := float64(s.days()-1) + s.partial()
	if from := s.index(s.First); from > 0 { // a young ledger
		days -= float64(from)
	}
	rows, _ := tx.Query(ctx, query, s.Start, s.Today, s.Through)
	var id int64
	var of Gap
	_, err = pgx.ForEachRow(rows, []any{
		&id, &of.ID, &of.Name, &of.Sales, &of.Sold, &of.Volume, &of.BestAsk, &of.BestBid, &of.Asks, &of.Bids, &of.Stock,
	}, func() error {
		of := of
		of.Price, of.Cover = prices[id], nil
		g.Offered++
		if g.judge(&of, days) {
			g.Items = append(g.Items, of)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("items offered: %w", err)
	}
	slices.SortFunc(g.Items, func(a, b Gap) int { return cmp.Or(b.Volume.Compare(a.Volume), cmp.Compare(a.ID, b.ID)) })
	g.Items = g.Items[:min(len(g.Items), mostGaps)]
	return nil
}

// judge sets and counts what is missing of an item, and reports whether anything
// is. Its sales are those of a number of days.
func (g *Gaps) judge(of *Gap, days float64) bool {
	if of.Sales > 0 && of.Stock.Sign() > 0 {
		cover := of.Stock.Float64() / of.Sold.Float64() * days
		of.Cover = &cover
	}
	of.SoldOut = of.Sales > 0 && of.Asks == 0
	of.Short = of.Asks > 0 && of.Cover != nil && *of.Cover < shortDays
	of.Wanted = of.Bids > 0 && of.Asks == 0
	if of.BestAsk != nil && (of.Price.Confidence == Firm || of.Price.Confidence == Thin) {
		of.Dear = *of.BestAsk > *of.Price.Value*math.Pow(max(*of.Price.Spread, leastSpread), dearSpreads)
	}
	count := func(n *int64, is bool) {
		if is {
			*n++
		}
	}
	count(&g.SoldOut, of.SoldOut)
	count(&g.Short, of.Short)
	count(&g.Wanted, of.Wanted)
	count(&g.Dear, of.Dear)
	return of.SoldOut || of.Short || of.Wanted || of.Dear
}
