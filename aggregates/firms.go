package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// Firms is the holders of business accounts, each with all its accounts together, as
// on the page of a holder. Those who are hidden are part of the sums, and not listed.
//
// It is one value and not a query a page, as [Items] is.
type Firms struct {
	Basis
	Count    int64        `json:"count" doc:"All firms: holders of a business account that is neither archived nor an issuer."`
	Hidden   int64        `json:"hidden" doc:"Those of them who are hidden: they are not listed."`
	Trading  int64        `json:"trading" doc:"Those that sold anything in the period."`
	Gaining  int64        `json:"gaining" doc:"Those with a profit in the period."`
	Sales    int64        `json:"sales" doc:"Of all of them in the period."`
	Turnover ledger.Sum   `json:"turnover" doc:"What all of them sold in the period, tax included, without offsetting trade."`
	Profit   ledger.Sum   `json:"profit" doc:"What all of them gained in the period."`
	Balance  ledger.Sum   `json:"balance" doc:"What all of them have now."`
	Shops    int64        `json:"shops" doc:"Active ones, of all of them."`
	Firms    []ListedFirm `json:"firms" nullable:"false" doc:"Largest turnover first, then largest balance, then by name; at most 10,000."`
}

// mostFirms bounds the list of firms, and so does listRoom.
const mostFirms = 10_000

// A ListedFirm is a holder of business accounts.
type ListedFirm struct {
	ID         string      `json:"id" doc:"The holder's."`
	Name       string      `json:"name"`
	Businesses []string    `json:"businesses" nullable:"false" doc:"The names of its business accounts, at most 3."`
	Accounts   int64       `json:"accounts" doc:"How many business accounts it has."`
	Personal   bool        `json:"personal" doc:"Whether it has personal accounts too: they count as its other accounts do."`
	Rank       int64       `json:"rank" doc:"One more than how many firms have a larger turnover; 0: it has none."`
	Sales      int64       `json:"sales" doc:"In the period."`
	Turnover   ledger.Sum  `json:"turnover" doc:"What its accounts sold in the period, tax included, without offsetting trade."`
	Ended      ledger.Sum  `json:"ended" doc:"Of it, that of the days that are over."`
	Before     *ledger.Sum `json:"before" doc:"The turnover of the same days of the period before; null where the ledger does not reach back to its start."`
	Profit     ledger.Sum  `json:"profit" doc:"What all its accounts gained in the period; payments between them cancel out."`
	Balance    ledger.Sum  `json:"balance" doc:"What all its accounts have now."`
	Shops      int64       `json:"shops" doc:"Active ones."`
	Staff      int64       `json:"staff,omitempty" doc:"Holders whom it paid wages in the last 30 days, hidden ones among them; missing: none that is known."`
	Wages      *ledger.Sum `json:"wages,omitempty" doc:"What these gained by that."`
	LastActive *time.Time  `json:"lastActive" doc:"The latest posting of any of its accounts; null: none was ever used."`
}

// Change is the turnover of the days that are over, over that of the same days of the
// period before, less 1; nil without one.
func (f ListedFirm) Change() *float64 {
	if f.Before == nil || f.Before.Sign() <= 0 {
		return nil
	}
	change := f.Ended.Float64()/f.Before.Float64() - 1
	return &change
}

// ComputeFirms reads the firms. Its cost follows their accounts, and the days on which
// these were used and sold anything.
func ComputeFirms(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Firms, error) {
	v := &Firms{Firms: []ListedFirm{}}
	if err := v.read(ctx, db, w, days, v.fill); err != nil {
		return nil, fmt.Errorf("firms: %w", err)
	}
	return v, nil
}

func (v *Firms) fill(ctx context.Context, tx pgx.Tx, s span) error {
	const query = `
		WITH firms AS (
			SELECT holder, count(*) AS accounts, (array_agg(name ORDER BY name, ref))[1:3] AS businesses
			FROM accounts a WHERE kind = 'business' AND NOT issuer AND (archived IS NULL OR archived > @end) AND ` + notMerged + `
			GROUP BY holder
		), own AS MATERIALIZED (
			SELECT a.id, a.kind, holder FROM accounts a JOIN firms USING (holder) WHERE NOT issuer AND ` + notMerged + `
			UNION ALL SELECT m.account, t.kind, holder FROM merges m JOIN accounts t ON t.id = m.target JOIN firms USING (holder) WHERE NOT t.issuer
		), held AS (
			SELECT holder, bool_or(kind = 'personal') AS personal, coalesce(sum(balance), 0) AS balance, max(last_at) AS last_at
			FROM own LEFT JOIN balances ON account = id GROUP BY holder
		), moved AS (
			SELECT holder, sum(received - sent) AS profit
			FROM own JOIN account_days ON account = id WHERE day BETWEEN @start::date AND @today::date GROUP BY holder
		), sold AS (
			SELECT holder, sum(sales) FILTER (WHERE day >= @start::date)::bigint AS sales,
				sum(volume) FILTER (WHERE day >= @start::date) AS turnover, sum(volume) FILTER (WHERE day BETWEEN @start::date AND @over::date) AS ended,
				sum(volume) FILTER (WHERE day BETWEEN @since::date AND @until::date) AS before
			FROM own JOIN trader_days_without ON account = id
			WHERE side = 'seller' AND day BETWEEN @since::date AND @today::date GROUP BY holder
		), placed AS (
			SELECT holder, count(*) AS shops FROM own JOIN shops ON owner = own.id WHERE active GROUP BY holder
		), all_firms AS (
			SELECT holder, coalesce(h.name, n.name, holder) AS name, coalesce(h.hidden, false) AS hidden, businesses, f.accounts, personal,
				coalesce(sales, 0) AS sales, coalesce(turnover, 0) AS turnover, coalesce(ended, 0) AS ended, coalesce(before, 0) AS before,
				coalesce(profit, 0) AS profit, balance, coalesce(shops, 0) AS shops, last_at
			FROM firms f JOIN held USING (holder) LEFT JOIN moved USING (holder) LEFT JOIN sold USING (holder) LEFT JOIN placed USING (holder)
			LEFT JOIN holders h ON h.ref = holder
			LEFT JOIN LATERAL (SELECT name FROM accounts a WHERE a.ref = f.holder AND a.holder = f.holder) AS n ON true)
		SELECT holder, name, businesses, accounts, personal, sales, turnover, ended, before, profit, balance, shops, last_at, hidden,
			CASE WHEN turnover > 0 THEN rank() OVER (ORDER BY turnover DESC) ELSE 0 END,
			count(*) OVER (), count(*) FILTER (WHERE hidden) OVER (), count(*) FILTER (WHERE turnover > 0) OVER (), count(*) FILTER (WHERE profit > 0) OVER (),
			(sum(sales) OVER ())::bigint, sum(turnover) OVER (), sum(profit) OVER (), sum(balance) OVER (), (sum(shops) OVER ())::bigint
		FROM all_firms ORDER BY turnover DESC, balance DESC, name, holder LIMIT @limit`
	over := s.Today // the last day that is over
	if s.End.Before(plus(s.Today, 1)) {
		over = plus(s.Today, -1)
	}
	args := pgx.NamedArgs{"end": s.archivedBy(), "start": s.Start, "today": s.Today, "over": over, "since": s.Start, "until": plus(s.Start, -1), "limit": mostFirms}
	before, reaches := s.previous()
	if reaches {
		args["since"], args["until"] = before.Start, plus(over, -int(s.Days))
	}
	rows, _ := tx.Query(ctx, query, args)
	var f ListedFirm
	var past ledger.Sum
	var hidden bool
	fields := []any{
		&f.ID, &f.Name, &f.Businesses, &f.Accounts, &f.Personal, &f.Sales, &f.Turnover, &f.Ended, &past, &f.Profit, &f.Balance, &f.Shops, &f.LastActive, &hidden, &f.Rank,
		&v.Count, &v.Hidden, &v.Trading, &v.Gaining, &v.Sales, &v.Turnover, &v.Profit, &v.Balance, &v.Shops,
	}
	_, err := pgx.ForEachRow(rows, fields, func() error {
		if hidden {
			return nil
		}
		firm := f
		if reaches {
			firm.Before = new(past)
		}
		if f.LastActive != nil {
			firm.LastActive = new(f.LastActive.UTC())
		}
		v.Firms = append(v.Firms, firm)
		return nil
	})
	if err != nil {
		return err
	}
	if err := v.fillWages(ctx, tx, s); err != nil {
		return fmt.Errorf("wages: %w", err)
	}
	v.Firms = fitting(v.Firms)
	return nil
}

// mostWagePostings is how many postings of wages in 30 days are added up.
const mostWagePostings = 100_000

// fillWages sets the staff of the firms by the rule of [Staff]. Where there are too many
// postings of wages, nobody's is known.
func (v *Firms) fillWages(ctx context.Context, tx pgx.Tx, s span) error {
	const named = `SELECT DISTINCT source FROM flow_hours WHERE hour >= $1 AND hour < $2 AND lower(source) = ANY($3)`
	since := plus(s.Today, 1-staffDays)
	rows, _ := tx.Query(ctx, named, since, plus(s.Today, 1), WageSources())
	sources, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(sources) == 0 {
		return err
	}
	const query = `
		WITH legs AS MATERIALIZED (
			SELECT p.transaction, p.account, p.amount FROM transactions x JOIN postings p ON p.transaction = x.id AND p.at = x.at
			WHERE x.source = ANY($1) AND x.at >= $2 AND x.at < $3 AND p.at >= $2 AND p.at < $3 LIMIT $4
		), moved AS (
			SELECT transaction, account, h.holder, h.kind, sum(amount) AS gain FROM legs JOIN account_holders h ON h.id = account
			WHERE (SELECT count(*) FROM legs) < $4 GROUP BY 1, 2, 3, 4
		), received AS (
			SELECT holder, kind, gain, min(holder) FILTER (WHERE gain < 0) OVER of AS payer, max(holder) FILTER (WHERE gain < 0) OVER of AS other
			FROM moved WINDOW of AS (PARTITION BY transaction))
		SELECT payer, count(DISTINCT holder), sum(gain) FROM received
		WHERE gain > 0 AND kind = 'personal' AND payer = other AND holder <> payer GROUP BY payer`
	type paid struct {
		staff int64
		wages ledger.Sum
	}
	all := map[string]paid{}
	var payer string
	var p paid
	rows, _ = tx.Query(ctx, query, sources, since, plus(s.Today, 1), mostWagePostings+1)
	_, err = pgx.ForEachRow(rows, []any{&payer, &p.staff, &p.wages}, func() error {
		all[payer] = p
		return nil
	})
	if err != nil {
		return err
	}
	for i := range v.Firms {
		if of, ok := all[v.Firms[i].ID]; ok {
			v.Firms[i].Staff, v.Firms[i].Wages = of.staff, &of.wages
		}
	}
	return nil
}

// Table has one row a firm.
func (v *Firms) Table() Table { return FirmsTable(v.Firms) }

// FirmsTable has one row a firm of a list.
func FirmsTable(firms []ListedFirm) Table {
	t := Table{Columns: []Column{
		{"rank", "Rank by turnover", Count}, {"name", "Firm", Text}, {"id", "Id of the holder", Text}, {"business", "Business account", Text}, {"accounts", "Business accounts", Count},
		{"turnover", "Turnover", Money}, {"sales", "Sales", Count}, {"change", "Change of the turnover", Percent}, {"profit", "Profit", Money},
		{"balance", "Balance", Money}, {"shops", "Shops", Count}, {"last_active", "Last active", Instant}, {"staff", "Staff in 30 days", Count}, {"wages", "Wages in 30 days", Money},
	}}
	for _, f := range firms {
		row := []any{nil, f.Name, f.ID, "", f.Accounts, f.Turnover, f.Sales, orNil(f.Change()), f.Profit, f.Balance, f.Shops, nil, nil, nil}
		if f.Wages != nil {
			row[12], row[13] = f.Staff, *f.Wages
		}
		if f.Rank > 0 {
			row[0] = f.Rank
		}
		if len(f.Businesses) > 0 {
			row[3] = f.Businesses[0]
		}
		if f.LastActive != nil {
			row[11] = *f.LastActive
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// SummaryTable has one row a measure.
func (v *Firms) SummaryTable() Table {
	t := Table{Columns: []Column{{"measure", "Measure", Text}, {"number", "Number", Count}}}
	t.Rows = [][]any{
		{"Firms", v.Count}, {"That sold anything", v.Trading}, {"With a profit", v.Gaining}, {"Of hidden holders", v.Hidden}, {"Active shops", v.Shops},
		{"Turnover, minor units", v.Turnover}, {"Profit, minor units", v.Profit}, {"Balance, minor units", v.Balance},
	}
	return t
}
