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
	stats := &Stats{Rows: []StatsRow{}}
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		f, err := ledger.ReadFold(ctx, tx)
		if err != nil {
			return err
		}
		totals, err := f.Totals(ctx, tx, w.Start)
		for _, t := range totals {
			status := "active"
			if t.Archived {
				status = "archived"
			}
			if (q.Kind == "" || t.Kind == q.Kind) && (q.Status == "" || status == q.Status) {
				stats.Rows = append(stats.Rows, StatsRow{t.Kind, t.Issuer, status, t.Accounts, t.Balance, t.Postings})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("account stats: %w", err)
	}
	return stats, nil
}
