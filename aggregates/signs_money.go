package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// bridged is what the bridge of a period adds up to.
type bridged struct {
	gross       ledger.Sum // all that sources created and all that they destroyed
	unexplained ledger.Sum // of the change of the supply
	observed    ledger.Sum // of gross: nobody saw what it was
}

// explained returns the part of what came into the supply and left it that sources
// created or destroyed, which observed balances are not; nil if nothing did.
func (b bridged) explained() *float64 {
	return part(b.gross.Minus(b.observed), b.gross.Plus(magnitude(b.unexplained)))
}

// readBridges reads the bridge of the month and of the one before. That begins and
// ends with whole days, and its change is what the issuers gave away by their days.
// What is wrong with a balance is found in the month that ends now.
func (r *signReading) readBridges(ctx context.Context, tx pgx.Tx, month span) error {
	b := &Bridge{}
	if err := b.fill(ctx, tx, month); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	r.bridges[0] = bridged{gross: b.Others.Created.Plus(b.Others.Destroyed), unexplained: b.Unexplained}
	for _, step := range b.Steps {
		r.bridges[0].gross = r.bridges[0].gross.Plus(magnitude(step.Change))
		if step.Source == ledger.ObservedSource {
			r.bridges[0].observed = r.bridges[0].observed.Plus(magnitude(step.Change))
		}
	}
	start := plus(month.Start, -signDays)
	if start.Before(r.First) {
		return nil
	}
	const query = `
		SELECT coalesce(sum(volume), 0), coalesce(sum(CASE WHEN from_issuer THEN volume ELSE -volume END), 0), (
			SELECT coalesce(sum(sent - received), 0) FROM account_days
			WHERE day >= @from::date AND day < @to::date AND account IN (SELECT id FROM accounts WHERE issuer)),
			coalesce(sum(volume) FILTER (WHERE source = @observed), 0)
		FROM flow_hours WHERE hour >= @start AND hour < @end AND from_issuer <> to_issuer`
	args := pgx.NamedArgs{"start": start, "end": month.Start, "from": start, "to": month.Start, "observed": ledger.ObservedSource}
	var steps, change ledger.Sum
	if err := tx.QueryRow(ctx, query, args).Scan(&r.bridges[1].gross, &steps, &change, &r.bridges[1].observed); err != nil {
		return fmt.Errorf("bridge before: %w", err)
	}
	r.bridges[1].unexplained = change.Minus(steps)
	return nil
}

func (r *signReading) explainedChange() signCourse {
	c := signCourse{now: r.bridges[0].explained(), before: r.bridges[1].explained()}
	if c.now == nil {
		return signCourse{why: "not available, because nothing was created or destroyed in 30 days"}
	}
	return c
}
