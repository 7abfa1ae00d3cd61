package aggregates

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// Economy is the memos of the home page, and of what the ledger has.
type Economy struct {
	Overview     *cache.Memo[Days, *Overview]
	Inequality   *cache.Memo[InequalityQuery, *Inequality]
	Activity     *cache.Memo[Days, *Activity]
	WealthByKind *cache.Memo[NoParams, *WealthByKind]
	Rhythm       *cache.Memo[Days, *Rhythm]
	Richest      *cache.Memo[NoParams, *Richest]
	Profile      *cache.Memo[NoParams, Profile]
	Bridge       *cache.Memo[Days, *Bridge]
	Source       *cache.Memo[SourceQuery, *SourceDays] // API.Sources is to be consulted before
	History      *cache.Memo[Population, *History]
	Ladder       *cache.Memo[Population, *Ladder]
	Holdings     *cache.Memo[Population, *Holdings]
	SiteMap      *cache.Memo[NoParams, *SiteMap]

	reads Reads
	now   func() time.Time
}

// NoParams is the parameter of memos that have one value.
type NoParams struct{}

// Key is empty.
func (NoParams) Key() string { return "" }

// window is how long one computation serves: the same for all panels of the
// home page, so that the page has one boundary.
const window = 30 * time.Second

// spec is the policy of a memo that no append invalidates: it reads much, so a
// new value waits for the next window.
func spec(name string) cache.Spec {
	return cache.Spec{Name: name, Window: window, Tags: []string{"economy"}}
}

// everybody returns the populations, without a choice of who counts.
func everybody() []InequalityQuery {
	var queries []InequalityQuery
	for _, p := range Populations() {
		queries = append(queries, InequalityQuery{Population: p})
	}
	return queries
}

// NewEconomy registers the memos of the home page, which read db.
func NewEconomy(c *cache.Cache, db *pgxpool.Pool, options ...Option) *Economy {
	source := sourceOf(db, options)
	from, exact := source.reads, source.exact
	holders := &holderShare{}
	return &Economy{
		Overview:     cache.NewMemo(c, spec("economy.overview"), tallying(exact, holders, on(from, ComputeOverview))).Prewarm(AllDays()...),
		Inequality:   cache.NewMemo(c, spec("economy.inequality"), tallying(exact, holders, on(from, ComputeInequality))).Prewarm(everybody()...),
		Activity:     cache.NewMemo(c, spec("economy.activity"), on(from, ComputeActivity)).Prewarm(AllDays()...),
		WealthByKind: cache.NewMemo(c, spec("economy.wealth"), tallying(exact, holders, on(from, ComputeWealthByKind))).Prewarm(NoParams{}),
		Rhythm:       cache.NewMemo(c, spec("economy.rhythm"), on(from, ComputeRhythm)).Prewarm(AllDays()...),
		Richest:      cache.NewMemo(c, spec("economy.richest"), tallying(exact, holders, on(from, ComputeRichest))).Prewarm(NoParams{}),
		Profile:      newProfile(c, from),
		Bridge:       cache.NewMemo(c, spec("economy.bridge"), tallying(exact, holders, on(from, ComputeBridge))).Prewarm(AllDays()...),
		Source:       cache.NewMemo(c, oneOfMany("source"), on(from, ComputeSource)),
		History:      cache.NewMemo(c, spec("history"), on(from, ComputeHistory)).Prewarm(PopulationPersonal),
		Holdings:     cache.NewMemo(c, everyMinute("accounts"), tallying(exact, holders, on(from, ComputeHoldings))).Prewarm(PopulationPersonal),
		Ladder:       cache.NewMemo(c, spec("economy.ladder"), tallying(exact, holders, on(from, ComputeLadder))).Prewarm(PopulationPersonal),
		SiteMap:      newSiteMap(c, from),
		reads:        from,
		now:          c.Now,
	}
}
