package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// StatsQuery selects the accounts that [Stats] counts.
type StatsQuery struct {
	Kind   ledger.Kind // empty: every kind
	Status string      // "active", "archived", or empty for both
}

// Key is "personal:active", or ":" for everything.
func (q StatsQuery) Key() string { return string(q.Kind) + ":" + q.Status }

// Stats counts accounts by kind, issuers apart, and status.
type Stats struct {
	Rows []StatsRow `json:"rows" nullable:"false" doc:"By kind, issuers last, active before archived; only those of which there are any."`
}

// StatsRow is the accounts of one kind and status, issuers apart.
type StatsRow struct {
	Kind         ledger.Kind `json:"kind" enum:"personal,business,government,system"`
	Issuer       bool        `json:"issuer" doc:"Whether these accounts issue money."`
	Status       string      `json:"status" enum:"active,archived"`
	Accounts     int64       `json:"accounts" doc:"How many there are, used or not."`
	Balance      ledger.Sum  `json:"balance" doc:"The sum of their balances, in minor units; of issuers, minus what they issued on balance."`
	Transactions int64       `json:"transactions" doc:"Postings on these accounts: a transaction between two of them counts for both."`
}

// NewStats registers the memo "stats". It is cheap, so every write of accounts
// or transactions invalidates it.
func NewStats(c *cache.Cache, db *pgxpool.Pool) *cache.Memo[StatsQuery, *Stats] {
	return newStats(c, always(db))
}

func newStats(c *cache.Cache, reads Reads) *cache.Memo[StatsQuery, *Stats] {
	spec := cache.Spec{Name: "stats", Window: window, Tags: []string{"accounts", "transactions"}}
	return cache.NewMemo(c, spec, on(reads, ComputeStats)).Prewarm(StatsQuery{})
}

// ComputeStats counts the accounts as they are now. Archived are those that were
// archived by w's start. Its cost follows the number of accounts.
func ComputeStats(ctx context.Context, db *pgxpool.Pool, w cache.Window, q StatsQuery) (*Stats, error) {
	const query = `
		SELECT kind, issuer, status, count(*) AS accounts, coalesce(sum(balance), 0) AS balance,
			coalesce(sum(postings), 0)::bigint AS transactions
		FROM (
			SELECT id, kind, issuer, CASE WHEN archived <= @at THEN 'archived' ELSE 'active' END AS status FROM accounts
		) AS a LEFT JOIN balances ON account = id
		WHERE (@kind = '' OR kind = @kind) AND (@status = '' OR status = @status)
		GROUP BY kind, issuer, status
		ORDER BY array_position(ARRAY['personal', 'business', 'government', 'system'], kind), issuer, status`

	rows, _ := db.Query(ctx, query, pgx.NamedArgs{"at": w.Start, "kind": string(q.Kind), "status": q.Status})
	stats, err := pgx.CollectRows(rows, pgx.RowToStructByName[StatsRow])
	if err != nil {
		return nil, fmt.Errorf("account stats: %w", err)
	}
	return &Stats{Rows: stats}, nil
}
