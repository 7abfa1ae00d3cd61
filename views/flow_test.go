package views

import (
	"fmt"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

// total returns what flows through the nodes of a column.
func totalOf(nodes []flowNode) (sum ledger.Sum) {
	for _, n := range nodes {
		sum = sum.Plus(n.Volume)
	}
	return sum
}

func TestTheDrawnFlowsAreAllThatMovedBetweenKinds(t *testing.T) {
	for name, e := range map[string]*sample.Economy{"town": sample.Town(30), "council": sample.Council()} {
		var between, within ledger.Sum
		for _, edge := range e.Flow.Edges {
			if edge.From == edge.To {
				within = within.Plus(edge.Volume)
			} else {
				between = between.Plus(edge.Volume)
			}
		}
		for _, threshold := range []float64{0.01, 0.02, 0.05} {
			g := newFlowGraph(e.Flow, threshold)
			for c, nodes := range g.columns {
				if totalOf(nodes) != between || len(nodes) > mostNodes {
					t.Errorf("%s, %v: column %d has %d nodes with %s, want %s", name, threshold, c, len(nodes), totalOf(nodes), between)
				}
			}
			for c, links := range g.links {
				var sum ledger.Sum
				for _, volume := range links {
					sum = sum.Plus(volume)
				}
				if sum != between {
					t.Errorf("%s, %v: the links of column %d are %s, want %s", name, threshold, c, sum, between)
				}
			}
			if totalOf(g.self) != within {
				t.Errorf("%s: within a kind %s, want %s", name, totalOf(g.self), within)
			}
		}
	}
}

func TestSmallFlowsAreOther(t *testing.T) {
	f := &aggregates.Flow{Others: aggregates.OtherSources{Sources: 7}}
	mint, person := aggregates.Party{Kind: ledger.System, Issuer: true}, aggregates.Party{Kind: ledger.Personal}
	add := func(source string, volume int64) {
		f.Edges = append(f.Edges, aggregates.Edge{From: mint, Source: source, To: person, Volume: ledger.SumOf(volume)})
		f.Volume.Now = f.Volume.Now.Add(volume)
	}
	add("", 9)
	for i := range 20 {
		add(fmt.Sprint("s", i), int64(100+i))
	}
	middle := newFlowGraph(f, 0.01).columns[1]
	if len(middle) != 12 || middle[0].Name != "s19" || middle[11].Name != "other (16)" {
		t.Errorf("the sources are %+v, want eleven and the other 16", middle)
	}
	f.Edges, f.Volume.Now = nil, ledger.Sum{}
	add("large", 1000)
	add("small", 3)
	if middle := newFlowGraph(f, 0.05).columns[1]; len(middle) != 2 || middle[1].Name != "small" {
		t.Errorf("a single small source is %+v, want it by its name", middle)
	}
}

func TestFlowsAreWrittenInTheChosenUnit(t *testing.T) {
	e := sample.Town(30)
	page := func(query string) Page {
		return Page{Site: Site{Settings: pounds}, Info: PageInfo{Path: "/economy/flow", Params: []*Param{DaysParam, ThresholdParam, UnitParam}},
			Params: ParseParams([]*Param{DaysParam, ThresholdParam, UnitParam}, "", query)}
	}
	for query, want := range map[string]string{
		"": "shop £640,500", "unit=holder": "shop £276", "unit=share": "shop 25.6 %", "unit=gold": "shop £640,500",
	} {
		c := Flows(page(query), e.Flow)
		text := strings.ReplaceAll(strings.ReplaceAll(render(t, c.Body).Find("svg text").Text(), "₤", "£"), nbsp, " ")
		if !strings.Contains(text, want) {
			t.Errorf("%q: the drawing has no %q: %s", query, want, text)
		}
	}
	doc := render(t, LargestFlows(page("days=7"), e.Flow).Body)
	if got := doc.Find("a").Eq(1).AttrOr("href", ""); got != "/economy/sources/shop?days=7&from=personal&to=business" {
		t.Errorf("a flow leads to %q", got)
	}
}
