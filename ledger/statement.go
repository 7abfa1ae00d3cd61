package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Cursor is a place in the postings of an account.
type Cursor struct {
	At          time.Time
	Transaction int64
	Seq         int32
}

// End is the place after the newest posting.
func End() Cursor { return Cursor{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} }

// Before returns the place before the first posting of t or later.
func Before(t time.Time) Cursor { return Cursor{At: t} }

// String returns the cursor as [ParseCursor] reads it.
func (c Cursor) String() string {
	return strconv.FormatInt(c.At.UnixMicro(), 10) + "." + strconv.FormatInt(c.Transaction, 10) + "." + strconv.Itoa(int(c.Seq))
}

// ParseCursor parses a cursor of String.
func ParseCursor(s string) (Cursor, error) {
	at, rest, _ := strings.Cut(s, ".")
	transaction, seq, _ := strings.Cut(rest, ".")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return Cursor{}, fmt.Errorf("cursor %.60q: no time", s)
	}
	c := Cursor{At: time.UnixMicro(micros).UTC()}
	if y := c.At.Year(); y < 1 || y > 9999 {
		return Cursor{}, fmt.Errorf("cursor %.60q: no such time", s)
	}
	if c.Transaction, err = strconv.ParseInt(transaction, 10, 64); err != nil {
		return Cursor{}, fmt.Errorf("cursor %.60q: no transaction", s)
	}
	n, err := strconv.ParseInt(seq, 10, 32)
	if err != nil {
		return Cursor{}, fmt.Errorf("cursor %.60q: no sequence", s)
	}
	c.Seq = int32(n)
	return c, nil
}

// A Line is a posting, as the statement of its account has it.
type Line struct {
	Cursor
	Amount  int64
	Balance Sum // of the account after it
	Source  string
	Message string
	Origin  string  // of the transaction
	Ref     string  // of the transaction
	Others  []Party // the other accounts, at most linesOthers
	More    bool    // there are, or may be, others that are not named
}

// Counterparties returns the names of the other accounts, to be shown.
func (l Line) Counterparties() string {
	var names []string
	for _, o := range l.Others {
		names = append(names, o.Name)
	}
	switch {
	case names == nil:
		return "itself"
	case l.More:
		names[len(names)-1] += " and others"
	}
	return strings.Join(names, ", ")
}

// linesOthers is how many of a transaction's other accounts a statement names.
const linesOthers = 3

// linesLegs is how many of a transaction's other postings are read for them.
const linesLegs = 20

// MostLooked is how many postings of a statement, or transactions of the list of all,
// are looked through at most for those that pass a filter.
const MostLooked = 5000

// A StatementQuery is which postings of an account are wanted: those before a place,
// newest first, at most Limit. The other fields are a filter.
type StatementQuery struct {
	Account string // its ref
	Before  Cursor
	Limit   int

	From   time.Time // no earlier posting; zero: from the first one on
	Source string    // of this source only; empty: of any
	With   string    // with the account of this ref, or those of this name; empty: with any
	Least  int64     // of at least this amount, whatever its sign
	Text   string    // with all these words in their messages, in any case
}

// Filtered reports whether postings are looked through for those that are wanted.
func (q StatementQuery) Filtered() bool {
	return q.Source != "" || q.With != "" || q.Least > 0 || strings.TrimSpace(q.Text) != ""
}

// A Statement is some of an account's postings.
type Statement struct {
	Lines  []Line
	Next   *Cursor   // where those that follow begin; nil: there are none
	Looked int       // how many postings were looked through for the lines
	Back   time.Time // the oldest of them; zero: there are none
	// Unknown means that With names no account that may be shown.
	Unknown bool
}

// Statement returns postings of an account, and of those merged with it. An account
// of a hidden holder has none, and is not named elsewhere.
//
// It reads indexes only. Its cost follows the limit, with a filter MostLooked, and
// for the balances the days since the first line and the postings of that line's day.
func (l *Ledger) Statement(ctx context.Context, q StatementQuery) (*Statement, error) {
	s := &statementReading{StatementQuery: q, Statement: &Statement{}}
	if err := pgx.BeginTxFunc(ctx, l.reads(ctx), newestFirst, func(tx pgx.Tx) error { return s.read(ctx, tx) }); err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return s.Statement, nil
}

// newestFirst begins a transaction that reads a few of an account's postings, the newest
// first. Postgres takes an account for one of few postings, as most are; then it may read
// all that it has, in every month, and sort them, instead of the first ones of an index.
var newestFirst = pgx.TxOptions{BeginQuery: `
	BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
	SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off`}

type statementReading struct {
	StatementQuery
	*Statement
	zone    *time.Location
	own     []int64 // the account and those merged into it
	balance Sum     // now
	with    []int64 // the accounts that With names
}

// A queryer is a transaction, or what watches one.
type queryer interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

func (s *statementReading) read(ctx context.Context, tx queryer) error {
	const account = `
		SELECT own, (SELECT coalesce(sum(balance), 0) FROM balances WHERE account = ANY(own)), coalesce((SELECT timezone FROM settings), 'UTC')
		FROM accounts a LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id),
		LATERAL (SELECT t.id || ARRAY(SELECT account FROM merges WHERE target = t.id) AS own) AS own
		WHERE a.ref = $1 AND NOT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder))`
	var zone string
	err := tx.QueryRow(ctx, account, s.Account).Scan(&s.own, &s.balance, &zone)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the account: %w", err)
	}
	if s.zone, err = LoadZone(zone); err != nil {
		return fmt.Errorf("read the ledger's time zone: %w", err)
	}
	if s.With != "" {
		if err := s.findWith(ctx, tx); err != nil || s.Unknown {
			return err
		}
	}
	all, err := s.look(ctx, tx)
	if err != nil || len(all) == 0 {
		return err
	}
	if err := s.choose(ctx, tx, all); err != nil {
		return err
	}
	return s.describe(ctx, tx)
}

// mostCalled is how many accounts of one name a filter means.
const mostCalled = 10

// findWith sets the accounts that With names, with all that are merged into them.
func (s *statementReading) findWith(ctx context.Context, tx queryer) error {
	const query = `
		WITH called AS (
			SELECT id FROM accounts WHERE ref = $1
			UNION (SELECT id FROM accounts WHERE lower(name) = lower($1) LIMIT $2)
		), shown AS (
			SELECT DISTINCT t.id FROM called JOIN accounts a USING (id) LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id)
			WHERE NOT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder))
		)
		SELECT id FROM shown
		UNION ALL SELECT a.id FROM shown JOIN merges ON target = shown.id JOIN accounts a ON a.id = account
		WHERE NOT EXISTS (SELECT FROM holders WHERE hidden AND ref = a.holder)`
	rows, _ := tx.Query(ctx, query, s.With, mostCalled)
	var err error
	if s.with, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return fmt.Errorf("find the other account: %w", err)
	}
	s.Unknown = len(s.with) == 0
	return nil
}

// A looked posting is one that a statement looks at.
type looked struct {
	Cursor
	amount int64
	passes bool
}

// lookQuery reads the newest postings before a place, and whether they pass a
// filter. The postings of a transaction have its time, so that another account's
// are found by its primary key.
const lookQuery = `
	WITH asked AS MATERIALIZED (SELECT DISTINCT lower(word) AS word FROM unnest(@words::text[]) AS word)
	SELECT p.at, p.transaction, p.seq, p.amount, abs(p.amount) >= @least
		AND (NOT @filtered OR EXISTS (
			SELECT FROM (SELECT source, lower(message) AS message FROM transactions WHERE id = p.transaction OFFSET 0) AS x
			WHERE (@source = '' OR x.source = @source) AND NOT EXISTS (SELECT FROM asked WHERE strpos(x.message, word) = 0)))
		AND (@with::bigint[] IS NULL OR EXISTS (
			SELECT FROM unnest(@with::bigint[]) AS other JOIN postings o ON o.account = other AND o.at = p.at AND o.transaction = p.transaction))
	FROM unnest(@own::bigint[]) AS id, LATERAL (
		SELECT at, transaction, seq, amount FROM postings
		WHERE account = id AND (at, transaction, seq) < (@at, @transaction, @seq) AND at BETWEEN @from AND @at
		ORDER BY at DESC, transaction DESC, seq DESC LIMIT @limit) AS p
	ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT @limit`

func (s *statementReading) look(ctx context.Context, tx queryer) ([]looked, error) {
	limit := s.Limit + 1
	if s.Filtered() {
		limit = MostLooked + 1
	}
	args := pgx.NamedArgs{
		"own": s.own, "at": s.Before.At, "transaction": s.Before.Transaction, "seq": s.Before.Seq, "from": s.From,
		"least": s.Least, "filtered": s.Source != "" || strings.TrimSpace(s.Text) != "", "source": s.Source, "words": strings.Fields(s.Text),
		"with": s.with, "limit": limit,
	}
	rows, _ := tx.Query(ctx, lookQuery, args)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p looked, err error) {
		return p, row.Scan(&p.At, &p.Transaction, &p.Seq, &p.amount, &p.passes)
	})
	if err != nil {
		return nil, fmt.Errorf("look through postings: %w", err)
	}
	if len(all) == limit { // one more than is looked at
		all = all[:limit-1]
		s.Next = &all[limit-2].Cursor
	}
	return all, nil
}

// choose sets the lines of the postings that pass, each with the balance after it.
func (s *statementReading) choose(ctx context.Context, tx queryer, all []looked) error {
	balance, err := s.balanceAfter(ctx, tx, all[0].Cursor)
	if err != nil {
		return fmt.Errorf("balance: %w", err)
	}
	for _, p := range all {
		if p.passes && len(s.Lines) == s.Limit {
			s.Next = &s.Lines[s.Limit-1].Cursor
			break
		}
		if p.passes {
			s.Lines = append(s.Lines, Line{Cursor: p.Cursor, Amount: p.amount, Balance: balance})
		}
		balance = balance.Minus(SumOf(p.amount))
		s.Looked++
		s.Back = p.At
	}
	return nil
}

// balanceAfter returns the balance after a posting: that of now without what came
// later, by whole days, and on the posting's day by postings.
func (s *statementReading) balanceAfter(ctx context.Context, tx queryer, c Cursor) (Sum, error) {
	day := DayOf(c.At, s.zone)
	const later = `
		SELECT coalesce((SELECT sum(received - sent) FROM account_days WHERE account = ANY(@own) AND day > @day::date), 0)
			+ coalesce((SELECT sum(amount) FROM postings
				WHERE account = ANY(@own) AND (at, transaction, seq) > (@at, @transaction, @seq) AND at >= @at AND at < @tomorrow), 0)`
	var since Sum
	err := tx.QueryRow(ctx, later, pgx.NamedArgs{
		"own": s.own, "day": day, "at": c.At, "transaction": c.Transaction, "seq": c.Seq, "tomorrow": DayStart(DayNumber(day)+1, s.zone),
	}).Scan(&since)
	return s.balance.Minus(since), err
}

// describe adds to the lines what their transactions are.
func (s *statementReading) describe(ctx context.Context, tx queryer) error {
	const query = `
		SELECT nr, x.source, x.message, x.origin, x.ref, others
		FROM unnest(@transactions::bigint[]) WITH ORDINALITY AS asked (id, nr) JOIN transactions x USING (id),
		LATERAL (
			SELECT coalesce(json_agg(json_build_array(ref, name, kind) ORDER BY seq), '[]') AS others FROM (
				SELECT ref, name, kind, min(seq) AS seq FROM (
					SELECT o.seq, t.kind, CASE WHEN hidden THEN '' ELSE t.ref END AS ref, CASE WHEN hidden THEN '` + HiddenName + `' ELSE t.name END AS name
					FROM postings o JOIN accounts a ON a.id = o.account LEFT JOIN merges m ON m.account = a.id
					JOIN accounts t ON t.id = coalesce(m.target, a.id),
					LATERAL (SELECT EXISTS (SELECT FROM holders WHERE hidden AND ref = t.holder) AS hidden) AS h
					WHERE o.transaction = x.id AND o.at = x.at AND o.account <> ALL(@own)
					ORDER BY o.seq LIMIT @legs) AS few
				GROUP BY ref, name, kind) AS distinct_ones) AS named`
	transactions := make([]int64, len(s.Lines))
	for i, l := range s.Lines {
		transactions[i] = l.Transaction
	}
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"transactions": transactions, "own": s.own, "legs": linesLegs})
	var nr int
	var source, message, origin, ref string
	var others []byte
	_, err := pgx.ForEachRow(rows, []any{&nr, &source, &message, &origin, &ref, &others}, func() error {
		l := &s.Lines[nr-1]
		l.Source, l.Message, l.Origin, l.Ref = source, message, origin, ref
		var parties [][3]string
		if err := json.Unmarshal(others, &parties); err != nil {
			return err
		}
		l.More = len(parties) > linesOthers
		for _, p := range parties[:min(len(parties), linesOthers)] {
			l.Others = append(l.Others, Party{p[0], p[1], Kind(p[2])})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("transactions of the lines: %w", err)
	}
	return nil
}
