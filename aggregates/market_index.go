package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// PriceIndex is how prices moved in a period: a chained Fisher index. Each bucket
// is compared with the last one before it in which something was sold, over the
// items that were sold in both.
type PriceIndex struct {
	Basis
	Bucket        string         `json:"bucket" enum:"day,week,month,year,decade" doc:"What is compared: days in periods up to a month, weeks up to two years."`
	Points        []IndexPoint   `json:"points" nullable:"false" doc:"Oldest first."`
	Change        *float64       `json:"change" doc:"From the first bucket with sales to the last one: 0.02 is 2 % dearer; null where nothing can be compared."`
	Coverage      *float64       `json:"coverage" doc:"The share of turnover that is of matched items, over all comparisons; null where there is none."`
	Items         int64          `json:"items" doc:"Different items that were matched at least once."`
	Contributions []Contribution `json:"contributions" nullable:"false" doc:"The items that moved the index most, largest first, at most 20. With the others they add up to the change."`
	Others        float64        `json:"others" doc:"What all other items contribute."`
}

// IndexPoint is the index in a bucket.
type IndexPoint struct {
	Start    time.Time `json:"start"`
	Value    *float64  `json:"value" doc:"100 is the first bucket with sales; null before it. A bucket without matched items has the value before it."`
	Coverage *float64  `json:"coverage" doc:"The share of turnover that is of matched items, in this bucket and the one that it is compared with; null where there is none."`
	Items    int64     `json:"items" doc:"How many items are matched."`
	Partial  bool      `json:"partial" doc:"It is not over, or the period begins within it."`
}

// Contribution is an item's part of the change of the index.
type Contribution struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Change float64 `json:"change" doc:"0.01: of the index's change, one percentage point is this item's."`
	Share  float64 `json:"share" doc:"Of the turnover of all items, at prices that count."`
}

// mostContributions is how many contributions are listed.
const mostContributions = 20

// monthDays is the length of the longest period whose index is by day.
const monthDays = 31

// ComputePriceIndex reads how prices moved in the period that ends with w's start.
func ComputePriceIndex(ctx context.Context, db *pgxpool.Pool, w cache.Window, q MarketQuery) (*PriceIndex, error) {
	x := &PriceIndex{Bucket: "day", Points: []IndexPoint{}, Contributions: []Contribution{}}
	err := x.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error { return x.fill(ctx, tx, s, q.With) })
	if err != nil {
		return nil, fmt.Errorf("price index: %w", err)
	}
	return x, nil
}

func (x *PriceIndex) fill(ctx context.Context, tx pgx.Tx, s span, with bool) error {
	courses, err := readAllCourses(ctx, tx, s, with)
	if err != nil {
		return err
	}
	unit, buckets := s.divide(monthDays)
	x.Bucket = unit
	for _, b := range buckets {
		x.Points = append(x.Points, IndexPoint{Start: b.start, Partial: b.partial})
	}
	return x.name(ctx, tx, x.chain(courses))
}

// A lot is what was sold of an item in a bucket.
type lot struct {
	item int64
	bucketSales
}

// chain sets the points, and returns what each item contributes to the change.
func (x *PriceIndex) chain(courses map[int64]*course) map[int64]*Contribution {
	lots := make([][]lot, len(x.Points)) // by bucket, in the order of items
	turnover := 0.0
	parts := map[int64]*Contribution{}
	for _, id := range slices.Sorted(maps.Keys(courses)) {
		part := &Contribution{}
		parts[id] = part
		for _, t := range courses[id].buckets {
			lots[t.bucket] = append(lots[t.bucket], lot{id, t})
			part.Share += t.volume
			turnover += t.volume
		}
	}
	value, matched, all := 100.0, 0.0, 0.0
	met := map[int64]bool{}
	var base []lot // of the last bucket with sales
	for i := range x.Points {
		p := &x.Points[i]
		if len(lots[i]) > 0 && base != nil {
			l := compareLots(base, lots[i], met, parts)
			if p.Items = l.items; l.items > 0 {
				value *= l.fisher
			}
			coverage := l.matched / l.all
			p.Coverage = &coverage
			matched, all = matched+l.matched, all+l.all
		}
		if len(lots[i]) > 0 {
			base = lots[i]
		}
		if base != nil {
			at := value
			p.Value = &at
		}
	}
	x.Items = int64(len(met))
	if all > 0 {
		coverage := matched / all
		x.Coverage = &coverage
	}
	// Contributions are to the logarithm of the index so far, which links add up to.
	// They are scaled to its change.
	scale := 1.0
	if x.Items > 0 {
		change := value/100 - 1
		x.Change = &change
		if value != 100 {
			scale = change / math.Log(value/100)
		}
	}
	for _, part := range parts {
		part.Share /= turnover
		part.Change *= scale
	}
	return parts
}

// A comparison is of two buckets.
type comparison struct {
	fisher       float64
	items        int64
	matched, all float64 // turnover of both buckets
}

// compareLots compares two buckets over the items that are in both. It adds to
// parts what each of them contributes to the logarithm of the Fisher index, and to
// met which they are.
func compareLots(before, now []lot, met map[int64]bool, parts map[int64]*Contribution) (c comparison) {
	type pair struct{ before, now lot }
	var pairs []pair
	for _, l := range [][]lot{before, now} {
		for _, of := range l {
			c.all += of.volume
		}
	}
	for i, j := 0, 0; i < len(before) && j < len(now); {
		switch order := cmp.Compare(before[i].item, now[j].item); {
		case order < 0:
			i++
		case order > 0:
			j++
		default:
			pairs = append(pairs, pair{before[i], now[j]})
			c.matched += before[i].volume + now[j].volume
			i, j = i+1, j+1
		}
	}
	if c.items = int64(len(pairs)); c.items == 0 {
		return c
	}
	// Sums of price times quantity, the price of one bucket and the quantity of one.
	var p0q0, p1q0, p0q1, p1q1 float64
	for _, of := range pairs {
		p0q0 += of.before.volume
		p1q0 += of.now.price() * of.before.quantity
		p0q1 += of.before.price() * of.now.quantity
		p1q1 += of.now.volume
	}
	laspeyres, paasche := p1q0/p0q0, p1q1/p0q1
	c.fisher = math.Sqrt(laspeyres * paasche)
	// Van IJzeren's decomposition: at quantities q0 / p0q0 + L/F · q1 / p0q1, the
	// index is a ratio of sums, so the items' parts add up to its change.
	weight := laspeyres / c.fisher
	toLog := 1.0
	if c.fisher != 1 {
		toLog = math.Log(c.fisher) / (c.fisher - 1)
	}
	for _, of := range pairs {
		quantity := of.before.quantity/p0q0 + weight*of.now.quantity/p0q1
		parts[of.now.item].Change += toLog * (of.now.price() - of.before.price()) * quantity / (1 + weight)
		met[of.now.item] = true
	}
	return c
}

// name lists the largest contributions with the names of their items.
func (x *PriceIndex) name(ctx context.Context, tx pgx.Tx, parts map[int64]*Contribution) error {
	ids := slices.SortedFunc(maps.Keys(parts), func(a, b int64) int {
		return cmp.Or(cmp.Compare(math.Abs(parts[b].Change), math.Abs(parts[a].Change)), cmp.Compare(a, b))
	})
	for _, id := range ids[min(len(ids), mostContributions):] {
		x.Others += parts[id].Change
	}
	ids = ids[:min(len(ids), mostContributions)]
	rows, _ := tx.Query(ctx, `SELECT id, ref, name FROM items WHERE id = ANY($1)`, ids)
	var id int64
	var ref, name string
	_, err := pgx.ForEachRow(rows, []any{&id, &ref, &name}, func() error {
		parts[id].ID, parts[id].Name = ref, name
		return nil
	})
	if err != nil {
		return fmt.Errorf("names of items: %w", err)
	}
	for _, id := range ids {
		if parts[id].Change != 0 {
			x.Contributions = append(x.Contributions, *parts[id])
		}
	}
	return nil
}
