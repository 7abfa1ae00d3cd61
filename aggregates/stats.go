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

// StatsQuery picks the accounts that [Stats] counts. Its values are bounded:
// see [ParseStatsQuery].
type StatsQuery struct {
	Kind   ledger.Kind // empty: every kind
	Status string      // "active", "archived", or empty for both
}

// Key names the query in cache keys: "personal:active", ":" for everything.
func (q StatsQuery) Key() string { return string(q.Kind) + ":" + q.Status }

// ParseStatsQuery reads the two parameters of a request; the error says which
// values there are.
func ParseStatsQuery(kind, status string) (StatsQuery, error) {
	switch ledger.Kind(kind) {
	case "", ledger.Personal, ledger.Business, ledger.Government, ledger.System:
	default:
		return StatsQuery{}, fmt.Errorf("kind is %q: use one of %v, or leave it out", kind, ledger.Kinds())
	}
	switch status {
	case "", "active", "archived":
	default:
		return StatsQuery{}, fmt.Errorf("status is %q: use active or archived, or leave it out", status)
	}
	return StatsQuery{Kind: ledger.Kind(kind), Status: status}, nil
}

// Stats counts accounts by kind and status.
type Stats struct {
	AsOf time.Time
	Rows []StatsRow // by kind as ledger.Kinds orders them, active before archived
}

// A StatsRow is the accounts of one kind and status. Transactions counts the
// postings on these accounts, so that a transaction between two of them is
// counted on both sides.
type StatsRow struct {
	Kind         ledger.Kind
	Status       string
	Accounts     int64
	Balance      int64 // minor units
	Transactions int64
}

// NewStats registers the memo "stats". It is the smallest whole example of the
// pattern: bounded parameters, one query over rollups, a tag that every append
// touches.
func NewStats(c *cache.Cache, db *pgxpool.Pool) *cache.Memo[StatsQuery, *Stats] {
	spec := cache.Spec{Name: "stats", Window: 30 * time.Second, Tags: []string{"ledger", "accounts"}}
	return cache.NewMemo(c, spec, func(ctx context.Context, w cache.Window, q StatsQuery) (*Stats, error) {
		return computeStats(ctx, db, w, q)
	})
}

func computeStats(ctx context.Context, db *pgxpool.Pool, w cache.Window, q StatsQuery) (*Stats, error) {
	const query = `
		SELECT kind, status, count(*) AS accounts, coalesce(sum(balance), 0)::bigint AS balance,
		       coalesce(sum(postings), 0)::bigint AS transactions
		FROM (SELECT id, kind, CASE WHEN archived <= @at THEN 'archived' ELSE 'active' END AS status FROM accounts) a
		LEFT JOIN balances b ON b.account = a.id
		WHERE (@kind = '' OR kind = @kind) AND (@status = '' OR status = @status)
		GROUP BY kind, status
		ORDER BY array_position(ARRAY['personal', 'business', 'government', 'system'], kind), status`

	rows, _ := db.Query(ctx, query, pgx.NamedArgs{"at": w.Start, "kind": string(q.Kind), "status": q.Status})
	stats, err := pgx.CollectRows(rows, pgx.RowToStructByName[StatsRow])
	if err != nil {
		return nil, fmt.Errorf("account stats: %w", err)
	}
	return &Stats{AsOf: w.Start, Rows: stats}, nil
}
