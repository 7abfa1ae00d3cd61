package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

// sampled is a site whose producers return the values of an economy.
func sampled(e *sample.Economy) *town {
	tn := townOf(e)
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

func basis(days aggregates.Days, start, end time.Time) aggregates.Basis {
	return aggregates.Basis{Period: aggregates.Period{Days: days.Key(), Start: start, End: end}}
}

func ptr[T any](v T) *T { return &v }
