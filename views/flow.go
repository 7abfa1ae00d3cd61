package views

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// The parameters of the page of flows.
var (
	ThresholdParam = &Param{
		Name: "threshold", Label: "Shown as other", Default: "1", Nearest: nearestOption("1", "2", "5"),
		Options: []Option{{"1", "1 %", "what is under 1 % of what flows"}, {"2", "2 %", "what is under 2 % of what flows"}, {"5", "5 %", "what is under 5 % of what flows"}},
	}
	UnitParam = &Param{
		Name: "unit", Label: "Unit", Default: "money", Nearest: nearestOption("money", "holder", "share"),
		Options: []Option{{"money", "money", "amounts"}, {"holder", "a holder", "amounts divided by the number of holders"}, {"share", "share", "shares of all that moved"}},
	}
)

// nearestOption returns a function that returns its argument if that is one of
// these, and the first of them otherwise.
func nearestOption(values ...string) func(string) string {
	return func(s string) string {
		if slices.Contains(values, s) {
			return s
		}
		return values[0]
	}
}

// mostNodes is how many nodes a side of the drawing has, "other" included.
const mostNodes = 12

// FlowSums shows what was created, destroyed and moved beside the period before.
func FlowSums(p Page, f *aggregates.Flow) Content {
	sum := func(key, name string, c aggregates.Compared[ledger.Sum]) tile {
		return comparedTile(key, name, moneyTile(c.Now, p.Settings), c)
	}
	return Content{
		Sub: "Transfers are between different holders; the volume has all that moved", Says: sayFlow(f, p.Settings),
		Body: tiles([]tile{
			sum("flow.created", "Created", f.Created), sum("flow.destroyed", "Destroyed", f.Destroyed),
			sum("flow.transfers", "Transfers", f.Transfers), sum("flow.volume", "Volume", f.Volume),
		}),
	}
}

// sayFlow says what was created and destroyed.
func sayFlow(f *aggregates.Flow, s ledger.Settings) Sentence {
	if f.Volume.Now.Sign() <= 0 {
		return Sentence{}
	}
	said := phrase("", moneyTile(f.Created.Now, s), " was created and ", moneyTile(f.Destroyed.Now, s), " destroyed "+within(f.Period, s))
	return Sentence{Words: said, More: sayLargest(f)}
}

// sayLargest says between which two kinds of account most moved, if it is one pair.
func sayLargest(f *aggregates.Flow) []Words {
	var largest, second aggregates.KindFlow
	for _, k := range f.Kinds {
		switch {
		case k.From == k.To:
		case k.Volume.Compare(largest.Volume) > 0:
			largest, second = k, largest
		case k.Volume.Compare(second.Volume) > 0:
			second = k
		}
	}
	if largest.Volume.Compare(second.Volume) <= 0 || largest.Volume.Sign() <= 0 {
		return nil
	}
	return phrase("; of all that moved, ", Percent(largest.Volume.Float64()/f.Volume.Now.Float64()), " went from "+string(largest.From)+" to "+string(largest.To)+" accounts")
}

// A money unit writes amounts of flows as a visitor chose.
type flowUnit struct {
	name     string
	settings ledger.Settings
	holders  int64
	whole    ledger.Sum
}

func (p Page) flowUnit(f *aggregates.Flow) flowUnit {
	u := flowUnit{p.Params.Get(UnitParam), p.Settings, f.Holders, f.Volume.Now}
	if u.name == "holder" && f.Holders == 0 {
		u.name = "money"
	}
	return u
}

// write writes an amount.
func (u flowUnit) write(amount ledger.Sum) string {
	switch u.name {
	case "holder":
		return MoneyShort(int64(math.Round(amount.Float64()/float64(u.holders))), u.settings)
	case "share":
		return Percent(amount.Float64() / max(u.whole.Float64(), 1))
	}
	return moneyTile(amount, u.settings)
}

// sub says the unit.
func (u flowUnit) sub() string {
	switch u.name {
	case "holder":
		return "Money a holder, of " + Plural(u.holders, "holder", "holders")
	case "share":
		return "Shares of all that moved"
	}
	return "Money between different kinds of account"
}

// A flowNode is a side of flows or a source, with what went through it.
type flowNode struct {
	Key    string
	Name   string
	Class  string
	Volume ledger.Sum
}

// A flowGraph is the flows between different parties, with small nodes put
// together.
type flowGraph struct {
	columns [3][]flowNode // who paid, sources, who received
	links   [2]map[[2]int]ledger.Sum
	whole   ledger.Sum
	self    []flowNode // what stayed within a party
}

// newFlowGraph returns the graph of the flows. Nodes below a share of the whole are
// put together, and all but the largest.
func newFlowGraph(f *aggregates.Flow, threshold float64) flowGraph {
	var g flowGraph
	sums := [3]map[string]flowNode{{}, {}, {}}
	self := map[string]flowNode{}
	add := func(to map[string]flowNode, n flowNode, volume ledger.Sum) {
		if known, ok := to[n.Key]; ok {
			n = known
		}
		n.Volume = n.Volume.Plus(volume)
		to[n.Key] = n
	}
	ends := func(e aggregates.Edge) [3]flowNode {
		return [3]flowNode{partyNode(e.From), {Key: e.Source, Name: e.Source, Class: "source"}, partyNode(e.To)}
	}
	for _, e := range f.Edges {
		if e.From == e.To {
			add(self, partyNode(e.From), e.Volume)
			continue
		}
		g.whole = g.whole.Plus(e.Volume)
		for c, n := range ends(e) {
			add(sums[c], n, e.Volume)
		}
	}
	var at [3]map[string]int
	for c := range sums {
		unnamed := int64(0)
		if c == 1 {
			unnamed = f.Others.Sources
		}
		g.columns[c], at[c] = largestNodes(sums[c], g.whole, threshold, unnamed)
	}
	g.links = [2]map[[2]int]ledger.Sum{{}, {}}
	for _, e := range f.Edges {
		if e.From == e.To {
			continue
		}
		from, source, to := at[0][e.From.Key()], at[1][e.Source], at[2][e.To.Key()]
		g.links[0][[2]int{from, source}] = g.links[0][[2]int{from, source}].Plus(e.Volume)
		g.links[1][[2]int{source, to}] = g.links[1][[2]int{source, to}].Plus(e.Volume)
	}
	g.self = sortedNodes(self)
	return g
}

func partyNode(p aggregates.Party) flowNode {
	return flowNode{Key: p.Key(), Name: partyName(p), Class: string(p.Kind)}
}

func sortedNodes(sums map[string]flowNode) []flowNode {
	var all []flowNode
	for _, n := range sums {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b flowNode) int { return cmp.Or(b.Volume.Compare(a.Volume), cmp.Compare(a.Key, b.Key)) })
	return all
}

// largestNodes returns the largest nodes, largest first, and after them one for all
// others, and the index of each key. The node without a name stands for so many.
func largestNodes(sums map[string]flowNode, whole ledger.Sum, threshold float64, unnamed int64) (nodes []flowNode, at map[string]int) {
	at = map[string]int{}
	all := sortedNodes(sums)
	var small []flowNode
	fits := func(n flowNode, room int) bool {
		return n.Key != "" && n.Volume.Float64() >= threshold*whole.Float64() && len(nodes) < room
	}
	room := mostNodes
	if len(all) > mostNodes || slices.ContainsFunc(all, func(n flowNode) bool { return !fits(n, mostNodes) }) {
		room--
	}
	for _, n := range all {
		if !fits(n, room) {
			small = append(small, n)
			continue
		}
		at[n.Key] = len(nodes)
		nodes = append(nodes, n)
	}
	if len(small) == 1 && small[0].Key != "" { // it takes no more room by itself
		at[small[0].Key] = len(nodes)
		return append(nodes, small[0]), at
	}
	if len(small) == 0 {
		return nodes, at
	}
	other := flowNode{Class: "other"}
	n := int64(0)
	for _, of := range small {
		at[of.Key] = len(nodes)
		other.Volume = other.Volume.Plus(of.Volume)
		if n++; of.Key == "" {
			n += unnamed - 1
		}
	}
	other.Name = "other (" + Count(n) + ")"
	return append(nodes, other), at
}

// Flows shows who paid whom, through which source.
func Flows(p Page, f *aggregates.Flow) Content {
	if f.Volume.Now.Sign() == 0 {
		return Content{Missing: "Nothing moved in this period."}
	}
	u := p.flowUnit(f)
	threshold := map[string]float64{"1": 0.01, "2": 0.02, "5": 0.05}[p.Params.Get(ThresholdParam)]
	g := newFlowGraph(f, threshold)
	return Content{Sub: u.sub() + "; what is under ", Switches: []Switch{{Param: ThresholdParam, After: "of it is other"}}, Body: flows(p, g, u)}
}

// units returns the links to other units. The page of the panel by itself has them
// in its head.
func (p Page) units() []link {
	if p.Only != nil {
		return nil
	}
	return p.links(UnitParam)
}

// draw draws the graph.
func (g flowGraph) draw(u flowUnit) templ.Component {
	k := chart.Sankey{
		About: chart.About{ID: "flows", Title: "Who pays whom", Desc: g.describe(u)},
		Empty: "Nothing moved between different kinds of account.",
	}
	for c, nodes := range g.columns {
		for _, n := range nodes {
			k.Nodes[c] = append(k.Nodes[c], chart.Node{Name: brief(n.Name, 32) + " " + u.write(n.Volume), Class: n.Class})
		}
	}
	for c, links := range g.links {
		for ends, volume := range links {
			from, to := g.columns[c][ends[0]], g.columns[c+1][ends[1]]
			class := from.Class
			if c == 1 {
				class = to.Class
			}
			k.Links = append(k.Links, chart.Link{Column: c, From: ends[0], To: ends[1], Value: volume.Float64(), Class: class,
				Tip: u.write(volume) + "\n" + from.Name + " → " + to.Name})
		}
	}
	slices.SortFunc(k.Links, func(a, b chart.Link) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return k.Draw()
}

// describe says the largest node of each side.
func (g flowGraph) describe(u flowUnit) string {
	var parts []string
	for c, what := range []string{"paid most, ", "moved most, ", "received most, "} {
		if nodes := g.columns[c]; len(nodes) > 0 {
			parts = append(parts, nodes[0].Name+" "+what+u.write(nodes[0].Volume))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

// A barRow is a row of a list with bars.
type barRow struct {
	Key    string // of its number, for marking a change
	Name   string
	Note   string
	Class  string
	Href   templ.SafeURL
	Bar    float64 // of the longest
	Amount string
	Exact  string
	Share  string
}

// nodeRows returns nodes as rows with bars.
func nodeRows(nodes []flowNode, u flowUnit, p Page) []barRow {
	var rows []barRow
	for _, n := range nodes {
		r := barRow{Name: n.Name, Class: n.Class, Amount: u.write(n.Volume), Bar: n.Volume.Float64() / nodes[0].Volume.Float64()}
		if n.Key == "" {
			r.Href = p.panelAddress("flows")
		}
		rows = append(rows, r)
	}
	return rows
}

// edgesShown is how many of the largest flows are listed on the page.
const edgesShown = 12

// LargestFlows shows the largest flows with links to their days.
func LargestFlows(p Page, f *aggregates.Flow) Content {
	if len(f.Edges) == 0 {
		return Content{Missing: "Nothing moved in this period."}
	}
	var rows []barRow
	for _, e := range f.Edges {
		if e.Source != "" && len(rows) < edgesShown {
			rows = append(rows, barRow{
				Name: partyName(e.From) + " → " + partyName(e.To), Note: e.Source, Href: sourceAddress(p, e.Source, e.From.Key(), e.To.Key()), Class: string(e.From.Kind),
				Bar: e.Volume.Float64() / f.Edges[0].Volume.Float64(), Amount: moneyTile(e.Volume, p.Settings), Exact: Money(e.Volume, p.Settings),
				Share: Percent(e.Volume.Float64() / f.Volume.Now.Float64()),
			})
		}
	}
	return Content{Sub: "Largest of " + Count(int64(len(f.Edges))) + "; share of all that moved", Body: bars(rows, "", "")}
}

// CreatedBySource shows the sources that created money.
func CreatedBySource(p Page, f *aggregates.Flow) Content {
	return sourceBars(p, f.CreatedBySource(), f.Others.Created, f.Others.Sources, f.Created.Now, "gain", "Nothing was created in this period.")
}

// DestroyedBySource shows the sources that destroyed money.
func DestroyedBySource(p Page, f *aggregates.Flow) Content {
	return sourceBars(p, f.DestroyedBySource(), f.Others.Destroyed, f.Others.Sources, f.Destroyed.Now, "loss", "Nothing was destroyed in this period.")
}

// sourcesShown is how many sources a list of them has.
const sourcesShown = 10

func sourceBars(p Page, list []aggregates.SourceFlow, rest ledger.Sum, others int64, whole ledger.Sum, class, none string) Content {
	if whole.Sign() <= 0 {
		return Content{Missing: none}
	}
	var rows []barRow
	row := func(name string, href templ.SafeURL, volume ledger.Sum) {
		rows = append(rows, barRow{Name: name, Href: href, Class: class, Amount: moneyTile(volume, p.Settings), Exact: Money(volume, p.Settings),
			Bar: volume.Float64() / whole.Float64(), Share: Percent(volume.Float64() / whole.Float64())})
	}
	for i, of := range list {
		if i < sourcesShown {
			row(of.Source, sourceAddress(p, of.Source, "", ""), of.Volume)
			continue
		}
		rest = rest.Plus(of.Volume)
		others++
	}
	if rest.Sign() > 0 {
		row("other ("+Count(others)+")", "", rest)
	}
	return Content{Sub: "By source; share of all of it", Body: bars(rows, "Together", moneyTile(whole, p.Settings))}
}
