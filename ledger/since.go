package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Since is from where on the record is read: what has a higher id, and a time that is
// not before Oldest, since an import of the past is no news.
type Since struct {
	ID     int64
	Oldest time.Time
}

// MostSince is how many rows are read of an account or a shop, the latest ones. Where there
// are as many, there may be more.
const MostSince = 200

// A Watched is an account of which is read what it received, or what it paid.
type Watched struct {
	Account string // ref
	Paid    bool   // what it paid
	Above   int64  // and only what is more than this, minor units
}

// A WatchedMove is what an account, with those that are merged into it, received or paid
// on balance in a transaction.
type WatchedMove struct {
	Watched     int   // index of the account
	Transaction int64 // id
	At          time.Time
	Account     Party
	Amount      Sum // negative: paid
	Origin, Ref string
	Others      []Party // of the other side, at most three
	More        bool    // there are others
}

// MovesSince returns what watched accounts received and paid, the latest transactions
// first, at most [MostSince] of each account. An account of a hidden holder has none. All are
// read by one query; OFFSET 0 keeps the planner from reading whole tables.
func MovesSince(ctx context.Context, db queryer, since Since, watched []Watched) ([]WatchedMove, error) {
	const query = `
		SELECT w.nr - 1, moved.transaction, moved.at, shown.ref, shown.name, shown.kind, moved.amount, x.origin, x.ref, others
		FROM unnest(@refs::text[], @signs::integer[], @above::bigint[]) WITH ORDINALITY AS w (ref, sign, above, nr)
		CROSS JOIN LATERAL (
			SELECT t.id, t.ref, t.name, t.kind FROM accounts a LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id)
			WHERE a.ref = w.ref AND NOT EXISTS (SELECT FROM holders WHERE hidden AND ref = t.holder) OFFSET 0) AS shown
		CROSS JOIN LATERAL (SELECT shown.id || ARRAY(SELECT account FROM merges WHERE target = shown.id) AS own) AS o
		CROSS JOIN LATERAL (
			SELECT p.transaction, min(p.at) AS at, sum(p.amount) AS amount FROM postings p
			WHERE p.account = ANY(own) AND p.at >= @oldest AND p.transaction > @id
			GROUP BY p.transaction HAVING w.sign * sum(p.amount) > w.above ORDER BY p.transaction DESC LIMIT @most) AS moved
		CROSS JOIN LATERAL (SELECT id, origin, ref FROM transactions WHERE id = moved.transaction OFFSET 0) AS x
		CROSS JOIN LATERAL (
			SELECT coalesce(json_agg(json_build_array(ref, name, kind)), '[]') AS others FROM (
				SELECT DISTINCT t.kind, CASE WHEN hidden THEN '' ELSE t.ref END AS ref, CASE WHEN hidden THEN '` + HiddenName + `' ELSE t.name END AS name
				FROM (
					SELECT account FROM postings p WHERE p.transaction = x.id AND p.at = moved.at AND p.account <> ALL(own) AND sign(p.amount) <> sign(moved.amount) LIMIT 20) AS p
				CROSS JOIN LATERAL (
					SELECT t.* FROM accounts a LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id)
					WHERE a.id = p.account OFFSET 0) AS t
				CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders WHERE hidden AND ref = t.holder) AS hidden) AS h
				ORDER BY name LIMIT 4) AS few) AS named
		ORDER BY w.nr, moved.transaction DESC`
	refs, signs, above := make([]string, len(watched)), make([]int, len(watched)), make([]int64, len(watched))
	for i, w := range watched {
		refs[i], signs[i], above[i] = w.Account, 1, w.Above
		if w.Paid {
			signs[i] = -1
		}
	}
	rows, _ := db.Query(ctx, query, pgx.NamedArgs{"refs": refs, "signs": signs, "above": above, "id": since.ID, "oldest": since.Oldest, "most": MostSince})
	moves, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m WatchedMove, err error) {
		var others []byte
		if err := row.Scan(&m.Watched, &m.Transaction, &m.At, &m.Account.Ref, &m.Account.Name, &m.Account.Kind, &m.Amount, &m.Origin, &m.Ref, &others); err != nil {
			return m, err
		}
		var parties [][3]string
		if err := json.Unmarshal(others, &parties); err != nil {
			return m, err
		}
		m.More = len(parties) > 3
		for _, p := range parties[:min(len(parties), 3)] {
			m.Others = append(m.Others, Party{p[0], p[1], Kind(p[2])})
		}
		return m, nil
	})
	if err != nil {
		return nil, fmt.Errorf("transactions of watched accounts: %w", err)
	}
	return moves, nil
}

// A WatchedSale is what a customer bought at a shop.
type WatchedSale struct {
	Shop     int   // index of the shop
	ID       int64 // of the sale
	At       time.Time
	Item     string // ref
	ItemName string
	Quantity int64
	Total    int64
	Owner    Party // of the shop
	Place    string
}

// SalesSince returns what customers bought at shops, the latest sales first, at most
// [MostSince] of each shop. All are read by one query.
func SalesSince(ctx context.Context, db queryer, since Since, shops []string) ([]WatchedSale, error) {
	query := `
		SELECT w.nr - 1, sold.id, sold.at, i.ref, i.name, sold.quantity, sold.total, s.place, owner.ref, owner.name, owner.kind
		FROM unnest(@shops::text[]) WITH ORDINALITY AS w (ref, nr)
		CROSS JOIN LATERAL (SELECT id, place, owner FROM shops WHERE ref = w.ref OFFSET 0) AS s ` + sideOf("owner") + `
		CROSS JOIN LATERAL (
			SELECT id, at, item, quantity, total FROM sales
			WHERE shop = s.id AND at >= @oldest AND id > @id AND direction = 'sale' AND quantity > 0 AND total > 0
			ORDER BY id DESC LIMIT @most) AS sold
		CROSS JOIN LATERAL (SELECT ref, name FROM items WHERE id = sold.item OFFSET 0) AS i
		ORDER BY w.nr, sold.id DESC`
	rows, _ := db.Query(ctx, query, pgx.NamedArgs{"shops": shops, "id": since.ID, "oldest": since.Oldest, "most": MostSince})
	sales, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s WatchedSale, err error) {
		err = row.Scan(&s.Shop, &s.ID, &s.At, &s.Item, &s.ItemName, &s.Quantity, &s.Total, &s.Place, &s.Owner.Ref, &s.Owner.Name, &s.Owner.Kind)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("sales of watched shops: %w", err)
	}
	return sales, nil
}
