package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// A bucketSales is what was sold of an item in a bucket, at prices that count.
type bucketSales struct {
	bucket           int
	quantity, volume float64
	low, high        float64
}

// price returns the mean price of a piece.
func (t bucketSales) price() float64 { return t.volume / t.quantity }

// readCourses returns what was sold of items in each bucket of s, with offsetting
// trade or without it, in order, without buckets in which they were not sold. Nil
// means all items. Days are put together past mostDays of them. Sales at prices more
// than a factor of 10 from the item's usual one in the period, which is the median of
// its means by bucket, do not count: their buckets are read again, price by price.
func readCourses(ctx context.Context, tx pgx.Tx, s span, mostDays int, items []int64, with bool) (map[int64][]bucketSales, error) {
	unit, buckets := s.divide(mostDays)
	// A day has one row an item, so that there is nothing to add up.
	columns, group := `day - ($1::date[])[1], quantity::float8, volume::float8, low, high`, ``
	if unit != "day" {
		columns, group = `width_bucket(day, $1::date[]) - 1 AS bucket, sum(quantity)::float8, sum(volume)::float8, min(low), max(high)`, `GROUP BY item, bucket`
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
	courses := map[int64][]bucketSales{}
	rows, _ := tx.Query(ctx, query, args...)
	var item int64
	var t bucketSales
	_, err := pgx.ForEachRow(rows, []any{&item, &t.bucket, &t.quantity, &t.volume, &t.low, &t.high}, func() error {
		courses[item] = append(courses[item], t)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sales by item and bucket: %w", err)
	}
	for _, course := range courses { // by and large in order, and sooner so than by the database
		slices.SortFunc(course, func(a, b bucketSales) int { return cmp.Compare(a.bucket, b.bucket) })
	}
	return courses, leaveOut(ctx, tx, s, buckets, courses, with)
}

// leaveOut takes sales that are far from the usual prices out of courses.
func leaveOut(ctx context.Context, tx pgx.Tx, s span, buckets []bucket, courses map[int64][]bucketSales, with bool) error {
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
	for id, course := range courses {
		usual := usualMean(course)
		for i := range course {
			t := &course[i]
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
	for id, course := range courses {
		courses[id] = slices.DeleteFunc(course, func(t bucketSales) bool { return t.quantity == 0 })
	}
	return nil
}

// usualMean returns the median of the mean prices by bucket.
func usualMean(course []bucketSales) float64 {
	var means []float64
	for _, t := range course {
		means = append(means, t.price())
	}
	slices.Sort(means)
	n := len(means)
	return (means[(n-1)/2] + means[n/2]) / 2
}
