package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// A Bridge leads from the supply at the start of a period to that at its end:
// opening + all steps + moved + unexplained = closing. The opening supply is read
// from what the issuers have put out, the closing one from what all others hold,
// and the steps from the flows, so that what is unexplained is a check.
type Bridge struct {
	Basis
	Opening     ledger.Sum    `json:"opening" doc:"What the issuers had put out when the period began: minus their balances, and what they gave away since, by their days."`
	Steps       []BridgeStep  `json:"steps" nullable:"false" doc:"What was created, largest first, then what was destroyed, by source; at most 50 of both together."`
	Others      BridgeOthers  `json:"others" doc:"The steps that are not listed."`
	Moved       ledger.Sum    `json:"moved" doc:"What came into the supply or left it with accounts that were archived. Always 0: archived accounts are part of the supply."`
	Archived    ArchivedMoney `json:"archived" doc:"The accounts archived in the period, whose balances stay in the supply."`
	Unexplained ledger.Sum    `json:"unexplained" doc:"closing - opening - steps - moved: 0 if the books are right."`
	Closing     ledger.Sum    `json:"closing" doc:"What all but the issuers hold, less what was written after the period."`
}

// A BridgeStep is what was created or destroyed by the transactions of one source.
// A source that did both has two steps.
type BridgeStep struct {
	Source string     `json:"source"`
	Change ledger.Sum `json:"change" doc:"Above 0: created; below 0: destroyed."`
}

// BridgeOthers is the sum of the steps that are not listed.
type BridgeOthers struct {
	Creating   int64      `json:"creating" doc:"How many sources created it."`
	Created    ledger.Sum `json:"created"`
	Destroying int64      `json:"destroying"`
	Destroyed  ledger.Sum `json:"destroyed" doc:"Positive."`
}

// ArchivedMoney is what archived accounts hold.
type ArchivedMoney struct {
	Accounts int64      `json:"accounts"`
	Held     ledger.Sum `json:"held"`
}

// ComputeBridge reads how the supply changed in the period that ends with w's
// start.
func ComputeBridge(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Bridge, error) {
	b := &Bridge{Steps: []BridgeStep{}}
	if err := b.read(ctx, db, w, days, b.fill); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	return b, nil
}

func (b *Bridge) fill(ctx context.Context, tx pgx.Tx, s span) error {
	if err := b.ends(ctx, tx, s); err != nil {
		return err
	}
	// The database adds up the steps that are not listed, so that what is read is
	// bounded however many sources there are.
	const query = `
		WITH steps AS (
			SELECT source, from_issuer, sum(volume) AS volume,
				row_number() OVER (ORDER BY sum(volume) DESC, source COLLATE "C", from_issuer DESC) AS rank
			FROM flow_hours WHERE hour >= @start AND hour < @through AND from_issuer <> to_issuer
			GROUP BY source, from_issuer)
		SELECT CASE WHEN rank <= @most THEN source ELSE '' END, from_issuer, sum(volume), count(*) FROM steps GROUP BY 1, 2`
	b.Unexplained = b.Closing.Minus(b.Opening).Minus(b.Moved)
	args := s.args()
	args["most"] = mostSources
	rows, _ := tx.Query(ctx, query, args)
	var source string
	var created bool
	var volume ledger.Sum
	var number int64
	_, err := pgx.ForEachRow(rows, []any{&source, &created, &volume, &number}, func() error {
		change := volume
		if !created {
			change = volume.Neg()
		}
		b.Unexplained = b.Unexplained.Minus(change)
		switch {
		case source != "":
			b.Steps = append(b.Steps, BridgeStep{source, change})
		case created:
			b.Others.Creating, b.Others.Created = number, volume
		default:
			b.Others.Destroying, b.Others.Destroyed = number, volume
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("steps: %w", err)
	}
	slices.SortFunc(b.Steps, func(x, y BridgeStep) int { return cmp.Compare(x.Source, y.Source) })
	b.Steps = InOrder(b.Steps)
	return nil
}

// ends reads the two ends of the bridge and what was archived between them.
func (b *Bridge) ends(ctx context.Context, tx pgx.Tx, s span) error {
	held, issued, err := readHeld(ctx, tx, s)
	if err != nil {
		return err
	}
	// The balances contain what was written in hours after the period.
	const query = `
		SELECT (SELECT coalesce(sum(sent - received), 0) FROM account_days
				WHERE day >= @day::date AND account IN (SELECT id FROM accounts WHERE issuer)),
			(SELECT coalesce(sum(CASE WHEN from_issuer THEN volume ELSE -volume END), 0) FROM flow_hours
				WHERE hour >= @through AND from_issuer <> to_issuer)`
	args := s.args()
	args["day"] = s.Start // as a date
	var given, after ledger.Sum
	if err := tx.QueryRow(ctx, query, args).Scan(&given, &after); err != nil {
		return fmt.Errorf("opening and closing supply: %w", err)
	}
	b.Opening, b.Closing = issued.Minus(given), held.Minus(after)
	// A merged account was archived when the other one was.
	const archived = `
		SELECT count(*), coalesce(sum(balance), 0) FROM balances JOIN account_holders h ON h.id = account
		WHERE NOT issuer AND archived >= $1 AND archived <= $2 AND id IN (
			SELECT id FROM accounts WHERE archived >= $1 AND archived <= $2
			UNION SELECT m.account FROM merges m JOIN accounts t ON t.id = target WHERE t.archived >= $1 AND t.archived <= $2)`
	if err := tx.QueryRow(ctx, archived, s.Start, s.archivedBy()).Scan(&b.Archived.Accounts, &b.Archived.Held); err != nil {
		return fmt.Errorf("archived accounts: %w", err)
	}
	return nil
}

// add adds a step to those that are not listed.
func (o *BridgeOthers) add(step BridgeStep) {
	if step.Change.Sign() > 0 {
		o.Creating++
		o.Created = o.Created.Plus(step.Change)
	} else {
		o.Destroying++
		o.Destroyed = o.Destroyed.Minus(step.Change)
	}
}

// InOrder returns the steps in the order in which a bridge shows them: what was
// created, largest first, then what was destroyed. It sorts the slice.
func InOrder(steps []BridgeStep) []BridgeStep {
	slices.SortStableFunc(steps, func(x, y BridgeStep) int {
		return cmp.Or(cmp.Compare(y.Change.Sign(), x.Change.Sign()), magnitude(y.Change).Compare(magnitude(x.Change)))
	})
	return steps
}

// Largest returns the n largest steps in the order in which they are shown, and
// the sum of all others.
func (b *Bridge) Largest(n int) ([]BridgeStep, BridgeOthers) {
	largest, others := slices.Clone(b.Steps), b.Others
	slices.SortStableFunc(largest, func(x, y BridgeStep) int { return magnitude(y.Change).Compare(magnitude(x.Change)) })
	for _, step := range largest[min(n, len(largest)):] {
		others.add(step)
	}
	return InOrder(largest[:min(n, len(largest))]), others
}

// magnitude returns the sum without its sign.
func magnitude(s ledger.Sum) ledger.Sum {
	if s.Sign() < 0 {
		return s.Neg()
	}
	return s
}

// Table has one row a step, between the opening and the closing supply.
func (b *Bridge) Table() Table {
	t := Table{Columns: []Column{{"step", "Step", Text}, {"source", "Source", Text}, {"amount", "Amount", Money}}}
	row := func(step, source string, amount ledger.Sum) { t.Rows = append(t.Rows, []any{step, source, amount}) }
	row("Opening supply", "", b.Opening)
	others := func(step string, n int64, amount ledger.Sum) {
		if n > 0 {
			row(step, fmt.Sprintf("other (%d)", n), amount)
		}
	}
	destroying := false
	for _, step := range b.Steps {
		if step.Change.Sign() < 0 {
			if !destroying {
				others("Created", b.Others.Creating, b.Others.Created)
			}
			destroying = true
			row("Destroyed", step.Source, step.Change)
			continue
		}
		row("Created", step.Source, step.Change)
	}
	if !destroying {
		others("Created", b.Others.Creating, b.Others.Created)
	}
	others("Destroyed", b.Others.Destroying, b.Others.Destroyed.Neg())
	row("Moved in or out", "", b.Moved)
	row("Unexplained", "", b.Unexplained)
	row("Closing supply", "", b.Closing)
	return t.First(len(b.Steps), int64(len(b.Steps))+b.Others.Creating+b.Others.Destroying)
}
