package web

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

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

func newTown() *town { return townOf(sample.Town(30)) }

// townOf is a site of small numbers, with those of e where a page is about many.
func townOf(e *sample.Economy) *town {
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
		soundness:  constant[aggregates.NoParams](e.Soundness),
		cohorts:    constant[aggregates.NoParams](e.Cohorts),
		cacheState: constant[aggregates.NoParams](e.Cache),
		followed:   constant[aggregates.NoParams](e.Followed),
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
		firms:      constant[aggregates.Days](e.Firms),
		government: constant[aggregates.Days](e.Government),
		holdings:   constant[aggregates.Population](e.Holdings),
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
		prices: constant[aggregates.NoParams](e.Prices),
		known:  func(_ context.Context, ref string) (bool, error) { return ref != "nobody", nil },
		series: func(_ context.Context, _ cache.Window, q aggregates.SeriesQuery) (*aggregates.Series, error) {
			return sample.Series(q), nil
		},
		notables: constant[aggregates.NoParams](sample.Notables()),
		news: func(_ context.Context, _ cache.Window, q aggregates.NewsQuery) (*aggregates.News, error) {
			return sample.News(q), nil
		},
		reports: e.Reports(),
		moved:   func(context.Context, aggregates.SourceQuery) (bool, error) { return true, nil },
		window:  time.Hour, budget: 2 * time.Second, log: io.Discard,
		store: cache.NewMemory(), settings: ledger.Settings{Name: "Port Test", Symbol: "₤", Decimals: 2},
	}
}
