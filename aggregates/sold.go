package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// Sold reads exactly what items were sold for, by hours and steps: of any time that
// the ledger has, without the sales that offset each other.
type Sold struct{ reads Reads }

// NewSold returns a Sold that reads db.
func NewSold(db *pgxpool.Pool) *Sold { return &Sold{always(db)} }

// SoldHour is what all items were sold for in an hour of UTC.
type SoldHour struct {
	Start   time.Time  `json:"start" doc:"When the hour begins."`
	End     time.Time  `json:"end" doc:"When the hour ends."`
	Partial bool       `json:"partial" doc:"true: the hour is not over."`
	Count   int64      `json:"count" doc:"How many items were sold."`
	Items   []SoldItem `json:"items" nullable:"false" doc:"Those that were sold, by their ids; at most 20,000."`
}

// SoldItem is what an item was sold for.
type SoldItem struct {
	ID       string     `json:"id" doc:"As /items/{id} takes it."`
	Sales    int64      `json:"sales" doc:"How often it was sold."`
	Quantity ledger.Sum `json:"quantity" doc:"Pieces."`
	Volume   ledger.Sum `json:"volume" doc:"What was paid for them."`
	High     float64    `json:"high" doc:"The dearest piece, in minor units."`
	Low      float64    `json:"low" doc:"The cheapest piece, in minor units."`
	Mean     float64    `json:"mean" doc:"volume / quantity"`
	LastAt   time.Time  `json:"lastAt" doc:"When it was last sold in this time."`
}

// Hour returns what was sold in the hour to which at belongs, as it is known now.
func (p *Sold) Hour(ctx context.Context, at, now time.Time) (*SoldHour, error) {
	v := &SoldHour{Start: at.UTC().Truncate(hour), Items: []SoldItem{}}
	v.End = v.Start.Add(hour)
	v.Partial = now.Before(v.End)
	if err := readOnly(ctx, p.reads.pool(ctx), func(tx pgx.Tx) error { return v.fill(ctx, tx) }); err != nil {
		return nil, fmt.Errorf("sold in an hour: %w", err)
	}
	return v, nil
}

func (v *SoldHour) fill(ctx context.Context, tx pgx.Tx) error {
	const query = `
		SELECT items.ref, h.sales, h.quantity, h.volume, h.high, h.low, h.close_at
		FROM item_hours_without h JOIN items ON items.id = h.item
		WHERE h.hour = $1 AND h.sales > 0 ORDER BY items.ref`
	rows, _ := tx.Query(ctx, query, v.Start)
	var i SoldItem
	_, err := pgx.ForEachRow(rows, []any{&i.ID, &i.Sales, &i.Quantity, &i.Volume, &i.High, &i.Low, &i.LastAt}, func() error {
		if v.Count++; v.Count <= mostListed {
			i.Mean = i.Volume.Float64() / i.Quantity.Float64()
			v.Items = append(v.Items, i)
		}
		return nil
	})
	return err
}

// readOnly calls f in a transaction that sees the ledger as it was at one moment.
func readOnly(ctx context.Context, db *pgxpool.Pool, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, f)
}
