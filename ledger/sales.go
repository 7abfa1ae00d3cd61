package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A SaleCursor is a place in the sales of an item.
type SaleCursor struct {
	At   time.Time
	Sale int64
}

// String returns the cursor as [ParseSaleCursor] reads it.
func (c SaleCursor) String() string { return Cursor{At: c.At, Transaction: c.Sale}.String() }

// ParseSaleCursor parses a cursor of String.
func ParseSaleCursor(s string) (SaleCursor, error) {
	c, err := ParseCursor(s)
	return SaleCursor{At: c.At, Sale: c.Transaction}, err
}

// A SaleLine is a line of trade, as the list of an item's sales has it.
type SaleLine struct {
	SaleCursor
	Direction     Direction
	Quantity      int64 // pieces; negative in a return
	Total         int64 // with its tax
	Tax           int64
	Ref           string
	Place         string // of the shop; empty if it is not known
	Seller, Buyer Party
}

// A Party is an account as a side of a line of trade. All of it is empty if the
// side is not known.
type Party struct {
	Ref  string // empty if its holder is hidden
	Name string
	Kind Kind
}

// sideOf is SQL for the side of a sale: an account as it is shown, with the one that
// it is merged into instead.
func sideOf(side string) string {
	return `LEFT JOIN LATERAL (
		SELECT t.kind, CASE WHEN hidden THEN '' ELSE t.ref END AS ref, CASE WHEN hidden THEN '` + HiddenName + `' ELSE t.name END AS name
		FROM accounts a LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id)
		CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders WHERE hidden AND ref = t.holder) AS hidden) h
		WHERE a.id = s.` + side + `) AS ` + side + ` ON true`
}

// itemSalesQuery reads the lines of an item before a place, newest first.
var itemSalesQuery = `
		SELECT s.at, s.id, s.direction, s.quantity, s.total, s.tax, s.ref, coalesce(shops.place, ''),
			coalesce(seller.ref, ''), coalesce(seller.name, ''), coalesce(seller.kind, ''),
			coalesce(buyer.ref, ''), coalesce(buyer.name, ''), coalesce(buyer.kind, '')
		FROM (
			SELECT * FROM sales
			WHERE item = (SELECT id FROM items WHERE ref = @item) AND (at, id) < (@at, @sale)
			ORDER BY at DESC, id DESC LIMIT @limit) AS s
		LEFT JOIN shops ON shops.id = s.shop
		` + sideOf("seller") + ` ` + sideOf("buyer") + `
		ORDER BY s.at DESC, s.id DESC`

func itemSalesArgs(item string, before SaleCursor, limit int) pgx.NamedArgs {
	return pgx.NamedArgs{"item": item, "at": before.At, "sale": before.Sale, "limit": limit}
}

// ItemSales returns the lines of trade of an item before a place, newest first, at
// most limit. It reads indexes only, so its cost follows the limit.
func (l *Ledger) ItemSales(ctx context.Context, item string, before SaleCursor, limit int) ([]SaleLine, error) {
	rows, _ := l.reads(ctx).Query(ctx, itemSalesQuery, itemSalesArgs(item, before, limit))
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (SaleLine, error) {
		var s SaleLine
		err := row.Scan(&s.At, &s.Sale, &s.Direction, &s.Quantity, &s.Total, &s.Tax, &s.Ref, &s.Place,
			&s.Seller.Ref, &s.Seller.Name, &s.Seller.Kind, &s.Buyer.Ref, &s.Buyer.Name, &s.Buyer.Kind)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("sales of an item: %w", err)
	}
	return lines, nil
}
