// Package audit is the log of what admins and operators did: who, what, when, from where,
// and what became of it. It is a table to which rows are added, and of which no row is
// changed.
//
// What is a change of the database is noted in the transaction that changes it, so that
// neither is there without the other. What is not has an opening before it begins, and a
// row with its result after, so that the end of a process between them leaves a trace.
package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// A Result is what became of an action.
type Result string

// The results.
const (
	Begun   Result = "begun" // and nothing is known of its end
	Done    Result = "done"
	Failed  Result = "failed"
	Refused Result = "refused"
)

// An Entry is one action.
type Entry struct {
	ID      int64
	At      time.Time
	Subject string // who, for good: "local:ann", "token", "shell"
	Name    string // who, to be shown
	Role    string
	Address string // of the client; empty in a shell
	Action  string // "cache.invalidate"
	Target  string // on what
	Detail  string
	Result  Result
}

// The most of each text that is kept, in bytes.
const (
	mostName   = 200
	mostTarget = 600
	mostDetail = 2000
)

// A Writer is a database, or a transaction in one.
type Writer interface {
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

// A Reader is a database that is read.
type Reader interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

const insert = `
	INSERT INTO audit (opening, subject, name, role, address, action, target, detail, result)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`

// Write adds an entry, and returns its id. Its ID and At are not used.
func Write(ctx context.Context, db Writer, e Entry) (int64, error) { return write(ctx, db, nil, e) }

// End adds what became of the entry with an id, which began before: its result and detail.
func End(ctx context.Context, db Writer, id int64, e Entry) error {
	_, err := write(ctx, db, &id, e)
	return err
}

func write(ctx context.Context, db Writer, opening *int64, e Entry) (id int64, err error) {
	err = db.QueryRow(ctx, insert, opening, cut(e.Subject, mostName), cut(e.Name, mostName), cut(e.Role, mostName), cut(e.Address, mostName),
		cut(e.Action, mostName), cut(e.Target, mostTarget), cut(e.Detail, mostDetail), e.Result).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("write the audit log: %w", err)
	}
	return id, nil
}

// cut returns a text that the database takes, of n bytes at most.
func cut(text string, n int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
	if len(text) <= n {
		return text
	}
	for n -= len("…"); n > 0 && !utf8.RuneStart(text[n]); n-- {
	}
	return text[:n] + "…"
}

// A Filter selects entries. An empty field selects all.
type Filter struct {
	Subject string
	Action  string
	Before  int64 // entries with smaller ids; 0: from the newest on
}

const columns = `
	SELECT a.id, a.at, a.subject, a.name, a.role, a.address, a.action, a.target,
		concat_ws('; ', nullif(a.detail, ''), nullif(e.detail, '')) AS detail, coalesce(e.result, a.result) AS result
	FROM audit a LEFT JOIN LATERAL (SELECT detail, result FROM audit WHERE opening = a.id ORDER BY id LIMIT 1) e ON true`

// List returns entries, newest first, each with what became of it.
func List(ctx context.Context, db Reader, f Filter, limit int) ([]Entry, error) {
	query, args := columns+` WHERE a.opening IS NULL`, []any{limit}
	for _, c := range []struct {
		when  bool
		text  string
		value any
	}{{f.Subject != "", "a.subject =", f.Subject}, {f.Action != "", "a.action =", f.Action}, {f.Before > 0, "a.id <", f.Before}} {
		if c.when {
			args = append(args, c.value)
			query += fmt.Sprintf(" AND %s $%d", c.text, len(args))
		}
	}
	rows, _ := db.Query(ctx, query+` ORDER BY a.id DESC LIMIT $1`, args...)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[Entry])
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return all, nil
}

// Find returns an entry, and reports whether there is one.
func Find(ctx context.Context, db Reader, id int64) (Entry, bool, error) {
	rows, _ := db.Query(ctx, columns+` WHERE a.id = $1 AND a.opening IS NULL`, id)
	e, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Entry])
	if errors.Is(err, pgx.ErrNoRows) {
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("read the audit log: %w", err)
	}
	return e, true, nil
}

// Actions returns the actions that were noted, by name. It goes from one to the next in the
// index, so its cost follows their number.
func Actions(ctx context.Context, db Reader) ([]string, error) {
	const query = `
		WITH RECURSIVE known AS (
			(SELECT action FROM audit WHERE opening IS NULL ORDER BY action LIMIT 1)
			UNION ALL
			SELECT (SELECT a.action FROM audit a WHERE a.opening IS NULL AND a.action > k.action ORDER BY a.action LIMIT 1)
			FROM known k WHERE k.action IS NOT NULL)
		SELECT action FROM known WHERE action IS NOT NULL LIMIT 200`
	rows, _ := db.Query(ctx, query)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the actions of the audit log: %w", err)
	}
	return all, nil
}
