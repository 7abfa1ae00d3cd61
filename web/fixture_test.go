package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// town is a site over producers that a test may replace.
type town struct {
	overview   func(context.Context, cache.Window, aggregates.Days) (*aggregates.Overview, error)
	inequality func(context.Context, cache.Window, aggregates.InequalityQuery) (*aggregates.Inequality, error)
	activity   func(context.Context, cache.Window, aggregates.Days) (*aggregates.Activity, error)
	richest    func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Richest, error)
	wealth     func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.WealthByKind, error)
	rhythm     func(context.Context, cache.Window, aggregates.Days) (*aggregates.Rhythm, error)
	statement  statement
	find       func(ctx context.Context, name string) ([]ledger.Found, error)
	profile    func(context.Context, cache.Window, aggregates.NoParams) (aggregates.Profile, error)
	market     func(context.Context, cache.Window, aggregates.MarketQuery) (*aggregates.Market, error)
	index      func(context.Context, cache.Window, aggregates.MarketQuery) (*aggregates.PriceIndex, error)
	movers     func(context.Context, cache.Window, aggregates.Days) (*aggregates.Movers, error)
	gaps       func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Gaps, error)
	soundness  func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Soundness, error)
	cohorts    func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Cohorts, error)
	cacheState func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.CacheState, error)
	followed   func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Followed, error)
	stats      func(context.Context, cache.Window, aggregates.StatsQuery) (*aggregates.Stats, error)
	holdings   func(context.Context, cache.Window, aggregates.Population) (*aggregates.Holdings, error)
	items      func(context.Context, cache.Window, aggregates.Days) (*aggregates.Items, error)
	item       func(context.Context, cache.Window, aggregates.ItemQuery) (*aggregates.Item, error)
	itemWatch  func(context.Context, cache.Window, aggregates.NewsQuery) (*aggregates.ItemWatch, error)
	itemChart  func(context.Context, cache.Window, aggregates.ItemChartQuery) (*aggregates.ItemChart, error)
	itemTrade  func(context.Context, cache.Window, aggregates.ItemQuery) (*aggregates.ItemTrade, error)
	prices     func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.AllPrices, error)
	itemGroup  func(context.Context, cache.Window, aggregates.RoutesQuery) (*aggregates.ItemGroup, error)
	itemRanks  func(context.Context, cache.Window, aggregates.Days) (*aggregates.ItemRanks, error)
	itemRoutes func(context.Context, cache.Window, aggregates.RoutesQuery) (*aggregates.ItemRoutes, error)
	account    func(context.Context, cache.Window, aggregates.AccountQuery) (*aggregates.Account, error)
	sides      func(context.Context, cache.Window, aggregates.AccountQuery) (*aggregates.AccountSides, error)
	trading    func(context.Context, cache.Window, aggregates.AccountQuery) (*aggregates.AccountTrading, error)
	holder     func(context.Context, cache.Window, aggregates.HolderQuery) (*aggregates.Holder, error)
	holding    func(context.Context, cache.Window, aggregates.HolderQuery) (*aggregates.HolderSides, error)
	firms      func(context.Context, cache.Window, aggregates.Days) (*aggregates.Firms, error)
	government func(context.Context, cache.Window, aggregates.Days) (*aggregates.Government, error)
	flow       func(context.Context, cache.Window, aggregates.Days) (*aggregates.Flow, error)
	bridge     func(context.Context, cache.Window, aggregates.Days) (*aggregates.Bridge, error)
	history    func(context.Context, cache.Window, aggregates.Population) (*aggregates.History, error)
	ladder     func(context.Context, cache.Window, aggregates.Population) (*aggregates.Ladder, error)
	source     func(context.Context, cache.Window, aggregates.SourceQuery) (*aggregates.SourceDays, error)
	events     func(context.Context, cache.Window, aggregates.EventQuery) (*aggregates.Events, error)
	trade      aggregates.Trade // what it does not read from memos
	shops      func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Shops, error)
	shop       func(context.Context, cache.Window, aggregates.ShopQuery) (*aggregates.Shop, error)
	arbitrage  func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Arbitrage, error)
	markers    func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Markers, error)
	known      func(ctx context.Context, ref string) (bool, error) // of items and accounts
	reports    aggregates.Reports
	series     func(context.Context, cache.Window, aggregates.SeriesQuery) (*aggregates.Series, error)
	notables   func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Notables, error)
	news       func(context.Context, cache.Window, aggregates.NewsQuery) (*aggregates.News, error) // of items and accounts
	moved      func(ctx context.Context, q aggregates.SourceQuery) (bool, error)
	window     time.Duration
	budget     time.Duration
	log        io.Writer
	change     func(*Deps)
	limit      func(*http.Server)
	store      cache.Store
	policies   map[string]cache.Policy
	settings   ledger.Settings
}

func newTown() *town {
	return &town{
		overview: func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Overview, error) {
			o := &aggregates.Overview{Basis: basis(d, w.Start.AddDate(0, 0, -30), w.Start), Holders: 2317, Balanced: true}
			o.Supply = aggregates.Trend[ledger.Sum]{Number: aggregates.Number[ledger.Sum]{Now: ptr(ledger.SumOf(821_490_600))},
				Series: []ledger.Sum{ledger.SumOf(1), ledger.SumOf(2), ledger.SumOf(3)}}
			return o, nil
		},
		inequality: func(_ context.Context, w cache.Window, p aggregates.InequalityQuery) (*aggregates.Inequality, error) {
			return &aggregates.Inequality{Basis: basis(0, w.Start, w.Start), Population: p.Population, Holders: 3,
				Gini: aggregates.Measure{Value: ptr(0.642)}}, nil
		},
		activity: func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
			a := &aggregates.Activity{Basis: basis(d, w.Start.AddDate(0, 0, -2), w.Start), Bucket: "day"}
			for i := range 3 {
				a.Buckets = append(a.Buckets, aggregates.ActivityBucket{
					Start: w.Start.Truncate(24*time.Hour).AddDate(0, 0, i-2), Transactions: 10, Volume: ledger.SumOf(1250), Transfers: ledger.SumOf(1000), Partial: i == 2})
			}
			return a, nil
		},
		richest: func(_ context.Context, w cache.Window, _ aggregates.NoParams) (*aggregates.Richest, error) {
			return &aggregates.Richest{Basis: basis(0, w.Start, w.Start), Supply: ledger.SumOf(100), Count: 1, Accounts: []aggregates.RichAccount{
				{Ref: "a", Name: "Ada", Holder: "Ada", Kind: ledger.Personal, Balance: 100, Share: 1}}}, nil
		},
		wealth: func(_ context.Context, w cache.Window, _ aggregates.NoParams) (*aggregates.WealthByKind, error) {
			return &aggregates.WealthByKind{Basis: basis(0, w.Start, w.Start), Supply: ledger.SumOf(100),
				Kinds: []aggregates.KindWealth{{Kind: ledger.Personal, Accounts: 1, Total: ledger.SumOf(100), Share: 1}}}, nil
		},
		rhythm: func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Rhythm, error) {
			return &aggregates.Rhythm{Basis: basis(d, w.Start, w.Start)}, nil
		},
		statement: lines(3),
		find:      func(context.Context, string) ([]ledger.Found, error) { return nil, nil },
		profile:   constant[aggregates.NoParams](aggregates.Full()),
		market: func(_ context.Context, w cache.Window, d aggregates.MarketQuery) (*aggregates.Market, error) {
			return &aggregates.Market{Basis: basis(d.Days, w.Start, w.Start)}, nil
		},
		index: func(_ context.Context, w cache.Window, d aggregates.MarketQuery) (*aggregates.PriceIndex, error) {
			return &aggregates.PriceIndex{Basis: basis(d.Days, w.Start, w.Start), Bucket: "day"}, nil
		},
		movers: func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Movers, error) {
			return &aggregates.Movers{Basis: basis(d, w.Start, w.Start)}, nil
		},
		gaps: func(_ context.Context, w cache.Window, _ aggregates.NoParams) (*aggregates.Gaps, error) {
			return &aggregates.Gaps{Basis: basis(7, w.Start, w.Start)}, nil
		},
		soundness:  constant[aggregates.NoParams](sample.Town(30).Soundness),
		cohorts:    constant[aggregates.NoParams](sample.Town(30).Cohorts),
		cacheState: constant[aggregates.NoParams](sample.Town(30).Cache),
		followed:   constant[aggregates.NoParams](sample.Town(30).Followed),
		stats: func(_ context.Context, _ cache.Window, q aggregates.StatsQuery) (*aggregates.Stats, error) {
			return &aggregates.Stats{Rows: []aggregates.StatsRow{
				{Kind: q.Kind, Status: "active", Accounts: 2317, Balance: ledger.SumOf(821_490_600), Transactions: 49_122}}}, nil
		},
		account: func(_ context.Context, _ cache.Window, q aggregates.AccountQuery) (*aggregates.Account, error) {
			return &aggregates.Account{ID: q.Account, Name: "Ada", Kind: ledger.Personal, Balance: 100, Population: aggregates.PopulationPersonal, Basis: aggregates.Basis{Period: aggregates.Period{Days: q.Days.Key()}}}, nil
		},
		sides: func(_ context.Context, _ cache.Window, q aggregates.AccountQuery) (*aggregates.AccountSides, error) {
			return &aggregates.AccountSides{ID: q.Account, Name: "Ada", Basis: aggregates.Basis{Period: aggregates.Period{Days: q.Days.Key()}}}, nil
		},
		trading: func(_ context.Context, _ cache.Window, q aggregates.AccountQuery) (*aggregates.AccountTrading, error) {
			return &aggregates.AccountTrading{ID: q.Account, Name: "Ada", Basis: aggregates.Basis{Period: aggregates.Period{Days: q.Days.Key()}}}, nil
		},
		holder: func(_ context.Context, _ cache.Window, q aggregates.HolderQuery) (*aggregates.Holder, error) {
			return &aggregates.Holder{ID: q.Holder, Name: "Ada", Population: aggregates.PopulationPersonal, Basis: aggregates.Basis{Period: aggregates.Period{Days: q.Days.Key()}}}, nil
		},
		holding: func(_ context.Context, _ cache.Window, q aggregates.HolderQuery) (*aggregates.HolderSides, error) {
			return &aggregates.HolderSides{ID: q.Holder, Name: "Ada", Basis: aggregates.Basis{Period: aggregates.Period{Days: q.Days.Key()}}}, nil
		},
		flow: func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Flow, error) {
			return &aggregates.Flow{Basis: basis(d, w.Start, w.Start)}, nil
		},
		bridge: func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Bridge, error) {
			return &aggregates.Bridge{Basis: basis(d, w.Start, w.Start), Steps: []aggregates.BridgeStep{}}, nil
		},
		source: func(_ context.Context, w cache.Window, q aggregates.SourceQuery) (*aggregates.SourceDays, error) {
			return &aggregates.SourceDays{Basis: basis(q.Days, w.Start, w.Start), Source: q.Source, From: q.From.Key(), To: q.To.Key(), Bucket: "day"}, nil
		},
		firms:      constant[aggregates.Days](sample.Town(30).Firms),
		government: constant[aggregates.Days](sample.Town(30).Government),
		holdings:   constant[aggregates.Population](sample.Town(30).Holdings),
		history: func(_ context.Context, w cache.Window, p aggregates.Population) (*aggregates.History, error) {
			return &aggregates.History{Basis: basis(0, w.Start, w.Start), Population: p, Bucket: "day", CurveEvery: "day"}, nil
		},
		events: constant[aggregates.EventQuery](&aggregates.Events{}),
		ladder: func(_ context.Context, w cache.Window, p aggregates.Population) (*aggregates.Ladder, error) {
			return &aggregates.Ladder{Basis: basis(0, w.Start, w.Start), Population: p, Holders: 1, Tenths: make([]int64, 10), Rungs: []aggregates.Rung{{}}}, nil
		},
		items: func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Items, error) {
			return &aggregates.Items{Basis: basis(d, w.Start, w.Start)}, nil
		},
		item: func(_ context.Context, _ cache.Window, q aggregates.ItemQuery) (*aggregates.Item, error) {
			return &aggregates.Item{ID: q.Item, Name: "Diamond", Basis: aggregates.Basis{Period: aggregates.Period{Days: q.Days.Key()}}}, nil
		},
		itemChart: func(_ context.Context, _ cache.Window, q aggregates.ItemChartQuery) (*aggregates.ItemChart, error) {
			return &aggregates.ItemChart{ID: q.Item, Name: "Diamond", Step: string(q.Step)}, nil
		},
		itemGroup: constant[aggregates.RoutesQuery](&aggregates.ItemGroup{}),
		itemRanks: constant[aggregates.Days](&aggregates.ItemRanks{}),
		itemRoutes: func(_ context.Context, _ cache.Window, q aggregates.RoutesQuery) (*aggregates.ItemRoutes, error) {
			return &aggregates.ItemRoutes{ID: q.Item, Name: "Diamond"}, nil
		},
		itemTrade: func(_ context.Context, _ cache.Window, q aggregates.ItemQuery) (*aggregates.ItemTrade, error) {
			return &aggregates.ItemTrade{ID: q.Item, Name: "Diamond"}, nil
		},
		shops:     constant[aggregates.NoParams](&aggregates.Shops{Shops: 1}),
		shop:      constant[aggregates.ShopQuery](&aggregates.Shop{OwnerName: "Ada"}),
		arbitrage: constant[aggregates.NoParams](&aggregates.Arbitrage{}),
		markers:   constant[aggregates.NoParams](&aggregates.Markers{}),
		trade: aggregates.Trade{Sales: func(context.Context, string, aggregates.SaleCursor, int) ([]aggregates.ShopSale, error) {
			return nil, nil
		}, Find: func(context.Context, *aggregates.Shops, aggregates.FindQuery, int) (*aggregates.Found, error) {
			return &aggregates.Found{}, nil
		}},
		prices: constant[aggregates.NoParams](sample.Town(30).Prices),
		known:  func(_ context.Context, ref string) (bool, error) { return ref != "nobody", nil },
		series: func(_ context.Context, _ cache.Window, q aggregates.SeriesQuery) (*aggregates.Series, error) {
			return sample.Series(q), nil
		},
		notables: constant[aggregates.NoParams](sample.Notables()),
		news: func(_ context.Context, _ cache.Window, q aggregates.NewsQuery) (*aggregates.News, error) {
			return sample.News(q), nil
		},
		reports: sample.Town(30).Reports(),
		moved:   func(context.Context, aggregates.SourceQuery) (bool, error) { return true, nil },
		window:  time.Hour, budget: 2 * time.Second, log: io.Discard,
		store: cache.NewMemory(), settings: ledger.Settings{Name: "Port Test", Symbol: "₤", Decimals: 2},
	}
}

// sampled is a site whose producers return the values of an economy.
func sampled(e *sample.Economy) *town {
	tn := newTown()
	tn.settings = e.Settings
	tn.overview = constant[aggregates.Days](e.Overview)
	tn.inequality = constant[aggregates.InequalityQuery](e.Inequality)
	tn.activity = constant[aggregates.Days](e.Activity)
	tn.rhythm = constant[aggregates.Days](e.Rhythm)
	tn.wealth = constant[aggregates.NoParams](e.Wealth)
	tn.richest = constant[aggregates.NoParams](e.Richest)
	tn.market = constant[aggregates.MarketQuery](e.Market)
	tn.events = constant[aggregates.EventQuery](e.Events)
	tn.items = constant[aggregates.Days](e.Items)
	tn.itemWatch = func(_ context.Context, _ cache.Window, q aggregates.NewsQuery) (*aggregates.ItemWatch, error) {
		at := slices.IndexFunc(e.Items.Items, func(i aggregates.ListedItem) bool { return i.ID == q.Ref })
		if at < 0 {
			return nil, nil
		}
		i := e.Items.Items[at]
		return &aggregates.ItemWatch{Basis: e.Items.Basis, Item: aggregates.WatchedItem{ListedItem: i, DayBefore: i.Before, WeekBefore: i.Before}}, nil
	}
	tn.holdings = constant[aggregates.Population](e.Holdings)
	tn.item = constant[aggregates.ItemQuery](e.Item)
	tn.itemChart = constant[aggregates.ItemChartQuery](e.ItemChart)
	tn.itemTrade = constant[aggregates.ItemQuery](e.ItemTrade)
	tn.itemGroup = func(_ context.Context, _ cache.Window, q aggregates.RoutesQuery) (*aggregates.ItemGroup, error) {
		return e.ItemGroup(q.Item), nil
	}
	tn.itemRanks = constant[aggregates.Days](e.ItemRanks())
	tn.itemRoutes = constant[aggregates.RoutesQuery](e.ItemRoutes)
	tn.account = func(_ context.Context, _ cache.Window, q aggregates.AccountQuery) (*aggregates.Account, error) {
		a := *e.Account
		a.ID = q.Account
		return &a, nil
	}
	tn.trading = constant[aggregates.AccountQuery](e.Trading)
	tn.sides = constant[aggregates.AccountQuery](e.Sides)
	tn.holder = constant[aggregates.HolderQuery](e.Holder)
	tn.holding = constant[aggregates.HolderQuery](e.HolderSides)
	tn.index = constant[aggregates.MarketQuery](e.Index)
	tn.movers = constant[aggregates.Days](e.Movers)
	tn.gaps = constant[aggregates.NoParams](e.Gaps)
	tn.soundness = constant[aggregates.NoParams](e.Soundness)
	tn.cohorts = constant[aggregates.NoParams](e.Cohorts)
	tn.cacheState = constant[aggregates.NoParams](e.Cache)
	tn.followed = constant[aggregates.NoParams](e.Followed)
	tn.profile = constant[aggregates.NoParams](e.Profile)
	tn.firms = constant[aggregates.Days](e.Firms)
	tn.government = constant[aggregates.Days](e.Government)
	tn.flow = constant[aggregates.Days](e.Flow)
	tn.bridge = constant[aggregates.Days](e.Bridge)
	tn.ladder = constant[aggregates.Population](e.Ladder)
	tn.history = constant[aggregates.Population](e.History)
	tn.source = constant[aggregates.SourceQuery](e.Source)
	tn.shops = constant[aggregates.NoParams](e.Shops)
	tn.prices = constant[aggregates.NoParams](e.Prices)
	tn.shop = constant[aggregates.ShopQuery](e.Shop)
	tn.arbitrage, tn.markers = constant[aggregates.NoParams](e.Arbitrage), constant[aggregates.NoParams](e.Markers)
	tn.trade.Sales = func(context.Context, string, aggregates.SaleCursor, int) ([]aggregates.ShopSale, error) {
		return e.ShopSales, nil
	}
	tn.trade.Find = func(context.Context, *aggregates.Shops, aggregates.FindQuery, int) (*aggregates.Found, error) {
		return e.Found, nil
	}
	tn.reports = e.Reports()
	return tn
}

func constant[P, T any](v T) func(context.Context, cache.Window, P) (T, error) {
	return func(context.Context, cache.Window, P) (T, error) { return v, nil }
}

// start serves the town until the test ends.
func (tn *town) start(t testing.TB) *httptest.Server {
	t.Helper()
	handler, leave := tn.handler(t)
	server := httptest.NewUnstartedServer(handler)
	server.Config = Server("", handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if tn.limit != nil {
		tn.limit(server.Config)
	}
	server.Start()
	t.Cleanup(func() {
		server.Close()
		leave()
	})
	return server
}

// handler returns the site, and what to call at its end.
func (tn *town) handler(t testing.TB) (_ http.Handler, leave func()) {
	t.Helper()
	registry := prometheus.NewRegistry()
	c := cache.New(cache.Deps{Store: tn.store, Space: "test:1", Log: slog.New(slog.DiscardHandler), Registerer: registry, Policies: tn.policies})
	deps := tn.deps(t, c)
	deps.Registry = registry
	if tn.change != nil {
		tn.change(&deps)
	}
	handler, err := New(deps)
	if err != nil {
		t.Fatal(err)
	}
	return handler, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Errorf("close cache: %v", err)
		}
	}
}

// deps returns the site's dependencies, with memos in c.
func (tn *town) deps(t testing.TB, c *cache.Cache) Deps {
	t.Helper()
	spec := func(name string) cache.Spec {
		return cache.Spec{Name: name, Window: tn.window, Timeout: time.Minute, Tags: []string{"ledger"}}
	}
	return Deps{
		Now: c.Now, Cache: c,
		Economy: &aggregates.Economy{
			Overview:     cache.NewMemo(c, spec("overview"), tn.overview),
			Inequality:   cache.NewMemo(c, spec("inequality"), tn.inequality),
			Activity:     cache.NewMemo(c, spec("activity"), tn.activity),
			WealthByKind: cache.NewMemo(c, spec("wealth"), tn.wealth),
			Rhythm:       cache.NewMemo(c, spec("rhythm"), tn.rhythm),
			Richest:      cache.NewMemo(c, spec("richest"), tn.richest),
			Profile:      cache.NewMemo(c, spec("profile"), tn.profile),
			Bridge:       cache.NewMemo(c, spec("bridge"), tn.bridge),
			Ladder:       cache.NewMemo(c, spec("ladder"), tn.ladder),
			History:      cache.NewMemo(c, spec("history"), tn.history),
			Holdings:     cache.NewMemo(c, spec("accounts"), tn.holdings),
			Source:       cache.NewMemo(c, spec("source"), tn.source),
			SiteMap:      cache.NewMemo(c, spec("sitemap"), constant[aggregates.NoParams](&aggregates.SiteMap{})),
		},
		Soundness: &aggregates.SoundnessMemos{
			Soundness: cache.NewMemo(c, spec("soundness"), tn.soundness),
			Cohorts:   cache.NewMemo(c, spec("cohorts"), tn.cohorts),
			Cache:     cache.NewMemo(c, spec("cachestate"), tn.cacheState),
			Followed:  cache.NewMemo(c, spec("followed"), tn.followed),
		},
		API: &aggregates.API{
			Stats:  cache.NewMemo(c, spec("stats"), tn.stats),
			Flow:   cache.NewMemo(c, spec("flow"), tn.flow),
			Market: cache.NewMemo(c, spec("market"), tn.market),
			Index:  cache.NewMemo(c, spec("index"), tn.index),
			Movers: cache.NewMemo(c, spec("movers"), tn.movers),
			Gaps:   cache.NewMemo(c, spec("gaps"), tn.gaps),
			Health: cache.NewMemo(c, spec("health"), func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Health, error) {
				return &aggregates.Health{Basis: aggregates.Basis{Period: aggregates.Period{Days: d.Key(), Start: w.Start, End: w.Start}}}, nil
			}),
			Account:   cache.NewMemo(c, spec("account"), tn.account),
			Sides:     cache.NewMemo(c, spec("account.sides"), tn.sides),
			Trading:   cache.NewMemo(c, spec("account.trade"), tn.trading),
			Holder:    cache.NewMemo(c, spec("holder"), tn.holder),
			Events:    cache.NewMemo(c, spec("events"), tn.events),
			Items:     aggregates.NewExists(tn.known),
			Accounts:  aggregates.NewExists(tn.known),
			Sources:   aggregates.NewSources(aggregates.NewExists(tn.known), tn.moved),
			Item:      cache.NewMemo(c, spec("item"), tn.item),
			ItemList:  cache.NewMemo(c, spec("items"), tn.items),
			ItemChart: cache.NewMemo(c, spec("item.chart"), tn.itemChart),
			ItemTrade: cache.NewMemo(c, spec("item.trade"), tn.itemTrade),
			Prices:    cache.NewMemo(c, spec("prices"), tn.prices),
			Trade:     tn.tradeOf(c, spec),
			Series:    cache.NewMemo(c, spec("series"), tn.series),

			Past:        tn.past(c, spec),
			Notables:    cache.NewMemo(c, spec("notables"), tn.notables),
			ItemNews:    cache.NewMemo(c, spec("item.news"), tn.news),
			ItemWatch:   cache.NewMemo(c, spec("item.watch"), tn.itemWatch),
			AccountNews: cache.NewMemo(c, spec("account.news"), tn.news),
			HolderSides: cache.NewMemo(c, spec("holder.sides"), tn.holding),
			Holders:     aggregates.NewExists(tn.known),
			Government:  cache.NewMemo(c, spec("government"), tn.government),
			Firms:       cache.NewMemo(c, spec("firms"), tn.firms),
			ItemGroup:   cache.NewMemo(c, spec("item.group"), tn.itemGroup),
			ItemRanks:   cache.NewMemo(c, spec("items.ranks"), tn.itemRanks),
			ItemRoutes:  cache.NewMemo(c, spec("item.offsetting"), tn.itemRoutes),
		},
		Settings: func() ledger.Settings { return tn.settings },
		Log:      slog.New(slog.NewJSONHandler(tn.log, nil)),
		Record:   record{tn.statement, tn.find},
		Reports:  tn.reports,
		Version:  "test", Budget: tn.budget,
		BaseURL: "https://economy.test",
	}
}

// past returns what was on days that are over: what is now, of another period. The
// ledger has two months.
func (tn *town) past(c *cache.Cache, spec func(string) cache.Spec) *aggregates.Past {
	days := func(_ context.Context, w cache.Window, _ aggregates.NoParams) (*aggregates.DaysKnown, error) {
		known := &aggregates.DaysKnown{Basis: basis(0, w.Start.AddDate(0, 0, -60), w.Start)}
		known.Timezone = "UTC"
		return known, nil
	}
	return &aggregates.Past{
		Days:         cache.NewMemo(c, spec("past.days"), days),
		Holdings:     cache.NewMemo(c, spec("past.accounts"), then(tn.holdings, func(v *aggregates.Holdings) *aggregates.Basis { return &v.Basis })),
		Inequality:   cache.NewMemo(c, spec("past.inequality"), then(tn.inequality, func(v *aggregates.Inequality) *aggregates.Basis { return &v.Basis })),
		Ladder:       cache.NewMemo(c, spec("past.ladder"), then(tn.ladder, func(v *aggregates.Ladder) *aggregates.Basis { return &v.Basis })),
		WealthByKind: cache.NewMemo(c, spec("past.wealth"), then(tn.wealth, func(v *aggregates.WealthByKind) *aggregates.Basis { return &v.Basis })),
		Richest:      cache.NewMemo(c, spec("past.richest"), then(tn.richest, func(v *aggregates.Richest) *aggregates.Basis { return &v.Basis })),
		Account:      cache.NewMemo(c, spec("past.account"), then(tn.account, func(v *aggregates.Account) *aggregates.Basis { return &v.Basis })),
		Sides:        cache.NewMemo(c, spec("past.account.sides"), then(tn.sides, func(v *aggregates.AccountSides) *aggregates.Basis { return &v.Basis })),
		Flow:         cache.NewMemo(c, spec("past.flow"), then(tn.flow, func(v *aggregates.Flow) *aggregates.Basis { return &v.Basis })),
	}
}

// then returns the producer of a value as of a day from that of now.
func then[P cache.Params, V any](now func(context.Context, cache.Window, P) (*V, error), basis func(*V) *aggregates.Basis) func(context.Context, cache.Window, aggregates.AsOf[P]) (*V, error) {
	return func(ctx context.Context, w cache.Window, q aggregates.AsOf[P]) (*V, error) {
		v, err := now(ctx, w, q.Of)
		if v == nil || err != nil {
			return v, err
		}
		was := *v
		b := basis(&was)
		day, err := time.Parse(time.DateOnly, string(q.At))
		length := b.End.Sub(b.Start)
		b.At, b.Historical, b.End = q.At, true, day.AddDate(0, 0, 1)
		b.Start = b.End.Add(-length)
		return &was, err
	}
}

// tradeOf returns what is known of shops, with memos in c.
func (tn *town) tradeOf(c *cache.Cache, spec func(string) cache.Spec) *aggregates.Trade {
	t := tn.trade
	if t.Marked == nil {
		t.Marked = func(context.Context, *time.Location, []aggregates.SaleKey) (map[int64]bool, error) { return nil, nil }
	}
	t.Shops = cache.NewMemo(c, spec("shops"), tn.shops)
	t.Shop = cache.NewMemo(c, spec("shop"), tn.shop)
	t.Arbitrage = cache.NewMemo(c, spec("arbitrage"), tn.arbitrage)
	t.Markers = cache.NewMemo(c, spec("markers"), tn.markers)
	t.Refs = aggregates.NewExists(tn.known)
	return &t
}

// ask sends one request with headers given as pairs. It follows no redirect
// and decompresses nothing.
func ask(t testing.TB, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, r, headers...)
}

func send(t testing.TB, r *http.Request, headers ...string) (*http.Response, string) {
	t.Helper()
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read %s: %v", r.URL, err)
	}
	return response, string(body)
}

// contains fails the test for every text that is not in body.
func contains(t testing.TB, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("body lacks %q in:\n%.3000s", text, body)
		}
	}
}

func basis(days aggregates.Days, start, end time.Time) aggregates.Basis {
	return aggregates.Basis{Period: aggregates.Period{Days: days.Key(), Start: start, End: end}}
}

func ptr[T any](v T) *T { return &v }
