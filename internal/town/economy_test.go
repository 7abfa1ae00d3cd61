package town_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/town"
	"exchequer/ledger"
)

// state is what the ledger would say at the end of a history.
type state struct {
	accounts map[string]ledger.Account
	balances map[string]int64
	supply   map[string]int64 // by day, at its end
	counts   map[string]int   // transactions by source
}

func endOf(batches []ledger.Batch) state {
	s := state{map[string]ledger.Account{}, map[string]int64{}, map[string]int64{}, map[string]int{}}
	var supply int64
	for _, b := range batches {
		for _, a := range b.Accounts {
			s.accounts[a.Ref] = a
		}
		for _, x := range b.Transactions {
			s.counts[x.Source]++
			for _, p := range x.Postings {
				s.balances[p.Account] += p.Amount
				if s.accounts[p.Account].Kind != ledger.System {
					supply += p.Amount
				}
			}
			s.supply[x.At.Format(time.DateOnly)] = supply
		}
	}
	return s
}

// personal are the balances of personal accounts that are not archived, sorted.
func (s state) personal() []int64 {
	var x []int64
	for ref, a := range s.accounts {
		if a.Kind == ledger.Personal && a.Archived.IsZero() {
			x = append(x, s.balances[ref])
		}
	}
	slices.Sort(x)
	return x
}

func inequality(x []int64) (gini, top1 float64) {
	var sum, weighted, top float64
	for i, v := range x {
		sum += float64(v)
		weighted += float64(i+1) * float64(v)
		if i >= len(x)*99/100 {
			top += float64(v)
		}
	}
	n := float64(len(x))
	return 2*weighted/(n*sum) - (n+1)/n, top / sum
}

func TestWealthIsSpreadAsInARealTown(t *testing.T) {
	towns := map[string][]ledger.Batch{"the demo": sixtyDays()}
	for name, c := range map[string]town.Config{
		"another seed":       {Seed: 2, End: noon, Days: 30},
		"after three months": {Seed: 3, End: noon, Days: 90},
	} {
		towns[name] = history(t, c)
	}
	for name, batches := range towns {
		gini, top1 := inequality(endOf(batches).personal())
		if gini < .55 || gini > .75 || top1 < .10 || top1 > .25 {
			t.Errorf("%s: Gini %.3f, the top 1 %% hold %.3f; want 0.55 to 0.75 and 0.10 to 0.25", name, gini, top1)
		}
	}
}

func TestTheSupplyGrowsALittle(t *testing.T) {
	s := endOf(sixtyDays())
	first := s.supply[noon.AddDate(0, 0, -60).Format(time.DateOnly)]
	last := s.supply[noon.Format(time.DateOnly)]
	if growth := float64(last)/float64(first) - 1; growth < .01 || growth > .15 {
		t.Errorf("the supply grew by %.1f %% in 60 days, want 1 to 15", 100*growth)
	}
}

func TestEverySourceOccurs(t *testing.T) {
	counts := endOf(sixtyDays()).counts
	for _, source := range strings.Fields(`opening stall bonus reward grant salary tax fine shop purchase return transfer
		rent fee repair listing auction dividend commission wholesale works remittance escheat closing capital`) {
		if counts[source] < 3 {
			t.Errorf("%s occurs %d times", source, counts[source])
		}
		delete(counts, source)
	}
	for source := range counts {
		t.Errorf("%s is not in the list", source)
	}
}

func TestPeopleComeAndGo(t *testing.T) {
	s := endOf(sixtyDays())
	start := noon.Truncate(24*time.Hour).AddDate(0, 0, -60)
	kinds, holders, names := map[ledger.Kind]int{}, map[string]int{}, map[string]bool{}
	var joined, archived, firms int
	for ref, a := range s.accounts {
		kinds[a.Kind]++
		if names[a.Name] {
			t.Errorf("two accounts are called %s", a.Name)
		}
		names[a.Name] = true
		if a.Holder != "" {
			holders[a.Holder]++
			firms++
		}
		if a.Kind == ledger.Personal && a.Opened.After(start) {
			joined++
		}
		if !a.Archived.IsZero() {
			archived++
			if s.balances[ref] != 0 {
				t.Errorf("%s is archived with %d", ref, s.balances[ref])
			}
		}
	}
	if n := kinds[ledger.Personal]; n < 2200 || n > 2600 {
		t.Errorf("%d players, want about 2,400", n)
	}
	if kinds[ledger.Business] < 150 || kinds[ledger.Government] < 5 || kinds[ledger.System] != 2 {
		t.Errorf("accounts by kind: %v", kinds)
	}
	if joined < 400 || archived < 50 || archived > 400 || firms < 50 {
		t.Errorf("%d joined, %d archived, %d firms of one holder", joined, archived, firms)
	}
	active := map[string]bool{}
	for _, x := range transactions(sixtyDays()) {
		if x.At.After(noon.AddDate(0, 0, -1)) && (x.Source == "shop" || x.Source == "reward" || x.Source == "bonus") {
			for _, p := range x.Postings {
				if strings.HasPrefix(p.Account, "player:") {
					active[p.Account] = true
				}
			}
		}
	}
	if n := len(active); n < 300 || n > 1400 {
		t.Errorf("%d players were active on the last day, want some, not all", n)
	}
}

func TestTheTownSleepsAndHasWeekends(t *testing.T) {
	var hours [24]int
	days := map[string]int{}
	var weekend, week int
	weekends, weekdays := map[string]bool{}, map[string]bool{}
	for _, x := range transactions(sixtyDays()) {
		if x.Source == "opening" || !x.At.Before(noon.Truncate(24*time.Hour)) {
			continue
		}
		hours[x.At.Hour()]++
		days[x.At.Format(time.DateOnly)]++
		if d := x.At.Weekday(); d == time.Saturday || d == time.Sunday {
			weekend++
			weekends[x.At.Format(time.DateOnly)] = true
		} else {
			week++
			weekdays[x.At.Format(time.DateOnly)] = true
		}
	}
	if night, evening := hours[4]+hours[5], hours[19]+hours[20]; night*3 > evening || night == 0 {
		t.Errorf("%d transactions at night, %d in the evening", night, evening)
	}
	if busy, usual := weekend/len(weekends), week/len(weekdays); busy*100 < usual*115 {
		t.Errorf("%d on a day of a weekend, %d on other days: want weekends livelier", busy, usual)
	}
	if len(days) != 60 {
		t.Errorf("%d whole days, want 60", len(days))
	}
}

// prices are what a piece of an item cost on each day, by volume.
func prices(batches []ledger.Batch, item string) map[string]float64 {
	quantity, volume := map[string]float64{}, map[string]float64{}
	for _, b := range batches {
		for _, s := range b.Sales {
			if s.Item == item && s.Quantity > 0 {
				quantity[s.At.Format(time.DateOnly)] += float64(s.Quantity)
				volume[s.At.Format(time.DateOnly)] += float64(s.Total)
			}
		}
	}
	for day := range volume {
		volume[day] /= quantity[day]
	}
	return volume
}

func TestPricesMoveForReasons(t *testing.T) {
	// The second cycle of fortunes has a failed harvest and a new mine.
	on := func(days int) string { return noon.AddDate(0, 0, days-60).Format(time.DateOnly) }
	span := func(item string, from, to int) (low, high float64) {
		p := prices(sixtyDays(), item)
		for d := from; d < to; d++ {
			if v := p[on(d)]; v > 0 {
				high = max(high, v)
				if low == 0 {
					low = v
				}
				low = min(low, v)
			}
		}
		return low, high
	}
	before, _ := span("item:wheat", 24, 31)
	if _, peak := span("item:wheat", 33, 48); peak < 1.6*before {
		t.Errorf("a failed harvest takes wheat from %.2f to %.2f", before, peak)
	}
	_, usual := span("item:iron-ingot", 36, 43)
	if trough, _ := span("item:iron-ingot", 44, 60); trough > .8*usual {
		t.Errorf("a new mine takes iron from %.2f to %.2f", usual, trough)
	}
	for _, item := range []string{"item:bread", "item:diamond", "item:cobblestone", "item:glass"} {
		low, high := span(item, 0, 60)
		if high < 1.05*low || high > 5*low {
			t.Errorf("%s cost between %.2f and %.2f in 60 days", item, low, high)
		}
	}
}
