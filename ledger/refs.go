package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// refs writes the refs of transactions and sales, and gives those an id whose ref
// is new. Concurrent appends of the same refs wait here for each other.
func (ap *appender) refs(ctx context.Context) error {
	transactions, sales := ap.batch.Transactions, ap.batch.Sales
	ap.transactions, ap.sales = make([]int64, len(transactions)), make([]int64, len(sales))
	ids, err := ap.nextIDs(ctx)
	if err != nil {
		return fmt.Errorf("take ids: %w", err)
	}
	var batch pgx.Batch
	if len(transactions) > 0 {
		queueRefs(&batch, 't', ids.transactions, ap.transactions, func(i int) name {
			return name{transactions[i].Ref, transactions[i].Origin}
		})
	}
	if len(sales) > 0 {
		queueRefs(&batch, 's', ids.sales, ap.sales, func(i int) name { return name{sales[i].Ref, sales[i].Origin} })
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := ap.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("write refs: %w", err)
	}
	return ap.findTransactions(ctx)
}

type newIDs struct{ transactions, sales []int64 }

func (ap *appender) nextIDs(ctx context.Context) (newIDs, error) {
	var ids newIDs
	const query = `
		SELECT ARRAY(SELECT nextval('transaction_ids') FROM generate_series(1, $1::bigint)),
			ARRAY(SELECT nextval('sale_ids') FROM generate_series(1, $2::bigint))`
	err := ap.tx.QueryRow(ctx, query, len(ap.batch.Transactions), len(ap.batch.Sales)).Scan(&ids.transactions, &ids.sales)
	return ids, err
}

// queueRefs queues the refs in order, so that appends with the same refs wait for
// each other without a deadlock. It sets the ids of those that are new.
func queueRefs(batch *pgx.Batch, what rune, ids, into []int64, nameOf func(i int) name) {
	n := len(ids)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := nameOf(a), nameOf(b)
		if x.ref != y.ref {
			return cmp.Compare(x.ref, y.ref)
		}
		return cmp.Compare(x.origin, y.origin)
	})
	refs, origins, sorted := make([]string, n), make([]string, n), make([]int64, n)
	for nr, i := range order {
		key := nameOf(i)
		refs[nr], origins[nr], sorted[nr] = key.ref, key.origin, ids[i]
	}
	// Mostly all refs are new, and then the query need not return the ids.
	const query = `
		WITH written AS (
			INSERT INTO refs (ref, origin, what, id)
			SELECT ref, origin, $4::"char", id
			FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS new (ref, origin, id, nr)
			ORDER BY nr
			ON CONFLICT DO NOTHING
			RETURNING id)
		SELECT count(*), CASE WHEN count(*) < $5 THEN array_agg(id) END FROM written`
	batch.Queue(query, refs, origins, sorted, what, n).QueryRow(func(row pgx.Row) error {
		var count int
		var written []int64
		if err := row.Scan(&count, &written); err != nil {
			return err
		}
		if count == n {
			copy(into, ids)
			return nil
		}
		place := make(map[int64]int, n)
		for i, id := range ids {
			place[id] = i
		}
		for _, id := range written {
			into[place[id]] = id
		}
		return nil
	})
}

// findTransactions finds the transactions that new sales name, in the batch or
// in the ledger.
func (ap *appender) findTransactions(ctx context.Context) error {
	ap.named = map[name]int64{}
	for i := range ap.batch.Sales {
		if s := &ap.batch.Sales[i]; ap.sales[i] != 0 && s.Transaction != "" {
			ap.named[name{s.Transaction, s.Origin}] = 0
		}
	}
	if len(ap.named) == 0 {
		return nil
	}
	for i := range ap.batch.Transactions {
		key := name{ap.batch.Transactions[i].Ref, ap.batch.Transactions[i].Origin}
		if _, ok := ap.named[key]; ok {
			ap.named[key] = ap.transactions[i]
		}
	}
	var refs, origins []string
	for key, id := range ap.named {
		if id == 0 {
			refs, origins = append(refs, key.ref), append(origins, key.origin)
		}
	}
	if len(refs) > 0 {
		const query = `
			SELECT ref, origin, id FROM refs JOIN unnest($1::text[], $2::text[]) AS named (ref, origin)
			USING (ref, origin) WHERE what = 't'`
		rows, _ := ap.tx.Query(ctx, query, refs, origins)
		var key name
		var id int64
		_, err := pgx.ForEachRow(rows, []any{&key.ref, &key.origin, &id}, func() error {
			ap.named[key] = id
			return nil
		})
		if err != nil {
			return fmt.Errorf("look up transactions of sales: %w", err)
		}
	}
	for i := range ap.batch.Sales {
		s := &ap.batch.Sales[i]
		if ap.sales[i] != 0 && s.Transaction != "" && ap.named[name{s.Transaction, s.Origin}] == 0 {
			ap.problems.addField("sale", s.Line, s.Ref, "transaction", "transaction %s is unknown", quote(s.Transaction))
		}
	}
	return ap.problems.err()
}
