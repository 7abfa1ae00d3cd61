package aggregates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// judgedAtOnce is how many sales are judged in one database transaction.
const judgedAtOnce = 50_000

// offsettingVersion is that of the rule. With another one, all days are judged anew.
const offsettingVersion = "1"

// UpdateOffsetting judges the sales that were written since the last time, with all
// days whose marks they may change, and returns how many sales these were. Nothing
// waits for it, but that appends wait for a moment while it looks how far the record
// is complete. It may be called at any time and by several processes at once: one of
// them works, and the others return. It goes on where it was interrupted. With
// nothing to do it is one cheap query.
func UpdateOffsetting(ctx context.Context, db *pgxpool.Pool) (judged int, err error) {
	newest, due, err := offsettingDue(ctx, db)
	if err != nil || !due {
		return 0, wrapOffsetting(err)
	}
	for {
		n, more := 0, false
		err := offsettingTx(ctx, db, func(tx pgx.Tx) (err error) {
			n, more, err = judgeSome(ctx, tx, newest)
			return err
		})
		if judged += n; err != nil || !more {
			return judged, wrapOffsetting(err)
		}
	}
}

// CatchUpOffsetting is UpdateOffsetting that returns when all sales which are written by
// now have been judged, by this process or by another one.
func CatchUpOffsetting(ctx context.Context, db *pgxpool.Pool) error {
	var newest int64
	if err := db.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM sales`).Scan(&newest); err != nil {
		return wrapOffsetting(err)
	}
	for {
		if _, err := UpdateOffsetting(ctx, db); err != nil {
			return err
		}
		var done bool
		const query = `SELECT sale >= $1 AND basis = ` + offsettingBasis + ` FROM offsetting_state`
		if err := db.QueryRow(ctx, query, newest).Scan(&done); err != nil || done {
			return wrapOffsetting(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func wrapOffsetting(err error) error {
	if err != nil {
		return fmt.Errorf("judge offsetting trade: %w", err)
	}
	return nil
}

// offsettingBasis is SQL for what marks depend on beside the sales: the version of
// the rule, the time zone, and which accounts are merged. Holders never change.
const offsettingBasis = `(SELECT '` + offsettingVersion + ` ' || coalesce((SELECT timezone FROM settings), 'UTC') || ' ' ||
	md5(coalesce((SELECT string_agg(account || '>' || target, ' ' ORDER BY account) FROM merges), '')))`

// offsettingDue returns the newest sale before which none is still being written, and
// reports whether there is anything to judge.
func offsettingDue(ctx context.Context, db *pgxpool.Pool) (newest int64, due bool, err error) {
	const query = `SELECT sale < coalesce((SELECT max(id) FROM sales), 0) OR basis <> ` + offsettingBasis + ` FROM offsetting_state`
	if err := db.QueryRow(ctx, query).Scan(&due); err != nil || !due {
		return 0, false, err
	}
	// A sale with a lower id may be in an append that is not committed.
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if err := ledger.LockAppends(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM sales`).Scan(&newest)
	})
	return newest, true, err
}

// offsettingTx runs f in a read committed transaction with a long timeout.
func offsettingTx(ctx context.Context, db *pgxpool.Pool, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '5min'; SET LOCAL idle_in_transaction_session_timeout = '5min'`); err != nil {
			return err
		}
		return f(tx)
	})
}

// judgeSome judges the next sales up to newest. It reports whether more are left, and
// does nothing while another process is at it.
func judgeSome(ctx context.Context, tx pgx.Tx, newest int64) (judged int, more bool, err error) {
	var done, upTo int64
	var basis, was string
	err = tx.QueryRow(ctx, `SELECT sale, basis, `+offsettingBasis+` FROM offsetting_state FOR UPDATE SKIP LOCKED`).Scan(&done, &was, &basis)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	if was != basis {
		done = 0
		for _, table := range offsettingTables {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE day >= `+judgedFrom); err != nil {
				return 0, false, err
			}
		}
	}
	const next = `
		SELECT count(*), coalesce(max(id), $2) FROM (SELECT id FROM sales WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) AS next`
	if err := tx.QueryRow(ctx, next, done, newest, judgedAtOnce).Scan(&judged, &upTo); err != nil {
		return 0, false, fmt.Errorf("next sales: %w", err)
	}
	zone, err := zoneOf(ctx, tx)
	if err != nil {
		return 0, false, err
	}
	due, err := daysTouched(ctx, tx, zone, `id > @done AND id <= @upto`, pgx.NamedArgs{"done": done, "upto": upTo})
	if err != nil {
		return 0, false, err
	}
	if err := judgeDays(ctx, tx, zone, due); err != nil {
		return 0, false, err
	}
	_, err = tx.Exec(ctx, `UPDATE offsetting_state SET sale = $1, basis = $2`, upTo, basis)
	return judged, upTo < newest, err
}

// judgedFrom is SQL for the first day whose marks may change. Those of archived days
// stay as they are, and those of days whose windows have an archived day in them.
const judgedFrom = `(SELECT begins_day + 6 FROM archive)`

// offsettingTables are the tables that follow from the sales.
var offsettingTables = []string{"offsetting_pairs", "offsetting_days", "offsetting_hours", "offsetting_prices", "offsetting_traders"}

func zoneOf(ctx context.Context, tx pgx.Tx) (*time.Location, error) {
	var name string
	if err := tx.QueryRow(ctx, `SELECT coalesce((SELECT timezone FROM settings), 'UTC')`).Scan(&name); err != nil {
		return nil, fmt.Errorf("read the ledger's time zone: %w", err)
	}
	return ledger.LoadZone(name)
}

// itemRange is days of an item, by their numbers.
type itemRange struct {
	item        int64
	first, last int
}

// saleDay is SQL for the day of a sale, with the arguments of [ledger.LocalTimeArgs].
var saleDay = ledger.LocalTime(`date_trunc('hour', at, 'UTC')`) + `::date`

// daysTouched returns the days whose marks depend on sales that satisfy a condition:
// those in one window with a day on which there is such a sale.
func daysTouched(ctx context.Context, tx pgx.Tx, zone *time.Location, condition string, args pgx.NamedArgs) (ranges []itemRange, err error) {
	var from *int
	const fixed = `SELECT nullif(begins_day, '-infinity') + 6 - date '1970-01-01' FROM archive`
	if err := tx.QueryRow(ctx, fixed).Scan(&from); err != nil {
		return nil, fmt.Errorf("days whose marks may change: %w", err)
	}
	query := `SELECT DISTINCT item, ` + saleDay + ` AS day FROM sales WHERE quantity > 0 AND total > 0 AND ` + condition + ` ORDER BY item, day`
	maps.Copy(args, ledger.LocalTimeArgs(zone, time.Time{}, time.Now().AddDate(1, 0, 0)))
	rows, _ := tx.Query(ctx, query, args)
	var item int64
	var date time.Time
	_, err = pgx.ForEachRow(rows, []any{&item, &date}, func() error {
		first, last := ledger.DayNumber(date)-offsettingDays+1, ledger.DayNumber(date)+offsettingDays-1
		if from != nil {
			first = max(first, *from)
		}
		if first > last {
			return nil
		}
		if n := len(ranges) - 1; n >= 0 && ranges[n].item == item && ranges[n].last >= first-1 {
			ranges[n].last = last
		} else {
			ranges = append(ranges, itemRange{item, first, last})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("days of sales: %w", err)
	}
	return ranges, nil
}

// judgeDays marks what offsets each other on the days of ranges, instead of what is
// marked there.
func judgeDays(ctx context.Context, tx pgx.Tx, zone *time.Location, ranges []itemRange) error {
	if len(ranges) == 0 {
		return nil
	}
	cleared, err := readCleared(ctx, tx)
	if err != nil {
		return err
	}
	var items []int64
	var firsts, lasts, from, to []time.Time
	for _, r := range ranges {
		items, firsts, lasts = append(items, r.item), append(firsts, dateNumber(r.first)), append(lasts, dateNumber(r.last))
		// Windows that end up to six days later decide, and the ones with them begin
		// up to six days earlier.
		from = append(from, ledger.DayStart(r.first-offsettingDays+1, zone))
		to = append(to, ledger.DayStart(r.last+offsettingDays, zone))
	}
	for _, table := range offsettingTables {
		query := `DELETE FROM ` + table + ` AS t USING unnest($1::bigint[], $2::date[], $3::date[]) AS due (item, first, last)
			WHERE t.item = due.item AND t.day BETWEEN due.first AND due.last`
		if _, err := tx.Exec(ctx, query, items, firsts, lasts); err != nil {
			return fmt.Errorf("delete marks: %w", err)
		}
	}
	marked, err := findOffsetting(ctx, tx, zone, ranges, from, to, cleared)
	if err != nil {
		return err
	}
	return writeMarks(ctx, tx, zone, marked)
}

// dateNumber returns the date of a day's number, as the database has it.
func dateNumber(day int) time.Time { return ledger.DayStart(day, time.UTC) }

// readCleared returns the routes by item whose trade is not to be marked, with the
// accounts as which theirs are shown.
func readCleared(ctx context.Context, tx pgx.Tx) (map[int64]map[route]bool, error) {
	const query = `
		SELECT item, coalesce(l.target, low), coalesce(h.target, high) FROM offsetting_cleared
		LEFT JOIN merges l ON l.account = low LEFT JOIN merges h ON h.account = high`
	cleared := map[int64]map[route]bool{}
	rows, _ := tx.Query(ctx, query)
	var item int64
	var of route
	_, err := pgx.ForEachRow(rows, []any{&item, &of.from, &of.to}, func() error {
		if cleared[item] == nil {
			cleared[item] = map[route]bool{}
		}
		cleared[item][of.between()] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cleared pairs: %w", err)
	}
	return cleared, nil
}

// markedDeals are the marked deals of an item.
type markedDeals struct {
	item  int64
	deals []*deal
}

// findOffsetting returns the deals that the rule marks in ranges, of the sales between
// from and to of each.
func findOffsetting(ctx context.Context, tx pgx.Tx, zone *time.Location, ranges []itemRange, from, to []time.Time, cleared map[int64]map[route]bool) ([]markedDeals, error) {
	query := `
		SELECT nr, day, seller, buyer, coalesce(s.target, seller), coalesce(b.target, buyer),
			coalesce(sh.holder = bh.holder, false), sold.sales, quantity, volume
		FROM (
			SELECT nr, ` + saleDay + ` AS day, coalesce(seller, 0) AS seller, coalesce(buyer, 0) AS buyer, count(*) AS sales, sum(quantity) AS quantity, sum(total) AS volume
			FROM unnest(@items::bigint[], @from::timestamptz[], @to::timestamptz[]) WITH ORDINALITY AS due (item, first, until, nr)
			CROSS JOIN LATERAL (
				SELECT at, seller, buyer, quantity, total FROM sales
				WHERE sales.item = due.item AND at >= first AND at < until AND quantity > 0 AND total > 0
					AND (seller IS NOT NULL OR buyer IS NOT NULL)) AS lines
			GROUP BY nr, day, seller, buyer) AS sold
		LEFT JOIN merges s ON s.account = seller LEFT JOIN merges b ON b.account = buyer
		LEFT JOIN accounts sh ON sh.id = coalesce(s.target, seller) LEFT JOIN accounts bh ON bh.id = coalesce(b.target, buyer)
		ORDER BY nr, day, seller, buyer`
	args := ledger.LocalTimeArgs(zone, slices.MinFunc(from, time.Time.Compare), slices.MaxFunc(to, time.Time.Compare))
	items := make([]int64, len(ranges))
	for i, r := range ranges {
		items[i] = r.item
	}
	args["items"], args["from"], args["to"] = items, from, to
	var marked []markedDeals
	var deals []*deal // of the range so far
	var nr, last int64
	judge := func() {
		if len(deals) == 0 {
			return
		}
		r := ranges[last-1]
		markOffsetting(deals, cleared[r.item])
		found := slices.DeleteFunc(deals, func(d *deal) bool { return d.rule == "" || d.day < r.first || d.day > r.last })
		if len(found) > 0 {
			marked = append(marked, markedDeals{r.item, found})
		}
		deals = nil
	}
	rows, _ := tx.Query(ctx, query, args)
	var d deal
	var date time.Time
	_, err := pgx.ForEachRow(rows, []any{&nr, &date, &d.seller, &d.buyer, &d.from, &d.to, &d.own, &d.sales, &d.quantity, &d.volume}, func() error {
		if nr != last {
			judge()
			last = nr
		}
		of := d
		of.day = ledger.DayNumber(date)
		deals = append(deals, &of)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sales by day and accounts: %w", err)
	}
	judge()
	return marked, nil
}

// markedSales is SQL for the sales of days with marks, and whether each is marked.
const markedSales = `
	WITH sold AS (
		SELECT due.item, due.day, date_trunc('hour', at, 'UTC') AS hour, at, id, s.quantity, total, total::float8 / s.quantity AS price, rule IS NOT NULL AS marked
		FROM unnest(@items::bigint[], @days::date[], @starts::timestamptz[], @ends::timestamptz[]) AS due (item, day, first, until)
		CROSS JOIN LATERAL (
			SELECT * FROM sales WHERE sales.item = due.item AND at >= first AND at < until AND quantity > 0 AND total > 0) AS s
		LEFT JOIN offsetting_pairs p ON p.item = due.item AND p.day = due.day AND p.seller = s.seller AND p.buyer = s.buyer)`

// offsettingSums are the statements that make the sums of marked sales, of days with
// marks that have none.
var offsettingSums = []struct{ table, query string }{
	{"offsetting_days", markedSales + `
	SELECT item, day, count(*) FILTER (WHERE marked), sum(quantity) FILTER (WHERE marked), sum(total) FILTER (WHERE marked), count(*),
		max(price) FILTER (WHERE NOT marked), min(price) FILTER (WHERE NOT marked)
	FROM sold GROUP BY item, day`},
	{"offsetting_hours", markedSales + `
	SELECT item, hour, day, count(*) FILTER (WHERE marked), sum(quantity) FILTER (WHERE marked), sum(total) FILTER (WHERE marked), count(*),
		(array_agg(price ORDER BY at, id) FILTER (WHERE NOT marked))[1],
		max(price) FILTER (WHERE NOT marked), min(price) FILTER (WHERE NOT marked),
		(array_agg(price ORDER BY at DESC, id DESC) FILTER (WHERE NOT marked))[1],
		(array_agg(at ORDER BY at DESC, id DESC) FILTER (WHERE NOT marked))[1]
	FROM sold GROUP BY item, hour, day HAVING bool_or(marked)`},
	{"offsetting_prices", markedSales + `
	SELECT item, day, total / gcd(total, quantity) AS price, quantity / gcd(total, quantity) AS pieces, count(*), sum(quantity), sum(total)
	FROM sold WHERE marked GROUP BY 1, 2, 3, 4`},
	{"offsetting_traders", `
	SELECT p.item, p.day, account, side, sum(sales), sum(quantity), sum(volume)
	FROM unnest(@items::bigint[], @days::date[], @starts::timestamptz[], @ends::timestamptz[]) AS due (item, day, first, until)
	JOIN offsetting_pairs p USING (item, day) CROSS JOIN LATERAL (VALUES (seller, 'seller'), (buyer, 'buyer')) AS trader (account, side)
	GROUP BY p.item, p.day, account, side`},
}

// writeMarks writes marked deals and their sums.
func writeMarks(ctx context.Context, tx pgx.Tx, zone *time.Location, marked []markedDeals) error {
	var rows [][]any
	days := map[itemRange]bool{} // of one day each
	for _, m := range marked {
		for _, d := range m.deals {
			rows = append(rows, []any{m.item, dateNumber(d.day), d.seller, d.buyer, string(d.rule), d.sales, d.quantity, d.volume})
			days[itemRange{m.item, d.day, d.day}] = true
		}
	}
	if len(rows) == 0 {
		return nil
	}
	columns := []string{"item", "day", "seller", "buyer", "rule", "sales", "quantity", "volume"}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"offsetting_pairs"}, columns, pgx.CopyFromRows(rows)); err != nil {
		return fmt.Errorf("write marks: %w", err)
	}
	var items []int64
	var dates, starts, ends []time.Time
	for _, d := range slices.SortedFunc(maps.Keys(days), func(a, b itemRange) int {
		return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.first, b.first))
	}) {
		items, dates = append(items, d.item), append(dates, dateNumber(d.first))
		starts, ends = append(starts, ledger.DayStart(d.first, zone)), append(ends, ledger.DayStart(d.first+1, zone))
	}
	args := pgx.NamedArgs{"items": items, "days": dates, "starts": starts, "ends": ends}
	for _, sums := range offsettingSums {
		if _, err := tx.Exec(ctx, `INSERT INTO `+sums.table+` SELECT * FROM (`+sums.query+`) AS sums WHERE `+ledger.Apart, args); err != nil {
			return fmt.Errorf("sums of marked sales: %w", err)
		}
	}
	return nil
}
