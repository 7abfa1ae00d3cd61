package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

const whyNoSales = "No sales yet."

// Health is whether the books of a period balance, how fast money moves, and how
// many holders take part.
type Health struct {
	Basis
	Supply           SupplyAccount   `json:"supply"`
	TransferVelocity Number[float64] `json:"transferVelocity" doc:"What passed between different holders, neither of them an issuer, over the average supply."`
	GoodsVelocity    Number[float64] `json:"goodsVelocity" doc:"The value of sales over the average supply."`
	Holders          int64           `json:"holders" doc:"Of accounts that are not issuers, not archived, and were ever used."`
	Active           []ActiveShare   `json:"active" nullable:"false" doc:"How many of them had a posting in the last 1, 7 and 30 days, today included."`
}

// SupplyAccount is how the supply came from the period's start to its end.
type SupplyAccount struct {
	Opening   ledger.Sum  `json:"opening" doc:"From what the issuers gave away since, day by day."`
	Created   ledger.Sum  `json:"created" doc:"From issuers to all others, by the flows."`
	Destroyed ledger.Sum  `json:"destroyed" doc:"From all others to issuers, by the flows."`
	Closing   ledger.Sum  `json:"closing" doc:"From the balances, less what was written after the period."`
	Before    *ledger.Sum `json:"before" nullable:"true" doc:"The closing supply of the period before; null where the ledger does not reach back to its start."`
	Holds     bool        `json:"holds" doc:"Whether opening + created - destroyed = closing, and the issuers owe exactly what all others hold."`
}

// ActiveShare is how many holders had a posting in the last days.
type ActiveShare struct {
	Days    int      `json:"days"`
	Holders int64    `json:"holders"`
	Share   *float64 `json:"share" doc:"Of all holders; null where there are none."`
}

// ComputeHealth reads the state of the economy in the period that ends with
// w's start.
func ComputeHealth(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Health, error) {
	h := &Health{Active: []ActiveShare{}}
	if err := h.read(ctx, db, w, days, h.fill); err != nil {
		return nil, fmt.Errorf("health: %w", err)
	}
	if h.Why != "" {
		h.Supply.Holds = true // nothing is nothing
		h.TransferVelocity.Why, h.GoodsVelocity.Why = h.Why, h.Why
	}
	return h, nil
}

func (h *Health) fill(ctx context.Context, tx pgx.Tx, s span) error {
	if err := h.money(ctx, tx, s); err != nil {
		return err
	}
	return h.actives(ctx, tx, s)
}

func (h *Health) money(ctx context.Context, tx pgx.Tx, s span) error {
	// What the issuers gave away comes from another rollup than what was created
	// and destroyed, so the check can fail. Issuers are few; to read what all
	// others gained would take longer the more there are.
	const query = `
		SELECT coalesce(sum(sent - received), 0) FROM account_days
		WHERE day >= $1 AND account IN (SELECT id FROM accounts WHERE issuer)`
	var given ledger.Sum
	if err := tx.QueryRow(ctx, query, s.Start).Scan(&given); err != nil {
		return fmt.Errorf("what the issuers gave away: %w", err)
	}
	current, issued, err := readHeld(ctx, tx, s)
	if err != nil {
		return err
	}
	now, was, err := readDays(ctx, tx, s, current)
	if err != nil {
		return err
	}
	moved := now.sum(0, now.days()-1)
	h.Supply.Created, h.Supply.Destroyed = moved.Created, moved.Destroyed
	h.Supply.Opening, h.Supply.Closing = current.Minus(given), now.closing
	h.Supply.Holds = current == issued && h.Supply.Opening.Plus(h.Supply.Created).Minus(h.Supply.Destroyed) == h.Supply.Closing
	if err := h.velocities(ctx, tx, &now); err != nil {
		return err
	}
	if _, reaches := s.previous(); reaches {
		return h.compare(ctx, tx, &was)
	}
	return nil
}

func (h *Health) velocities(ctx context.Context, tx pgx.Tx, d *daily) error {
	const query = `
		SELECT EXISTS (SELECT FROM item_days),
			(SELECT coalesce(sum(volume), 0) FROM item_days WHERE day BETWEEN $1::date AND $2::date)`
	var traded bool
	var sold ledger.Sum
	if err := tx.QueryRow(ctx, query, d.Start, d.Today).Scan(&traded, &sold); err != nil {
		return fmt.Errorf("value of sales: %w", err)
	}
	last := d.days() - 1
	h.TransferVelocity.Why, h.GoodsVelocity.Why = whyNoSupply, whyNoSupply
	if v, ok := d.velocity(0, last); ok {
		h.TransferVelocity = Number[float64]{Now: &v}
	}
	if v, ok := d.overSupply(sold, 0, last); ok {
		h.GoodsVelocity = Number[float64]{Now: &v}
	}
	if !traded {
		h.GoodsVelocity = Number[float64]{Why: whyNoSales}
	}
	return nil
}

// compare fills the numbers of the period before.
func (h *Health) compare(ctx context.Context, tx pgx.Tx, d *daily) error {
	if err := d.endToday(ctx, tx); err != nil {
		return err
	}
	query := `
		SELECT (SELECT coalesce(sum(volume), 0) FROM item_days WHERE day >= @first::date AND day < @last::date)
			+ (SELECT ` + untilEnd("volume", "true") + ` FROM item_hours WHERE hour >= @today AND hour < @end)`
	args := d.args()
	args["first"], args["last"] = d.Start, d.Today
	var sold ledger.Sum
	if err := tx.QueryRow(ctx, query, args).Scan(&sold); err != nil {
		return fmt.Errorf("value of sales in the period before: %w", err)
	}
	last := d.days() - 1
	h.Supply.Before = &d.closing
	if v, ok := d.velocity(0, last); ok {
		h.TransferVelocity.Before = &v
	}
	if v, ok := d.overSupply(sold, 0, last); ok && h.GoodsVelocity.Why != whyNoSales {
		h.GoodsVelocity.Before = &v
	}
	return nil
}

// actives counts holders by their last posting, which is part of the balances.
func (h *Health) actives(ctx context.Context, tx pgx.Tx, s span) error {
	h.Active = []ActiveShare{{Days: 1}, {Days: 7}, {Days: 30}}
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return err
	}
	if sums != nil {
		tallied := sums.turnout(ledger.TallyLatest)
		h.Holders = tallied.holders
		for i := range h.Active {
			h.Active[i].Holders = tallied.since(ledger.DayNumber(s.Today) + 1 - h.Active[i].Days)
		}
	} else if err := h.countHolders(ctx, tx, s); err != nil {
		return err
	}
	for i := range h.Active {
		if h.Holders > 0 {
			share := float64(h.Active[i].Holders) / float64(h.Holders)
			h.Active[i].Share = &share
		}
	}
	return nil
}

// countHolders counts all and the active ones by their balances.
func (h *Health) countHolders(ctx context.Context, tx pgx.Tx, s span) error {
	all, err := readBalances(ctx, tx)
	if err != nil {
		return err
	}
	since := make([]int64, len(h.Active))
	for i := range since {
		since[i] = plus(s.Today, 1-h.Active[i].Days).UnixMicro()
	}
	for _, holder := range all.byHolder(s.archivedBy(), nil) {
		if holder.accounts == 0 {
			continue
		}
		h.Holders++
		for i := range h.Active {
			if holder.last >= since[i] {
				h.Active[i].Holders++
			}
		}
	}
	return nil
}
