package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// What people wrote into the record about accounts and their holders is read here for those
// who look after it. It names who is hidden, so it is for nobody else.

// A Curated is an account as those see it who look after the record.
type Curated struct {
	Ref    string
	Name   string
	Kind   Kind
	Label  string
	Holder string // ref
	Hidden bool   // its holder is hidden
	Into   string // ref of the account into which it is merged; empty: it is not
}

const curated = `
	SELECT a.ref, a.name, a.kind, a.label, a.holder, coalesce(h.hidden, false) AS hidden, coalesce(t.ref, '') AS into
	FROM accounts a LEFT JOIN holders h ON h.ref = a.holder LEFT JOIN merges m ON m.account = a.id LEFT JOIN accounts t ON t.id = m.target`

// Curated returns an account, and reports whether there is one.
func (l *Ledger) Curated(ctx context.Context, ref string) (Curated, bool, error) {
	rows, _ := l.db.Query(ctx, curated+` WHERE a.ref = $1`, ref)
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Curated]))
}

// one returns a row that may not be there.
func one[T any](row T, err error) (T, bool, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return row, false, nil
	}
	if err != nil {
		return row, false, fmt.Errorf("read what is known of accounts: %w", err)
	}
	return row, true, nil
}

// Labelled returns accounts with a label, by ref, from the one after a ref on.
func (l *Ledger) Labelled(ctx context.Context, after string, limit int) ([]Curated, error) {
	return l.listCurated(ctx, curated+` WHERE a.label <> '' AND a.ref > $1 ORDER BY a.ref LIMIT $2`, after, limit)
}

// Merged returns accounts that are merged into others, by ref.
func (l *Ledger) Merged(ctx context.Context, after string, limit int) ([]Curated, error) {
	return l.listCurated(ctx, curated+` WHERE m.account IS NOT NULL AND a.ref > $1 ORDER BY a.ref LIMIT $2`, after, limit)
}

func (l *Ledger) listCurated(ctx context.Context, query, after string, limit int) ([]Curated, error) {
	rows, _ := l.db.Query(ctx, query, after, limit)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[Curated])
	if err != nil {
		return nil, fmt.Errorf("read what is known of accounts: %w", err)
	}
	return all, nil
}

// HolderOf returns what is known of a holder, and reports whether there is one: of one that
// is known by its accounts alone, their refs and the name of the first.
func (l *Ledger) HolderOf(ctx context.Context, ref string) (Holder, bool, error) {
	const query = `
		SELECT ref, name, kind, link, label, hidden FROM holders WHERE ref = $1
		UNION ALL (SELECT holder, name, '', '', '', false FROM accounts WHERE holder = $1 AND NOT EXISTS (SELECT FROM holders WHERE ref = $1) ORDER BY ref LIMIT 1)`
	rows, _ := l.db.Query(ctx, query, ref)
	return one(pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Holder]))
}

// HiddenHolders returns the holders that are hidden, by ref.
func (l *Ledger) HiddenHolders(ctx context.Context, after string, limit int) ([]Holder, error) {
	const query = `SELECT ref, name, kind, link, label, hidden FROM holders WHERE hidden AND ref > $1 ORDER BY ref LIMIT $2`
	rows, _ := l.db.Query(ctx, query, after, limit)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Holder])
	if err != nil {
		return nil, fmt.Errorf("read the hidden holders: %w", err)
	}
	return all, nil
}

// FormerNamesOf returns the names that accounts had, the latest first, from the ones before
// a time on.
func (l *Ledger) FormerNamesOf(ctx context.Context, before time.Time, limit int) ([]FormerName, error) {
	const query = `
		SELECT a.ref, n.name, n.until FROM account_names n JOIN accounts a ON a.id = n.account
		WHERE n.until < $1 ORDER BY n.until DESC, a.ref, n.name LIMIT $2`
	rows, _ := l.db.Query(ctx, query, before, limit)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[FormerName])
	if err != nil {
		return nil, fmt.Errorf("read former names: %w", err)
	}
	return all, nil
}

const events = `SELECT ref, at, until, title, text, link, scope FROM events`

func eventOf(row pgx.CollectableRow) (Event, error) {
	var e Event
	var until *time.Time
	err := row.Scan(&e.Ref, &e.At, &until, &e.Title, &e.Text, &e.Link, &e.Scope)
	if e.At = e.At.UTC(); until != nil {
		e.Until = until.UTC()
	}
	return e, err
}

// EventOf returns an event, and reports whether there is one.
func (l *Ledger) EventOf(ctx context.Context, ref string) (Event, bool, error) {
	rows, _ := l.db.Query(ctx, events+` WHERE ref = $1`, ref)
	return one(pgx.CollectExactlyOneRow(rows, eventOf))
}

// AllEvents returns events of every scope, by ref, from the one after a ref on.
func (l *Ledger) AllEvents(ctx context.Context, after string, limit int) ([]Event, error) {
	rows, _ := l.db.Query(ctx, events+` WHERE ref > $1 ORDER BY ref LIMIT $2`, after, limit)
	all, err := pgx.CollectRows(rows, eventOf)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return all, nil
}
