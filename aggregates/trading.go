package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// The limits of what is listed of the trade of accounts.
const (
	mostOwnedShops = 20
	mostGoods      = 20
)

// Trading is the shops of some accounts, and what the accounts sold and bought in a
// period, without offsetting trade.
type Trading struct {
	Shops    int64        `json:"shops" doc:"Closed ones among them."`
	ShopList []OwnedShop  `json:"shopList" nullable:"false" doc:"Active ones first, at most 20."`
	Sold     Goods        `json:"sold" doc:"What the accounts sold in the period, without offsetting trade."`
	Items    int64        `json:"items" doc:"How many different items were sold."`
	Goods    []TradedItem `json:"goods" nullable:"false" doc:"Those with the largest value, at most 20."`

	Bought      Goods        `json:"bought" doc:"What the accounts bought in the period, likewise."`
	BoughtItems int64        `json:"boughtItems" doc:"How many different items were bought."`
	BoughtGoods []TradedItem `json:"boughtGoods" nullable:"false" doc:"Those with the largest value, at most 20."`
}

func noTrading() Trading {
	return Trading{ShopList: []OwnedShop{}, Goods: []TradedItem{}, BoughtGoods: []TradedItem{}}
}

// Goods is what was sold: lines of trade with a quantity and a total above zero.
type Goods struct {
	Sales    int64      `json:"sales"`
	Quantity ledger.Sum `json:"quantity" doc:"Pieces."`
	Volume   ledger.Sum `json:"volume" doc:"Minor units, tax included."`
}

// TradedItem is what was sold or bought of an item.
type TradedItem struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Goods
}

// OwnedShop is one of the shops.
type OwnedShop struct {
	ID     string      `json:"id"`
	Place  string      `json:"place"`
	Owner  string      `json:"owner" doc:"The name of the account that owns it."`
	World  string      `json:"world"`
	Active bool        `json:"active"`
	Seen   time.Time   `json:"seen"`
	Offers int64       `json:"offers" doc:"Active offers to sell."`
	Stand  int64       `json:"stand" doc:"Those of them that have a batch, or whose stock is not known."`
	Stock  ledger.Sum  `json:"stock" doc:"Pieces that are known to be there to be sold."`
	Sold   *ledger.Sum `json:"sold" doc:"What customers bought in the period, minor units; null: too many lines of trade to be added up."`
	Bought *ledger.Sum `json:"bought" doc:"What customers were paid; null likewise."`
	Sales  *int64      `json:"sales" doc:"Of both; null likewise."`
}

// ShopsTable has one row a shop.
func (v *Trading) ShopsTable() Table {
	t := Table{Columns: []Column{
		{"id", "Shop", Text}, {"owner", "Account", Text}, {"place", "Place", Text}, {"world", "World", Text}, {"active", "Active", Text}, {"offers", "Offers to sell", Count},
		{"stand", "In stock", Count}, {"stock", "Pieces in stock", Count}, {"sold", "Sold", Money}, {"bought", "Paid to customers", Money}, {"sales", "Sales", Count}, {"seen", "Seen", Instant},
	}}
	for _, o := range v.ShopList {
		row := []any{o.ID, o.Owner, o.Place, o.World, yesNo(o.Active), o.Offers, o.Stand, o.Stock, nil, nil, nil, o.Seen.UTC()}
		if o.Sales != nil {
			row[8], row[9], row[10] = *o.Sold, *o.Bought, *o.Sales
		}
		t.Rows = append(t.Rows, row)
	}
	return t.First(len(v.ShopList), v.Shops)
}

// GoodsTable has one row an item that was sold.
func (v *Trading) GoodsTable() Table { return goodsTable(v.Goods, v.Items) }

// BoughtTable has one row an item that was bought.
func (v *Trading) BoughtTable() Table { return goodsTable(v.BoughtGoods, v.BoughtItems) }

func goodsTable(goods []TradedItem, all int64) Table {
	t := Table{Columns: []Column{{"name", "Item", Text}, {"id", "Id", Text}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count}, {"volume", "Value", Money}}}
	for _, g := range goods {
		t.Rows = append(t.Rows, []any{g.Name, g.ID, g.Sales, g.Quantity, g.Volume})
	}
	return t.First(len(goods), all)
}

// AccountTrading is the trade of an account, with the accounts that are merged into it.
type AccountTrading struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Basis
	Trading
}

// ComputeAccountTrading reads the trade of an account. It returns nil if there is no such
// account, or if its holder is hidden. Its cost follows what the account traded by item
// and day; the lines of trade of the shops that it lists are bounded.
func ComputeAccountTrading(ctx context.Context, db *pgxpool.Pool, w cache.Window, q AccountQuery) (*AccountTrading, error) {
	a := &Series{SeriesRef: SeriesRef{SeriesBalance, q.Account}}
	id, err := a.findAccount(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("account's trade: %w", err)
	}
	if id == 0 {
		return nil, nil
	}
	v := &AccountTrading{ID: a.ID, Name: a.Name, Trading: noTrading()}
	err = v.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error {
		rows, _ := tx.Query(ctx, `SELECT $1::bigint UNION ALL SELECT account FROM merges WHERE target = $1`, id)
		own, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return fmt.Errorf("accounts merged into it: %w", err)
		}
		return v.fillTrading(ctx, tx, s, own)
	})
	if err != nil {
		return nil, fmt.Errorf("account's trade: %w", err)
	}
	return v, nil
}

func (v *Trading) fillTrading(ctx context.Context, tx pgx.Tx, s span, own []int64) (err error) {
	if err := v.fillShops(ctx, tx, s, own); err != nil {
		return fmt.Errorf("shops: %w", err)
	}
	if v.Goods, v.Sold, v.Items, err = goodsOf(ctx, tx, s, own, asSeller); err != nil {
		return fmt.Errorf("goods sold: %w", err)
	}
	if v.BoughtGoods, v.Bought, v.BoughtItems, err = goodsOf(ctx, tx, s, own, asBuyer); err != nil {
		return fmt.Errorf("goods bought: %w", err)
	}
	return nil
}

// fillShops sets the shops. Of all that are listed, at most mostSales lines of trade
// are added up.
func (v *Trading) fillShops(ctx context.Context, tx pgx.Tx, s span, own []int64) error {
	const query = `
		SELECT s.ref, s.place, a.name, s.world, s.active, s.seen, n.offers, n.stand, n.stock, s.total, t.sold, t.bought, t.sales, t.lines, @most / least(s.total, @shops)
		FROM (
			SELECT *, count(*) OVER () AS total FROM shops WHERE owner = ANY(@own) ORDER BY active DESC, ref LIMIT @shops) AS s
		CROSS JOIN LATERAL (
			SELECT * FROM accounts WHERE id = coalesce((SELECT target FROM merges WHERE account = s.owner), s.owner) OFFSET 0) AS a
		CROSS JOIN LATERAL (
			SELECT count(*) AS offers, count(*) FILTER (WHERE ` + askStands + `) AS stand, coalesce(sum(stock), 0) AS stock
			FROM offers o WHERE shop = s.id AND active AND ask IS NOT NULL) AS n
		CROSS JOIN LATERAL (
			SELECT coalesce(sum(total) FILTER (WHERE direction = 'sale' AND quantity > 0 AND total > 0), 0) AS sold,
				coalesce(sum(total) FILTER (WHERE direction = 'purchase' AND quantity > 0 AND total > 0), 0) AS bought,
				count(*) FILTER (WHERE quantity > 0 AND total > 0) AS sales, count(*) AS lines
			FROM (
				SELECT direction, quantity, total FROM sales WHERE shop = s.id AND at >= @start AND at < @end
				ORDER BY at DESC LIMIT @most / least(s.total, @shops) + 1) AS latest) AS t
		ORDER BY s.active DESC, s.ref`
	args := pgx.NamedArgs{"own": own, "start": s.Start, "end": s.End, "shops": mostOwnedShops, "most": mostSales}
	rows, _ := tx.Query(ctx, query, args)
	var o OwnedShop
	var sold, bought ledger.Sum
	var sales, lines, most int64
	_, err := pgx.ForEachRow(rows, []any{&o.ID, &o.Place, &o.Owner, &o.World, &o.Active, &o.Seen, &o.Offers, &o.Stand, &o.Stock, &v.Shops, &sold, &bought, &sales, &lines, &most}, func() error {
		shop := o
		if lines <= most && !s.archived() {
			shop.Sold, shop.Bought, shop.Sales = new(ledger.Sum), new(ledger.Sum), new(int64)
			*shop.Sold, *shop.Bought, *shop.Sales = sold, bought, sales
		}
		v.ShopList = append(v.ShopList, shop)
		return nil
	})
	return err
}

// The sides of lines of trade. Each has an index of its own, which a parameter would not
// use.
const (
	asSeller = `side = 'seller'`
	asBuyer  = `side = 'buyer'`
)

// goodsOf returns what accounts traded on a side: the items with the largest value, all
// together, and how many items these are.
func goodsOf(ctx context.Context, tx pgx.Tx, s span, own []int64, side string) (list []TradedItem, all Goods, items int64, err error) {
	query := `
		SELECT i.ref, i.name, g.* FROM (
			SELECT item, sum(sales)::bigint, sum(quantity), sum(volume) AS volume,
				(sum(sum(sales)) OVER ())::bigint, sum(sum(quantity)) OVER (), sum(sum(volume)) OVER (), count(*) OVER ()
			FROM trader_days_without WHERE account = ANY($1) AND ` + side + ` AND day BETWEEN $2::date AND $3::date
			GROUP BY item ORDER BY volume DESC, item LIMIT $4) AS g (item, sales, quantity, volume, all_sales, all_quantity, all_volume, items)
		JOIN items i ON i.id = g.item ORDER BY g.volume DESC, g.item`
	rows, _ := tx.Query(ctx, query, own, s.Start, s.Today, mostGoods)
	list = []TradedItem{}
	var g TradedItem
	var item int64
	_, err = pgx.ForEachRow(rows, []any{&g.ID, &g.Name, &item, &g.Sales, &g.Quantity, &g.Volume, &all.Sales, &all.Quantity, &all.Volume, &items}, func() error {
		list = append(list, g)
		return nil
	})
	return list, all, items, err
}
