package ledger

import (
	"context"
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
	Source  string
	Message string
	Ref     string   // of the transaction
	Others  []string // names of the other accounts, at most linesOthers
	More    bool     // there are, or may be, others that are not named
}

// Counterparties returns the names of the other accounts, to be shown.
func (l Line) Counterparties() string {
	names := strings.Join(l.Others, ", ")
	switch {
	case names == "":
		return "itself"
	case l.More:
		return names + " and others"
	}
	return names
}

// linesOthers is how many of a transaction's other accounts a statement names.
const linesOthers = 3

// linesLegs is how many of a transaction's other postings are read for them.
const linesLegs = 20

// Statement returns the postings of an account, and of those merged with it, before
// a place, newest first, at most limit. An account of a hidden holder has none, and
// is not named elsewhere. Statement reads indexes only, so its cost follows the
// limit, whatever the ledger holds.
func (l *Ledger) Statement(ctx context.Context, account string, before Cursor, limit int) ([]Line, error) {
	const query = `
		WITH shown AS (
			SELECT t.id FROM accounts a LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id)
			WHERE a.ref = @account AND NOT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder))
		), own AS (
			SELECT id FROM shown UNION ALL SELECT account FROM merges JOIN shown ON shown.id = target
		)
		SELECT p.at, p.transaction, p.seq, p.amount, x.source, x.message, x.ref, others
		FROM (
			SELECT newest.* FROM own, LATERAL (
				SELECT at, transaction, seq, amount FROM postings
				WHERE account = own.id AND (at, transaction, seq) < (@at, @transaction, @seq)
				ORDER BY at DESC, transaction DESC, seq DESC LIMIT @limit) AS newest
			ORDER BY at DESC, transaction DESC, seq DESC LIMIT @limit) AS p
		JOIN transactions x ON x.id = p.transaction,
		LATERAL (
			SELECT coalesce(array_agg(DISTINCT name), '{}') AS others FROM (
				SELECT CASE WHEN EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder))
					THEN '` + HiddenName + `' ELSE t.name END AS name
				FROM postings o JOIN accounts a ON a.id = o.account LEFT JOIN merges m ON m.account = a.id
				JOIN accounts t ON t.id = coalesce(m.target, a.id)
				WHERE o.transaction = p.transaction AND o.account NOT IN (SELECT id FROM own)
				ORDER BY o.seq LIMIT @legs) AS few) AS named
		ORDER BY p.at DESC, p.transaction DESC, p.seq DESC`
	args := pgx.NamedArgs{
		"account": account, "at": before.At, "transaction": before.Transaction, "seq": before.Seq,
		"limit": limit, "legs": linesLegs,
	}
	rows, _ := l.db.Query(ctx, query, args)
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Line, error) {
		var line Line
		err := row.Scan(&line.At, &line.Transaction, &line.Seq, &line.Amount, &line.Source, &line.Message, &line.Ref, &line.Others)
		if line.More = len(line.Others) > linesOthers; line.More {
			line.Others = line.Others[:linesOthers]
		}
		return line, err
	})
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return lines, nil
}
