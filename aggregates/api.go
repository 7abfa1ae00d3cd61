package aggregates

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"exchequer/cache"
)

// API is the memos behind the public API, beside those of the home page.
type API struct {
	Stats   *cache.Memo[StatsQuery, *Stats]
	Flow    *cache.Memo[Days, *Flow]
	Market  *cache.Memo[Days, *Market]
	Item    *cache.Memo[ItemQuery, *Item] // nil: the ledger does not know it
	Health  *cache.Memo[Days, *Health]
	Account *cache.Memo[AccountQuery, *Account] // nil: the ledger does not know it

	Items    *Known // to be asked before Item
	Accounts *Known // to be asked before Account
}

// NewAPI registers the memos of the public API, which read db.
func NewAPI(c *cache.Cache, db *pgxpool.Pool) *API {
	spec := func(name string) cache.Spec {
		return cache.Spec{Name: name, Window: window, Tags: []string{"economy"}}
	}
	// Of items and accounts there are many, mostly asked for by somebody who goes
	// through all of them: a minute is new enough, and what nobody has asked for
	// in an hour leaves the shared level, so that they do not fill it.
	one := func(name string) cache.Spec {
		return cache.Spec{Name: name, Window: time.Minute, Hard: time.Hour, Tags: []string{"economy"}, ManyKeys: true}
	}
	places := semaphore.NewWeighted(looksAtOnce)
	return &API{
		Stats: NewStats(c, db).Usual(StatsQuery{}),
		Flow: cache.NewMemo(c, spec("flow"), func(ctx context.Context, w cache.Window, d Days) (*Flow, error) {
			return ComputeFlow(ctx, db, w, d)
		}).Usual(AllDays()...),
		Market: cache.NewMemo(c, spec("market"), func(ctx context.Context, w cache.Window, d Days) (*Market, error) {
			return ComputeMarket(ctx, db, w, d)
		}).Usual(AllDays()...),
		Item: cache.NewMemo(c, one("item"), func(ctx context.Context, w cache.Window, q ItemQuery) (*Item, error) {
			return ComputeItem(ctx, db, w, q)
		}),
		Health: cache.NewMemo(c, spec("health"), func(ctx context.Context, w cache.Window, d Days) (*Health, error) {
			return ComputeHealth(ctx, db, w, d)
		}).Usual(AllDays()...),
		Account: cache.NewMemo(c, one("account"), func(ctx context.Context, w cache.Window, q AccountQuery) (*Account, error) {
			return ComputeAccount(ctx, db, w, q)
		}),
		Items:    knownIn(db, places, `SELECT EXISTS (SELECT FROM items WHERE ref = $1)`),
		Accounts: knownIn(db, places, `SELECT EXISTS (SELECT FROM accounts WHERE ref = $1)`),
	}
}
