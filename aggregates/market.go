package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

const (
	mostItems  = 50 // that the market lists
	mostGroups = 50
)

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
	Groups   []GroupMarket        `json:"groups" nullable:"false" doc:"The groups of items sold, largest volume first, at most 50; empty where items have no groups. Items without one are the group without a name."`

	Offsetting Offsetting `json:"offsetting" doc:"Sales that offset each other. All else here is without them, unless they are included; prices always are."`
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
	Group    string     `json:"group" doc:"Of what sort it is; empty: not known."`
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity"`
	Volume   ledger.Sum `json:"volume"`
	Share    float64    `json:"share" doc:"Of the whole volume; 1 is all of it."`
	VWAP     float64    `json:"vwap" doc:"Minor units a piece: volume / quantity."`
	High     *float64   `json:"high" doc:"Of the unit prices, in minor units a piece."`
	Low      *float64   `json:"low"`
	Price    Price      `json:"price" doc:"What a piece costs at the end of the period."`
	Earlier  *Price     `json:"earlier,omitempty" doc:"What it cost at the end of the day before the period; left out where the ledger does not reach back to it."`
	Course   []float64  `json:"course" nullable:"false" doc:"Its mean price by day, week, month, year or decade, without times when it was not sold; minor units a piece."`
}

// OtherItems is the sum of the items that are not listed.
type OtherItems struct {
	Items    int64      `json:"items" doc:"How many there are."`
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity"`
	Volume   ledger.Sum `json:"volume"`
}

// GroupMarket is the sales of a group's items.
type GroupMarket struct {
	Group  string     `json:"group" doc:"Empty: items without a group."`
	Items  int64      `json:"items" doc:"How many different items of it were sold."`
	Sales  int64      `json:"sales"`
	Volume ledger.Sum `json:"volume"`
	Share  float64    `json:"share" doc:"Of the whole volume; 1 is all of it."`
}

// ComputeMarket reads what was traded in the period that ends with w's start.
func ComputeMarket(ctx context.Context, db *pgxpool.Pool, w cache.Window, q MarketQuery) (*Market, error) {
	m := &Market{Top: []ItemMarket{}, Groups: []GroupMarket{}, Offsetting: Offsetting{Included: q.With}}
	if err := m.read(ctx, db, w, q.Days, m.fill); err != nil {
		return nil, fmt.Errorf("market: %w", err)
	}
	return m, nil
}

func (m *Market) fill(ctx context.Context, tx pgx.Tx, s span) error {
	courses, err := readAllCourses(ctx, tx, s, m.Offsetting.Included)
	if err != nil {
		return err
	}
	sold, err := readSoldItems(ctx, tx, courses)
	if err != nil {
		return err
	}
	m.Items = int64(len(sold))
	for _, i := range sold {
		m.Sales.Now += i.Sales
		m.Quantity.Now, m.Volume.Now = m.Quantity.Now.Plus(i.Quantity), m.Volume.Now.Plus(i.Volume)
	}
	m.fillGroups(sold)
	m.Others = OtherItems{Items: m.Items, Sales: m.Sales.Now, Quantity: m.Quantity.Now, Volume: m.Volume.Now}
	var ids []int64
	for _, of := range sold[:min(len(sold), mostItems)] {
		of.Share = of.Volume.Float64() / m.Volume.Now.Float64()
		of.VWAP = of.Volume.Float64() / of.Quantity.Float64()
		m.Others.Items--
		m.Others.Sales -= of.Sales
		m.Others.Quantity = m.Others.Quantity.Minus(of.Quantity)
		m.Others.Volume = m.Others.Volume.Minus(of.Volume)
		m.Top, ids = append(m.Top, of.ItemMarket), append(ids, of.id)
	}
	if err := m.fillPrices(ctx, tx, s, ids, courses); err != nil {
		return err
	}
	if err := m.fillApart(ctx, tx, s); err != nil {
		return err
	}
	if err := m.Offsetting.read(ctx, tx, s, 0, m.Volume.Now); err != nil {
		return err
	}
	return m.compare(ctx, tx, s)
}

// A marketItem is an item's sales with its id in the database.
type marketItem struct {
	id int64
	ItemMarket
}

// readSoldItems returns the items that were sold, largest volume first, without what is
// known of listed ones only.
func readSoldItems(ctx context.Context, tx pgx.Tx, courses map[int64]*course) (sold []marketItem, err error) {
	rows, _ := tx.Query(ctx, `SELECT id, ref, name, grouping FROM items`)
	var i marketItem
	_, err = pgx.ForEachRow(rows, []any{&i.id, &i.ID, &i.Name, &i.Group}, func() error {
		if c := courses[i.id]; c != nil {
			of := i
			of.Sales, of.Quantity, of.Volume, of.High, of.Low = c.sales, c.quantity, c.volume, &c.high, &c.low
			sold = append(sold, of)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	slices.SortFunc(sold, func(a, b marketItem) int {
		return cmp.Or(b.Volume.Compare(a.Volume), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return sold, nil
}

// fillApart sets the sums of lines that are no sales.
func (m *Market) fillApart(ctx context.Context, tx pgx.Tx, s span) error {
	const query = `
		SELECT coalesce(sum(other_lines), 0)::bigint, coalesce(sum(other_quantity), 0), coalesce(sum(other_volume), 0)
		FROM item_days WHERE day BETWEEN $1::date AND $2::date AND other_lines > 0`
	err := tx.QueryRow(ctx, query, s.Start, s.Today).Scan(&m.Apart.Lines, &m.Apart.Quantity, &m.Apart.Volume)
	if err != nil {
		return fmt.Errorf("lines that are no sales: %w", err)
	}
	return nil
}

// fillPrices sets the prices of the listed items, whose ids are given, and their courses.
func (m *Market) fillPrices(ctx context.Context, tx pgx.Tx, s span, ids []int64, courses map[int64]*course) error {
	now, before, err := pricesAround(ctx, tx, s, ids)
	if err != nil {
		return err
	}
	if s.days() > monthDays { // the index has longer buckets
		if courses, err = readCourses(ctx, tx, s, mostDrawn, ids, m.Offsetting.Included); err != nil {
			return err
		}
	}
	for i, id := range ids {
		m.Top[i].Price = now[id]
		if before != nil {
			earlier := before[id]
			m.Top[i].Earlier = &earlier
		}
		m.Top[i].Course = []float64{}
		for _, t := range courses[id].buckets {
			m.Top[i].Course = append(m.Top[i].Course, t.price())
		}
	}
	return nil
}

// pricesAround returns prices at the end of s and at the end of the day before it,
// nil where the ledger has none.
func pricesAround(ctx context.Context, tx pgx.Tx, s span, ids []int64) (now, before map[int64]Price, err error) {
	if now, err = readPrices(ctx, tx, s, ids); err != nil {
		return nil, nil, err
	}
	if earlier, ok := s.earlier(); ok {
		before, err = readPrices(ctx, tx, earlier, ids)
	}
	return now, before, err
}

// fillGroups sets the sums by group, if any item that was sold has one.
func (m *Market) fillGroups(sold []marketItem) {
	groups := map[string]GroupMarket{}
	for _, i := range sold {
		g := groups[i.Group]
		groups[i.Group] = GroupMarket{Group: i.Group, Items: g.Items + 1, Sales: g.Sales + i.Sales, Volume: g.Volume.Plus(i.Volume)}
	}
	if _, nameless := groups[""]; nameless && len(groups) == 1 {
		return
	}
	for _, g := range groups {
		g.Share = g.Volume.Float64() / m.Volume.Now.Float64()
		m.Groups = append(m.Groups, g)
	}
	slices.SortFunc(m.Groups, func(a, b GroupMarket) int {
		return cmp.Or(b.Volume.Compare(a.Volume), strings.Compare(a.Group, b.Group))
	})
	m.Groups = m.Groups[:min(len(m.Groups), mostGroups)]
}

// compare fills the sums of the period before s. Its last day counts up to the same
// time of day.
func (m *Market) compare(ctx context.Context, tx pgx.Tx, s span) error {
	before, reaches := s.previous()
	if !reaches {
		return nil
	}
	query := `
		SELECT days.sales + hours.sales, days.quantity + hours.quantity, days.volume + hours.volume FROM (
			SELECT coalesce(sum(sales), 0)::bigint AS sales, coalesce(sum(quantity), 0) AS quantity, coalesce(sum(volume), 0) AS volume
			FROM ` + salesOf("item_days", m.Offsetting.Included) + ` WHERE day >= @first::date AND day < @last::date
		) AS days, (
			SELECT ` + untilEnd("sales", "true") + `::bigint AS sales, ` + untilEnd("quantity", "true") + ` AS quantity, ` + untilEnd("volume", "true") + ` AS volume
			FROM ` + salesOf("item_hours", m.Offsetting.Included) + ` WHERE hour >= @today AND hour < @end
		) AS hours`
	args := before.args()
	args["first"], args["last"] = before.Start, before.Today
	var sales int64
	var quantity, volume ledger.Sum
	if err := tx.QueryRow(ctx, query, args).Scan(&sales, &quantity, &volume); err != nil {
		return fmt.Errorf("period before: %w", err)
	}
	m.Sales.Before, m.Quantity.Before, m.Volume.Before = &sales, &quantity, &volume
	return nil
}
