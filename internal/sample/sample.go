// Package sample has made-up numbers, as the producers would return them, for the
// tests and benchmarks of pages.
package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// Noon is when the numbers were computed.
var Noon = time.Date(2026, 11, 20, 12, 0, 30, 0, time.UTC)

// An Economy is the values of all memos of an economy's pages.
type Economy struct {
	Settings    ledger.Settings
	Overview    *aggregates.Overview
	Inequality  *aggregates.Inequality
	Activity    *aggregates.Activity
	Wealth      *aggregates.WealthByKind
	Rhythm      *aggregates.Rhythm
	Richest     *aggregates.Richest
	Market      *aggregates.Market
	Events      *aggregates.Events // of the whole economy
	Items       *aggregates.Items
	Holdings    *aggregates.Holdings
	Item        *aggregates.Item // its ref is ada, as are all refs in tests of pages
	ItemChart   *aggregates.ItemChart
	ItemTrade   *aggregates.ItemTrade
	Index       *aggregates.PriceIndex
	Movers      *aggregates.Movers
	Gaps        *aggregates.Gaps
	Profile     aggregates.Profile
	Flow        *aggregates.Flow
	Bridge      *aggregates.Bridge
	Source      *aggregates.SourceDays
	History     *aggregates.History
	Ladder      *aggregates.Ladder
	Soundness   *aggregates.Soundness
	Cohorts     *aggregates.Cohorts
	Cache       *aggregates.CacheState
	Followed    *aggregates.Followed
	Shops       *aggregates.Shops
	Found       *aggregates.Found
	Shop        *aggregates.Shop
	ShopSales   []aggregates.ShopSale
	Arbitrage   *aggregates.Arbitrage
	Markers     *aggregates.Markers
	Prices      *aggregates.AllPrices
	ItemRoutes  *aggregates.ItemRoutes
	Account     *aggregates.Account
	Sides       *aggregates.AccountSides
	Holder      *aggregates.Holder
	Trading     *aggregates.AccountTrading
	Firms       *aggregates.Firms
	Government  *aggregates.Government
	HolderSides *aggregates.HolderSides
}

// Town is an ordinary economy: thousands of holders, days and nights.
func Town(days aggregates.Days) *Economy {
	r := rand.New(rand.NewPCG(1, 2))
	buckets, unit := starts(days)
	p := &Economy{Settings: ledger.Settings{Name: "Port Exchequer", Symbol: "₤", Decimals: 2}, Profile: aggregates.Full()}
	p.Soundness, p.Cohorts, p.Cache, p.Followed = soundness(), cohorts(), cacheState(), followed()
	a := &aggregates.Activity{Basis: basis(days, buckets[0], Noon), Bucket: unit}
	o := &aggregates.Overview{Basis: basis(days, buckets[0], Noon), Holders: 2317, Balanced: true, Created: ledger.SumOf(245_253_50), Destroyed: ledger.SumOf(100_000_00), Bucket: unit, Buckets: buckets}
	supply := int64(7_900_000_00)
	for i, at := range buckets {
		week := 1 + 0.35*math.Sin(float64(i)*2*math.Pi/7)
		n := int64(12000 * week * (0.8 + 0.4*r.Float64()))
		b := aggregates.ActivityBucket{Start: at, Transactions: n, Volume: ledger.Product(n, 8000+r.Int64N(4000))}
		if i == len(buckets)-1 {
			b.Partial, b.Volume, b.Transactions = true, half(b.Volume), b.Transactions/2
		}
		b.Transfers = half(b.Volume)
		a.Buckets = append(a.Buckets, b)
		supply += r.Int64N(4_000_000) - 1_000_000
		o.Supply.Series = append(o.Supply.Series, ledger.SumOf(supply))
		o.Active.Series = append(o.Active.Series, 1300+r.Int64N(90))
		o.Transactions.Series = append(o.Transactions.Series, b.Transactions)
		o.Velocity.Series = append(o.Velocity.Series, 0.06*week)
	}
	o.Supply.Now, o.Supply.Before = ptr(ledger.SumOf(8_214_906_50)), ptr(ledger.SumOf(8_069_653_00))
	o.Active.Now, o.Active.Before = ptr(int64(1318)), ptr(int64(1350))
	o.Transactions.Now, o.Transactions.Before = ptr(int64(446_219)), ptr(int64(420_564))
	o.Velocity.Now, o.Velocity.Before = ptr(1.92), ptr(1.81)
	p.Activity, p.Overview = a, o
	p.Inequality = townInequality(r)
	p.Wealth = &aggregates.WealthByKind{Basis: basis(0, Noon, Noon), Supply: ledger.SumOf(8_214_906_50), Kinds: []aggregates.KindWealth{
		{Kind: ledger.Personal, Accounts: 2317, Total: ledger.SumOf(4_521_000_25), Share: 0.5503},
		{Kind: ledger.Business, Accounts: 184, Archived: 3, Total: ledger.SumOf(2_611_906_25), Share: 0.3179},
		{Kind: ledger.Government, Accounts: 12, Total: ledger.SumOf(1_082_000_00), Share: 0.1317},
		{Kind: ledger.System, Issuer: true, Accounts: 2, Total: ledger.SumOf(-8_214_906_50), Share: -1},
	}}
	rhythm := &aggregates.Rhythm{Basis: basis(days, buckets[0], Noon)}
	for d := range 7 {
		for h := range 24 {
			v := 400 + 380*math.Sin(float64(h-9)*math.Pi/12) + 30*float64(d)*r.Float64()
			rhythm.Total[d][h], rhythm.Hours[d][h] = int64(4*v), 4
			rhythm.Cells[d][h] = float64(rhythm.Total[d][h]) / 4
			rhythm.Peak = max(rhythm.Peak, rhythm.Cells[d][h])
		}
	}
	p.Rhythm = rhythm
	rich := &aggregates.Richest{Basis: basis(7, Noon, Noon), Supply: ledger.SumOf(8_214_906_50), Count: 2513}
	names := []string{"Silver Forge Insurance", "Nordan", "City Treasury", "Windelcor", "Harbour & Sons Shipping Company of the Northern Isles", "Quinros", "Dan Marbel", "Ostrava Mill", "Petra", "Lim", "Oskar", "Vela"}
	kinds := []ledger.Kind{ledger.Business, ledger.Personal, ledger.Government, ledger.Personal, ledger.Business}
	for i, name := range names {
		balance := int64(612_403_50 / (1 + float64(i)*0.5))
		rich.Accounts = append(rich.Accounts, aggregates.RichAccount{
			Ref: fmt.Sprint("a", i), Name: name, Holder: name, Kind: kinds[i%len(kinds)], Balance: balance,
			Share: float64(balance) / 8_214_906_50, Change: 1200 - int64(i)*300, LastActive: Noon.Add(-time.Hour),
		})
	}
	p.Richest = rich
	p.flows(days, buckets, unit)
	p.Events = &aggregates.Events{Events: []aggregates.Event{
		{Ref: "opening", At: buckets[0].AddDate(-2, 0, 0), Title: "The harbour opens", Scope: ledger.ScopeAll},
		{Ref: "feast", At: buckets[len(buckets)/3], Until: ptr(buckets[len(buckets)/2]), Title: "The Harbour Feast", Text: "Cakes and fish at every stall.", Link: "https://example.org/feast?a=1&b=2", Scope: ledger.ScopeAll},
		{Ref: "tax", At: buckets[len(buckets)/3].Add(20 * time.Hour), Title: "Business tax is 5 %", Text: "It was 4 % before.", Scope: ledger.ScopeAll},
		{Ref: "rain", At: Noon.Add(-time.Hour), Until: ptr(Noon.AddDate(0, 0, 3)), Title: "Heavy rain", Scope: ledger.ScopeAll},
	}}
	p.History, p.Ladder = townHistory(), townLadder()
	p.addItems(days)
	p.addHoldings()
	p.addPrices()
	p.addAccount(days, buckets, unit)
	p.addHolder(days, buckets, unit)
	p.addFirms(days, buckets[0])
	p.addGovernment(days, buckets[0])
	p.addOffsetting(days)
	p.sellGoods(days, buckets, unit)
	p.trade()
	return p
}

func townInequality(r *rand.Rand) *aggregates.Inequality {
	v := &aggregates.Inequality{
		Basis: basis(0, Noon, Noon), Population: aggregates.PopulationPersonal, Holders: 2317, Zero: 41, Total: ledger.SumOf(4_521_000_25), Mean: 195123, Median: 80411,
		Gini: is(0.642), Top1: is(0.117), Top10: is(0.364), Palma: is(3.41), Bottom50: is(0.081), Nakamoto: is(178),
	}
	for i := range 101 {
		x := float64(i) / 100
		v.Lorenz = append(v.Lorenz, aggregates.LorenzPoint{Holders: x, Wealth: 0.45*math.Pow(x, 2.4) + 0.55*math.Pow(x, 7)})
	}
	v.Bins = append(v.Bins, aggregates.Bin{Low: 0, High: 1, Holders: 41})
	for i, low := 0, int64(1_00); i < 12; i++ {
		next := low * 2
		if i%3 == 1 {
			next = low * 5 / 2
		}
		v.Bins = append(v.Bins, aggregates.Bin{Low: low, High: next, Holders: int64(500 * math.Exp(-math.Pow(float64(i)-7, 2)/8)), Total: ledger.SumOf(1000)})
		low = next
	}
	for i := range 30 {
		v.Trend = append(v.Trend, aggregates.DayMeasures{
			Day: Noon.Truncate(24*time.Hour).AddDate(0, 0, i-30), Gini: ptr(0.638 + 0.004*float64(i)/29 + 0.001*r.Float64()),
			Top1: ptr(0.115 + 0.002*float64(i)/29), Top10: ptr(0.36 + 0.004*r.Float64()), Palma: ptr(3.4 + 0.1*r.Float64()),
		})
	}
	v.Trend = append(v.Trend, aggregates.DayMeasures{Day: Noon.Truncate(24 * time.Hour), Gini: ptr(0.642), Top1: ptr(0.117), Top10: ptr(0.364), Palma: ptr(3.41)})
	return v
}

func basis(days aggregates.Days, start, end time.Time) aggregates.Basis {
	return aggregates.Basis{Period: aggregates.Period{Days: days.Key(), Start: start, End: end}}
}

func is(v float64) aggregates.Measure { return aggregates.Measure{Value: &v} }
func not(why string) aggregates.Measure {
	return aggregates.Measure{Why: "Not defined here: " + why + "."}
}
func ptr[T any](v T) *T { return &v }

func starts(days aggregates.Days) ([]time.Time, string) {
	today := Noon.Truncate(24 * time.Hour)
	var all []time.Time
	switch days {
	case 365:
		first := today.AddDate(0, 0, -int(today.Weekday()+6)%7)
		for i := range 53 {
			all = append(all, first.AddDate(0, 0, 7*(i-52)))
		}
		return all, "week"
	case 0:
		for i := range 40 {
			all = append(all, time.Date(2026, time.Month(11-39+i), 1, 0, 0, 0, 0, time.UTC))
		}
		return all, "month"
	}
	for i := range int(days) {
		all = append(all, today.AddDate(0, 0, i-int(days)+1))
	}
	return all, "day"
}

// Council is a public body's spending: historical, long names, enormous sums,
// one day that towers over all, debts.
func Council() *Economy {
	p := Town(30)
	p.Settings = ledger.Settings{Name: "Manchester City Council, payments over five hundred pounds", Symbol: "£", Decimals: 2}
	end := time.Date(2022, 6, 1, 0, 0, 0, 0, time.UTC)
	a := *p.Activity
	a.Historical, a.End = true, end
	a.Buckets = slices.Clone(a.Buckets)
	for i := range a.Buckets {
		a.Buckets[i].Start = end.AddDate(0, 0, i-len(a.Buckets))
		a.Buckets[i].Partial = false
	}
	a.Buckets[0].Volume = times(a.Buckets[0].Volume, 31)
	a.Buckets[1].Volume = times(a.Buckets[1].Volume, 24)
	a.Buckets[20].Volume = times(a.Buckets[20].Volume, 18)
	a.Buckets[12].Volume = ledger.Sum{}
	p.Activity = &a
	o := *p.Overview
	o.Historical, o.End, o.Balanced = true, end, false
	o.Supply.Now, o.Supply.Before = ptr(ledger.SumOf(math.MaxInt64)), nil
	o.Velocity = aggregates.Trend[float64]{Number: aggregates.Number[float64]{Why: "Not defined here: on average there was no money in circulation."},
		Series: make([]float64, len(o.Buckets))}
	p.Overview = &o
	v := *p.Inequality
	v.Historical, v.End, v.Debtors, v.Trend = true, end, 12, nil
	v.GiniNormal = is(0.71)
	v.Palma = not("the poorer 40 % together hold nothing, or owe more than they have")
	v.Top10 = is(1.08)
	v.Lorenz = slices.Clone(v.Lorenz)
	for i := range v.Lorenz {
		x := v.Lorenz[i].Holders
		v.Lorenz[i].Wealth = math.Pow(x, 9)*1.2 - 0.2*math.Sin(x*math.Pi/2)
	}
	v.Bins = append([]aggregates.Bin{{Low: -900000, High: 0, Holders: 12, Total: ledger.SumOf(-4_000_000)}}, v.Bins...)
	p.Inequality = &v
	p.Wealth = &aggregates.WealthByKind{Basis: aggregates.Basis{Period: aggregates.Period{End: end, Historical: true}}, Supply: ledger.SumOf(10_000_000_000_00), Kinds: []aggregates.KindWealth{
		{Kind: ledger.Personal, Accounts: 0},
		{Kind: ledger.Business, Accounts: 17148, Total: ledger.SumOf(12_000_000_000_00), Share: 1.2},
		{Kind: ledger.Government, Accounts: 30, Total: ledger.SumOf(-2_000_000_000_00), Share: -0.2},
		{Kind: ledger.System, Issuer: true, Accounts: 1, Total: ledger.SumOf(-10_000_000_000_00), Share: -1},
	}}
	p.Rhythm = DatesOnly(end.AddDate(-3, 0, 0), end)
	p.councilFlows(end)
	p.councilGovernment()
	p.History = councilHistory(end)
	broken(p, end)
	return p
}

// DatesOnly returns the rhythm of a record without times: busy at the end of the
// year and of the week, nothing at weekends.
func DatesOnly(start, end time.Time) *aggregates.Rhythm {
	r := &aggregates.Rhythm{Basis: basis(0, start, end), DatesOnly: true}
	r.Historical = true
	for d := range 5 {
		for m := range 12 {
			r.ByMonth[d][m] = aggregates.DayRate{Transactions: int64(40 * (m + d)), Days: 4, Mean: float64(10 * (m + d))}
		}
	}
	return r
}

// Empty is a ledger on its first day: nothing anywhere.
func Empty() *Economy {
	p := Town(7)
	p.Settings = ledger.Settings{Name: "A new ledger"}
	why := aggregates.Basis{Why: "No transactions yet."}
	p.Overview = &aggregates.Overview{Basis: why}
	p.Inequality = &aggregates.Inequality{Basis: why}
	p.Activity = &aggregates.Activity{Basis: why, Bucket: "day"}
	p.Wealth = &aggregates.WealthByKind{Basis: why}
	p.Rhythm = &aggregates.Rhythm{Basis: why}
	p.Richest = &aggregates.Richest{Basis: why}
	p.Market = &aggregates.Market{Basis: why}
	p.Flow = &aggregates.Flow{Basis: why}
	p.Ladder = &aggregates.Ladder{Basis: why, Population: aggregates.PopulationPersonal}
	p.History = &aggregates.History{Basis: why, Population: aggregates.PopulationPersonal, Bucket: "day", CurveEvery: "day"}
	p.Bridge = &aggregates.Bridge{Basis: why}
	p.Source = &aggregates.SourceDays{Basis: why, Bucket: "day"}
	p.Events = &aggregates.Events{}
	p.Items = &aggregates.Items{Basis: why}
	p.Holdings = &aggregates.Holdings{Basis: why, Population: aggregates.PopulationPersonal}
	p.Trading = &aggregates.AccountTrading{ID: "ada", Name: "Ada Penrose", Basis: why}
	p.Firms, p.Government = &aggregates.Firms{Basis: why}, &aggregates.Government{Basis: why, Bucket: "month"}
	p.Item = &aggregates.Item{ID: "ada", Name: "Diamond", Basis: why}
	p.ItemChart = &aggregates.ItemChart{ID: "ada", Name: "Diamond", Basis: why}
	p.ItemTrade = &aggregates.ItemTrade{ID: "ada", Name: "Diamond", Basis: why}
	p.ItemRoutes = &aggregates.ItemRoutes{ID: "ada", Name: "Diamond", Basis: why}
	p.Account, p.Sides = &aggregates.Account{ID: "ada", Name: "Ada Penrose", Kind: ledger.Personal, Population: aggregates.PopulationPersonal, Opened: Noon, Basis: why}, &aggregates.AccountSides{ID: "ada", Name: "Ada Penrose", Basis: why}
	p.Holder, p.HolderSides = &aggregates.Holder{ID: "ada", Name: "Ada Penrose", Population: aggregates.PopulationPersonal, Basis: why}, &aggregates.HolderSides{ID: "ada", Name: "Ada Penrose", Basis: why}
	p.Index, p.Movers, p.Gaps = &aggregates.PriceIndex{Basis: why}, &aggregates.Movers{Basis: why}, &aggregates.Gaps{Basis: why}
	p.Soundness, p.Cohorts = &aggregates.Soundness{Basis: why}, &aggregates.Cohorts{Basis: why}
	p.Shops, p.Found, p.Shop, p.ShopSales = &aggregates.Shops{Basis: why}, &aggregates.Found{}, &aggregates.Shop{Basis: why}, nil
	p.Arbitrage, p.Markers = &aggregates.Arbitrage{Basis: why}, &aggregates.Markers{}
	p.Prices = &aggregates.AllPrices{Basis: why}
	p.Profile = aggregates.Profile{}
	return p
}

// half returns half of a sum that fits in 64 bits.
func half(s ledger.Sum) ledger.Sum {
	n, _ := s.Int64()
	return ledger.SumOf(n / 2)
}

// times returns a multiple of a sum that fits in 64 bits.
func times(s ledger.Sum, n int64) ledger.Sum {
	of, _ := s.Int64()
	return ledger.Product(of, n)
}
