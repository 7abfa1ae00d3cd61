package alerts

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

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

// A record is what was written lately, of the accounts and shops of all rules.
type record struct {
	moves map[string][]ledger.WatchedMove // by the ref in the rule
	sales map[string][]ledger.WatchedSale
}

// readRecord reads what was written since the settled ids.
func (v *evaluation) readRecord(ctx context.Context) (record, error) {
	var accounts []ledger.Watched
	var shops []string
	for _, r := range v.Config.Rules {
		switch r.Kind {
		case AccountReceived, AccountPaid:
			limit, err := r.Limit(v.settings)
			if err != nil {
				continue // evaluateRecord says so
			}
			i := slices.IndexFunc(accounts, func(w ledger.Watched) bool { return w.Account == r.Of })
			if i < 0 {
				i, accounts = len(accounts), append(accounts, ledger.Watched{Account: r.Of, Least: math.MaxInt64})
			}
			accounts[i].Least = min(accounts[i].Least, int64(limit))
		case ShopSold:
			if !slices.Contains(shops, r.Of) {
				shops = append(shops, r.Of)
			}
		}
	}
	read := record{map[string][]ledger.WatchedMove{}, map[string][]ledger.WatchedSale{}}
	since := ledger.Since{ID: v.marks.transactionsSettled, Oldest: v.now.Add(-oldest)}
	if len(accounts) > 0 {
		moves, err := ledger.MovesSince(ctx, v.tx, since, accounts)
		if err != nil {
			return read, err
		}
		for _, m := range moves {
			of := accounts[m.Watched].Account
			read.moves[of] = append(read.moves[of], m)
		}
	}
	since.ID = v.marks.salesSettled
	if len(shops) > 0 {
		sales, err := ledger.SalesSince(ctx, v.tx, since, shops)
		if err != nil {
			return read, err
		}
		for _, s := range sales {
			read.sales[shops[s.Shop]] = append(read.sales[shops[s.Shop]], s)
		}
	}
	return read, nil
}

// evaluateRecord evaluates a rule about what was written. All that is new of it is one
// alert. What was there before the rule is none.
func (v *evaluation) evaluateRecord(ctx context.Context, r Rule, sinceID int64, read record) (problem string, err error) {
	limit, err := r.Limit(v.settings)
	if err != nil {
		return err.Error(), nil
	}
	if problem, err := r.unknown(ctx, v.Known); err != nil || problem != "" {
		return problem, err
	}
	covered, err := v.covered(ctx, r)
	if err != nil {
		return "", err
	}
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
		moves := slices.DeleteFunc(slices.Clone(read.moves[r.Of]), func(m ledger.WatchedMove) bool {
			amount := m.Amount
			if r.Kind == AccountPaid {
				amount = ledger.Sum{}.Minus(amount)
			}
			return m.Transaction <= sinceID || covered[m.Transaction] || amount.Compare(ledger.SumOf(int64(limit))) <= 0
		})
		for _, m := range moves {
			ids = append(ids, m.Transaction)
			name(m.Account)
			for _, p := range m.Others {
				name(p)
			}
		}
		if len(moves) > 0 {
			told = views.TellMoves(moves, int64(limit), r.Kind == AccountReceived, v.settings)
		}
	}
	if len(ids) == 0 {
		return "", nil
	}
	return "", v.tell(ctx, r, r.Of, told, names, ids)
}

// covered returns the ids that the latest alerts of a rule are about. Between two marks
// there are fewer alerts than that.
func (v *evaluation) covered(ctx context.Context, r Rule) (map[int64]bool, error) {
	const latest = int(4 * settles / window)
	rows, _ := v.tx.Query(ctx, `SELECT unnest(covers) FROM (SELECT covers FROM alerts WHERE owner = $1 AND rule = $2 ORDER BY at DESC LIMIT $3) AS latest`, operators, r.Name, latest)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("what alerts are about: %w", err)
	}
	all := make(map[int64]bool, len(ids))
	for _, id := range ids {
		all[id] = true
	}
	return all, nil
}
