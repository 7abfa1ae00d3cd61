package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A position is how far the record has been read: the ids of the last transaction
// and of the last sale. Ids grow, so while no append runs, everything up to the
// largest ones is written, and never changes.
type position struct{ transaction, sale int64 }

// replayed is about how many transactions, and how many sales, are replayed at once.
const replayed = 20_000

// end returns the position of the whole record that tx sees.
func end(ctx context.Context, tx pgx.Tx) (p position, err error) {
	const query = `SELECT (SELECT coalesce(max(id), 0) FROM transactions), (SELECT coalesce(max(id), 0) FROM sales)`
	err = tx.QueryRow(ctx, query).Scan(&p.transaction, &p.sale)
	return p, err
}

// replay adds up the next part of the record after from and up to the end, and
// returns how far it has come. as says which accounts are taken for what they are
// not; it may be nil.
//
// A transaction that does not sum to zero is left out, and counted as broken.
func replay(ctx context.Context, tx pgx.Tx, zone *time.Location, from, to position, as map[int64]party) (d *deltas, reached position, broken int, err error) {
	d = newDeltas(zone)
	if reached.transaction, err = partEnd(ctx, tx, "transactions", from.transaction, to.transaction); err != nil {
		return nil, from, 0, err
	}
	if reached.sale, err = partEnd(ctx, tx, "sales", from.sale, to.sale); err != nil {
		return nil, from, 0, err
	}
	if reached.transaction > from.transaction {
		if broken, err = replayTransactions(ctx, tx, d, from.transaction, reached.transaction, as); err != nil {
			return nil, from, 0, fmt.Errorf("read transactions: %w", err)
		}
	}
	if reached.sale > from.sale {
		if err := replaySales(ctx, tx, d, from.sale, reached.sale); err != nil {
			return nil, from, 0, fmt.Errorf("read sales: %w", err)
		}
	}
	return d, reached, broken, nil
}

// partEnd returns the id at which the next part of a table ends.
func partEnd(ctx context.Context, tx pgx.Tx, table string, from, to int64) (reached int64, err error) {
	query := `SELECT coalesce(max(id), $2) FROM (SELECT id FROM ` + table + ` WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) AS part`
	err = tx.QueryRow(ctx, query, from, to, replayed).Scan(&reached)
	return reached, err
}

// A part of the record, row by row: Postgres, which cannot know how few rows these are,
// would read all postings of a large ledger.
const partOfRecord = `
	SELECT t.id, t.at, source, account, holder, kind, issuer, amount
	FROM transactions t, LATERAL (SELECT account, amount FROM postings WHERE transaction = t.id AND at = t.at OFFSET 0) AS p,
		LATERAL (SELECT holder, kind, issuer FROM accounts WHERE id = p.account OFFSET 0) AS a
	WHERE t.id > $1 AND t.id <= $2
	ORDER BY t.id`

func replayTransactions(ctx context.Context, tx pgx.Tx, d *deltas, from, to int64, as map[int64]party) (broken int, err error) {
	var at, lastAt time.Time
	var id, last int64
	var source, lastSource string
	var kind Kind
	var issuer bool
	var l leg
	var legs []leg
	add := func() {
		if len(legs) > 1 && sum(legs) == 0 {
			d.addTransaction(last, lastAt.UnixMicro(), lastSource, legs)
		} else if len(legs) > 0 {
			broken++
		}
		legs = legs[:0]
	}
	rows, _ := tx.Query(ctx, partOfRecord, from, to)
	_, err = pgx.ForEachRow(rows, []any{&id, &at, &source, &l.account, &l.holder, &kind, &issuer, &l.amount}, func() error {
		if id != last {
			add()
		}
		last, lastAt, lastSource = id, at, source
		l.party = partyOf(kind, issuer)
		if other, ok := as[l.account]; ok {
			l.party = other
		}
		legs = append(legs, l)
		return nil
	})
	add()
	return broken, err
}

func replaySales(ctx context.Context, tx pgx.Tx, d *deltas, from, to int64) error {
	rows, _ := tx.Query(ctx, `
		SELECT item, at, id, coalesce(seller, 0), coalesce(buyer, 0), quantity, total FROM sales WHERE id > $1 AND id <= $2`, from, to)
	var item, id, seller, buyer, quantity, total int64
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&item, &at, &id, &seller, &buyer, &quantity, &total}, func() error {
		d.addSale(item, at.UnixMicro(), id, quantity, total)
		d.addTrade(item, at.UnixMicro(), seller, buyer, quantity, total)
		return nil
	})
	return err
}

const balances = "balances"

// made returns the table beside a rollup, by the name made, with the rollup's types.
func made(r rollup) string {
	if r.table == balances {
		return `(SELECT account, balance::bigint, last_at, postings, first_at FROM ` + prefix + balances + `) AS made`
	}
	return prefix + r.table + ` AS made`
}
