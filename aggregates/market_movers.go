package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// mostMovers is how many items are listed of those that rose, that fell, that are
// new and that are gone, each.
const mostMovers = 20

// Movers is what changed on the market in a period.
type Movers struct {
	Basis
	Reaches  bool        `json:"reaches" doc:"Whether the ledger has days before the period. If not, nothing is compared."`
	Compared int64       `json:"compared" doc:"Items with a firm price at the end of the period and at the end of the day before it."`
	Up       int64       `json:"up" doc:"How many of them are dearer."`
	Down     int64       `json:"down" doc:"How many are cheaper."`
	Rose     []Mover     `json:"rose" nullable:"false" doc:"Those that rose most, at most 20."`
	Fell     []Mover     `json:"fell" nullable:"false" doc:"Those that fell most, at most 20."`
	NewItems int64       `json:"newItems" doc:"Items that were sold for the first time in the period."`
	New      []ItemDates `json:"new" nullable:"false" doc:"The latest of them, at most 20."`
	OldItems int64       `json:"oldItems" doc:"Items that were sold before the period, and not in it."`
	Old      []ItemDates `json:"old" nullable:"false" doc:"Those of them that were sold last, at most 20."`
}

// A Mover is an item with its price and what it was.
type Mover struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Now    Price   `json:"now"`
	Before Price   `json:"before" doc:"At the end of the day before the period."`
	Change float64 `json:"change" doc:"now / before − 1"`
}

// ItemDates is when an item was sold first and last.
type ItemDates struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	First time.Time `json:"first" doc:"The day on which it was first sold."`
	Last  time.Time `json:"last" doc:"The day on which it was last sold."`
	Price Price     `json:"price"`
}

// ComputeMovers reads what changed in the period that ends with w's start.
func ComputeMovers(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Movers, error) {
	m := &Movers{Rose: []Mover{}, Fell: []Mover{}, New: []ItemDates{}, Old: []ItemDates{}}
	if err := m.read(ctx, db, w, days, m.fill); err != nil {
		return nil, fmt.Errorf("movers: %w", err)
	}
	return m, nil
}

// markedOn is SQL for how many sales of d, a row of item_days, are marked.
const markedOn = `coalesce((SELECT o.sales FROM offsetting_days o WHERE o.item = d.item AND o.day = d.day), 0)`

func (m *Movers) fill(ctx context.Context, tx pgx.Tx, s span) error {
	now, before, err := m.move(ctx, tx, s)
	if err != nil || !m.Reaches {
		return err
	}
	return m.turn(ctx, tx, s, now, before)
}

// move fills what rose and what fell, and returns the prices at the end of s and the
// firm ones at the end of the day before it.
func (m *Movers) move(ctx context.Context, tx pgx.Tx, s span) (now, before map[int64]Price, err error) {
	earlier, reaches := s.earlier()
	if m.Reaches = reaches; !reaches {
		return nil, nil, nil
	}
	if now, err = readPrices(ctx, tx, s, nil); err != nil {
		return nil, nil, err
	}
	var firm []int64 // only firm prices are compared
	for id, p := range now {
		if p.Confidence == Firm {
			firm = append(firm, id)
		}
	}
	slices.Sort(firm)
	if before, err = readFirmPrices(ctx, tx, earlier, firm); err != nil {
		return nil, nil, err
	}
	return now, before, m.compare(ctx, tx, now, before)
}

// compare fills what rose and what fell, of items with a price before.
func (m *Movers) compare(ctx context.Context, tx pgx.Tx, now, before map[int64]Price) error {
	rows, _ := tx.Query(ctx, `SELECT id, ref, name FROM items`)
	var all []Mover
	var id int64
	var of Mover
	_, err := pgx.ForEachRow(rows, []any{&id, &of.ID, &of.Name}, func() error {
		if past, compared := before[id]; compared {
			of.Now, of.Before = now[id], past
			of.Change = *of.Now.Value / *of.Before.Value - 1
			all = append(all, of)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("items: %w", err)
	}
	m.rank(all)
	return nil
}

// turn fills what is new and what is gone. Items that had a price before, and whose
// latest sale is of the period, are neither.
func (m *Movers) turn(ctx context.Context, tx pgx.Tx, s span, now, before map[int64]Price) error {
	// Days on which nothing but offsetting trade was sold are passed over one by one: the
	// view without it would be read from its first day.
	const query = `
		SELECT id, ref, name, first, last FROM items
		CROSS JOIN LATERAL (SELECT day AS first FROM item_days d WHERE item = id AND sales > ` + markedOn + ` ORDER BY day LIMIT 1) AS first
		CROSS JOIN LATERAL (SELECT day AS last FROM item_days d WHERE item = id AND sales > ` + markedOn + ` ORDER BY day DESC LIMIT 1) AS last
		WHERE id NOT IN (SELECT unnest($1::bigint[]))`
	var neither []int64
	for id := range before {
		if !now[id].LastAt.Before(s.Start) {
			neither = append(neither, id)
		}
	}
	rows, _ := tx.Query(ctx, query, neither)
	var id int64
	var i ItemDates
	_, err := pgx.ForEachRow(rows, []any{&id, &i.ID, &i.Name, &i.First, &i.Last}, func() error {
		i := i
		i.First, i.Last, i.Price = s.day(i.First), s.day(i.Last), now[id]
		switch {
		case !i.First.Before(s.Start):
			m.New = append(m.New, i)
		case i.Last.Before(s.Start):
			m.Old = append(m.Old, i)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("items sold: %w", err)
	}
	m.NewItems, m.OldItems = int64(len(m.New)), int64(len(m.Old))
	slices.SortFunc(m.New, func(a, b ItemDates) int { return cmp.Or(b.First.Compare(a.First), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(m.Old, func(a, b ItemDates) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID)) })
	m.New, m.Old = m.New[:min(len(m.New), mostMovers)], m.Old[:min(len(m.Old), mostMovers)]
	return nil
}

// rank lists the items that rose most and those that fell most.
func (m *Movers) rank(all []Mover) {
	m.Compared = int64(len(all))
	slices.SortFunc(all, func(a, b Mover) int { return cmp.Or(cmp.Compare(b.Change, a.Change), cmp.Compare(a.ID, b.ID)) })
	for _, of := range all {
		if of.Change > 0 {
			m.Up++
			m.Rose = append(m.Rose, of)
		}
	}
	for _, of := range slices.Backward(all) {
		if of.Change < 0 {
			m.Down++
			m.Fell = append(m.Fell, of)
		}
	}
	m.Rose, m.Fell = m.Rose[:min(len(m.Rose), mostMovers)], m.Fell[:min(len(m.Fell), mostMovers)]
}
