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

// Books is what is known of the books: five checks, of a sample that goes round and
// of the whole ledger at night.
type Books struct {
	State      State       `json:"state" enum:"good,bad,none" doc:"bad: something is wrong. none: they could not be checked."`
	Checks     []BookCheck `json:"checks" nullable:"false"`
	Sample     BookSample  `json:"sample"`
	NightBegan *time.Time  `json:"nightBegan" nullable:"true" doc:"When the whole ledger was last read; null: not yet."`
	NightTook  float64     `json:"nightTookSeconds"`
}

// A BookCheck is one of the five checks.
type BookCheck struct {
	Book  ledger.Book `json:"book" enum:"sum,transactions,balances,rollups,orphans"`
	Title string      `json:"title"`
	Now   BookResult  `json:"now" doc:"Of what was read in this window."`
	Night BookResult  `json:"night" doc:"Of the whole ledger."`
}

// A BookResult is what a check found.
type BookResult struct {
	State State     `json:"state" enum:"good,bad,none"`
	Found int       `json:"found"`
	First []Finding `json:"first" nullable:"false" doc:"A few of them."`
	Why   string    `json:"why,omitempty" doc:"Why there is none, or why it is not complete."`
}

// A Finding is one thing that is wrong.
type Finding struct {
	Table string `json:"table"`
	Key   string `json:"key" doc:"Of the row; accounts are given by their number in the database."`
	Text  string `json:"text"`
}

// A BookSample is what was read in this window. The others follow.
type BookSample struct {
	Accounts     int64   `json:"accounts"`
	Postings     int64   `json:"postings"`
	Transactions int64   `json:"transactions"`
	Large        int64   `json:"large" doc:"Accounts with too many postings for a sample, which are left to the night."`
	Round        float64 `json:"roundSeconds" doc:"How long it takes to read all accounts and all transactions."`
	Why          string  `json:"why,omitempty" doc:"Why nothing was read."`

	// In which something was found. They are read again until nothing is.
	AgainAccounts     []int64 `json:"againAccounts,omitempty"`
	AgainTransactions []int64 `json:"againTransactions,omitempty"`
}

// What a sample reads.
const (
	sampleAccounts     = 300
	sampleTransactions = 1000
	samplePostings     = 5000 // an account with more is left to the night
	sampleLasts        = 3 * time.Second
)

var bookTitles = map[ledger.Book]string{
	ledger.BookSum:          "All of it adds up to zero",
	ledger.BookTransactions: "Every transaction does",
	ledger.BookBalances:     "Balances are the sums of their postings",
	ledger.BookRollups:      "Sums by hour and day are those of the record",
	ledger.BookOrphans:      "Nothing belongs to what is not there",
}

const whyNotYet = "the whole ledger was not read yet"

func newBooks(night *Night) Books {
	b := Books{Checks: []BookCheck{}}
	for _, book := range ledger.Books() {
		none := BookResult{State: StateNone, First: []Finding{}}
		c := BookCheck{Book: book, Title: bookTitles[book], Now: none, Night: none}
		c.Night.Why = whyNotYet
		if night != nil {
			c.Night = night.of(book)
		}
		b.Checks = append(b.Checks, c)
	}
	if night != nil {
		b.NightBegan, b.NightTook = &night.Began, night.Took
	}
	return b
}

func (b *Books) now(book ledger.Book) *BookResult {
	for i := range b.Checks {
		if b.Checks[i].Book == book {
			return &b.Checks[i].Now
		}
	}
	panic("there is no book " + book)
}

// add adds what a check found.
func (r *BookResult) add(found int, first []Finding) {
	if r.State == StateNone {
		r.State = StateGood
	}
	if r.Found += found; r.Found > 0 {
		r.State = StateBad
	}
	r.First = append(r.First, first...)
	r.First = r.First[:min(len(r.First), findings)]
}

// findings is how many of a check are listed, and findingText how long the text of
// one may be.
const (
	findings    = 3
	findingText = 200
)

func findingsOf(c ledger.Check) []Finding {
	all := []Finding{}
	for _, d := range c.First {
		if r := []rune(d.Text); len(r) > findingText {
			d.Text = string(r[:findingText-1]) + "…"
		}
		all = append(all, Finding(d))
	}
	return all
}

// checkSums checks what can be checked of the whole ledger at once: that all
// balances add up to zero, and that the supply is what was created and destroyed
// makes of it, which follows from three different rollups.
func (b *Books) checkSums(ctx context.Context, tx pgx.Tx, s SupplyAccount) error {
	var sum ledger.Sum
	if err := tx.QueryRow(ctx, `SELECT coalesce(sum(balance), 0) FROM balances`).Scan(&sum); err != nil {
		return fmt.Errorf("sum of all balances: %w", err)
	}
	zero := b.now(ledger.BookSum)
	if zero.add(0, nil); sum.Sign() != 0 {
		zero.add(1, []Finding{{"balances", "all", "sum to " + sum.String()}})
	}
	bridge := b.now(ledger.BookRollups)
	if bridge.add(0, nil); !s.Holds {
		off := s.Closing.Minus(s.Opening.Plus(s.Created).Minus(s.Destroyed))
		bridge.add(1, []Finding{{"flow_hours", "30 days", fmt.Sprintf("opening %s + created %s - destroyed %s is not closing %s, by %s", s.Opening, s.Created, s.Destroyed, s.Closing, off)}})
	}
	return nil
}

// readSample reads the sample whose turn it is, and again what an earlier one found.
func readSample(ctx context.Context, db *pgxpool.Pool, w cache.Window, before Books) (r *ledger.SampleReport, err error) {
	of := ledger.Sample{
		Turn: w.Start.Unix() / int64(soundWindow/time.Second), Accounts: sampleAccounts, Transactions: sampleTransactions, MostPostings: samplePostings,
		AgainAccounts: before.Sample.AgainAccounts, AgainTransactions: before.Sample.AgainTransactions,
	}
	ctx, cancel := context.WithTimeout(ctx, 2*sampleLasts)
	defer cancel()
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db, snapshot, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL statement_timeout = %d`, sampleLasts.Milliseconds())); err != nil {
			return err
		}
		r, err = ledger.VerifySample(ctx, tx, of)
		return err
	})
	return r, err
}

// checkSample adds what a sample found; nil: it could not be read in time, which is
// said.
func (b *Books) checkSample(r *ledger.SampleReport, before Books) {
	if r == nil {
		b.Sample = BookSample{Why: "the sample could not be read in time", AgainAccounts: before.Sample.AgainAccounts, AgainTransactions: before.Sample.AgainTransactions}
		return
	}
	b.Sample = BookSample{
		Accounts: r.Accounts, Postings: r.Postings, Transactions: r.Transactions, Large: r.Large,
		Round:         (time.Duration(r.Turns) * soundWindow).Seconds(),
		AgainAccounts: r.BadAccounts, AgainTransactions: r.BadTransactions,
	}
	for _, c := range r.Checks {
		b.now(c.Book).add(c.Found, findingsOf(c))
	}
}

// conclude sets the state of the books from those of the checks.
func (b *Books) conclude() {
	b.State = StateGood
	for _, c := range b.Checks {
		switch {
		case c.Now.State == StateBad || c.Night.State == StateBad:
			b.State = StateBad
			return
		case c.Now.State == StateNone && c.Night.State == StateNone:
			b.State = StateNone
		}
	}
}

// Whole reports whether the whole ledger was read, and each check made.
func (b *Books) Whole() bool {
	for _, c := range b.Checks {
		if c.Night.State == StateNone || c.Night.Why != "" {
			return false
		}
	}
	return true
}

// A Night is the result of reading the whole ledger.
type Night struct {
	Began  time.Time    `json:"began"`
	Took   float64      `json:"tookSeconds"`
	Checks []NightCheck `json:"checks"`
}

// A NightCheck is one of its checks, of which a book has one or several.
type NightCheck struct {
	Name  string      `json:"name"`
	Book  ledger.Book `json:"book"`
	Found int         `json:"found"`
	First []Finding   `json:"first"`
	Why   string      `json:"why,omitempty"` // it was given up, because
	Took  float64     `json:"tookSeconds"`
}

// The limits of a night, so that it ends on a ledger of any size.
const (
	nightEach  = 5 * time.Minute
	nightLasts = 20 * time.Minute
)

// ComputeNight verifies the whole ledger on one connection, and, of one with more accounts
// than are read one by one, whether its Gini is within its bounds. A check that takes too
// long is given up, and is no error: it would take as long at the next try.
func ComputeNight(ctx context.Context, db *pgxpool.Pool, exact ExactUpTo) (*Night, error) {
	n := &Night{Began: time.Now().UTC().Truncate(time.Second), Checks: []NightCheck{}}
	began := time.Now()
	report, err := ledger.New(db).VerifyGently(ctx, nightEach, nightLasts)
	if err != nil {
		return nil, fmt.Errorf("night: %w", err)
	}
	for _, c := range report.Checks {
		n.Checks = append(n.Checks, NightCheck{c.Name, c.Book, c.Found, findingsOf(c), c.Undone, c.Took.Seconds()})
	}
	bounds, err := checkBounds(ctx, db, exact, nightEach)
	if err != nil {
		return nil, fmt.Errorf("night: %w", err)
	}
	if bounds != nil {
		n.Checks = append(n.Checks, *bounds)
	}
	n.Took = time.Since(began).Seconds()
	return n, nil
}

// of returns what the checks of a book found.
func (n *Night) of(book ledger.Book) BookResult {
	r := BookResult{State: StateNone, First: []Finding{}}
	for _, c := range n.Checks {
		if c.Book != book {
			continue
		}
		if c.Why != "" {
			r.Why = c.Name + ": " + c.Why
		}
		if c.Why == "" || c.Found > 0 { // of one that was given up, what it had found
			r.add(c.Found, c.First)
		}
	}
	return r
}
