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

// MarketQuery selects a period, and whether offsetting trade is part of the sums.
type MarketQuery struct {
	Days Days
	With bool // with offsetting trade
}

// Key is "30", or "30:with".
func (q MarketQuery) Key() string { return q.Days.Key() + withKey(q.With) }

func withKey(with bool) string {
	if with {
		return ":with"
	}
	return ""
}

// marketWithout returns the queries of periods, without offsetting trade.
func marketWithout(periods ...Days) (queries []MarketQuery) {
	for _, days := range periods {
		queries = append(queries, MarketQuery{Days: days})
	}
	return queries
}

// salesOf returns the name of a rollup of sales, such as item_days, with or without
// offsetting trade.
func salesOf(rollup string, with bool) string {
	if with {
		return rollup
	}
	return rollup + "_without"
}

// isOffsetting is SQL for whether a row of sales is marked, with the arguments of
// [span.args].
var isOffsetting = `EXISTS (
				SELECT FROM offsetting_pairs p
				WHERE p.item = sales.item AND p.day = ` + saleDay + ` AND p.seller = sales.seller AND p.buyer = sales.buyer)`

// Offsetting is the sales of a period that offset each other.
type Offsetting struct {
	Included bool       `json:"included" doc:"Whether the sums have them: they do with circular=with."`
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity"`
	Volume   ledger.Sum `json:"volume" doc:"Minor units, tax included."`
	Share    float64    `json:"share" doc:"Of the value of all sales, these included; 1 is all."`
}

// read reads what is marked in s, of one item or, if that is 0, of all. Volume is the
// value of the sales that the sums have.
func (o *Offsetting) read(ctx context.Context, tx pgx.Tx, s span, item int64, volume ledger.Sum) error {
	query, args := `
		SELECT coalesce(sum(sales), 0)::bigint, coalesce(sum(quantity), 0), coalesce(sum(volume), 0)
		FROM offsetting_days WHERE day BETWEEN $1::date AND $2::date`, []any{s.Start, s.Today}
	if item != 0 {
		query, args = query+` AND item = $3`, append(args, item)
	}
	if err := tx.QueryRow(ctx, query, args...).Scan(&o.Sales, &o.Quantity, &o.Volume); err != nil {
		return fmt.Errorf("offsetting trade: %w", err)
	}
	if !o.Included {
		volume = volume.Plus(o.Volume)
	}
	if o.Sales > 0 {
		o.Share = o.Volume.Float64() / volume.Float64()
	}
	return nil
}

// ItemRoutes is the sales of an item that offset each other in a period, by day and
// accounts.
type ItemRoutes struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Basis
	Sales  int64       `json:"sales"`
	Volume ledger.Sum  `json:"volume"`
	Count  int64       `json:"count" doc:"How many there are of Routes, listed or not."`
	Routes []ItemRoute `json:"routes" nullable:"false" doc:"By day and accounts, the latest first, at most 100."`
}

// An ItemRoute is the marked sales of an item from one account to another on a day.
type ItemRoute struct {
	Day      time.Time      `json:"day"`
	Seller   RouteEnd       `json:"seller"`
	Buyer    RouteEnd       `json:"buyer"`
	Rule     OffsettingRule `json:"rule" enum:"own,pair,cycle" doc:"own: between accounts of one holder; pair: there and back between two; cycle: round between three."`
	Sales    int64          `json:"sales"`
	Quantity ledger.Sum     `json:"quantity"`
	Volume   ledger.Sum     `json:"volume"`
}

// A RouteEnd is an account at an end of a route.
type RouteEnd struct {
	ID   string      `json:"id" doc:"The account's id; empty if its holder is hidden."`
	Name string      `json:"name"`
	Kind ledger.Kind `json:"kind"`
}

// mostRoutes is how many routes are listed.
const mostRoutes = 100

// ComputeItemRoutes reads what offsets each other of an item in the period that ends
// with w's start. It returns nil if there is no such item.
func ComputeItemRoutes(ctx context.Context, db *pgxpool.Pool, w cache.Window, q RoutesQuery) (*ItemRoutes, error) {
	v := &ItemRoutes{ID: q.Item, Routes: []ItemRoute{}}
	id, name, err := findItem(ctx, db, q.Item)
	if err != nil || id == 0 {
		return nil, err
	}
	v.Name = name
	err = v.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error { return v.fill(ctx, tx, s, id) })
	if err != nil {
		return nil, fmt.Errorf("offsetting trade of an item: %w", err)
	}
	return v, nil
}

// RoutesQuery selects an item and a period. Each is a key, so the caller checks first
// that the item exists, see [Exists].
type RoutesQuery struct {
	Item string // its ref
	Days Days
}

// Key is "minecraft%3Adiamond:30".
func (q RoutesQuery) Key() string { return url.QueryEscape(q.Item) + ":" + q.Days.Key() }

func (v *ItemRoutes) fill(ctx context.Context, tx pgx.Tx, s span, item int64) error {
	const query = `
		SELECT day, seller, buyer, rule, sales, quantity, volume, count(*) OVER (), sum(sales) OVER ()::bigint, sum(volume) OVER () FROM (
			SELECT day, coalesce(a.target, seller) AS seller, coalesce(b.target, buyer) AS buyer, rule,
				sum(sales)::bigint AS sales, sum(quantity) AS quantity, sum(volume) AS volume
			FROM offsetting_pairs LEFT JOIN merges a ON a.account = seller LEFT JOIN merges b ON b.account = buyer
			WHERE item = $1 AND day BETWEEN $2::date AND $3::date GROUP BY 1, 2, 3, 4) AS routes
		ORDER BY day DESC, volume DESC, seller, buyer LIMIT $4`
	rows, _ := tx.Query(ctx, query, item, s.Start, s.Today, mostRoutes)
	var r ItemRoute
	var date time.Time
	var seller, buyer int64
	var ids []int64
	_, err := pgx.ForEachRow(rows, []any{&date, &seller, &buyer, &r.Rule, &r.Sales, &r.Quantity, &r.Volume, &v.Count, &v.Sales, &v.Volume}, func() error {
		r.Day = s.day(date)
		v.Routes, ids = append(v.Routes, r), append(ids, seller, buyer)
		return nil
	})
	if err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	ends := make([]Trader, len(ids))
	if err := nameTraders(ctx, tx, ids, ends); err != nil {
		return err
	}
	end := func(t Trader) RouteEnd { return RouteEnd{t.ID, t.Name, t.Kind} }
	for i := range v.Routes {
		v.Routes[i].Seller, v.Routes[i].Buyer = end(ends[2*i]), end(ends[2*i+1])
	}
	return nil
}

// Table has one row a day and route.
func (v *ItemRoutes) Table() Table {
	t := Table{Columns: []Column{
		{"day", "Day", Day}, {"seller", "Seller", Text}, {"seller_id", "Seller's id", Text}, {"buyer", "Buyer", Text}, {"buyer_id", "Buyer's id", Text},
		{"rule", "Rule", Text}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count}, {"volume", "Value", Money},
	}}
	for _, r := range v.Routes {
		t.Rows = append(t.Rows, []any{r.Day, r.Seller.Name, r.Seller.ID, r.Buyer.Name, r.Buyer.ID, string(r.Rule), r.Sales, r.Quantity, r.Volume})
	}
	return t.First(len(v.Routes), v.Count)
}
