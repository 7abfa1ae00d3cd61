package alerts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// An id is given before its transaction is committed, so that a lower one may be
// committed after a higher one. What was written in the last minutes is read again, and
// what alerts cover already is left out.
const settles = 2 * time.Minute

// oldest is how old a transaction may be to be news: an import of the past is none.
const oldest = 24 * time.Hour

// marks are how far windows and the record are done.
type marks struct {
	evaluated, swept, marked              time.Time
	transactionsSettled, transactionsHigh int64
	salesSettled, salesHigh               int64
	transactions, sales                   int64 // the highest ids now
}

// readMarks reads the marks. Without any, the record begins now.
func readMarks(ctx context.Context, tx pgx.Tx, now time.Time) (m marks, err error) {
	const query = `
		SELECT coalesce(evaluated, 'epoch'), coalesce(swept, $1), coalesce(marked, 'epoch'), coalesce(transactions_settled, transactions), coalesce(transactions_high, transactions),
			coalesce(sales_settled, sales), coalesce(sales_high, sales), transactions, sales
		FROM (SELECT coalesce((SELECT max(id) FROM transactions), 0) AS transactions, coalesce((SELECT max(id) FROM sales), 0) AS sales) AS latest
		LEFT JOIN alert_evaluation ON id = 1`
	err = tx.QueryRow(ctx, query, now).Scan(&m.evaluated, &m.swept, &m.marked, &m.transactionsSettled, &m.transactionsHigh, &m.salesSettled, &m.salesHigh, &m.transactions, &m.sales)
	if err != nil {
		return m, fmt.Errorf("how far alerts are: %w", err)
	}
	if now.Sub(m.marked) >= settles {
		m.marked = now
		m.transactionsSettled, m.transactionsHigh = m.transactionsHigh, m.transactions
		m.salesSettled, m.salesHigh = m.salesHigh, m.sales
	}
	return m, nil
}

func (m marks) write(ctx context.Context, tx pgx.Tx, at, now time.Time) error {
	const write = `
		INSERT INTO alert_evaluation (id, evaluated, swept, marked, transactions_settled, transactions_high, sales_settled, sales_high)
		VALUES (1, $1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET evaluated = excluded.evaluated, marked = excluded.marked, transactions_settled = excluded.transactions_settled,
			transactions_high = excluded.transactions_high, sales_settled = excluded.sales_settled, sales_high = excluded.sales_high`
	_, err := tx.Exec(ctx, write, at, now, m.marked, m.transactionsSettled, m.transactionsHigh, m.salesSettled, m.salesHigh)
	if err != nil {
		return fmt.Errorf("how far alerts are: %w", err)
	}
	return nil
}

// watchedBy returns what a rule about an account watches. Rules that want less than others
// would take the places of what these want, so each amount is read by itself.
func watchedBy(r Rule, s ledger.Settings) ledger.Watched {
	above, _ := views.ParseMoney(r.Value, s) // Limit says whether it is an amount, and has rounded a large one
	return ledger.Watched{Account: r.Of, Paid: r.Kind == AccountPaid, Above: above}
}

// A record is what was written lately, of the accounts and shops of all rules.
type record struct {
	moves map[ledger.Watched][]ledger.WatchedMove
	sales map[string][]ledger.WatchedSale // by the ref in the rule
}

// of reports whether anything happened of what a rule is about.
func (h record) of(r Rule, s ledger.Settings) bool {
	if r.Kind == ShopSold {
		return len(h.sales[r.Of]) > 0
	}
	return len(h.moves[watchedBy(r, s)]) > 0
}

// readRecord reads what was written since the settled ids, and what shops have in stock.
func (v *evaluation) readRecord(ctx context.Context, rules []Rule) (record, error) {
	watched, sold, stocked := map[ledger.Watched]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range rules {
		if _, err := r.Limit(v.settings); err != nil || v.barred(r) != "" {
			continue // evaluate says so
		}
		switch r.Kind {
		case AccountReceived, AccountPaid:
			watched[watchedBy(r, v.settings)] = true
		case ShopSold:
			sold[r.Of] = true
		case ShopEmpty:
			stocked[r.Of] = true
		}
	}
	read := record{map[ledger.Watched][]ledger.WatchedMove{}, map[string][]ledger.WatchedSale{}}
	since := ledger.Since{ID: v.marks.transactionsSettled, Oldest: v.now.Add(-oldest)}
	if len(watched) > 0 {
		all := slices.Collect(maps.Keys(watched))
		moves, err := ledger.MovesSince(ctx, v.tx, since, all)
		if err != nil {
			return read, err
		}
		for _, m := range moves {
			read.moves[all[m.Watched]] = append(read.moves[all[m.Watched]], m)
		}
	}
	since.ID = v.marks.salesSettled
	if len(sold) > 0 {
		shops := slices.Collect(maps.Keys(sold))
		sales, err := ledger.SalesSince(ctx, v.tx, since, shops)
		if err != nil {
			return read, err
		}
		for _, s := range sales {
			read.sales[shops[s.Shop]] = append(read.sales[shops[s.Shop]], s)
		}
	}
	if len(stocked) > 0 {
		stocks, err := aggregates.ReadShopStocks(ctx, v.tx, slices.Collect(maps.Keys(stocked)))
		if err != nil {
			return read, err
		}
		v.values.shops, v.values.readAt = stocks, v.now
	}
	return read, nil
}

// evaluateRecord evaluates a rule about what was written. All that is new of it is one
// alert. What was there before the rule is none.
func (v *evaluation) evaluateRecord(ctx context.Context, r Rule, row *ruleRow, read record) (problem string, err error) {
	if _, err := r.Limit(v.settings); err != nil {
		return err.Error(), nil
	}
	if r.Owner == operators { // of people, barred has looked
		if problem, err := r.unknown(ctx, v.Known); err != nil || problem != "" {
			return problem, err
		}
	}
	covered, sinceID := v.covered[r.key()], row.sinceID
	var told views.Told
	var ids []int64
	names := []string{}
	name := func(p ledger.Party) {
		if p.Ref != "" && !slices.Contains(names, p.Ref) {
			names = append(names, p.Ref)
		}
	}
	if r.Kind == ShopSold {
		sales := slices.DeleteFunc(slices.Clone(read.sales[r.Of]), func(s ledger.WatchedSale) bool { return s.ID <= sinceID || covered[s.ID] })
		for _, s := range sales {
			ids = append(ids, s.ID)
			name(s.Owner)
		}
		if len(sales) > 0 {
			told = views.TellSales(r.Of, sales, v.settings)
		}
	} else {
		watched := watchedBy(r, v.settings)
		moves := slices.DeleteFunc(slices.Clone(read.moves[watched]), func(m ledger.WatchedMove) bool {
			return m.Transaction <= sinceID || covered[m.Transaction]
		})
		for _, m := range moves {
			ids = append(ids, m.Transaction)
			name(m.Account)
			for _, p := range m.Others {
				name(p)
			}
		}
		if len(moves) > 0 {
			told = views.TellMoves(moves, watched.Above, r.Kind == AccountReceived, v.settings)
		}
	}
	if len(ids) == 0 {
		return "", nil
	}
	return "", v.tell(ctx, r, row, r.Of, told, names, ids)
}

// readCovered returns the ids that the latest alerts of the rules are about of which
// something happened. Between two marks there are fewer alerts of a rule than that.
func (v *evaluation) readCovered(ctx context.Context, rules []Rule, happened record) (map[key]map[int64]bool, error) {
	const latest = int(4 * settles / window)
	var owners, names []string
	for _, r := range rules {
		if _, err := r.Limit(v.settings); err == nil && happened.of(r, v.settings) {
			owners, names = append(owners, r.Owner), append(names, r.Name)
		}
	}
	all := map[key]map[int64]bool{}
	if len(names) == 0 {
		return all, nil
	}
	const query = `
		SELECT owner, rule, unnest(covers) FROM unnest($1::text[], $2::text[]) AS r (owner, rule)
		CROSS JOIN LATERAL (SELECT covers FROM alerts a WHERE a.owner = r.owner AND a.rule = r.rule ORDER BY at DESC LIMIT $3) AS latest`
	rows, _ := v.tx.Query(ctx, query, owners, names, latest)
	var k key
	var id int64
	_, err := pgx.ForEachRow(rows, []any{&k.owner, &k.name, &id}, func() error {
		if all[k] == nil {
			all[k] = map[int64]bool{}
		}
		all[k][id] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("what alerts are about: %w", err)
	}
	return all, nil
}
