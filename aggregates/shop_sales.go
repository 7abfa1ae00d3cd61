package aggregates

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// A SaleCursor is a place in the sales of a shop.
type SaleCursor struct {
	At time.Time
	ID int64
}

// LatestSale is the place after the newest sale.
func LatestSale() SaleCursor {
	return SaleCursor{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64}
}

// String returns the cursor as [ParseSaleCursor] reads it.
func (c SaleCursor) String() string {
	return strconv.FormatInt(c.At.UnixMicro(), 10) + "." + strconv.FormatInt(c.ID, 10)
}

// ParseSaleCursor parses a cursor of String.
func ParseSaleCursor(s string) (SaleCursor, error) {
	at, id, _ := strings.Cut(s, ".")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return SaleCursor{}, fmt.Errorf("cursor %.60q: no time", s)
	}
	c := SaleCursor{At: time.UnixMicro(micros).UTC()}
	if y := c.At.Year(); y < 1 || y > 9999 {
		return SaleCursor{}, fmt.Errorf("cursor %.60q: no such time", s)
	}
	if c.ID, err = strconv.ParseInt(id, 10, 64); err != nil {
		return SaleCursor{}, fmt.Errorf("cursor %.60q: no sale", s)
	}
	return c, nil
}

// A ShopSale is a line of trade of a shop.
type ShopSale struct {
	SaleCursor
	Item, ItemName   string
	Direction        ledger.Direction
	Quantity         int64
	Total, Tax       int64
	Customer         string // ref; empty if not known, or of a hidden holder
	CustomerName     string
	CustomerKind     ledger.Kind
	Transaction, Ref string
	Marked           bool // it is part of offsetting trade
}

// ShopSales returns the sales of a shop before a place, newest first, at most limit.
// It reads indexes only, so its cost follows the limit.
func ShopSales(ctx context.Context, db *pgxpool.Pool, shop string, before SaleCursor, limit int) ([]ShopSale, error) {
	const query = `
		SELECT x.at, x.id, i.ref, i.name, x.direction, x.quantity, x.total, x.tax, x.ref, coalesce(t.ref, ''),
			CASE WHEN hidden OR a.ref IS NULL THEN '' ELSE a.ref END, CASE WHEN hidden THEN '` + ledger.HiddenName + `' ELSE coalesce(a.name, '') END, coalesce(a.kind, '')
		FROM (
			SELECT *, CASE direction WHEN 'sale' THEN buyer ELSE seller END AS customer FROM sales
			WHERE shop = (SELECT id FROM shops WHERE ref = @shop) AND (at, id) < (@at, @id)
			ORDER BY at DESC, id DESC LIMIT @limit) AS x
		JOIN items i ON i.id = x.item LEFT JOIN transactions t ON t.id = x.transaction
			LEFT JOIN merges m ON m.account = x.customer LEFT JOIN accounts own ON own.id = x.customer
			LEFT JOIN accounts a ON a.id = coalesce(m.target, x.customer)
			CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders h WHERE h.hidden AND h.ref = a.holder) AS hidden) h
		ORDER BY x.at DESC, x.id DESC`
	rows, _ := db.Query(ctx, query, pgx.NamedArgs{"shop": shop, "at": before.At, "id": before.ID, "limit": limit})
	sales, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s ShopSale, err error) {
		err = row.Scan(&s.At, &s.ID, &s.Item, &s.ItemName, &s.Direction, &s.Quantity, &s.Total, &s.Tax, &s.Ref, &s.Transaction,
			&s.Customer, &s.CustomerName, &s.CustomerKind)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("sales of a shop: %w", err)
	}
	return sales, nil
}

// ShopSalesTable has one row a sale.
func ShopSalesTable(sales []ShopSale) Table {
	t := Table{Columns: []Column{
		{"at", "Time", Instant}, {"item", "Item", Text}, {"id", "Item's id", Text}, {"direction", "Direction", Text}, {"quantity", "Pieces", Count},
		{"total", "Total", Money}, {"tax", "Tax in it", Money}, {"customer", "Customer", Text}, {"customer_id", "Customer's id", Text},
		{"ref", "Reference", Text}, {"transaction", "Transaction", Text}, {"offsetting", "Offsetting trade", Text},
	}}
	for _, s := range sales {
		t.Rows = append(t.Rows, []any{s.At.UTC(), s.ItemName, s.Item, string(s.Direction), s.Quantity, s.Total, s.Tax, s.CustomerName, s.Customer, s.Ref, s.Transaction, yesNo(s.Marked)})
	}
	return t
}
