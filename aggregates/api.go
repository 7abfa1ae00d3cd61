package aggregates

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"exchequer/cache"
)

// API is the memos behind the public API, beside those of the home page. Items
// and Accounts are to be consulted before Item, Account and Series: each ref is a key.
type API struct {
	Stats       *cache.Memo[StatsQuery, *Stats]
	Flow        *cache.Memo[Days, *Flow]
	Market      *cache.Memo[MarketQuery, *Market]
	Item        *cache.Memo[ItemQuery, *Item] // nil: no such item
	Health      *cache.Memo[Days, *Health]
	Account     *cache.Memo[AccountQuery, *Account] // nil: no such account
	Sides       *cache.Memo[AccountQuery, *AccountSides]
	Events      *cache.Memo[EventQuery, *Events]
	Holder      *cache.Memo[HolderQuery, *Holder] // nil: no such holder, or a hidden one; Holders is to be consulted before
	HolderSides *cache.Memo[HolderQuery, *HolderSides]
	Trading     *cache.Memo[AccountQuery, *AccountTrading] // nil: no such account
	Firms       *cache.Memo[Days, *Firms]
	Government  *cache.Memo[Days, *Government]
	Index       *cache.Memo[MarketQuery, *PriceIndex]
	Movers      *cache.Memo[Days, *Movers]
	Gaps        *cache.Memo[NoParams, *Gaps]
	Prices      *cache.Memo[NoParams, *AllPrices]

	ItemList  *cache.Memo[Days, *Items]
	ItemChart *cache.Memo[ItemChartQuery, *ItemChart] // nil: no such item
	ItemTrade *cache.Memo[ItemQuery, *ItemTrade]      // nil: no such item
	Trade     *Trade
	Series    *cache.Memo[SeriesQuery, *Series] // nil: no such item or account

	ItemGroup  *cache.Memo[RoutesQuery, *ItemGroup] // nil: no such item
	ItemRanks  *cache.Memo[Days, *ItemRanks]
	ItemRoutes *cache.Memo[RoutesQuery, *ItemRoutes] // nil: no such item

	ItemNews    *cache.Memo[NewsQuery, *News]      // nil: no such item
	ItemWatch   *cache.Memo[NewsQuery, *ItemWatch] // nil: no such item
	AccountNews *cache.Memo[NewsQuery, *News]      // nil: no such account
	Notables    *cache.Memo[NoParams, *Notables]

	Sold *Sold // what was sold, read exactly

	Past *Past // of days that are over

	Items    *Exists
	Accounts *Exists
	Holders  *Exists
	Sources  *Sources // of Economy.Source
}

// NewAPI registers the memos of the public API, which read as those of [NewEconomy].
func NewAPI(c *cache.Cache, db *pgxpool.Pool, options ...Option) *API {
	source := sourceOf(db, options)
	from := source.reads
	places := semaphore.NewWeighted(lookupsAtOnce)
	prices, courses := &priceShare{}, &courseShare{}
	return &API{
		Stats:       newStats(c, from),
		Flow:        cache.NewMemo(c, spec("flow"), tallying(source.exact, &holderShare{}, on(from, ComputeFlow))).Prewarm(AllDays()...),
		Market:      cache.NewMemo(c, spec("market"), sharing(courses, on(from, ComputeMarket))).Prewarm(marketWithout(AllDays()...)...),
		Item:        cache.NewMemo(c, oneOfMany("item"), on(from, ComputeItem)),
		Health:      cache.NewMemo(c, spec("health"), tallying(source.exact, &holderShare{}, on(from, ComputeHealth))).Prewarm(AllDays()...),
		Account:     cache.NewMemo(c, oneOfMany("account"), on(from, ComputeAccount)),
		Sides:       cache.NewMemo(c, oneOfMany("account.sides"), on(from, ComputeAccountSides)),
		Trading:     cache.NewMemo(c, oneOfMany("account.trade"), on(from, ComputeAccountTrading)),
		Events:      newEvents(c, from),
		Holder:      cache.NewMemo(c, oneOfMany("holder"), on(from, ComputeHolder)),
		HolderSides: cache.NewMemo(c, oneOfMany("holder.sides"), on(from, ComputeHolderSides)),
		Firms:       cache.NewMemo(c, everyMinute("firms"), on(from, ComputeFirms)).Prewarm(defaultDays),
		Government:  cache.NewMemo(c, governmentSpec, on(from, ComputeGovernment)),
		Index:       cache.NewMemo(c, spec("market.index"), sharing(courses, on(from, ComputePriceIndex))).Prewarm(MarketQuery{Days: defaultDays}),
		Movers:      cache.NewMemo(c, spec("market.movers"), sharing(prices, on(from, ComputeMovers))).Prewarm(defaultDays),
		Gaps:        cache.NewMemo(c, spec("market.gaps"), sharing(prices, on(from, ComputeGaps))).Prewarm(NoParams{}),
		Prices:      cache.NewMemo(c, spec("prices"), sharing(prices, on(from, ComputePrices))).Prewarm(NoParams{}),

		ItemList:  cache.NewMemo(c, everyMinute("items"), sharing(prices, on(from, ComputeItems))).Prewarm(30),
		ItemChart: cache.NewMemo(c, oneOfMany("item.chart"), on(from, ComputeItemChart)),
		ItemTrade: cache.NewMemo(c, oneOfMany("item.trade"), on(from, ComputeItemTrade)),
		Trade:     newTrade(c, from, places),
		Series:    cache.NewMemo(c, oneOfMany("series"), on(from, ComputeSeries)),

		ItemGroup:  cache.NewMemo(c, oneOfMany("item.group"), on(from, ComputeItemGroup)),
		ItemRanks:  cache.NewMemo(c, everyMinute("items.ranks"), on(from, ComputeItemRanks)).Prewarm(30),
		ItemRoutes: cache.NewMemo(c, oneOfMany("item.offsetting"), on(from, ComputeItemRoutes)),

		ItemNews:    cache.NewMemo(c, newsOf("item.news"), on(from, ComputeItemNews)),
		ItemWatch:   cache.NewMemo(c, oneOfMany("item.watch"), on(from, ComputeItemWatch)),
		AccountNews: cache.NewMemo(c, newsOf("account.news"), on(from, ComputeAccountNews)),
		Notables:    cache.NewMemo(c, cache.Spec{Name: "notables", Window: 10 * time.Minute, Tags: []string{"economy"}}, on(from, ComputeNotables)).Prewarm(NoParams{}),

		Sold: &Sold{from},

		Past: newPast(c, from, source.exact),

		Items:    existsIn(from, places, knownItem),
		Accounts: existsIn(from, places, knownAccountExists),
		Holders:  existsIn(from, places, knownHolder),
		Sources:  sourcesIn(from, places),
	}
}

// everyMinute is the policy of a memo that reads more than those of [spec].
func everyMinute(name string) cache.Spec {
	return cache.Spec{Name: name, Window: time.Minute, Tags: []string{"economy"}}
}

// oneOfMany is the policy of a memo with a key a thing. Things are many, and mostly
// read by programs that go through all of them. Their values are a minute old at
// most, and leave the shared level after an hour without a reader, so that they do
// not fill it.
func oneOfMany(name string) cache.Spec {
	return cache.Spec{Name: name, Window: time.Minute, Hard: time.Hour, Tags: []string{"economy"}, ManyKeys: true}
}
