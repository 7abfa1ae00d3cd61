package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// mostTraders is how many sellers and buyers of an item are listed, each.
const mostTraders = 20

// Concentrated is the HHI above which a side of a market counts as concentrated.
const Concentrated = 1500

// A Side is who sold an item, or who bought it.
type Side struct {
	Traders int64      `json:"traders" doc:"Different accounts, as far as they are known."`
	Volume  ledger.Sum `json:"volume" doc:"What they traded; what nobody is known for is left out."`
	HHI     *float64   `json:"hhi" doc:"The sum of the squares of their shares of the value in percent: 10,000 where there is one. Above 1,500 counts as concentrated. null: nobody is known."`
	Top     []Trader   `json:"top" nullable:"false" doc:"The largest by value, at most 20."`
	Others  Trader     `json:"others" doc:"All others together; without id, name and kind."`
}

// A Trader is an account that sold or bought, with those merged into it.
type Trader struct {
	ID       string      `json:"id" doc:"The account's id; empty if its holder is hidden."`
	Name     string      `json:"name"`
	Kind     ledger.Kind `json:"kind"`
	Sales    int64       `json:"sales"`
	Quantity ledger.Sum  `json:"quantity"`
	Volume   ledger.Sum  `json:"volume"`
	Share    float64     `json:"share" doc:"Of the side's value; 1 is all of it."`
}

func newSide() Side { return Side{Top: []Trader{}} }

// readSides returns who sold and who bought an item on the days of a period.
func readSides(ctx context.Context, tx pgx.Tx, s span, item int64, with bool) (sellers, buyers Side, err error) {
	query := `
		SELECT side, coalesce(target, account) AS trader, sum(sales)::bigint, sum(quantity), sum(volume) AS volume
		FROM ` + salesOf("trader_days", with) + ` LEFT JOIN merges USING (account)
		WHERE item = $1 AND day BETWEEN $2::date AND $3::date
		GROUP BY side, trader ORDER BY volume DESC, trader`
	sellers, buyers = newSide(), newSide()
	ids := map[string][]int64{} // of those listed, by side
	var side string
	var id int64
	var t Trader
	rows, _ := tx.Query(ctx, query, item, s.Start, s.Today)
	squares := map[string]float64{}
	_, err = pgx.ForEachRow(rows, []any{&side, &id, &t.Sales, &t.Quantity, &t.Volume}, func() error {
		of := &buyers
		if side == "seller" {
			of = &sellers
		}
		of.Traders++
		of.Volume = of.Volume.Plus(t.Volume)
		squares[side] += t.Volume.Float64() * t.Volume.Float64()
		if len(of.Top) < mostTraders {
			of.Top, ids[side] = append(of.Top, t), append(ids[side], id)
			return nil
		}
		of.Others.Sales += t.Sales
		of.Others.Quantity = of.Others.Quantity.Plus(t.Quantity)
		of.Others.Volume = of.Others.Volume.Plus(t.Volume)
		return nil
	})
	if err != nil {
		return sellers, buyers, fmt.Errorf("who traded: %w", err)
	}
	for side, of := range map[string]*Side{"seller": &sellers, "buyer": &buyers} {
		of.settle(squares[side])
		if err := nameTraders(ctx, tx, ids[side], of.Top); err != nil {
			return sellers, buyers, err
		}
	}
	return sellers, buyers, nil
}

// settle sets what follows from the whole side, whose squares of values have a sum.
func (v *Side) settle(squares float64) {
	total := v.Volume.Float64()
	if total <= 0 {
		return
	}
	for i := range v.Top {
		v.Top[i].Share = v.Top[i].Volume.Float64() / total
	}
	v.Others.Share = v.Others.Volume.Float64() / total
	hhi := squares / total / total * 10_000
	v.HHI = &hhi
}

// nameTraders sets the names of traders, whose accounts have these ids. One whose
// holder is hidden has none.
func nameTraders(ctx context.Context, tx pgx.Tx, ids []int64, traders []Trader) error {
	const query = `
		SELECT nr, kind, CASE WHEN hidden THEN '' ELSE ref END, CASE WHEN hidden THEN '` + ledger.HiddenName + `' ELSE name END
		FROM unnest($1::bigint[]) WITH ORDINALITY AS of (id, nr) JOIN accounts t USING (id)
		CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders h WHERE h.hidden AND h.ref = t.holder) AS hidden) h`
	rows, _ := tx.Query(ctx, query, ids)
	var nr int64
	var t Trader
	_, err := pgx.ForEachRow(rows, []any{&nr, &t.Kind, &t.ID, &t.Name}, func() error {
		of := &traders[nr-1]
		of.Kind, of.ID, of.Name = t.Kind, t.ID, t.Name
		return nil
	})
	if err != nil {
		return fmt.Errorf("names of traders: %w", err)
	}
	return nil
}
