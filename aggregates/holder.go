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

// HolderQuery selects a holder and a period. Each is a key, so the caller checks
// first that the holder exists, see [Exists].
type HolderQuery struct {
	Holder string // its ref
	Days   Days
}

// Key is "player%3Aann:30". The ref is escaped, so it contains no colon.
func (q HolderQuery) Key() string { return url.QueryEscape(q.Holder) + ":" + q.Days.Key() }

const (
	// mostHolderAccounts is how many accounts of a holder are listed.
	mostHolderAccounts = 50
	// mostCounted is how many accounts of a holder count in sums over time. What they
	// have now is added up of all.
	mostCounted = 1000
)

// Holder is who owns accounts, and what they hold together. Issuers are listed, and
// part of no sum. Accounts that are merged into one of the holder's are part of it.
type Holder struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind" doc:"Such as person, firm, office; may be empty."`
	Link  string `json:"link" doc:"An address on the web; may be empty."`
	Label string `json:"label" doc:"A short text; may be empty."`

	Accounts int64           `json:"accounts" doc:"How many accounts the holder has."`
	Issuers  int64           `json:"issuers" doc:"How many of them are issuers."`
	List     []HolderAccount `json:"list" nullable:"false" doc:"Those with the largest balances, at most 50."`
	Balance  ledger.Sum      `json:"balance" doc:"What they hold together now."`

	Population Population `json:"population" enum:"personal,private,all" doc:"The holders among whom this one is ranked: the smallest population with accounts of this holder."`
	Held       *int64     `json:"held" doc:"What the holder has in accounts of that population; null: none of them counts."`

	Basis
	Counted int64      `json:"counted,omitempty" doc:"If there, the opening, the balances and the trade are of so many accounts, those with the most postings: the holder has more."`
	Opening ledger.Sum `json:"opening" doc:"The balance when the period began."`
	Bucket  string     `json:"bucket" enum:"day,week,month,year,decade" doc:"What an entry of balances stands for: a day in periods up to a year."`
	Course  []HeldAt   `json:"balances" nullable:"false" doc:"Oldest first."`

	Trading
}

// HeldAt is what a holder has at the end of a day, or of a longer step.
type HeldAt struct {
	Start   time.Time  `json:"start"`
	Change  ledger.Sum `json:"change" doc:"In it; payments between the holder's own accounts cancel out."`
	Balance ledger.Sum `json:"balance" doc:"At the end of it, or of the period."`
	Partial bool       `json:"partial"`
}

// AccountsTable has one row an account.
func (h *Holder) AccountsTable() Table {
	t := Table{Columns: []Column{
		{"name", "Account", Text}, {"id", "Id", Text}, {"kind", "Kind", Text}, {"issuer", "Issuer", Text}, {"archived", "Archived", Text}, {"balance", "Balance", Money},
	}}
	for _, o := range h.List {
		t.Rows = append(t.Rows, []any{o.Name, o.ID, string(o.Kind), yesNo(o.Issuer), yesNo(o.Archived), o.Balance})
	}
	return t.First(len(h.List), h.Accounts)
}

// FiguresTable has one row a figure.
func (h *Holder) FiguresTable() Table {
	t := Table{Columns: []Column{{"figure", "Figure", Text}, {"amount", "Amount", Money}}}
	t.Rows = [][]any{
		{"Balance", h.Balance}, {"Balance when the period began", h.Opening}, {"Change in the period", h.Change()}, {"Goods sold", h.Sold.Volume},
	}
	return t
}

// HeldTable has one row a figure, of what the holder has alone.
func (h *Holder) HeldTable() Table {
	t := h.FiguresTable()
	t.Rows = t.Rows[:3]
	return t
}

// Change is what all accounts together gained in the period.
func (h *Holder) Change() (sum ledger.Sum) {
	for _, c := range h.Course {
		sum = sum.Plus(c.Change)
	}
	return sum
}

// Table has one row a day or longer.
func (h *Holder) Table() Table {
	t := Table{Columns: []Column{{"start", "First day", Day}, {"change", "Change", Money}, {"balance", "Balance at the end", Money}}}
	for _, c := range h.Course {
		t.Rows = append(t.Rows, []any{c.Start, c.Change, c.Balance})
	}
	return t
}

// knownHolder is whether $1 is a holder who may be shown. One all of whose accounts are
// merged into those of others is none.
const knownHolder = `SELECT EXISTS (SELECT FROM accounts a WHERE holder = $1 AND ` + notMerged + `) AND NOT EXISTS (SELECT FROM holders WHERE hidden AND ref = $1)`

// ownAccounts is the accounts of the holder $1 that are not issuers, with those that
// are merged into them: the first $2 by their number of postings.
const ownAccounts = `
	SELECT id FROM (
		SELECT a.id FROM accounts a WHERE holder = $1 AND NOT issuer AND ` + notMerged + `
		UNION ALL SELECT m.account FROM accounts t JOIN merges m ON m.target = t.id WHERE t.holder = $1 AND NOT t.issuer) AS own
	LEFT JOIN balances ON account = id ORDER BY coalesce(postings, 0) DESC, id LIMIT $2`

// find sets what is known of a holder. It returns the accounts that are counted, and
// whether the holder exists and is not hidden.
func (h *Holder) find(ctx context.Context, db *pgxpool.Pool, ref string) (own []int64, ok bool, err error) {
	const query = `
		SELECT $1, coalesce(h.name, (SELECT name FROM accounts WHERE ref = $1 AND holder = $1), $1), coalesce(h.kind, ''), coalesce(h.link, ''), coalesce(h.label, ''),
			ARRAY(` + ownAccounts + `)
		FROM (` + knownHolder + ` AS known) AS known LEFT JOIN holders h ON h.ref = $1 WHERE known`
	err = db.QueryRow(ctx, query, ref, mostCounted+1).Scan(&h.ID, &h.Name, &h.Kind, &h.Link, &h.Label, &own)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find a holder: %w", err)
	}
	if len(own) > mostCounted {
		own, h.Counted = own[:mostCounted], mostCounted
	}
	return own, true, nil
}

// ComputeHolder reads a holder. It returns nil if there is no such holder, or if it is
// hidden. Its cost follows the accounts; of those that count, their days in the period,
// and what they sold by item and day; the lines of trade of the shops that it lists are bounded.
func ComputeHolder(ctx context.Context, db *pgxpool.Pool, w cache.Window, q HolderQuery) (*Holder, error) {
	h := &Holder{Bucket: "day", Population: PopulationAll, List: []HolderAccount{}, Course: []HeldAt{}, Trading: noTrading()}
	own, ok, err := h.find(ctx, db, q.Holder)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, nil
	}
	if err := h.read(ctx, db, w, q.Days, func(ctx context.Context, tx pgx.Tx, s span) error { return h.fill(ctx, tx, s, own) }); err != nil {
		return nil, fmt.Errorf("holder: %w", err)
	}
	return h, nil
}

func (h *Holder) fill(ctx context.Context, tx pgx.Tx, s span, own []int64) (err error) {
	h.List, h.Accounts, h.Balance, err = accountsOf(ctx, tx, s, h.ID, mostHolderAccounts)
	if err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	const issuers = `SELECT count(*) FROM accounts a WHERE holder = $1 AND issuer AND ` + notMerged
	if err := tx.QueryRow(ctx, issuers, h.ID).Scan(&h.Issuers); err != nil {
		return fmt.Errorf("issuers: %w", err)
	}
	if err := h.fillHeld(ctx, tx, s); err != nil {
		return fmt.Errorf("what is ranked: %w", err)
	}
	if err := h.fillCourse(ctx, tx, s, own); err != nil {
		return fmt.Errorf("balances: %w", err)
	}
	return h.fillTrading(ctx, tx, s, own)
}

// fillHeld sets the smallest population to which an account belongs that is neither
// archived nor an issuer, and what the holder has in it.
func (h *Holder) fillHeld(ctx context.Context, tx pgx.Tx, s span) error {
	rows, _ := tx.Query(ctx, `SELECT DISTINCT kind `+heldAccounts, h.ID, s.archivedBy())
	kinds, err := pgx.CollectRows(rows, pgx.RowTo[ledger.Kind])
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if p := populationOf(kind); p.index() < h.Population.index() {
			h.Population = p
		}
	}
	h.Held, err = heldIn(ctx, tx, s, h.ID, h.Population)
	return err
}

// fillCourse sets the balances. They are counted backwards from the present one, so
// that the cost follows the days of the period.
func (h *Holder) fillCourse(ctx context.Context, tx pgx.Tx, s span, own []int64) error {
	const later = `SELECT coalesce(sum(received - sent), 0) FROM account_days WHERE account = ANY($1) AND day > $2::date`
	var since ledger.Sum
	if err := tx.QueryRow(ctx, later, own, s.Today).Scan(&since); err != nil {
		return fmt.Errorf("after the period: %w", err)
	}
	unit, buckets := s.divide(mostDays)
	h.Bucket = unit
	for _, b := range buckets {
		h.Course = append(h.Course, HeldAt{Start: b.start, Partial: b.partial})
	}
	const query = `SELECT day, sum(received - sent) FROM account_days WHERE account = ANY($1) AND day BETWEEN $2::date AND $3::date GROUP BY day`
	rows, _ := tx.Query(ctx, query, own, s.Start, s.Today)
	var day time.Time
	var change ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&day, &change}, func() error {
		c := &h.Course[bucketOf(buckets, s.index(day))]
		c.Change = c.Change.Plus(change)
		return nil
	})
	if err != nil {
		return err
	}
	balance := h.Balance
	if h.Counted > 0 {
		const counted = `SELECT coalesce(sum(balance), 0) FROM balances WHERE account = ANY($1)`
		if err := tx.QueryRow(ctx, counted, own).Scan(&balance); err != nil {
			return fmt.Errorf("of the accounts that count: %w", err)
		}
	}
	balance = balance.Minus(since)
	for i := len(h.Course) - 1; i >= 0; i-- {
		h.Course[i].Balance = balance
		balance = balance.Minus(h.Course[i].Change)
	}
	h.Opening = balance
	return nil
}
