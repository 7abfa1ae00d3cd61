package views

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"exchequer/aggregates"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

// words returns the text of what is found, with single spaces, also between
// cells and links.
func words(s *goquery.Selection) string {
	var all []string
	s.Contents().Each(func(_ int, c *goquery.Selection) {
		if c.Is("tr, nav, td, th, .switch") {
			all = append(all, words(c))
		} else {
			all = append(all, strings.Fields(c.Text())...)
		}
	})
	return strings.TrimSpace(strings.Join(all, " "))
}

func TestDescriptionsOfChartsSayTheMainValues(t *testing.T) {
	e := sample.Town(30)
	p := Page{Site: Site{Settings: e.Settings}}
	drawn := map[string]Content{
		"activity": Activity(p, e.Activity), "lorenz": Lorenz(p, e.Inequality), "distribution": Distribution(p, e.Inequality), "rhythm": Rhythm(p, e.Rhythm),
	}
	for panel, want := range map[string]string{
		"activity":     "Highest £2.03 m (Sat 14 Nov 2026), lowest £669 k (Tue 17 Nov 2026), on average £1.22 m a day, last £1.1 m (Thu 19 Nov 2026).",
		"lorenz":       "The poorest half of the holders have 8.1 %, the richest tenth 36.4 %, the richest hundredth 11.7 % of the wealth. Gini 0.642.",
		"distribution": "The largest group, 500 holders: £200.00 to £500.00. Median £804, mean £1,951, 41 at zero.",
		"rhythm":       "Busiest: Sunday 17:00 with 866 an hour. Quietest: Monday 03:00 with 20.",
	} {
		svg := render(t, drawn[panel].Body).Find("svg.chart").First()
		desc := svg.ChildrenFiltered("desc")
		got := strings.ReplaceAll(strings.ReplaceAll(words(desc), nbsp, " "), "₤", "£")
		if got, keys, _ := strings.Cut(got, " Arrow keys"); got != want || keys == "" {
			t.Errorf("%s: %q, want %q", panel, got, want)
		}
		if id := desc.AttrOr("id", ""); id == "" || svg.AttrOr("aria-describedby", "") != id+" "+panel+"-table" {
			t.Errorf("%s: the description is not that of the drawing", panel)
		}
	}
}

func TestWealthCountsTheAccountsInUseOfKindsThatExist(t *testing.T) {
	p := Page{Site: Site{Settings: pounds}}
	w := &aggregates.WealthByKind{Supply: ledger.SumOf(150_00), Kinds: []aggregates.KindWealth{
		{Kind: ledger.Personal, Accounts: 2422, Archived: 200, Total: ledger.SumOf(150_00), Share: 1},
		{Kind: ledger.Business, Accounts: 20, Archived: 14},
		{Kind: ledger.Government},
		{Kind: ledger.System, Issuer: true, Accounts: 1, Total: ledger.SumOf(-150_00), Share: -1},
	}}
	doc := render(t, Wealth(p, w).Body)
	var got []string
	doc.Find("table.kinds tbody tr, table.kinds tfoot tr, .under").Each(func(_ int, s *goquery.Selection) {
		got = append(got, strings.ReplaceAll(words(s), nbsp, " "))
	})
	want := []string{"Personal 2,222 £150 100.0 %", "Business 6 £0 0 %", "Supply 2,228 £150", "and 214 archived accounts"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if n := doc.Find(".stripe rect").Length(); n != 1 {
		t.Errorf("%d parts in the strip, want the only kind that has money", n)
	}
}

func TestARecordWithoutTimesIsDrawnByItsDays(t *testing.T) {
	end := noon.Truncate(24 * time.Hour)
	for _, c := range []struct {
		name string
		days int
		tips int
	}{
		{"a short period, by weekday", 90, 7},
		{"a long period, by weekday and month", 365, 7 * 12},
	} {
		drawn := Rhythm(Page{}, sample.DatesOnly(end.AddDate(0, 0, -c.days), end))
		if got := render(t, drawn.Body).Find("rect[data-tip]").Length(); got != c.tips {
			t.Errorf("%s: %d values, want %d", c.name, got, c.tips)
		}
		if want := "Transactions a day. The ledger has dates without times"; drawn.Sub != want {
			t.Errorf("%s: %q, want %q", c.name, drawn.Sub, want)
		}
	}
}

func TestALedgerWhereNobodyPaysHasNoVelocity(t *testing.T) {
	o := *sample.Town(30).Overview
	o.Velocity.Now, o.Velocity.Before = new(float64), new(float64)
	all := overviewTiles(&o, pounds)
	tl := all[slices.IndexFunc(all, func(t tile) bool { return t.Key == "velocity" })]
	if tl.Why != "None: no transfers between holders." || tl.Value != "" || len(tl.Series) != 0 {
		t.Errorf("velocity is %+v", tl)
	}
}

func TestItIsSaidWhoCounts(t *testing.T) {
	v := *sample.Council().Inequality
	v.Counted, v.Apart = aggregates.Counted30, aggregates.Apart{Holders: 83, Total: ledger.SumOf(1)}
	c := Inequality(Page{}, &v)
	if got, want := c.Switches[1].After, "(2,317 of 2,400), 12 in debt; Gini allowing for debt 0.710"; got != want {
		t.Errorf("who counts is %q, want %q", got, want)
	}
	var said string
	for _, w := range c.Says.Words {
		said += w.Text
	}
	if !strings.Contains(said, "personal wealth of those active in 30 days belong") {
		t.Errorf("it says %q", said)
	}
}

// Of a large ledger not every choice has numbers. The way back to one that has some must
// not be missing with them.
func TestAPanelWithoutNumbersKeepsTheWayBack(t *testing.T) {
	info := PanelInfo{Name: "inequality", Title: "Inequality", Params: []*Param{DaysParam, PopulationParam, CountedParam}}
	why := aggregates.Basis{Why: "Not available: this ledger has too many accounts to read the balance of each."}
	for query, want := range map[string]string{"": "", "days=7": "", "counted=30": "/economy", "counted=30&days=7": "/economy?days=7"} {
		p := Page{Info: PageInfo{Path: "/economy", Params: info.Params}, Params: ParseParams(info.Params, "", query)}
		doc := render(t, Panel(Draw(p, info, Status{}, why, nil)))
		if doc.Find(".missing").Text() != why.Why {
			t.Errorf("%q: it does not say why there is nothing", query)
		}
		if got := doc.Find(".sub .switch a").First().AttrOr("href", ""); got != want {
			t.Errorf("%q: the way back is %q, want %q", query, got, want)
		}
	}
}

func TestThePopulationReadsAsASentence(t *testing.T) {
	info := PanelInfo{Name: "inequality", Params: []*Param{PopulationParam, CountedParam}}
	v := sample.Council().Inequality
	for _, c := range []struct {
		name string
		only *PanelInfo
		want string
	}{
		{"among other panels", nil, "Inequality among personal personal and business all holders Counting all of them those who moved active in 90 d 30 d (2,317), 12 in debt; Gini allowing for debt 0.710"},
		{"alone", &info, "Inequality among personal holders Counting all of them (2,317), 12 in debt; Gini allowing for debt 0.710"},
	} {
		p := Page{Info: PageInfo{Params: info.Params}, Only: c.only}
		d := Draw(p, info, Status{}, aggregates.Basis{}, func() Content { return Inequality(p, v) })
		if got := words(render(t, Panel(d)).Find(".sub")); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
