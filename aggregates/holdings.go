package aggregates

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// Holdings is the accounts of a population with what each holds and how that
// changed, those merged into another one as a part of it. Issuers and archived
// accounts are left out. Those of hidden holders are in their places without names.
//
// It is one value and not a query a page, as [Items] is.
type Holdings struct {
	Basis
	Population Population    `json:"population" enum:"personal,private,all" doc:"Whose accounts these are."`
	Count      int64         `json:"count" doc:"All accounts of the population."`
	Debtors    int64         `json:"debtors" doc:"Those with a balance below zero."`
	Active     int64         `json:"active" doc:"Those with a posting in the last 7 days."`
	Total      ledger.Sum    `json:"total" doc:"The sum of their balances."`
	Supply     ledger.Sum    `json:"supply" doc:"The sum of the balances of all accounts that are not issuers, archived ones included."`
	Accounts   []HeldAccount `json:"accounts" nullable:"false" doc:"Largest balance first, then by name; at most 20,000, fewer if their names are long, of a day that is over 2,000."`
}

// HeldAccount is an account of the list.
type HeldAccount struct {
	ID         string      `json:"id" doc:"Empty if the holder is hidden."`
	Name       string      `json:"name"`
	Holder     string      `json:"holder" doc:"Empty if the holder is hidden."`
	Kind       ledger.Kind `json:"kind" enum:"personal,business,government,system"`
	Rank       int64       `json:"rank" doc:"One more than how many have more in the population; 0: beyond the list."`
	Place      int64       `json:"place" doc:"The place in the list by balance, from 1; of equal balances the names decide. 0: beyond the list."`
	Balance    int64       `json:"balance"`
	Share      float64     `json:"share" doc:"Of the supply; 0, and without meaning, where that is not positive."`
	Day        int64       `json:"day" doc:"Change on the last day, which may be partial."`
	Week       int64       `json:"week" doc:"Change over the last 7 days, the last of them partial."`
	Month      int64       `json:"month" doc:"Change over the last 30 days, the last of them partial."`
	LastActive *time.Time  `json:"lastActive" doc:"Null: never used. Of a day that is over: the beginning of the day of its latest posting by then."`
}

// ComputeHoldings reads the accounts of a population. The changes are read at once,
// by the days of all accounts.
func ComputeHoldings(ctx context.Context, db *pgxpool.Pool, w cache.Window, p Population) (*Holdings, error) {
	return ComputePastHoldings(ctx, db, w, AsOf[Population]{Of: p})
}

// mostListedThen is how many accounts of a day that is over are listed. There are as
// many such lists as days, and each is kept in memory.
const mostListedThen = 2000

// ComputePastHoldings reads the accounts of a population that had a posting by the end
// of a day, at most 2,000 of them.
func ComputePastHoldings(ctx context.Context, db *pgxpool.Pool, w cache.Window, q AsOf[Population]) (*Holdings, error) {
	v := &Holdings{Population: q.Of, Accounts: []HeldAccount{}}
	err := v.readAsOf(ctx, db, w, 30, q.At, func(ctx context.Context, tx pgx.Tx, s span) error {
		if s.Past {
			return v.fill(ctx, tx, s, mostListedThen)
		}
		return v.fill(ctx, tx, s, mostListed)
	})
	if errors.Is(err, errTooManyBalances) {
		v.Why = whyTooMany
		return v, nil
	}
	if err != nil {
		return nil, fmt.Errorf("accounts of a population: %w", err)
	}
	return v, nil
}

// supplyNow is the sum of the balances of all accounts that are not issuers.
const supplyNow = `SELECT coalesce(sum(balance), 0) FROM balances JOIN accounts ON id = account WHERE NOT issuer`

// fill lists so many accounts at most.
func (v *Holdings) fill(ctx context.Context, tx pgx.Tx, s span, most int) (err error) {
	args, balances, among := heldArgs(s), "", ""
	args["limit"] = most
	large, err := readLargeList(ctx, tx, s, most)
	switch {
	case err != nil:
		return err
	case s.Past:
		balances, v.Supply, err = closingTable(ctx, tx, s, args)
	case large != nil:
		args["among"], args["above"] = large.accounts, large.above
		among = ` AND a.id = ANY(@among) AND coalesce(b.balance, 0) + coalesce(m.balance, 0) > @above`
		v.Supply, _, err = readHeld(ctx, tx, s)
	default:
		err = tx.QueryRow(ctx, supplyNow).Scan(&v.Supply)
	}
	if err != nil {
		return fmt.Errorf("supply: %w", err)
	}
	query := `
		WITH ` + balances + `merged AS (
			SELECT target, sum(balance)::bigint AS balance, max(last_at) AS last_at
			FROM merges JOIN balances USING (account) GROUP BY target
		), held AS (
			SELECT id, a.kind, coalesce(b.balance, 0) + coalesce(m.balance, 0) AS balance, greatest(b.last_at, m.last_at) AS last_at,
				CASE WHEN hidden THEN '' ELSE a.ref END AS ref,
				CASE WHEN hidden THEN '` + ledger.HiddenName + `' ELSE a.name END AS name,
				CASE WHEN hidden THEN '' ELSE holder END AS holder
			FROM accounts a LEFT JOIN balances b ON b.account = id LEFT JOIN merged m ON target = id LEFT JOIN holders h ON h.ref = a.holder
			WHERE a.kind = ANY(@kinds) AND NOT a.issuer AND (archived IS NULL OR archived > @end) AND ` + notMerged + usedThen + among + `
		), listed AS (
			SELECT *, count(*) OVER () AS accounts, count(*) FILTER (WHERE balance < 0) OVER () AS debtors,
				count(*) FILTER (WHERE last_at >= @since) OVER () AS active, sum(balance) OVER () AS total
			FROM held ORDER BY balance DESC, name, ref, id LIMIT @limit
		)
		SELECT id, ref, name, holder, kind, balance, last_at, accounts, debtors, active, total
		FROM listed ORDER BY balance DESC, name, ref, id`
	args["kinds"], args["end"], args["since"] = v.Population.kinds(), s.archivedBy(), plus(s.Today, -6)
	rows, _ := tx.Query(ctx, query, args)
	var id int64
	var ids []int64
	var a HeldAccount
	into := []any{&id, &a.ID, &a.Name, &a.Holder, &a.Kind, &a.Balance, &a.LastActive, &v.Count, &v.Debtors, &v.Active, &v.Total}
	_, err = pgx.ForEachRow(rows, into, func() error {
		a.Place++
		if last := len(v.Accounts) - 1; last < 0 || v.Accounts[last].Balance != a.Balance {
			a.Rank = a.Place
		}
		ids, v.Accounts = append(ids, id), append(v.Accounts, a.shown(v.Supply))
		return nil
	})
	if err != nil {
		return fmt.Errorf("balances: %w", err)
	}
	change := v.change
	if large != nil {
		if err := v.summarize(ctx, tx, s, large.sums); err != nil {
			return err
		}
		change = v.changeOfFew
	}
	if err := change(ctx, tx, s, ids); err != nil {
		return fmt.Errorf("changes of balances: %w", err)
	}
	v.Accounts = fitting(v.Accounts)
	return nil
}

// heldArgs are the days over which changes are summed, and whether they are over.
func heldArgs(s span) pgx.NamedArgs {
	return pgx.NamedArgs{"from": plus(s.Today, -29), "week": plus(s.Today, -6), "today": s.Today, "past": s.Past}
}

// usedThen leaves out the accounts b without a posting by the end of a day that is
// over, and with none of those merged into them, m.
const usedThen = ` AND (NOT @past OR b.balance IS NOT NULL OR m.balance IS NOT NULL)`

// fields are where a row is read into.
func (a *HeldAccount) fields() []any {
	return []any{&a.ID, &a.Name, &a.Holder, &a.Kind, &a.Balance, &a.Day, &a.Week, &a.Month, &a.LastActive}
}

// shown returns the account that was read, with its share of the supply.
func (a HeldAccount) shown(supply ledger.Sum) HeldAccount {
	a.Share = share(ledger.SumOf(a.Balance), supply)
	if a.LastActive != nil {
		at := a.LastActive.UTC()
		a.LastActive = &at
	}
	return a
}

// heldNamed is the accounts with the refs @refs, by indexes.
const heldNamed = `
	SELECT a.ref, a.name, a.holder, a.kind, coalesce(b.balance, 0) + coalesce(m.balance, 0),
		coalesce(day, 0)::bigint, coalesce(week, 0)::bigint, coalesce(month, 0)::bigint, greatest(b.last_at, m.last_at)
	FROM accounts a LEFT JOIN balances b ON b.account = a.id
	LEFT JOIN LATERAL (
		SELECT sum(balance)::bigint AS balance, max(last_at) AS last_at
		FROM merges JOIN balances USING (account) WHERE target = a.id) AS m ON true
	LEFT JOIN LATERAL (
		SELECT sum(received - sent) AS month, sum(received - sent) FILTER (WHERE d.day >= @week::date) AS week,
			sum(received - sent) FILTER (WHERE d.day = @today::date) AS day
		FROM account_days d WHERE account = ANY(a.id || ARRAY(SELECT account FROM merges WHERE target = a.id))
			AND d.day BETWEEN @from::date AND @today::date) AS changes ON true
	WHERE a.ref = ANY(@refs) AND a.kind = ANY(@kinds) AND NOT a.issuer AND (archived IS NULL OR archived > @end) AND ` + notMerged + usedThen + `
		AND NOT EXISTS (SELECT FROM holders WHERE hidden AND holders.ref = a.holder)
	ORDER BY a.ref`

// closingOfNamed puts the closing balances of the accounts with the refs @refs, and of
// those merged into them, in the place of the balances of now.
const closingOfNamed = `
	WITH balances AS (
		SELECT account, sum(received - sent)::bigint AS balance, max(day)::timestamp AT TIME ZONE 'UTC' AS last_at
		FROM account_days WHERE day <= @today::date AND account IN (
			SELECT id FROM accounts WHERE ref = ANY(@refs)
			UNION ALL SELECT account FROM merges JOIN accounts ON id = target WHERE ref = ANY(@refs))
		GROUP BY account)`

// HoldingsNamed returns those of the accounts with these refs that belong to a
// population and are not hidden, without their ranks. It is for accounts beyond the
// list, of now or of a day that is over.
func (e *Economy) HoldingsNamed(ctx context.Context, q AsOf[Population], refs []string) ([]HeldAccount, error) {
	v := &Holdings{Population: q.Of}
	err := v.readAsOf(ctx, e.reads.pool(ctx), cache.WindowAt(e.now(), window), 30, q.At, func(ctx context.Context, tx pgx.Tx, s span) error {
		return v.named(ctx, tx, s, refs)
	})
	if err != nil {
		return nil, fmt.Errorf("accounts by ref: %w", err)
	}
	return v.Accounts, nil
}

func (v *Holdings) named(ctx context.Context, tx pgx.Tx, s span, refs []string) error {
	args := heldArgs(s)
	args["kinds"], args["end"], args["refs"] = v.Population.kinds(), s.archivedBy(), refs
	query := heldNamed
	if s.Past {
		query = closingOfNamed + heldNamed
	}
	rows, _ := tx.Query(ctx, query, args)
	var a HeldAccount
	_, err := pgx.ForEachRow(rows, a.fields(), func() error {
		if s.Past && a.LastActive != nil { // a date
			start := s.day(a.LastActive.UTC())
			a.LastActive = &start
		}
		v.Accounts = append(v.Accounts, a.shown(ledger.Sum{}))
		return nil
	})
	return err
}

// Table has one row an account.
func (v *Holdings) Table() Table { return HeldTable(v.Accounts, v.Supply) }

// HeldTable has one row an account of a list.
func HeldTable(accounts []HeldAccount, supply ledger.Sum) Table {
	t := Table{Columns: []Column{
		{"rank", "Rank", Count}, {"name", "Account", Text}, {"id", "Id", Text}, {"holder", "Holder", Text}, {"kind", "Kind", Text},
		{"balance", "Balance", Money}, {"share", "Share of the supply", Percent}, {"day", "Change in 1 day", Money},
		{"week", "Change in 7 days", Money}, {"month", "Change in 30 days", Money}, {"last_active", "Last active", Instant},
	}}
	for _, a := range accounts {
		row := []any{nil, a.Name, a.ID, a.Holder, string(a.Kind), a.Balance, shareCell(ledger.SumOf(a.Balance), supply), a.Day, a.Week, a.Month, nil}
		if a.Rank > 0 {
			row[0] = a.Rank
		}
		if a.LastActive != nil {
			row[10] = *a.LastActive
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// SummaryTable has one row a measure.
func (v *Holdings) SummaryTable() Table {
	t := Table{Columns: []Column{{"measure", "Measure", Text}, {"number", "Number", Count}}}
	t.Rows = [][]any{{"Accounts", v.Count}, {"Used in the last 7 days", v.Active}, {"In debt", v.Debtors}, {"What they hold, minor units", v.Total}}
	return t
}
