package aggregates

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"exchequer/cache"
)

// API is the memos behind the public API, beside those of the home page. Items
// and Accounts are to be consulted before Item, Price and Account: each ref is a key.
type API struct {
	Stats   *cache.Memo[StatsQuery, *Stats]
	Flow    *cache.Memo[Days, *Flow]
	Market  *cache.Memo[Days, *Market]
	Item    *cache.Memo[ItemQuery, *Item] // nil: no such item
	Health  *cache.Memo[Days, *Health]
	Account *cache.Memo[AccountQuery, *Account] // nil: no such account
	Events  *cache.Memo[EventQuery, *Events]
	Index   *cache.Memo[Days, *PriceIndex]
	Movers  *cache.Memo[Days, *Movers]
	Gaps    *cache.Memo[NoParams, *Gaps]
	Prices  *cache.Memo[NoParams, *AllPrices]
	Price   *cache.Memo[ItemRef, *ItemPrice] // nil: no such item

	ItemList  *cache.Memo[Days, *Items]
	ItemChart *cache.Memo[ItemChartQuery, *ItemChart] // nil: no such item
	ItemTrade *cache.Memo[ItemQuery, *ItemTrade]      // nil: no such item
	Trade     *Trade

	Items    *Exists
	Accounts *Exists
	Sources  *Sources // of Economy.Source
}

// NewAPI registers the memos of the public API, which read db.
func NewAPI(c *cache.Cache, db *pgxpool.Pool) *API {
	places := semaphore.NewWeighted(lookupsAtOnce)
	return &API{
		Stats:   NewStats(c, db),
		Flow:    cache.NewMemo(c, spec("flow"), on(db, ComputeFlow)).Prewarm(AllDays()...),
		Market:  cache.NewMemo(c, spec("market"), on(db, ComputeMarket)).Prewarm(AllDays()...),
		Item:    cache.NewMemo(c, oneOfMany("item"), on(db, ComputeItem)),
		Health:  cache.NewMemo(c, spec("health"), on(db, ComputeHealth)).Prewarm(AllDays()...),
		Account: cache.NewMemo(c, oneOfMany("account"), on(db, ComputeAccount)),
		Events:  NewEvents(c, db),
		Index:   cache.NewMemo(c, spec("market.index"), on(db, ComputePriceIndex)).Prewarm(defaultDays),
		Movers:  cache.NewMemo(c, spec("market.movers"), on(db, ComputeMovers)).Prewarm(defaultDays),
		Gaps:    cache.NewMemo(c, spec("market.gaps"), on(db, ComputeGaps)).Prewarm(NoParams{}),
		Prices:  cache.NewMemo(c, spec("prices"), on(db, ComputePrices)),
		Price:   cache.NewMemo(c, oneOfMany("price"), on(db, ComputePrice)),

		ItemList:  cache.NewMemo(c, cache.Spec{Name: "items", Window: time.Minute, Tags: []string{"economy"}}, on(db, ComputeItems)).Prewarm(30),
		ItemChart: cache.NewMemo(c, oneOfMany("item.chart"), on(db, ComputeItemChart)),
		ItemTrade: cache.NewMemo(c, oneOfMany("item.trade"), on(db, ComputeItemTrade)),
		Trade:     newTrade(c, db, places),

		Items:    existsIn(db, places, `SELECT EXISTS (SELECT FROM items WHERE ref = $1)`),
		Accounts: existsIn(db, places, `SELECT EXISTS (SELECT FROM accounts WHERE ref = $1)`),
		Sources:  sourcesIn(db, places),
	}
}

// oneOfMany is the policy of a memo with a key a thing. Things are many, and mostly
// read by programs that go through all of them. Their values are a minute old at
// most, and leave the shared level after an hour without a reader, so that they do
// not fill it.
func oneOfMany(name string) cache.Spec {
	return cache.Spec{Name: name, Window: time.Minute, Hard: time.Hour, Tags: []string{"economy"}, ManyKeys: true}
}
