package sample

import (
	"math"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// soundness is a town in which all is well but two signs.
func soundness() *aggregates.Soundness {
	today := Noon.Truncate(24 * time.Hour)
	bounds := func(low, high float64) aggregates.Bounds { return aggregates.Bounds{Low: &low, High: &high} }
	least := func(low float64) aggregates.Bounds { return aggregates.Bounds{Low: &low} }
	most := func(high float64) aggregates.Bounds { return aggregates.Bounds{High: &high} }
	v := &aggregates.Soundness{Basis: basis(90, today.AddDate(0, 0, -89), Noon)}
	v.Changes = []aggregates.SignChange{{Name: "top", Title: "Richest tenth", Unit: aggregates.SignPercent, Of: "of what holders have", Day: today.AddDate(0, 0, -5), From: aggregates.StateGood, To: aggregates.StateWatch, Value: 0.384}}
	v.Signs = []aggregates.Sign{
		{Name: "freshness", Title: "Freshness", Unit: aggregates.SignSeconds, Of: "since the last transaction", Now: ptr(9.0), By: aggregates.JudgedValue, Judged: ptr(9.0), Watch: most(6 * 3600), Bad: most(24 * 3600), State: aggregates.StateGood, Matters: "All other numbers are as old as the newest transaction."},
		{Name: "money", Title: "Money", Unit: aggregates.SignGrowth, Of: "more money in 30 days", Now: ptr(0.018), Before: ptr(0.017), Low: ptr(0.012), High: ptr(0.021), By: aggregates.JudgedValue, Judged: ptr(0.018), Watch: bounds(-0.05, 0.05), Bad: bounds(-0.15, 0.15), State: aggregates.StateGood, Matters: "Money that grows faster than what it buys loses value."},
		{Name: "prices", Title: "Prices", Unit: aggregates.SignGrowth, Of: "dearer in 30 days", Now: ptr(0.024), Before: ptr(-0.011), By: aggregates.JudgedValue, Judged: ptr(0.024), Watch: bounds(-0.1, 0.1), Bad: bounds(-0.25, 0.25), State: aggregates.StateGood, Matters: "What money is worth is what it buys."},
		{Name: "explained", Title: "Explained change", Unit: aggregates.SignPercent, Of: "of the change in supply", Now: ptr(1.0), Before: ptr(1.0), By: aggregates.JudgedValue, Judged: ptr(1.0), Watch: least(1), Bad: least(0.99), State: aggregates.StateGood, Matters: "Money that nobody created and nobody destroyed is an error of the books."},
		{Name: "speed", Title: "Speed of money", Unit: aggregates.SignTimes, Of: "times transferred in 30 days", Now: ptr(1.92), Before: ptr(1.81), Low: ptr(1.58), High: ptr(1.94), By: aggregates.JudgedChange, Judged: ptr(0.061), Watch: least(-0.25), Bad: least(-0.5), State: aggregates.StateGood, Matters: "Money that lies still buys nothing from anybody."},
		{Name: "concentration", Title: "Concentration", Unit: aggregates.SignRatio, Of: "Gini of personal holders", Now: ptr(0.654), Before: ptr(0.633), Low: ptr(0.624), High: ptr(0.662), By: aggregates.JudgedDifference, Judged: ptr(0.021), Watch: bounds(-0.02, 0.02), Bad: bounds(-0.05, 0.05), State: aggregates.StateWatch, Matters: "Where few hold all, the others have nothing to trade with."},
		{Name: "top", Title: "Richest tenth", Unit: aggregates.SignPercent, Of: "of what holders have", Now: ptr(0.499), Before: ptr(0.489), Low: ptr(0.48), High: ptr(0.503), By: aggregates.JudgedDifference, Judged: ptr(0.01), Watch: bounds(-0.02, 0.02), Bad: bounds(-0.05, 0.05), State: aggregates.StateGood, Matters: "The same from above: whether the richest draw away."},
		{Name: "activity", Title: "Activity", Unit: aggregates.SignCount, Of: "holders active in 7 days", Now: ptr(1318.0), Before: ptr(1685.0), Low: ptr(1318.0), High: ptr(1702.0), By: aggregates.JudgedChange, Judged: ptr(-0.218), Watch: least(-0.15), Bad: least(-0.4), State: aggregates.StateWatch, Matters: "An economy is the people who take part."},
		{Name: "breadth", Title: "Breadth", Unit: aggregates.SignCount, Of: "items sold in 30 days", Now: ptr(3.0), Before: ptr(3.0), By: aggregates.JudgedChange, Watch: least(-0.2), Bad: least(-0.5), State: aggregates.StateNone, Why: "not judged, because there were fewer than 20", Matters: "A market of many things does not hang on one."},
		{Name: "leader", Title: "Largest item", Unit: aggregates.SignPercent, Of: "of all sales in 30 days", Now: ptr(0.49), Before: ptr(0.52), By: aggregates.JudgedValue, Judged: ptr(0.49), Watch: most(0.5), Bad: most(0.8), State: aggregates.StateGood, Matters: "Where one item is most of the trade, its price is everybody's."},
		{Name: "purse", Title: "Public purse", Unit: aggregates.SignPercent, Of: "of money is the state's", Now: ptr(0.132), Before: ptr(0.128), Low: ptr(0.104), High: ptr(0.139), By: aggregates.JudgedValue, Judged: ptr(0.132), Watch: bounds(0.01, 0.4), Bad: bounds(0, 0.6), State: aggregates.StateGood, Matters: "An empty purse pays nobody; an overfull one keeps money from trade."},
	}
	v.Newest = Noon.Add(-9 * time.Second)
	v.Supply = aggregates.SupplyAccount{Opening: ledger.SumOf(8_069_653_00), Created: ledger.SumOf(245_253_50), Destroyed: ledger.SumOf(100_000_00), Closing: ledger.SumOf(8_214_906_50), Holds: true}
	v.GoodsVelocity.Now = ptr(0.41)
	v.PricedItems, v.PriceCoverage = 214, ptr(0.93)
	v.Holders, v.Leader = 2317, "Diamond"
	v.Purse, v.PurseBefore = ledger.SumOf(1_082_000_00), ptr(ledger.SumOf(1_033_000_00))
	for _, book := range ledger.Books() {
		good := aggregates.BookResult{State: aggregates.StateGood, First: []aggregates.Finding{}}
		v.Books.Checks = append(v.Books.Checks, aggregates.BookCheck{Book: book, Title: "Check of " + string(book), Now: good, Night: good})
	}
	v.Books.State = aggregates.StateGood
	v.Books.Sample = aggregates.BookSample{Accounts: 300, Postings: 41_003, Transactions: 1000, Large: 2, Round: 3600}
	v.Books.NightBegan, v.Books.NightTook = ptr(Noon.Add(-12*time.Hour)), 42.3
	monday := today.AddDate(0, 0, -int(today.Weekday()+6)%7)
	amounts := func(base float64) (all []ledger.Sum) {
		for i := range 13 {
			all = append(all, ledger.SumOf(int64(base*(1+0.1*math.Sin(float64(i))))))
		}
		return all
	}
	for i := range 13 {
		v.Weeks = append(v.Weeks, aggregates.Week{Start: monday.AddDate(0, 0, 7*(i-12)), Partial: i == 12})
	}
	v.Created = []aggregates.SourceWeeks{{Source: "state wages", Sources: 1, Weeks: amounts(20_000_00)}, {Source: "jobs", Sources: 1, Weeks: amounts(8_000_00)}, {Source: "interest", Sources: 1, Weeks: amounts(3_000_00)}, {Sources: 4, Weeks: amounts(1_000_00)}}
	v.Destroyed = []aggregates.SourceWeeks{{Source: "taxes", Sources: 1, Weeks: amounts(9_000_00)}, {Source: "fees", Sources: 1, Weeks: amounts(6_000_00)}}
	for i := range 90 {
		v.Days = append(v.Days, aggregates.SoundDay{Day: today.AddDate(0, 0, i-89), Supply: ledger.SumOf(7_790_000_00 + int64(i)*4_770_00), Active: 900 + int64(60*math.Sin(float64(i)*2*math.Pi/7)), New: 5 + int64(i%4)})
	}
	return v
}

func cohorts() *aggregates.Cohorts {
	c := &aggregates.Cohorts{Basis: basis(0, Noon.AddDate(0, -8, 0), Noon), Unit: "month", Partial: true}
	for i := range 8 {
		of := aggregates.Cohort{Start: time.Date(2026, time.Month(4+i), 1, 0, 0, 0, 0, time.UTC), Holders: int64(420 - 31*i), Here: int64(400 - 31*i), Median: ptr(float64(120_000 - 9_000*i))}
		for j := range 8 - i {
			of.Active = append(of.Active, int64(float64(of.Holders)*math.Pow(0.86, float64(j))))
		}
		c.Cohorts = append(c.Cohorts, of)
	}
	return c
}

// followed is a source in step, but for one account and one row.
func followed() *aggregates.Followed {
	return &aggregates.Followed{Basis: basis(0, Noon, Noon), Sources: []aggregates.FollowedSource{
		{Name: "treasury", Complete: ptr(Noon.Add(-time.Second)), Age: ptr(1.0), Compared: ptr(Noon.Add(-8 * time.Second)), Accounts: 4_102, Drifting: 1, LeftOut: 1},
	}, Drift: []aggregates.Drift{
		{Source: "treasury", ID: "treasury:account:17", Name: "Ada Fenwick", Kind: ledger.Personal, Here: ledger.SumOf(1_250_00), There: ledger.SumOf(1_245_00), Since: Noon.Add(-time.Hour)},
	}}
}

func cacheState() *aggregates.CacheState {
	return &aggregates.CacheState{Basis: basis(0, Noon, Noon), Status: "ok", Shared: "memory", Memos: []aggregates.MemoState{
		{Memo: "economy.overview", Window: 30, Keys: 5, Oldest: ptr(0.0), Circuit: "closed", HitRatio: ptr(0.998)},
		{Memo: "health.soundness", Window: 60, Keys: 1, Oldest: ptr(60.0), Circuit: "closed"},
		{Memo: "item", Window: 60, Circuit: "closed"},
	}}
}

// broken makes of a sound town one whose books are broken, and whose refresh fails.
func broken(p *Economy, end time.Time) {
	v := *p.Soundness
	v.Historical, v.End = true, end
	v.Books.Checks = append([]aggregates.BookCheck{}, v.Books.Checks...)
	v.Books.State = aggregates.StateBad
	v.Books.Checks[2].Now = aggregates.BookResult{State: aggregates.StateBad, Found: 1, First: []aggregates.Finding{{Table: "balances", Key: "12", Text: "kept (12,700,\"2022-05-30 10:00:00+00\",3), scanned (12,693,\"2022-05-30 10:00:00+00\",3)"}}}
	v.Books.Checks[3].Night.Why = "flow_hours add up, by hour, source and kind: it took longer than 5m0s"
	v.Created, v.Destroyed = nil, nil
	v.Days = append([]aggregates.SoundDay{}, v.Days...)
	v.Days[0].Supply = ledger.Sum{}
	p.Soundness = &v
	c := *p.Cohorts
	c.Cohorts = append([]aggregates.Cohort{}, c.Cohorts...)
	c.Unit, c.Earlier = "year", 3
	c.Cohorts[1].Holders, c.Cohorts[1].Here, c.Cohorts[1].Median, c.Cohorts[1].Active = 0, 0, nil, make([]int64, 7)
	p.Cohorts = &c
	p.Cache = &aggregates.CacheState{Basis: basis(0, Noon, Noon), Status: "degraded", Shared: "redis", Down: true, Memos: []aggregates.MemoState{
		{Memo: "health", Window: 30, Keys: 5, Degraded: 2, Circuit: "open"}, {Memo: "market", Window: 30, Keys: 5, Degraded: 1, Circuit: "closed"},
	}}
}
