package aggregates

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// AccountQuery selects an account and a period. Each is a key, so the caller
// checks first that the account exists, see [Exists].
type AccountQuery struct {
	Account string // its ref
	Days    Days
}

// Key is "minecraft%3Aann:30". The ref is escaped, so it contains no colon.
func (q AccountQuery) Key() string { return url.QueryEscape(q.Account) + ":" + q.Days.Key() }

// Account is one account with those that are merged into it, and what it received
// and sent in a period by day. It has neither the other side nor the reason.
type Account struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Kind        ledger.Kind `json:"kind" enum:"personal,business,government,system"`
	Issuer      bool        `json:"issuer" doc:"Whether it issues money: its balance is no part of the supply."`
	Holder      string      `json:"holder" doc:"Who owns it; a holder may have several accounts."`
	HolderName  string      `json:"holderName"`
	HolderKind  string      `json:"holderKind" doc:"Such as person, firm, office; may be empty."`
	HolderLink  string      `json:"holderLink" doc:"An address on the web; may be empty."`
	HolderLabel string      `json:"holderLabel"`
	Label       string      `json:"label" doc:"A short text about the account; may be empty."`
	FormerNames []string    `json:"formerNames" nullable:"false" doc:"At most 20, the latest first, of accounts merged into this one too."`
	Merged      []string    `json:"merged" nullable:"false" doc:"The ids of the accounts that are shown as parts of this one, at most 20."`
	Opened      time.Time   `json:"opened"`
	Archived    *time.Time  `json:"archived" doc:"null: it is not."`
	Balance     int64       `json:"balance" doc:"Now, whatever the period, or at the end of a day that is over."`
	LastActive  *time.Time  `json:"lastActive" doc:"Its latest posting; null: it was never used. Of a day that is over: the beginning of the day of the latest by then."`
	Postings    int64       `json:"postings" doc:"All there are, whatever the period, or were by the end of a day that is over."`
	FirstActive *time.Time  `json:"firstActive" doc:"Its first posting; null: it was never used."`

	HolderAccounts int64           `json:"holderAccounts" doc:"How many accounts the holder has, this one among them."`
	HolderBalance  ledger.Sum      `json:"holderBalance" doc:"What they hold together, without issuers."`
	SameHolder     []HolderAccount `json:"sameHolder" nullable:"false" doc:"The holder's accounts with the largest balances, at most 20, this one perhaps among them."`
	Population     Population      `json:"population" enum:"personal,private,all" doc:"The holders among whom the account's holder is ranked: the smallest population with accounts of its kind."`
	Held           *int64          `json:"held" doc:"What the holder has in accounts of that population; null: the account is not part of any, or was never used."`

	Basis
	Received ledger.Sum  `json:"received" doc:"In the period."`
	Sent     ledger.Sum  `json:"sent" doc:"In the period; positive."`
	Bucket   string      `json:"bucket" enum:"day,week,month,year,decade" doc:"What an entry of moves stands for: a day in periods up to a year."`
	Marked   MarkedTrade `json:"offsetting" doc:"Its sales and purchases in the period that are part of offsetting trade."`
	Opening  ledger.Sum  `json:"opening" doc:"The balance when the period began."`
	Moves    []Moves     `json:"moves" nullable:"false" doc:"Oldest first; without a posting: zero."`

	Calendar []ActiveDay `json:"calendar" nullable:"false" doc:"The days with postings, of the 53 weeks from Monday that end with the period's last day, oldest first."`
}

// HolderAccount is one of the accounts of a holder.
type HolderAccount struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	Kind     ledger.Kind `json:"kind" enum:"personal,business,government,system"`
	Issuer   bool        `json:"issuer"`
	Archived bool        `json:"archived"`
	Balance  int64       `json:"balance" doc:"Now, or at the end of a day that is over."`
}

// An ActiveDay is a day on which an account has postings.
type ActiveDay struct {
	Day      time.Time `json:"day"`
	Postings int64     `json:"postings"`
}

// Moves is what an account received and sent on one day, or in one week (from
// Monday), month, year or decade.
type Moves struct {
	Start    time.Time  `json:"start"`
	Received ledger.Sum `json:"received"`
	Sent     ledger.Sum `json:"sent"`
	Balance  ledger.Sum `json:"balance" doc:"At the end of it, or of the period."`
	Postings int64      `json:"postings"`
	Partial  bool       `json:"partial" doc:"It is not over, or the period begins within it."`
}

// Table has one row a day or longer.
func (a *Account) Table() Table {
	t := Table{Columns: []Column{
		{"start", "First day", Day}, {"received", "Received", Money}, {"sent", "Sent", Money}, {"postings", "Postings", Count}, {"balance", "Balance at the end", Money},
	}}
	for _, m := range a.Moves {
		t.Rows = append(t.Rows, []any{m.Start, m.Received, m.Sent, m.Postings, m.Balance})
	}
	return t
}

// FiguresTable has one row a figure.
func (a *Account) FiguresTable() Table {
	t := Table{Columns: []Column{{"figure", "Figure", Text}, {"amount", "Amount", Money}}}
	t.Rows = [][]any{
		{"Balance", a.Balance}, {"Balance when the period began", a.Opening}, {"Received", a.Received}, {"Sent", a.Sent},
		{"All accounts of the holder", a.HolderBalance},
	}
	return t
}

// HeldTable has one row a figure, of what the account holds alone.
func (a *Account) HeldTable() Table {
	t := a.FiguresTable()
	t.Rows = [][]any{t.Rows[0], t.Rows[1], t.Rows[4]}
	return t
}

// BalanceTable has one row a day or longer, with the balance at its end alone.
func (a *Account) BalanceTable() Table {
	t := Table{Columns: []Column{{"start", "First day", Day}, {"balance", "Balance at the end", Money}}}
	for _, m := range a.Moves {
		t.Rows = append(t.Rows, []any{m.Start, m.Balance})
	}
	return t
}

// HolderTable has one row an account of the same holder.
func (a *Account) HolderTable() Table {
	t := Table{Columns: []Column{
		{"name", "Account", Text}, {"id", "Id", Text}, {"kind", "Kind", Text}, {"issuer", "Issuer", Text}, {"archived", "Archived", Text}, {"balance", "Balance", Money},
	}}
	for _, o := range a.SameHolder {
		t.Rows = append(t.Rows, []any{o.Name, o.ID, string(o.Kind), yesNo(o.Issuer), yesNo(o.Archived), o.Balance})
	}
	return t.First(len(a.SameHolder), a.HolderAccounts)
}

// CalendarTable has one row a day with postings.
func (a *Account) CalendarTable() Table {
	t := Table{Columns: []Column{{"day", "Day", Day}, {"postings", "Postings", Count}}}
	for _, d := range a.Calendar {
		t.Rows = append(t.Rows, []any{d.Day, d.Postings})
	}
	return t
}

// ComputeAccount reads an account and its moves in the period that ends with
// w's start. It returns nil if there is no such account, or if its
// holder is hidden.
func ComputeAccount(ctx context.Context, db *pgxpool.Pool, w cache.Window, q AccountQuery) (*Account, error) {
	return ComputePastAccount(ctx, db, w, AsOf[AccountQuery]{Of: q})
}

// ComputePastAccount is ComputeAccount as of the end of a day.
func ComputePastAccount(ctx context.Context, db *pgxpool.Pool, w cache.Window, asOf AsOf[AccountQuery]) (*Account, error) {
	q := asOf.Of
	const query = `
		SELECT t.id, t.ref, t.name, t.kind, t.issuer, t.holder, t.opened, t.archived, t.label,
			coalesce(h.name, t.holder), coalesce(h.kind, ''), coalesce(h.link, ''), coalesce(h.label, ''),
			coalesce(b.balance, 0), b.last_at, coalesce(b.postings, 0),
			t.id || ARRAY(SELECT account FROM merges WHERE target = t.id)
		FROM accounts a LEFT JOIN merges m ON m.account = a.id
		JOIN accounts t ON t.id = coalesce(m.target, a.id)
		LEFT JOIN holders h ON h.ref = t.holder
		LEFT JOIN LATERAL (
			SELECT sum(balance)::bigint AS balance, max(last_at) AS last_at, sum(postings)::bigint AS postings
			FROM balances WHERE account = ANY(t.id || ARRAY(SELECT account FROM merges WHERE target = t.id))) b ON true
		WHERE a.ref = $1 AND NOT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder))`
	a := &Account{Bucket: "day", FormerNames: []string{}, Merged: []string{}, Moves: []Moves{}, SameHolder: []HolderAccount{}, Calendar: []ActiveDay{}}
	var id int64
	var own []int64 // with those merged into it
	err := db.QueryRow(ctx, query, q.Account).
		Scan(&id, &a.ID, &a.Name, &a.Kind, &a.Issuer, &a.Holder, &a.Opened, &a.Archived, &a.Label,
			&a.HolderName, &a.HolderKind, &a.HolderLink, &a.HolderLabel, &a.Balance, &a.LastActive, &a.Postings, &own)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("account: find it: %w", err)
	}
	a.Population = populationOf(a.Kind)
	if err := a.fillNames(ctx, db, id); err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	err = a.readAsOf(ctx, db, w, q.Days, asOf.At, func(ctx context.Context, tx pgx.Tx, s span) error {
		if err := a.Marked.read(ctx, tx, s, id); err != nil {
			return err
		}
		return a.fill(ctx, tx, s, own)
	})
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	return a, nil
}

// mergedOf is SQL for the accounts merged into one. Those whose own holder is hidden
// are part of it too, but are named nowhere.
const mergedOf = `
	WITH merged AS (
		SELECT account, ref, name FROM merges JOIN accounts ON id = account
		WHERE target = $1 AND NOT EXISTS (SELECT FROM holders WHERE hidden AND holders.ref = holder))
	`

// fillNames sets the other names under which an account is or was known.
func (a *Account) fillNames(ctx context.Context, db *pgxpool.Pool, id int64) error {
	const former = mergedOf + `
		SELECT name FROM (
			SELECT name, until FROM account_names WHERE account = $1
			UNION ALL SELECT n.name, until FROM account_names n JOIN merged USING (account)
			UNION ALL SELECT name, 'infinity' FROM merged WHERE name <> ref) AS names
		WHERE name <> $2
		GROUP BY name ORDER BY max(until) DESC, name LIMIT 20`
	rows, _ := db.Query(ctx, former, id, a.Name)
	var err error
	if a.FormerNames, err = pgx.AppendRows(a.FormerNames, rows, pgx.RowTo[string]); err != nil {
		return fmt.Errorf("former names: %w", err)
	}
	const merged = mergedOf + `SELECT ref FROM merged ORDER BY ref LIMIT 20`
	rows, _ = db.Query(ctx, merged, id)
	if a.Merged, err = pgx.AppendRows(a.Merged, rows, pgx.RowTo[string]); err != nil {
		return fmt.Errorf("merged accounts: %w", err)
	}
	return nil
}
