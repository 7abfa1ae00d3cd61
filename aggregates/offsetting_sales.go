package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// A SaleKey names a line of trade: its row, and when it was.
type SaleKey struct {
	ID int64
	At time.Time
}

// markedSalesQuery reads which of some sales are marked. Each is found by its number,
// and its mark by the key of the marks.
const markedSalesQuery = `
	SELECT s.id FROM unnest(@ids::bigint[], @days::date[]) AS of (id, day)
	CROSS JOIN LATERAL (SELECT * FROM sales WHERE id = of.id AND quantity > 0 AND total > 0 OFFSET 0) AS s
	CROSS JOIN LATERAL (
		SELECT FROM offsetting_pairs p WHERE p.item = s.item AND p.day = of.day AND p.seller = s.seller AND p.buyer = s.buyer OFFSET 0) AS p`

// markedSalesArgs are the arguments of that query. The day of a sale is that of the
// hour in which it was, as the marks have it.
func markedSalesArgs(zone *time.Location, sales []SaleKey) pgx.NamedArgs {
	ids, days := make([]int64, len(sales)), make([]time.Time, len(sales))
	for i, s := range sales {
		ids[i] = s.ID
		days[i] = time.Unix(int64(ledger.DayNumber(s.At.UTC().Truncate(hour).In(zone)))*int64(day/time.Second), 0).UTC()
	}
	return pgx.NamedArgs{"ids": ids, "days": days}
}

// MarkedSales returns which of some sales are part of offsetting trade, by the days of
// a time zone.
func MarkedSales(ctx context.Context, db *pgxpool.Pool, zone *time.Location, sales []SaleKey) (map[int64]bool, error) {
	rows, _ := db.Query(ctx, markedSalesQuery, markedSalesArgs(zone, sales))
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("marked sales: %w", err)
	}
	marked := make(map[int64]bool, len(ids))
	for _, id := range ids {
		marked[id] = true
	}
	return marked, nil
}

// MarkedTrade is how much of an account's trade in a period is offsetting trade, on
// either side.
type MarkedTrade struct {
	Sales  int64      `json:"sales"`
	Volume ledger.Sum `json:"volume" doc:"Minor units, tax included."`
}

const markedTradeQuery = `
	SELECT coalesce(sum(sales), 0)::bigint, coalesce(sum(volume), 0) FROM offsetting_traders
	WHERE account = ANY($1::bigint || ARRAY(SELECT account FROM merges WHERE target = $1)) AND day BETWEEN $2::date AND $3::date`

// read reads it of an account, with those merged into it. What one of them sold to
// another counts once on each side.
func (m *MarkedTrade) read(ctx context.Context, tx pgx.Tx, s span, account int64) error {
	if err := tx.QueryRow(ctx, markedTradeQuery, account, s.Start, s.Today).Scan(&m.Sales, &m.Volume); err != nil {
		return fmt.Errorf("offsetting trade: %w", err)
	}
	return nil
}

// LeavesOut reports whether a sale of the days that a price is made of does not count,
// because it was far from the others. The price is that at the end of a period.
func (p *Price) LeavesOut(at time.Time, quantity, total int64, of Period, zone *time.Location) bool {
	if p.Low == nil || p.High == nil || quantity <= 0 || total <= 0 {
		return false
	}
	last := of.End.In(zone)
	if of.Historical {
		last = of.End.Add(-1).In(zone) // it ends with its last day
	}
	if days := ParseDays(p.Basis); days > 0 && ledger.DayNumber(at.In(zone)) <= ledger.DayNumber(last)-int(days) {
		return false
	}
	piece := priced{total, quantity}.float()
	return !at.After(of.End) && (piece < *p.Low || piece > *p.High)
}
