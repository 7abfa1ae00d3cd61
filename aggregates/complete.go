package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
	"exchequer/ledger"
)

// What panels list the first ones of, read row by row, so that none of it is kept in
// memory. A period is that of the panel. Each stops at the first error of yield, and
// returns it. They hold one connection, for as long as yield takes.

// AccountParties calls yield with all counterparties of an account, as rows of
// [PartyColumns]: those of hidden holders as one, as in [AccountSides]. Its cost is
// bounded as theirs is.
func (e *Economy) AccountParties(ctx context.Context, q AsOf[AccountQuery], yield func(row []any) error) error {
	a := &Series{SeriesRef: SeriesRef{SeriesBalance, q.Of.Account}}
	id, err := a.findAccount(ctx, e.reads.pool(ctx))
	if err != nil || id == 0 {
		return err
	}
	return e.allParties(ctx, q.Of.Days, q.At, bothWays, yield, func(ctx context.Context, tx pgx.Tx) ([]int64, error) {
		rows, _ := tx.Query(ctx, `SELECT $1::bigint UNION ALL SELECT account FROM merges WHERE target = $1`, id)
		return pgx.CollectRows(rows, pgx.RowTo[int64])
	})
}

// HolderParties is AccountParties of the accounts of a holder.
func (e *Economy) HolderParties(ctx context.Context, q HolderQuery, yield func(row []any) error) error {
	own, ok, err := (&Holder{}).find(ctx, e.reads.pool(ctx), q.Holder)
	if err != nil || !ok {
		return err
	}
	return e.allParties(ctx, q.Days, "", bothWays, yield, func(context.Context, pgx.Tx) ([]int64, error) { return own, nil })
}

// GovernmentParties is AccountParties of all public accounts; those to which most was
// paid come first.
func (e *Economy) GovernmentParties(ctx context.Context, days Days, yield func(row []any) error) error {
	return e.allParties(ctx, days, "", sentFirst, yield, publicAccounts)
}

// The orders of rows of counterparties.
const (
	bothWays  = `received + sent DESC, party`
	sentFirst = `sent DESC, received DESC, party`
)

func (e *Economy) allParties(ctx context.Context, days Days, at Date, order string, yield func(row []any) error, accounts func(context.Context, pgx.Tx) ([]int64, error)) error {
	query := `
		SELECT hidden, coalesce(party, 0), received, sent, number, coalesce(name, ''), coalesce(ref, ''), coalesce(kind, '')
		FROM (` + partiesQuery + byBoth + `) AS p LEFT JOIN accounts ON id = party ORDER BY ` + order
	err := new(Basis).readAsOf(ctx, e.reads.pool(ctx), cache.WindowAt(e.now(), window), days, at, func(ctx context.Context, tx pgx.Tx, s span) error {
		own, err := accounts(ctx, tx)
		if err != nil {
			return err
		}
		since, err := exchangedFrom(ctx, tx, s, own)
		if err != nil {
			return err
		}
		from := s.Start
		if since != nil {
			from = *since
		}
		var hidden bool
		var id int64
		var p Counterparty
		rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"own": own, "start": from, "today": s.Today})
		_, err = pgx.ForEachRow(rows, []any{&hidden, &id, &p.Received, &p.Sent, &p.Number, &p.Name, &p.ID, &p.Kind}, func() error {
			switch {
			case hidden:
				p.Name = hiddenParties
			case id == 0:
				p.Name = severalParties
			}
			return yield(p.row())
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("all counterparties: %w", err)
	}
	return nil
}

// ItemTraders calls yield with all who sold an item in a period, or all who bought it,
// as rows of [TraderColumns]. Its cost follows their days.
func (e *Economy) ItemTraders(ctx context.Context, q ItemQuery, side string, yield func(row []any) error) error {
	item, _, err := findItem(ctx, e.reads.pool(ctx), q.Item)
	if err != nil || item == 0 {
		return err
	}
	query := `
		WITH traders AS (
			SELECT coalesce(target, account) AS trader, sum(sales)::bigint AS sales, sum(quantity) AS quantity, sum(volume) AS volume
			FROM ` + salesOf("trader_days", q.With) + ` LEFT JOIN merges USING (account)
			WHERE item = $1 AND side = $4 AND day BETWEEN $2::date AND $3::date GROUP BY trader)
		SELECT sales, quantity, volume, (volume / nullif(sum(volume) OVER (), 0))::float8, kind, CASE WHEN hidden THEN '' ELSE ref END,
			CASE WHEN hidden THEN '` + ledger.HiddenName + `' ELSE name END
		FROM traders JOIN accounts a ON a.id = trader
		CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders h WHERE h.hidden AND h.ref = a.holder) AS hidden) AS h
		ORDER BY volume DESC, trader`
	err = new(Basis).read(ctx, e.reads.pool(ctx), cache.WindowAt(e.now(), window), q.Days, func(ctx context.Context, tx pgx.Tx, s span) error {
		var t Trader
		var part *float64
		rows, _ := tx.Query(ctx, query, item, s.Start, s.Today, side)
		_, err := pgx.ForEachRow(rows, []any{&t.Sales, &t.Quantity, &t.Volume, &part, &t.Kind, &t.ID, &t.Name}, func() error {
			if t.Share = 0; part != nil {
				t.Share = *part
			}
			return yield(t.row())
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("all traders of an item: %w", err)
	}
	return nil
}
