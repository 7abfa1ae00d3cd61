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

// A Profile is what a ledger has, by which pages decide what is worth showing.
type Profile struct {
	Transactions bool
	Sales        bool
	Shops        bool
	Firms        bool // business accounts
	Government   bool // government accounts
	Reports      bool
	BalancesOnly bool // all transactions are what observed balances differed by
}

// Full is the profile of a ledger that has everything.
func Full() Profile {
	return Profile{Transactions: true, Sales: true, Shops: true, Firms: true, Government: true, Reports: true}
}

// newProfile registers the memo of the profile, which a first write of any kind
// makes new.
func newProfile(c *cache.Cache, reads Reads) *cache.Memo[NoParams, Profile] {
	spec := cache.Spec{Name: "profile", Window: time.Minute, Tags: []string{"economy", "transactions", "sales", "shops", "accounts"}}
	return cache.NewMemo(c, spec, on(reads, computeProfile)).Prewarm(NoParams{})
}

func computeProfile(ctx context.Context, db *pgxpool.Pool, _ cache.Window, _ NoParams) (Profile, error) {
	const query = `
		SELECT EXISTS (SELECT FROM activity_hours) AS transactions, EXISTS (SELECT FROM item_days) AS sales,
			EXISTS (SELECT FROM shops) AS shops, EXISTS (SELECT FROM accounts WHERE kind = 'business' AND NOT issuer) AS firms,
			EXISTS (SELECT FROM accounts WHERE kind = 'government') AS government,
			EXISTS (SELECT FROM reports) AS reports,
			EXISTS (SELECT FROM observed_balances) AND NOT EXISTS (SELECT FROM flow_hours WHERE source <> $1) AS balances_only`
	rows, _ := db.Query(ctx, query, ledger.ObservedSource)
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Profile])
	if err != nil {
		return Profile{}, fmt.Errorf("profile: %w", err)
	}
	return p, nil
}
