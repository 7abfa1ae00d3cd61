package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A bucketSales is what was sold of an item in a bucket, at prices that count.
type bucketSales struct {
	bucket           int
	quantity, volume float64
	low, high        float64
}

// price returns the mean price of a piece.
func (t bucketSales) price() float64 { return t.volume / t.quantity }

// A soldItem is what was sold of an item in a period, at whatever prices.
type soldItem struct {
	sales            int64
	quantity, volume ledger.Sum
	low, high        float64
}

// add adds what was sold in a part of the period.
func (t *soldItem) add(part soldItem) {
	if t.sales == 0 {
		*t = part
		return
	}
	t.sales += part.sales
	t.quantity, t.volume = t.quantity.Plus(part.quantity), t.volume.Plus(part.volume)
	t.low, t.high = min(t.low, part.low), max(t.high, part.high)
}

// A course is what was sold of an item in a period, and in its buckets, in order and
// without those in which it was not sold.
type course struct {
	soldItem
	buckets []bucketSales
}

// A courseShare has the courses of all items.
type courseShare = shared[courseMoment, map[int64]*course]

// A courseMoment is what the courses of all items depend on.
type courseMoment struct {
	snapshot     string
	start, today int64
	with         bool
}

// readAllCourses is readCourses of all items by the buckets of the price index, shared
// where the producer shares. The caller does not change what it returns.
func readAllCourses(ctx context.Context, tx pgx.Tx, s span, with bool) (map[int64]*course, error) {
	read := func() (map[int64]*course, error) { return readCourses(ctx, tx, s, monthDays, nil, with) }
	share := shareOf[courseMoment, map[int64]*course](ctx)
	if share == nil {
		return read()
	}
	snapshot, err := snapshotOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	return share.get(ctx, courseMoment{snapshot, s.Start.Unix(), s.Today.Unix(), with}, read)
}

// readCourses returns what was sold of items in s, and in each bucket of it, with
// offsetting trade or without it. Nil means all items. Days are put together past
// mostDays of them.
func readCourses(ctx context.Context, tx pgx.Tx, s span, mostDays int, items []int64, with bool) (map[int64]*course, error) {
	unit, buckets := s.divide(mostDays)
	return readCoursesBy(ctx, tx, s, unit, buckets, items, with)
}

// readCoursesBy is readCourses by these buckets, which are of that unit. In the buckets, sales at prices more than a factor of 10 from the
// item's usual one in the period, which is the median of its means by bucket, do not
// count: such buckets are read again, price by price.
func readCoursesBy(ctx context.Context, tx pgx.Tx, s span, unit string, buckets []bucket, items []int64, with bool) (map[int64]*course, error) {
	// A day has one row an item, so that there is nothing to add up.
	columns, group := `day - ($1::date[])[1], sales, quantity, volume, low, high`, ``
	if unit != "day" {
		columns, group = `width_bucket(day, $1::date[]) - 1 AS bucket, sum(sales)::bigint, sum(quantity), sum(volume), min(low), max(high)`, `GROUP BY item, bucket`
	}
	query := `
		SELECT item, ` + columns + `
		FROM ` + salesOf("item_days", with) + ` WHERE day BETWEEN $2::date AND $3::date AND sales > 0 %s ` + group
	var starts []time.Time
	for _, b := range buckets {
		starts = append(starts, plus(s.Start, b.from))
	}
	args := []any{starts, s.Start, s.Today}
	if items == nil {
		query = fmt.Sprintf(query, "")
	} else {
		query, args = fmt.Sprintf(query, "AND item = ANY($4)"), append(args, items)
	}
	courses := map[int64]*course{}
	rows, _ := tx.Query(ctx, query, args...)
	var item int64
	var bucket int
	var t soldItem
	_, err := pgx.ForEachRow(rows, []any{&item, &bucket, &t.sales, &t.quantity, &t.volume, &t.low, &t.high}, func() error {
		c := courses[item]
		if c == nil {
			c = &course{}
			courses[item] = c
		}
		c.add(t)
		c.buckets = append(c.buckets, bucketSales{bucket, t.quantity.Float64(), t.volume.Float64(), t.low, t.high})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sales by item and bucket: %w", err)
	}
	for _, c := range courses { // by and large in order, and sooner so than by the database
		slices.SortFunc(c.buckets, func(a, b bucketSales) int { return cmp.Compare(a.bucket, b.bucket) })
	}
	return courses, leaveOut(ctx, tx, s, buckets, courses, with)
}

// leaveOut takes sales that are far from the usual prices out of the buckets of courses.
func leaveOut(ctx context.Context, tx pgx.Tx, s span, buckets []bucket, courses map[int64]*course, with bool) error {
	query := `
		SELECT nr, coalesce(quantity, 0), coalesce(volume, 0)
		FROM unnest($1::bigint[], $2::date[], $3::date[], $4::float8[], $5::float8[])
			WITH ORDINALITY AS of (item, first, last, lowest, highest, nr)
		CROSS JOIN LATERAL (
			SELECT sum(quantity)::float8 AS quantity, sum(volume)::float8 AS volume FROM ` + salesOf("price_days", with) + ` AS p
			WHERE p.item = of.item AND day BETWEEN first AND last AND price::float8 / pieces BETWEEN lowest AND highest
		) AS usual`
	var items []int64
	var first, last []time.Time
	var low, high []float64
	var places []*bucketSales
	for id, c := range courses {
		usual := usualMean(c.buckets)
		for i := range c.buckets {
			t := &c.buckets[i]
			if t.low >= usual/mostFactor && t.high <= usual*mostFactor {
				continue
			}
			b := buckets[t.bucket]
			items, first, last = append(items, id), append(first, plus(s.Start, b.from)), append(last, plus(s.Start, b.to))
			low, high = append(low, usual/mostFactor), append(high, usual*mostFactor)
			places = append(places, t)
		}
	}
	if len(items) == 0 {
		return nil
	}
	rows, _ := tx.Query(ctx, query, items, first, last, low, high)
	var nr int
	var quantity, volume float64
	_, err := pgx.ForEachRow(rows, []any{&nr, &quantity, &volume}, func() error {
		places[nr-1].quantity, places[nr-1].volume = quantity, volume
		return nil
	})
	if err != nil {
		return fmt.Errorf("sales at usual prices: %w", err)
	}
	for _, c := range courses {
		c.buckets = slices.DeleteFunc(c.buckets, func(t bucketSales) bool { return t.quantity == 0 })
	}
	return nil
}

// usualMean returns the median of the mean prices by bucket.
func usualMean(buckets []bucketSales) float64 {
	var means []float64
	for _, t := range buckets {
		means = append(means, t.price())
	}
	slices.Sort(means)
	n := len(means)
	return (means[(n-1)/2] + means[n/2]) / 2
}
