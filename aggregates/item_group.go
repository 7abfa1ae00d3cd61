package aggregates

// mostOfGroup bounds the items of a group that are listed.
const mostOfGroup = 50

// ItemGroup is the other items of an item's group.
type ItemGroup struct {
	Basis
	Group string       `json:"group" doc:"Empty: it belongs to none."`
	Count int64        `json:"count" doc:"How many others there are."`
	Items []ListedItem `json:"items" nullable:"false" doc:"Largest volume in the period first, then by name; at most 50."`
}

// GroupOf returns the other items of an item's group.
func (v *Items) GroupOf(ref string) *ItemGroup {
	g := &ItemGroup{Basis: v.Basis, Items: []ListedItem{}}
	for _, i := range v.Items {
		if i.ID == ref {
			g.Group = i.Group
			break
		}
	}
	if g.Group == "" {
		return g
	}
	for _, i := range v.Items {
		if i.Group != g.Group || i.ID == ref {
			continue
		}
		if g.Count++; g.Count <= mostOfGroup {
			g.Items = append(g.Items, i)
		}
	}
	return g
}

// Table has one row an item.
func (g *ItemGroup) Table() Table { return ItemsTable(g.Items) }
