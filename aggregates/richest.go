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

// Richest is the accounts with the largest balances, those merged into another one
// as a part of it. Accounts are not summed by holder; issuers and archived accounts
// are left out. Those of hidden holders are listed without their names.
type Richest struct {
	Basis
	Supply   ledger.Sum    `json:"supply"`   // of all accounts that are not issuers, archived ones included
	Accounts []RichAccount `json:"accounts"` // at most 20, largest first, ties by name
	Count    int64         `json:"count"`    // of all accounts that are not issuers and not archived
}

// A RichAccount is one row of the list.
type RichAccount struct {
	Ref        string      `json:"ref"`
	Name       string      `json:"name"`
	Holder     string      `json:"holder"`
	Kind       ledger.Kind `json:"kind"`
	Balance    int64       `json:"balance"`
	Share      float64     `json:"share"`               // of the supply; 0, and without meaning, where that is not positive
	Change     int64       `json:"change"`              // over the last 7 days, the last of them partial
	LastActive time.Time   `json:"lastActive,omitzero"` // zero: never used
}

// richest is how many accounts the panel lists.
const richest = 20

// accountsBySize is a query, after WITH, that lists accounts, largest first, with what
// changed since @from; of those in @among, if that is not null.
const accountsBySize = `merged AS (
		SELECT target, sum(balance)::bigint AS balance, max(last_at) AS last_at
		FROM merges JOIN balances USING (account) GROUP BY target
	), listed AS (
		SELECT id, a.kind, coalesce(b.balance, 0) + coalesce(m.balance, 0) AS balance, greatest(b.last_at, m.last_at) AS last_at,
			CASE WHEN hidden THEN '' ELSE a.ref END AS ref,
			CASE WHEN hidden THEN '` + ledger.HiddenName + `' ELSE a.name END AS name,
			CASE WHEN hidden THEN '' ELSE holder END AS holder
		FROM accounts a LEFT JOIN balances b ON b.account = id LEFT JOIN merged m ON target = id LEFT JOIN holders h ON h.ref = a.holder
		WHERE NOT a.issuer AND (archived IS NULL OR archived > @end) AND ` + notMerged + usedThen + `
			AND (@among::bigint[] IS NULL OR id = ANY(@among))
		ORDER BY 3 DESC, 6, 5, id
		LIMIT @limit::bigint
	)
	SELECT ref, name, holder, kind, balance, coalesce(change, 0)::bigint, last_at
	FROM listed `

// notMerged is the condition that the account a is not shown as a part of another
// one.
const notMerged = `NOT EXISTS (SELECT FROM merges WHERE account = a.id)`

// ComputeRichest reads the largest balances.
func ComputeRichest(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*Richest, error) {
	return ComputePastRichest(ctx, db, w, AsOf[NoParams]{})
}

// ComputePastRichest reads the largest balances at the end of a day, of accounts with a
// posting by then.
func ComputePastRichest(ctx context.Context, db *pgxpool.Pool, w cache.Window, q AsOf[NoParams]) (*Richest, error) {
	v := &Richest{}
	err := v.readAsOf(ctx, db, w, 7, q.At, v.fill)
	if errors.Is(err, errTooManyBalances) {
		v.Why = whyTooMany
		return v, nil
	}
	if err != nil {
		return nil, fmt.Errorf("richest accounts: %w", err)
	}
	return v, nil
}

func (v *Richest) fill(ctx context.Context, tx pgx.Tx, s span) error {
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return err
	}
	if v.Supply, _, err = readHeld(ctx, tx, s); err != nil {
		return err
	}
	if s.Past {
		sums = nil // which say nothing of single accounts
	}
	args := pgx.NamedArgs{"end": s.archivedBy(), "limit": richest, "from": s.Start, "to": s.Today, "past": s.Past, "among": nil}
	var all *balanceSheet
	if sums != nil {
		args["among"] = sums.richest
	} else if all, err = balancesOf(ctx, tx, s); err == nil {
		args["among"], err = candidates(ctx, tx, all, s.archivedBy())
	}
	if err != nil {
		return err
	}
	balances := ""
	if s.Past {
		balances = all.table(args)
	}
	// Of a day that is over, an account that was used by then, or one merged into it.
	count := `SELECT count(*) FROM accounts WHERE NOT issuer AND (archived IS NULL OR archived > @end) AND id NOT IN (SELECT account FROM merges)`
	if s.Past {
		count = "WITH " + balances + `used AS (SELECT DISTINCT coalesce(target, account) AS id FROM balances LEFT JOIN merges USING (account)) ` +
			count + ` AND id IN (SELECT id FROM used)`
	}
	if sums != nil { // those that are merged are few
		for _, t := range sums.totals {
			if !t.Issuer && !t.Archived {
				v.Count += t.Accounts
			}
		}
		count = `SELECT @count - count(*) FROM merges JOIN accounts ON id = account WHERE NOT issuer AND (archived IS NULL OR archived > @end)`
		args["count"] = v.Count
	}
	if err := tx.QueryRow(ctx, count, args).Scan(&v.Count); err != nil {
		return fmt.Errorf("number of accounts: %w", err)
	}
	// The changes are read account by account: there are twenty.
	const changes = `
		LEFT JOIN LATERAL (
			SELECT sum(received - sent) AS change FROM account_days
			WHERE account = ANY(listed.id || ARRAY(SELECT account FROM merges WHERE target = listed.id))
				AND day BETWEEN @from::date AND @to::date) AS week ON true
		ORDER BY balance DESC, name, ref, id`
	rows, _ := tx.Query(ctx, "WITH "+balances+accountsBySize+changes, args)
	accounts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (RichAccount, error) {
		return scanAccount(row, v.Supply)
	})
	v.Accounts = accounts
	return err
}

// candidates returns accounts of which the richest ones are, nil if they may be any. To
// sort all accounts takes the database longer than all else here.
//
// Whoever is listed and is no target of a merge has one of the largest balances of
// those that are neither a target nor merged into one; there are as many of these
// before them as are listed at most.
func candidates(ctx context.Context, tx pgx.Tx, all *balanceSheet, end time.Time) ([]int64, error) {
	among, merged, err := mergedAccounts(ctx, tx)
	if err != nil {
		return nil, err
	}
	var balances []int64
	for i := range all.accounts {
		if a := &all.accounts[i]; !a.issuer && a.archived > end.UnixMicro() {
			balances = append(balances, a.balance)
		}
	}
	most := richest + merged
	if len(balances) < most {
		return nil, nil
	}
	sortBalances(balances)
	least := balances[len(balances)-most]
	if least <= 0 { // as those have that were never used, and are not among the balances
		return nil, nil
	}
	for i := range all.accounts {
		if a := &all.accounts[i]; a.balance >= least && !a.issuer && a.archived > end.UnixMicro() {
			among = append(among, a.account)
		}
	}
	if len(among) > 10*most { // the same balance many times
		return nil, nil
	}
	return among, nil
}

// mergedAccounts returns the accounts that others are merged into, and how many are one or
// the other.
func mergedAccounts(ctx context.Context, tx pgx.Tx) (targets []int64, n int, err error) {
	const query = `SELECT coalesce(array_agg(DISTINCT target), '{}'), count(DISTINCT target) + count(*) FROM merges`
	if err := tx.QueryRow(ctx, query).Scan(&targets, &n); err != nil {
		return nil, 0, fmt.Errorf("merged accounts: %w", err)
	}
	return targets, n, nil
}

func scanAccount(row pgx.CollectableRow, supply ledger.Sum) (RichAccount, error) {
	var a RichAccount
	var last *time.Time
	err := row.Scan(&a.Ref, &a.Name, &a.Holder, &a.Kind, &a.Balance, &a.Change, &last)
	if last != nil {
		a.LastActive = last.UTC()
	}
	a.Share = share(ledger.SumOf(a.Balance), supply)
	return a, err
}

// AllAccounts calls yield with every account that is not an issuer and not
// archived, in the order of the richest list, all as they were at one moment.
// It holds a few thousand accounts in memory at a time, and one database
// connection. It stops at the first error of yield and returns it.
func (e *Economy) AllAccounts(ctx context.Context, yield func(RichAccount) error) error {
	w := cache.WindowAt(e.now(), window)
	var totals Richest
	err := totals.read(ctx, e.reads.pool(ctx), w, 7, func(ctx context.Context, tx pgx.Tx, s span) error {
		const supply = `SELECT coalesce(sum(balance), 0) FROM balances JOIN accounts ON id = account WHERE NOT issuer`
		if err := tx.QueryRow(ctx, supply).Scan(&totals.Supply); err != nil {
			return fmt.Errorf("supply: %w", err)
		}
		// The changes of all accounts are read at once.
		const changes = `
			LEFT JOIN (
				SELECT coalesce(target, account) AS account, sum(received - sent) AS change
				FROM account_days LEFT JOIN merges USING (account)
				WHERE day BETWEEN @from::date AND @to::date GROUP BY 1) AS week ON account = id
			ORDER BY balance DESC, name, ref, id`
		args := pgx.NamedArgs{"end": s.archivedBy(), "limit": nil, "from": s.Start, "to": s.Today, "past": false, "among": nil}
		if _, err := tx.Exec(ctx, "DECLARE all_accounts NO SCROLL CURSOR FOR WITH "+accountsBySize+changes, args); err != nil {
			return err
		}
		for {
			// The page is read whole first, so that no query is open while yield
			// runs.
			rows, _ := tx.Query(ctx, "FETCH 2000 FROM all_accounts")
			page, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (RichAccount, error) {
				return scanAccount(row, totals.Supply)
			})
			if err != nil || len(page) == 0 {
				return err
			}
			for _, a := range page {
				if err := yield(a); err != nil {
					return err
				}
			}
		}
	})
	if err != nil {
		return fmt.Errorf("all accounts: %w", err)
	}
	return nil
}

// RichColumns returns the columns of the whole list, for programs.
func RichColumns() []Column {
	return []Column{
		{"account", "Account", Text}, {"name", "Name", Text}, {"holder", "Holder", Text}, {"kind", "Kind", Text},
		{"balance", "Balance", Money}, {"share", "Share of the supply", Percent},
		{"change", "Change in 7 days", Money}, {"last_active", "Last active", Instant},
	}
}

// Row returns the account's values for RichColumns.
func (a RichAccount) Row(supply ledger.Sum) []any {
	row := []any{a.Ref, a.Name, a.Holder, string(a.Kind), a.Balance, shareCell(ledger.SumOf(a.Balance), supply), a.Change, nil}
	if !a.LastActive.IsZero() {
		row[7] = a.LastActive
	}
	return row
}

// Table has one row an account, for people: by name, without the refs of the
// account and of its holder, which the value and the whole list have.
func (v *Richest) Table() Table {
	const name, kind = 1, 3 // of RichColumns
	columns := RichColumns()
	t := Table{Columns: append([]Column{columns[name]}, columns[kind:]...)}
	for _, a := range v.Accounts {
		row := a.Row(v.Supply)
		t.Rows = append(t.Rows, append([]any{row[name]}, row[kind:]...))
	}
	return t.First(len(v.Accounts), v.Count)
}
