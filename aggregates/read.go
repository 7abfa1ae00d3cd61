package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// A Basis is the part that values share: the period that they describe, and
// whether there is anything to show. Where a value is the state of the ledger
// and not a sum over time, it is the state at the period's end.
type Basis struct {
	Period `json:"period"`
	Why    string `json:"why,omitempty" doc:"If there, the ledger has nothing to show, and this says why."`
}

// About returns what a value describes, and why there is nothing to show of it.
func (b Basis) About() Basis { return b }

// whyNoLedger is the Why of an empty ledger.
const whyNoLedger = "No transactions yet."

// read sets b and calls fill with the period of that many days that ends with
// w's start, in a transaction that sees the ledger as it was at one moment. It
// does not call fill for a ledger without transactions.
func (b *Basis) read(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days, fill func(context.Context, pgx.Tx, span) error) error {
	return b.readAsOf(ctx, db, w, days, "", fill)
}

// readAsOf is read with a period that ends with a day that is over; of any other day,
// it is read.
func (b *Basis) readAsOf(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days, at Date, fill func(context.Context, pgx.Tx, span) error) error {
	b.Period = Period{Days: days.Key(), Start: w.Start, End: w.Start, Until: untilOf(ctx)}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, db, snapshot, func(tx pgx.Tx) error {
		const query = `
			SELECT min(hour), max(hour), coalesce((SELECT timezone FROM settings), 'UTC'), (SELECT nullif(begins, '-infinity') FROM archive)
			FROM activity_hours WHERE hour <= $1`
		var first, last, begins *time.Time
		if err := tx.QueryRow(ctx, query, w.Start).Scan(&first, &last, &b.Timezone, &begins); err != nil {
			return fmt.Errorf("read the ledger's first and last hour: %w", err)
		}
		zone, err := ledger.LoadZone(b.Timezone)
		if err != nil {
			return fmt.Errorf("read the ledger's time zone: %w", err)
		}
		if first == nil {
			b.Why = whyNoLedger
			return nil
		}
		s := spanOf(w, days, first.In(zone), *last).until(at)
		if begins != nil {
			s.Begins = begins.In(zone)
		}
		b.Start, b.End, b.Since, b.Historical = s.Start, s.End, s.younger(), s.Historical
		if s.Past {
			b.At = dateAt(s.Today)
		}
		return fill(ctx, tx, s)
	})
}
