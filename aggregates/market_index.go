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

// PriceIndex is how prices moved in a period: a weighted GEKS-Fisher index. Each
// bucket is compared with each other one, over the items that were sold in both, so
// that it does not drift as a chain does: see docs/decisions/0023-the-price-index.md.
type PriceIndex struct {
	Basis
	Bucket        string         `json:"bucket" enum:"day,week,month,year,decade" doc:"What is compared: days in periods up to a month, weeks up to two years."`
	Points        []IndexPoint   `json:"points" nullable:"false" doc:"Oldest first."`
	Change        *float64       `json:"change" doc:"From the first bucket that is compared to the last one that is over: 0.02 is 2 % dearer. To the current one if no other is compared with the first; null where nothing can be compared."`
	Coverage      *float64       `json:"coverage" doc:"The share of all turnover that is of compared items; null where nothing was sold."`
	Items         int64          `json:"items" doc:"Different items that are compared: sold in two buckets or more."`
	Contributions []Contribution `json:"contributions" nullable:"false" doc:"The items that moved the index most, largest first, at most 20. With the others they add up to the change."`
	Others        float64        `json:"others" doc:"What all other items contribute."`
}

// IndexPoint is the index in a bucket.
type IndexPoint struct {
	Start    time.Time `json:"start"`
	Value    *float64  `json:"value" doc:"100 is the first bucket that is compared; null for a bucket that is not, because nothing was sold in it that was sold in others."`
	Coverage *float64  `json:"coverage" doc:"The share of the bucket's turnover that is of items that are sold in others too; null where nothing was sold."`
	Items    int64     `json:"items" doc:"How many items of the bucket are sold in others too."`
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
	return x.of(ctx, tx, s, courses)
}

// of sets the index of what was sold in s.
func (x *PriceIndex) of(ctx context.Context, tx pgx.Tx, s span, courses map[int64]*course) error {
	unit, buckets := s.divide(monthDays)
	x.Bucket = unit
	for _, b := range buckets {
		x.Points = append(x.Points, IndexPoint{Start: b.start, Partial: b.partial})
	}
	return x.name(ctx, tx, x.compare(courses))
}

// compare sets the points and what follows from them, and returns what each item
// contributes to the change.
func (x *PriceIndex) compare(courses map[int64]*course) map[int64]*Contribution {
	ids := slices.Sorted(maps.Keys(courses)) // so that sums are the same each time
	f := newFishers(len(x.Points))
	for _, id := range ids {
		f.add(courses[id].buckets)
	}
	linked := f.linked()
	turnover, matched := 0.0, 0.0
	for i := range x.Points {
		p := &x.Points[i]
		if f.turnover[i] == 0 {
			continue
		}
		turnover += f.turnover[i]
		coverage := 0.0
		if slices.Contains(linked, i) {
			matched += f.matched[i]
			p.Items, coverage = f.items[i], f.matched[i]/f.turnover[i]
		}
		p.Coverage = &coverage
	}
	if turnover == 0 {
		return nil
	}
	coverage := matched / turnover
	x.Coverage = &coverage

	parts := map[int64]*Contribution{}
	for _, id := range ids {
		parts[id] = &Contribution{}
		for _, t := range courses[id].buckets {
			parts[id].Share += t.volume / turnover
		}
		if of := courses[id].buckets; len(of) > 1 && slices.Contains(linked, of[0].bucket) {
			x.Items++
		}
	}
	net := f.network(linked)
	levels := f.levels(linked, net)
	for i, level := range levels {
		value := 100 * math.Exp(level)
		x.Points[linked[i]].Value = &value
	}
	last := x.end(linked)
	if last == 0 {
		return parts
	}
	change := math.Expm1(levels[last])
	x.Change = &change
	// Items have parts of the index's logarithm. They are scaled to its change.
	scale := 1.0
	if levels[last] != 0 {
		scale = change / levels[last]
	}
	split := f.split(linked, net, last)
	for _, id := range ids {
		parts[id].Change = scale * split.part(courses[id].buckets)
	}
	return parts
}

// end returns up to which of the linked buckets the change is: the last one that is
// over, or the last one if that is the first.
func (x *PriceIndex) end(linked []int) int {
	last := len(linked) - 1
	current := len(x.Points) - 1
	if last > 1 && linked[last] == current && x.Points[current].Partial {
		last--
	}
	return last
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
