package aggregates

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// A soldQuery reads columns of a rollup of sales by item and day, without offsetting
// trade, from a day $1 through another $2: of the items $3, or of all.
type soldQuery struct{ ofItems, ofAll string }

var (
	quotesSold  = newSoldQuery("price_days", "item, price, pieces, sales, quantity")
	tradersSold = newSoldQuery("trader_days", "item, account")

	datedQuotesSold  = newSoldQuery("price_days", "item, day, price, pieces, sales, quantity")
	datedTradersSold = newSoldQuery("trader_days", "item, day, account")
)

// newSoldQuery returns the query of these columns, the first of which is the item. Few
// items have any offsetting trade, and only theirs is looked up, item by item. The
// database does not see which items it plans for, so that it finds their rows by the
// primary key, in the order in which they lie, and reads nothing of others; without the
// OFFSET, it may read all days of all items.
func newSoldQuery(rollup, columns string) soldQuery {
	const (
		days   = `day BETWEEN $1::date AND $2::date`
		marked = `SELECT DISTINCT item FROM offsetting_days WHERE ` + days
	)
	of := func(among, these string) string {
		return `
		SELECT ` + columns + ` FROM ` + rollup + `
		WHERE ` + these + days + ` AND item NOT IN (` + marked + `)
		UNION ALL
		SELECT sold.* FROM (` + marked + among + `) AS apart CROSS JOIN LATERAL (
			SELECT ` + columns + ` FROM ` + rollup + `_without AS d WHERE d.item = apart.item AND ` + days + ` OFFSET 0) AS sold`
	}
	return soldQuery{
		ofItems: of(` AND item IN (SELECT unnest($3::bigint[]))`, `item = ANY (ARRAY(SELECT unnest($3::bigint[]))) AND `),
		ofAll:   of(``, ``),
	}
}

// read calls f for each row of the items, with the item and the other columns in item
// and into.
func (q soldQuery) read(ctx context.Context, tx pgx.Tx, from, through time.Time, items []int64, item *int64, into []any, f func()) error {
	if len(items) == 0 {
		return nil
	}
	all, err := nearlyAll(ctx, tx, from, through, items)
	if err != nil {
		return err
	}
	query, args := q.ofItems, []any{from, through, items}
	wanted := map[int64]bool{}
	if all {
		query, args = q.ofAll, args[:2]
		for _, id := range items {
			wanted[id] = true
		}
	}
	rows, _ := tx.Query(ctx, query, args...)
	_, err = pgx.ForEachRow(rows, append([]any{item}, into...), func() error {
		if !all || wanted[*item] {
			f()
		}
		return nil
	})
	return err
}

// nearlyAll reports whether what was sold of these items on days is found sooner among
// what was sold of all than item by item. To find an item takes about as long as to
// read 20 rows.
func nearlyAll(ctx context.Context, tx pgx.Tx, from, through time.Time, items []int64) (all bool, err error) {
	const few = 500
	if len(items) < few || through.Sub(from) > (firmDays+1)*day {
		return false, nil
	}
	err = tx.QueryRow(ctx, `SELECT count(*) <= 2 * $1 FROM items`, len(items)).Scan(&all)
	return all, err
}
