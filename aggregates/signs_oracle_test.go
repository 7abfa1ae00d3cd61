package aggregates

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// TestTheSignsAreWhatScanningSays compares every number of the page of the
// economy's health with the same by scanning every posting and every sale.
func TestTheSignsAreWhatScanningSays(t *testing.T) {
	for i, days := range []int{2, 45, 100, 130, 400} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(i), 23))
			now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
			r := randomRecord(random, now, days, transactionsIn(days))
			sales := r.randomSales(random, 200)
			db := testkit.Postgres(t)
			b := r.batch()
			for item := range 60 {
				ref := fmt.Sprintf("i/%02d", item)
				b.Items = append(b.Items, ledger.Item{Ref: ref, Name: itemName(ref)})
			}
			b.Sales = sales
			appendBatch(t, db, b)
			w := windowAt(now)
			if _, err := UpdateSnapshots(t.Context(), db, w.Start, DefaultExact); err != nil {
				t.Fatal(err)
			}
			got, err := ComputeSoundness(t.Context(), db, w, nil)
			if err != nil {
				t.Fatal(err)
			}
			o := scannedSigns{r, sales, r.span(w, rangeDays)}
			compare(t, "signs", 90, o.signs(), numbersOf(got), nil)
			weeks, created, destroyed := o.weeks()
			compare(t, "weeks", 90, weeks, got.Weeks, nil)
			compare(t, "created", 90, created, got.Created, nil)
			compare(t, "destroyed", 90, destroyed, got.Destroyed, nil)
			compare(t, "days", 90, o.days(), got.Days, nil)
			if got.Books.State != StateGood {
				t.Errorf("books of a sound ledger: %+v", got.Books)
			}
			cohorts, err := ComputeCohorts(t.Context(), db, w, NoParams{})
			compare(t, "cohorts", 0, r.cohorts(r.span(w, 0)), cohorts, err)
		})
	}
}

// signNumbers are the numbers of a sign.
type signNumbers struct{ Now, Before, Low, High *float64 }

func numbersOf(v *Soundness) map[string]signNumbers {
	all := map[string]signNumbers{}
	for _, s := range v.Signs {
		all[s.Name] = signNumbers{s.Now, s.Before, s.Low, s.High}
	}
	return all
}

// scannedSigns answers by scanning.
type scannedSigns struct {
	record
	sales []ledger.Sale
	span
}

// ago returns the end of the day that many days before the last one; of the last
// one itself the end of the period.
func (o scannedSigns) ago(days int) time.Time {
	if days == 0 {
		return o.End
	}
	return plus(o.Today, 1-days)
}

// there reports whether the day was one of the ledger.
func (o scannedSigns) there(daysAgo int) bool { return !plus(o.Today, -daysAgo).Before(o.First) }

func (o scannedSigns) signs() map[string]signNumbers {
	month := o.span
	month.Start, month.Days = plus(o.Today, -29), 30
	before, reaches := month.previous()
	// course is a number on each day, and now.
	course := func(now *float64, has func(ago int) bool, at func(ago int) *float64) signNumbers {
		n := signNumbers{Now: now}
		if has(30) {
			n.Before = at(30)
		}
		for ago := 89; ago > 0 && now != nil; ago-- {
			if !has(ago) || at(ago) == nil {
				continue
			}
			if n.Low == nil {
				n.Low, n.High = pointerTo(*now), pointerTo(*now)
			}
			n.Low, n.High = pointerTo(min(*n.Low, *at(ago))), pointerTo(max(*n.High, *at(ago)))
		}
		return n
	}
	ratio := func(of, whole float64) *float64 {
		if whole <= 0 {
			return nil
		}
		return pointerTo(of / whole)
	}
	growth := func(from, to time.Time) *float64 {
		if v := ratio(o.supply(to).Float64(), o.supply(from).Float64()); v != nil {
			return pointerTo(*v - 1)
		}
		return nil
	}
	speed := func(from, to time.Time) *float64 {
		moved, _, _ := o.moved(from, to)
		return ratio(moved.Transfers.Float64(), o.averageSupply(from, to))
	}
	all := map[string]signNumbers{}

	newest := slices.MaxFunc(o.transactions, func(a, b ledger.Transaction) int { return a.At.Compare(b.At) }).At
	all["freshness"] = signNumbers{Now: pointerTo(o.End.Sub(newest).Seconds())}
	if o.Historical {
		all["freshness"] = signNumbers{}
	}

	var grew *float64
	if reaches {
		grew = growth(before.End, o.End)
	}
	all["money"] = course(grew, func(ago int) bool { return o.there(ago + 30) }, func(ago int) *float64 { return growth(o.ago(ago+30), o.ago(ago)) })
	if grew == nil {
		all["money"] = signNumbers{}
	}

	for name, of := range map[string]func(span) *float64{
		"prices": func(s span) *float64 { return scannedIndex(s, o.sales).Change },
		// Of sound books all is explained.
		"explained": func(s span) *float64 {
			_, in, out := o.moved(s.Start, s.End)
			gross := in.Plus(out).Float64()
			return ratio(gross, gross)
		},
	} {
		n := signNumbers{Now: of(month)}
		if n.Now != nil && reaches {
			whole := before
			whole.End = month.Start
			n.Before = of(whole)
		}
		all[name] = n
	}

	fast := course(speed(month.Start, o.End), func(ago int) bool { return ago > 0 && o.there(ago+29) }, func(ago int) *float64 { return speed(o.ago(ago+30), o.ago(ago)) })
	fast.Before = nil
	if reaches {
		fast.Before = speed(before.Start, before.End)
	}
	all["speed"] = fast

	measure := func(pick func(*Distribution) Measure) signNumbers {
		at := func(ago int) *float64 {
			sums, _ := o.holdings(PopulationPersonal, o.ago(ago))
			return pick(NewDistribution(sums)).Value
		}
		return course(at(0), o.there, at)
	}
	all["concentration"] = measure((*Distribution).Gini)
	all["top"] = measure(func(d *Distribution) Measure { return d.TopShare(10, 100) })

	active := func(ago int) *float64 { return pointerTo(float64(o.active(plus(o.Today, -ago-6), o.ago(ago)))) }
	all["activity"] = course(active(0), func(ago int) bool { return o.there(ago + 6) }, active)

	firsts := o.firsts()
	joined := func(ago int) *float64 {
		n := 0.0
		for _, first := range firsts {
			if !first.Before(plus(o.Today, -ago-29)) && first.Before(o.ago(ago)) {
				n++
			}
		}
		return &n
	}
	all["joining"] = course(joined(0), func(ago int) bool { return o.there(ago + 30) }, joined) // the first day left out

	sold := func(from, to time.Time) (items float64, leader *float64) {
		volumes, total := map[string]int64{}, int64(0)
		for _, s := range within(o.sales, from, to) {
			if real(s) {
				volumes[s.Item] += s.Total
				total += s.Total
			}
		}
		largest := int64(0)
		for _, v := range volumes {
			largest = max(largest, v)
		}
		return float64(len(volumes)), ratio(float64(largest), float64(total))
	}
	items, leads := sold(month.Start, o.End)
	was, led := sold(before.Start, before.End)
	all["breadth"], all["leader"] = signNumbers{Now: &items}, signNumbers{Now: leads}
	if reaches {
		all["breadth"] = signNumbers{Now: &items, Before: &was}
		if leads != nil {
			all["leader"] = signNumbers{Now: leads, Before: led}
		}
	}
	if items == 0 && was == 0 {
		all["breadth"] = signNumbers{}
	}

	purse := func(ago int) *float64 {
		var held ledger.Sum
		for ref, balance := range o.balances(o.ago(ago)) {
			if o.accounts[ref].Kind == ledger.Government && !o.issues(ref) {
				held = held.Add(balance)
			}
		}
		return ratio(held.Float64(), o.supply(o.ago(ago)).Float64())
	}
	all["purse"] = course(purse(0), o.there, purse)
	return all
}

// firsts are the times of the holders' first postings by accounts that do not issue.
func (o record) firsts() map[string]time.Time {
	firsts := map[string]time.Time{}
	for _, tx := range o.transactions {
		for _, p := range tx.Postings {
			a := o.accounts[p.Account]
			if first, ok := firsts[a.Holder]; !o.issues(a.Ref) && (!ok || tx.At.Before(first)) {
				firsts[a.Holder] = tx.At
			}
		}
	}
	return firsts
}

func (o scannedSigns) days() (all []SoundDay) {
	for ago := 89; ago >= 0; ago-- {
		if !o.there(ago) {
			continue
		}
		start := plus(o.Today, -ago)
		d := SoundDay{Day: start, Supply: o.supply(o.ago(ago)), Active: o.active(start, o.ago(ago))}
		for _, first := range o.firsts() {
			if !first.Before(start) && first.Before(o.ago(ago)) {
				d.New++
			}
		}
		all = append(all, d)
	}
	return all
}

func (o scannedSigns) weeks() (weeks []Week, created, destroyed []SourceWeeks) {
	monday := o.Today
	for monday.Weekday() != time.Monday {
		monday = plus(monday, -1)
	}
	sides := [2]bySource{{weeks: 0}, {weeks: 0}}
	var starts []time.Time
	for i := 12; i >= 0; i-- {
		if start := plus(monday, -7*i); plus(start, 7).After(o.First) {
			starts = append(starts, start)
			weeks = append(weeks, Week{Start: start, Partial: start.Before(o.First) || plus(start, 7).After(o.End)})
		}
	}
	sides[0].weeks, sides[1].weeks = len(weeks), len(weeks)
	for i, start := range starts {
		for _, source := range []string{"shop", "tax", "gift"} {
			part := record{accounts: o.accounts}
			for _, tx := range o.transactions {
				if tx.Source == source {
					part.transactions = append(part.transactions, tx)
				}
			}
			_, in, out := part.moved(start, plus(start, 7))
			sides[0].add(source, i, in)
			sides[1].add(source, i, out)
		}
	}
	// Three sources are all listed, so only their order is left to say.
	for i := range sides {
		var all []SourceWeeks
		for source, of := range sides[i].of {
			all = append(all, SourceWeeks{source, 1, of})
		}
		slices.SortFunc(all, func(a, b SourceWeeks) int {
			return cmp.Or(b.Total().Compare(a.Total()), cmp.Compare(a.Source, b.Source))
		})
		if i == 0 {
			created = all
		} else {
			destroyed = all
		}
	}
	return weeks, created, destroyed
}

// cohorts asks each holder for each cohort.
func (o record) cohorts(s span) *Cohorts {
	months := func(t time.Time) int { return t.Year()*12 + int(t.Month()) - 1 }
	length, unit := 1, "month"
	for _, longer := range []struct {
		months int
		unit   string
	}{{3, "quarter"}, {12, "year"}} {
		if months(s.Today)/length-months(s.First)/length+1 > 24 {
			length, unit = longer.months, longer.unit
		}
	}
	of := func(t time.Time) int { return months(t) / length }
	c := &Cohorts{Basis: basisOf(s), Unit: unit, Cohorts: []Cohort{}}
	start := func(i int) time.Time {
		return time.Date(i*length/12, time.Month(i*length%12+1), 1, 0, 0, 0, 0, time.UTC)
	}
	c.Partial = start(of(s.Today) + 1).After(s.End)
	firsts := o.firsts()
	for i := of(s.First); i <= of(s.Today); i++ {
		cohort := Cohort{Start: start(i), Active: make([]int64, of(s.Today)-i+1)}
		var held []int64
		for holder, first := range firsts {
			if of(first) != i {
				continue
			}
			cohort.Holders++
			active, sum, here := map[int]bool{}, int64(0), false
			for _, tx := range o.transactions {
				for _, p := range tx.Postings {
					if a := o.accounts[p.Account]; a.Holder == holder && !o.issues(a.Ref) {
						active[of(tx.At)-i] = true
					}
				}
			}
			for ref, balance := range o.balances(s.End) {
				a := o.accounts[ref]
				if a.Holder == holder && !o.issues(ref) && (a.Archived.IsZero() || a.Archived.After(s.End)) {
					sum, here = sum+balance, true
				}
			}
			for j := range active {
				cohort.Active[j]++
			}
			if here {
				held = append(held, sum)
			}
		}
		cohort.Here = int64(len(held))
		if slices.Sort(held); len(held) > 0 {
			cohort.Median = pointerTo(float64(held[(len(held)-1)/2]+held[len(held)/2]) / 2)
		}
		c.Cohorts = append(c.Cohorts, cohort)
	}
	return c
}
