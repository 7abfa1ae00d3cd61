package views

import (
	"math"
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

// lead returns a lede as text, with its numbers between asterisks.
func lead(words []Words) string {
	var b strings.Builder
	for _, w := range words {
		if w.Strong {
			b.WriteString("*" + w.Text + "*")
		} else {
			b.WriteString(w.Text)
		}
	}
	return plain(b.String())
}

func number[N int64 | float64](now, before N) aggregates.Trend[N] {
	return aggregates.Trend[N]{Number: aggregates.Number[N]{Now: &now, Before: &before}}
}

func sums(now, before int64) aggregates.Trend[ledger.Sum] {
	return aggregates.Trend[ledger.Sum]{Number: aggregates.Number[ledger.Sum]{Now: ptr(ledger.SumOf(now)), Before: ptr(ledger.SumOf(before))}}
}

func sold(now, before int64) aggregates.Compared[ledger.Sum] {
	return aggregates.Compared[ledger.Sum]{Now: ledger.SumOf(now), Before: ptr(ledger.SumOf(before))}
}

// alone returns the number without the one before.
func alone[N int64 | ledger.Sum](t aggregates.Trend[N]) aggregates.Trend[N] { t.Before = nil; return t }

func TestTheMoneysSentenceIsTrue(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*aggregates.Overview)
		want   string
	}{
		{"grew", func(*aggregates.Overview) {},
			"Money grew by *1.8_%* in 30_days and changed hands *1.92 times*, with *6.1_%* more transactions than in the 30_days before."},
		{"shrank", func(o *aggregates.Overview) { o.Supply = sums(900, 1000) },
			"Money shrank by *10.0_%* in 30_days and changed hands *1.92 times*, with *6.1_%* more transactions than in the 30_days before."},
		{"all but gone", func(o *aggregates.Overview) { o.Supply = sums(1, 100_000) },
			"Money shrank to *< 0.1_%* of its amount in 30_days and changed hands *1.92 times*, with *6.1_%* more transactions than in the 30_days before."},
		{"many times as much", func(o *aggregates.Overview) { o.Supply = sums(5000, 1000) },
			"Money grew to *5 times* as much in 30_days and changed hands *1.92 times*, with *6.1_%* more transactions than in the 30_days before."},
		{"the same", func(o *aggregates.Overview) { o.Supply = sums(1000, 1000) },
			"Money neither grew nor shrank in 30_days and changed hands *1.92 times*, with *6.1_%* more transactions than in the 30_days before."},
		{"did not change hands", func(o *aggregates.Overview) { o.Velocity = number(0.0, 0.0) },
			"Money grew by *1.8_%* in 30_days, with *6.1_%* more transactions than in the 30_days before."},
		{"fewer transactions", func(o *aggregates.Overview) { o.Transactions = number[int64](75, 100) },
			"Money grew by *1.8_%* in 30_days and changed hands *1.92 times*, with *25.0_%* fewer transactions than in the 30_days before."},
		{"too young to compare", func(o *aggregates.Overview) {
			o.Supply, o.Transactions = alone(o.Supply), alone(o.Transactions)
		}, "There is *₤8,214,907* in circulation, and it changed hands *1.92 times* in 30_days."},
		{"younger than the period", func(o *aggregates.Overview) {
			o.Days, o.Since = "365", time.Date(2026, 9, 21, 0, 0, 0, 0, time.UTC)
			o.Supply, o.Transactions = alone(o.Supply), alone(o.Transactions)
		}, "There is *₤8,214,907* in circulation, and it changed hands *1.92 times* since 21 Sep 2026."},
		{"of all time", func(o *aggregates.Overview) {
			o.Days, o.Start = "all", time.Date(2024, 3, 3, 0, 0, 0, 0, time.UTC)
			o.Supply, o.Transactions = alone(o.Supply), alone(o.Transactions)
		}, "There is *₤8,214,907* in circulation, and it changed hands *1.92 times* since 3 Mar 2024."},
		{"ended", func(o *aggregates.Overview) {
			o.Historical, o.End = true, time.Date(2019, 12, 28, 0, 0, 0, 0, time.UTC)
		}, "Money grew by *1.8_%* in the 30_days to 27 Dec 2019 and changed hands *1.92 times*, with *6.1_%* more transactions than in the 30_days before."},
		{"ended, of all time", func(o *aggregates.Overview) {
			o.Historical, o.Days = true, "all"
			o.Start, o.End = time.Date(2010, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2019, 12, 28, 0, 0, 0, 0, time.UTC)
			o.Supply = alone(o.Supply)
		}, "At the end there was *₤8,214,907* in circulation, and it changed hands *1.92 times* from 1 Dec 2010 to 27 Dec 2019."},
		{"no money in circulation", func(o *aggregates.Overview) { o.Supply = sums(0, 1000) },
			"There were *446,219* transactions in 30_days, *6.1_%* more than in the 30_days before."},
		{"everybody in debt", func(o *aggregates.Overview) {
			o.Supply, o.Transactions = sums(-5, 1000), number[int64](1, 0)
		}, "There was *1* transaction in 30_days."},
		{"nothing", func(o *aggregates.Overview) { *o = aggregates.Overview{} }, "What it is."},
	} {
		e := sample.Town(30)
		c.change(e.Overview)
		if got := lead(Lede([]Sentence{sayMoney(e.Overview, e.Settings)}, "What it is.")); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestTheSentenceOnWealthIsTrue(t *testing.T) {
	half := func(k float64) func(*aggregates.Inequality) {
		return func(v *aggregates.Inequality) { v.Nakamoto.Value = &k }
	}
	trend := func(gini, top float64) func(*aggregates.Inequality) {
		return func(v *aggregates.Inequality) {
			for i := range v.Trend {
				v.Trend[i].Gini, v.Trend[i].Top10 = &gini, &top
			}
		}
	}
	none := func(v *aggregates.Inequality) { v.Trend = nil }
	for _, c := range []struct {
		name    string
		changes []func(*aggregates.Inequality)
		want    string
	}{
		{"more unequal", []func(*aggregates.Inequality){trend(0.6, 0.3)},
			"More than half of all personal wealth belongs to the richest *7.7_%* of holders; it is more unequal than 30_days ago."},
		{"a little more", []func(*aggregates.Inequality){trend(0.64, 0.363)},
			"More than half of all personal wealth belongs to the richest *7.7_%* of holders; it is a little more unequal than 30_days ago."},
		{"a little less", []func(*aggregates.Inequality){trend(0.645, 0.37)},
			"More than half of all personal wealth belongs to the richest *7.7_%* of holders; it is a little less unequal than 30_days ago."},
		{"as before", []func(*aggregates.Inequality){trend(0.642, 0.5)},
			"More than half of all personal wealth belongs to the richest *7.7_%* of holders; it is as unequal as 30_days ago."},
		{"the measures disagree", []func(*aggregates.Inequality){trend(0.6, 0.5)},
			"More than half of all personal wealth belongs to the richest *7.7_%* of holders."},
		{"too short for a comparison", []func(*aggregates.Inequality){func(v *aggregates.Inequality) { v.Trend = v.Trend[:2] }},
			"More than half of all personal wealth belongs to the richest *7.7_%* of holders."},
		{"another population", []func(*aggregates.Inequality){none, func(v *aggregates.Inequality) { v.Population = aggregates.PopulationAll }},
			"More than half of all wealth belongs to the richest *7.7_%* of holders."},
		{"few holders", []func(*aggregates.Inequality){none, half(3), func(v *aggregates.Inequality) { v.Holders = 7 }},
			"More than half of all personal wealth belongs to the richest *3* of 7_holders."},
		{"one of many", []func(*aggregates.Inequality){none, half(1)},
			"More than half of all personal wealth belongs to *one* of 2,317_holders."},
		{"ended", []func(*aggregates.Inequality){trend(0.6, 0.3), func(v *aggregates.Inequality) { v.Historical = true }},
			"More than half of all personal wealth belonged to the richest *7.7_%* of holders; it was more unequal than 30_days before."},
		{"one holder", []func(*aggregates.Inequality){half(1), func(v *aggregates.Inequality) { v.Holders = 1 }}, ""},
		{"debts larger than all wealth", []func(*aggregates.Inequality){func(v *aggregates.Inequality) { v.Nakamoto.Value = nil }}, ""},
	} {
		v := sample.Town(30).Inequality
		for _, change := range c.changes {
			change(v)
		}
		if got := lead(Lede([]Sentence{sayWealth(v)}, "")); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestTheMarketsSentencesAreTrue(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*aggregates.Market)
		want   string
	}{
		{"nothing to compare with", func(*aggregates.Market) {}, "Goods worth *₤990,000* were sold in 30_days. Diamond leads with *60.6_%* of the value."},
		{"more", func(m *aggregates.Market) { m.Volume = sold(11100, 10000) },
			"Goods worth *₤111* were sold in 30_days, *11.0_%* more than in the 30_days before. Diamond leads with *60.6_%* of the value."},
		{"less", func(m *aggregates.Market) { m.Volume = sold(11100, 20000) },
			"Goods worth *₤111* were sold in 30_days, *44.5_%* less than in the 30_days before. Diamond leads with *60.6_%* of the value."},
		{"as much", func(m *aggregates.Market) { m.Volume = sold(11100, 11100) },
			"Goods worth *₤111* were sold in 30_days, as much as in the 30_days before. Diamond leads with *60.6_%* of the value."},
		{"twelve times", func(m *aggregates.Market) { m.Volume = sold(12000, 1000) },
			"Goods worth *₤120* were sold in 30_days, *12 times* as much as in the 30_days before. Diamond leads with *60.6_%* of the value."},
		{"no leader", func(m *aggregates.Market) { m.Top[1].Volume = m.Top[0].Volume }, "Goods worth *₤990,000* were sold in 30_days."},
		{"one item", func(m *aggregates.Market) { m.Items, m.Top = 1, m.Top[:1] }, "Goods worth *₤990,000* were sold in 30_days. All of it was Diamond."},
		{"nothing sold", func(m *aggregates.Market) { *m = aggregates.Market{} }, ""},
	} {
		e := sample.Town(30)
		c.change(e.Market)
		if got := lead(Lede([]Sentence{sayTurnover(e.Market, e.Settings), sayLeader(e.Market)}, "")); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestALedeHasTwoSentencesAndThreeNumbersAtMost(t *testing.T) {
	one := Sentence{Words: phrase("One ", "1"), More: phrase(" and ", "2", " and ", "3")}
	for _, c := range []struct {
		said []Sentence
		want string
	}{
		{nil, "About."},
		{[]Sentence{{}, {}}, "About."},
		{[]Sentence{one}, "One *1* and *2* and *3*."},
		{[]Sentence{one, {Words: phrase("Two ", "4")}}, "One *1*. Two *4*."},
		{[]Sentence{{}, one, {}, {Words: phrase("Two")}, {Words: phrase("Three")}}, "One *1* and *2* and *3*. Two."},
		{[]Sentence{{Words: phrase("", "1", "", "2", "", "3")}, {Words: phrase("Two ", "4")}, {Words: phrase("Three")}}, "*1**2**3*. Three."},
	} {
		if got := lead(Lede(c.said, "About.")); got != c.want {
			t.Errorf("%v: %q, want %q", c.said, got, c.want)
		}
	}
}

func TestALedeSurvivesAnyNumbers(t *testing.T) {
	odd := []int64{math.MinInt64, -1, 0, 1, 2, math.MaxInt64}
	for _, now := range odd {
		for _, before := range odd {
			e := sample.Town(30)
			e.Overview.Supply, e.Overview.Transactions = sums(now, before), number(now, before)
			e.Overview.Velocity = number(float64(now), float64(before))
			e.Inequality.Holders, e.Inequality.Nakamoto.Value = now, ptr(float64(before))
			e.Market.Volume = sold(now, before)
			said := []Sentence{sayMoney(e.Overview, e.Settings), sayWealth(e.Inequality), sayTurnover(e.Market, e.Settings)}
			for _, s := range said {
				if text := lead(Lede([]Sentence{s}, "")); strings.Contains(text, "n/a") || strings.Contains(text, "100.0_%") && now > 0 && before > now {
					t.Errorf("%d after %d: %q", now, before, text)
				}
			}
		}
	}
}

func ptr[T any](v T) *T { return &v }
