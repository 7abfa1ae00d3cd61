package alerts

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/views"
)

// Sent are the latest alerts of public rules, newest first.
type Sent struct {
	Alerts []SentAlert
}

// A SentAlert is one of them.
type SentAlert struct {
	ID    string
	At    time.Time
	Title string
	Text  string
	Path  string // of a page of this site
}

// A SentQuery selects those who read a feed: by what they may see.
type SentQuery struct{ Sees views.Level }

// Key is the level.
func (q SentQuery) Key() string { return fmt.Sprint(q.Sees) }

const mostSent = 100

// NewFeed registers the memo of what public rules have told.
func NewFeed(c *cache.Cache, db *pgxpool.Pool) *cache.Memo[SentQuery, *Sent] {
	return cache.NewMemo(c, cache.Spec{Name: "alerts.sent", Window: window, Tags: []string{"economy"}}, func(ctx context.Context, w cache.Window, q SentQuery) (*Sent, error) {
		return ReadSent(ctx, db, q)
	})
}

// namesHidden is whether an alert s names an account whose holder is hidden now.
const namesHidden = `EXISTS (
	SELECT FROM accounts a LEFT JOIN merges m ON m.account = a.id LEFT JOIN accounts t ON t.id = m.target
	JOIN holders h ON h.hidden AND h.ref IN (a.holder, t.holder) WHERE a.ref = ANY(s.accounts))`

// ReadSent reads them. What names an account whose holder is hidden now is left out,
// whenever it was sent.
func ReadSent(ctx context.Context, db *pgxpool.Pool, q SentQuery) (*Sent, error) {
	const query = `
		SELECT id, at, title, text, path FROM alerts s
		WHERE public AND shows <= $1 AND NOT ` + namesHidden + `
		ORDER BY at DESC, id DESC LIMIT $2`
	rows, _ := db.Query(ctx, query, int16(q.Sees), mostSent)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SentAlert])
	if err != nil {
		return nil, fmt.Errorf("alerts that were sent: %w", err)
	}
	return &Sent{all}, nil
}
