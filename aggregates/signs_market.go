package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// fewIndexed is how many items the index has to compare to be judged. The price of
// a single one says little of what money is worth.
const fewIndexed = 5

// readMarket reads what was sold in the month and in the one before, and what follows
// from that: the price indexes, and the breadth of the market.
func (r *signReading) readMarket(ctx context.Context, tx pgx.Tx, month span) error {
	before, reaches := month.previous()
	whole := before
	whole.End = month.Start.UTC() // its last day counts as a whole
	var sold [2]map[int64]*course
	for i, s := range []span{month, whole} {
		var err error
		if sold[i], err = readAllCourses(ctx, tx, s, false); err != nil {
			return err
		}
		if i == 1 && !reaches {
			continue
		}
		r.indexes[i] = &PriceIndex{}
		if err := r.indexes[i].of(ctx, tx, s, sold[i]); err != nil {
			return fmt.Errorf("price index: %w", err)
		}
	}
	r.market.reaches = reaches
	return r.market.read(ctx, tx, month, before, sold)
}

func (r *signReading) prices() signCourse {
	now := r.indexes[0]
	c := signCourse{now: now.Change}
	switch {
	case c.now == nil:
		return signCourse{why: "not available, because no item was sold on two days of 30 that can be compared"}
	case now.Items < fewIndexed:
		c.why = "not judged, because fewer than " + number(fewIndexed) + " items can be compared"
	}
	if before := r.indexes[1]; before != nil {
		c.before = before.Change
	}
	return c
}

// A breadth is how many items were sold in a period, for how much, and the largest one
// of them, offsetting trade included.
type breadth struct {
	items           int64
	volume, largest ledger.Sum
}

// A marketBreadth is the breadth of a period and of the one before.
type marketBreadth struct {
	now, before breadth
	leader      string
	reaches     bool // back to the start of the period before
}

// read reads the breadth of the month and of the one before, up to the hour in which
// that ends. What was sold in both is known but for two things: offsetting trade, and
// what of the last day of the month before is later than that hour.
func (b *marketBreadth) read(ctx context.Context, tx pgx.Tx, month, before span, sold [2]map[int64]*course) error {
	const query = `
		SELECT item, (day < @first::date)::int, sales, volume FROM offsetting_days WHERE day BETWEEN @before::date AND @last::date
		UNION ALL
		SELECT item, 1, -sales, -volume FROM item_days WHERE day = @cut::date
		UNION ALL
		SELECT item, 1, sales, volume FROM item_hours WHERE hour >= @cut AND hour < @end`
	var traded [2]map[int64]soldItem
	add := func(i int, item int64, t soldItem) {
		sum := traded[i][item]
		traded[i][item] = soldItem{sales: sum.sales + t.sales, volume: sum.volume.Plus(t.volume)}
	}
	for i := range sold {
		traded[i] = make(map[int64]soldItem, len(sold[i]))
		for item, c := range sold[i] {
			add(i, item, c.soldItem)
		}
	}
	args := pgx.NamedArgs{"first": month.Start, "last": month.Today, "before": before.Start, "cut": before.Today, "end": before.End}
	rows, _ := tx.Query(ctx, query, args)
	var item int64
	var i int
	var t soldItem
	_, err := pgx.ForEachRow(rows, []any{&item, &i, &t.sales, &t.volume}, func() error {
		add(i, item, t)
		return nil
	})
	if err != nil {
		return fmt.Errorf("items sold: %w", err)
	}
	b.now, b.before = breadthOf(traded[0]), breadthOf(traded[1])
	return b.lead(ctx, tx, traded[0])
}

func breadthOf(traded map[int64]soldItem) (b breadth) {
	for _, t := range traded {
		if t.sales > 0 {
			b.items++
			b.volume = b.volume.Plus(t.volume)
			if t.volume.Compare(b.largest) > 0 {
				b.largest = t.volume
			}
		}
	}
	return b
}

// lead sets the name of the item with the largest value of sales.
func (b *marketBreadth) lead(ctx context.Context, tx pgx.Tx, traded map[int64]soldItem) error {
	var first []int64
	for item, t := range traded {
		if t.sales > 0 && t.volume == b.now.largest {
			first = append(first, item)
		}
	}
	err := tx.QueryRow(ctx, `SELECT coalesce(min(name), '') FROM items WHERE id = ANY($1)`, first).Scan(&b.leader)
	if err != nil {
		return fmt.Errorf("largest item: %w", err)
	}
	return nil
}
