package aggregates

import "strings"

// Table has one row a measure.
func (m *Market) Table() Table {
	t := Table{Columns: []Column{{"measure", "Measure", Text}, {"now", "In the period", Count}, {"before", "In the period before", Count}}}
	t.Rows = [][]any{m.Sales.row("Sales"), m.Quantity.row("Pieces"), m.Volume.row("Value, minor units")}
	return t
}

// row is a row of a table.
func (c Compared[N]) row(name string) []any {
	if c.Before == nil {
		return []any{name, c.Now, nil}
	}
	return []any{name, c.Now, *c.Before}
}

// ItemsTable has one row an item.
func (m *Market) ItemsTable() Table {
	t := Table{Columns: append([]Column{
		{"name", "Item", Text}, {"id", "Id", Text}, {"group", "Group", Text}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count},
		{"volume", "Value", Money}, {"share", "Share", Percent}, {"vwap", "Mean price, minor units", Ratio},
		{"low", "Lowest", Ratio}, {"high", "Highest", Ratio}, {"earlier", "Price before", Ratio},
	}, PriceColumns()...)}
	for _, i := range m.Top {
		var earlier any
		if i.Earlier != nil {
			earlier = orNil(i.Earlier.Value)
		}
		t.Rows = append(t.Rows, append([]any{i.Name, i.ID, i.Group, i.Sales, i.Quantity, i.Volume, i.Share, i.VWAP, orNil(i.Low), orNil(i.High), earlier}, i.Price.Cells()...))
	}
	return t.First(len(m.Top), m.Items)
}

// GroupsTable has one row a group.
func (m *Market) GroupsTable() Table {
	t := Table{Columns: []Column{{"group", "Group", Text}, {"items", "Items", Count}, {"sales", "Sales", Count}, {"volume", "Value", Money}, {"share", "Share", Percent}}}
	for _, g := range m.Groups {
		t.Rows = append(t.Rows, []any{g.Group, g.Items, g.Sales, g.Volume, g.Share})
	}
	return t.upTo(len(m.Groups), mostGroups)
}

// PriceColumns are the columns of a price in a table, see [Price.Cells].
func PriceColumns() []Column {
	return []Column{
		{"price", "Price, minor units", Ratio}, {"confidence", "Confidence", Text}, {"basis", "Basis, days", Text},
		{"price_sales", "Sales that count", Count}, {"traders", "Traders", Count}, {"excluded", "Excluded", Count}, {"last_at", "Last sold", Instant},
	}
}

// Cells are the cells of a price in a row of a table.
func (p Price) Cells() []any {
	var last any
	if p.LastAt != nil {
		last = *p.LastAt
	}
	return []any{orNil(p.Value), string(p.Confidence), p.Basis, p.Sales, p.Traders, p.Excluded, last}
}

// Table has one row a bucket.
func (x *PriceIndex) Table() Table {
	t := Table{Columns: []Column{{"start", "From", Day}, {"index", "Index", Ratio}, {"coverage", "Turnover compared", Percent}, {"items", "Items compared", Count}}}
	for _, p := range x.Points {
		t.Rows = append(t.Rows, []any{p.Start, orNil(p.Value), orNil(p.Coverage), p.Items})
	}
	return t
}

// ContributionsTable has one row an item, and one for all others.
func (x *PriceIndex) ContributionsTable() Table {
	t := Table{Columns: []Column{{"name", "Item", Text}, {"id", "Id", Text}, {"contribution", "Of the change", Ratio}, {"share", "Share of turnover", Percent}}}
	for _, c := range x.Contributions {
		t.Rows = append(t.Rows, []any{c.Name, c.ID, c.Change, c.Share})
	}
	t.Rows = append(t.Rows, []any{"Others", nil, x.Others, nil})
	return t.upTo(len(x.Contributions), mostContributions)
}

// Table has one row an item whose price rose or fell.
func (m *Movers) Table() Table {
	t := Table{Columns: append([]Column{{"name", "Item", Text}, {"id", "Id", Text}, {"moved", "Change", Percent}, {"before", "Price before, minor units", Ratio}}, PriceColumns()...)}
	for _, list := range [][]Mover{m.Rose, m.Fell} {
		for _, of := range list {
			t.Rows = append(t.Rows, append([]any{of.Name, of.ID, of.Change, orNil(of.Before.Value)}, of.Now.Cells()...))
		}
	}
	return t.First(len(m.Rose)+len(m.Fell), m.Up+m.Down)
}

// TurnsTable has one row an item that is new or gone.
func (m *Movers) TurnsTable() Table {
	t := Table{Columns: append([]Column{{"what", "What", Text}, {"name", "Item", Text}, {"id", "Id", Text}, {"first", "First sold", Day}, {"last", "Last sold on", Day}}, PriceColumns()...)}
	add := func(what string, list []ItemDates) {
		for _, i := range list {
			t.Rows = append(t.Rows, append([]any{what, i.Name, i.ID, i.First, i.Last}, i.Price.Cells()...))
		}
	}
	add("new", m.New)
	add("gone", m.Old)
	return t.First(len(m.New)+len(m.Old), m.NewItems+m.OldItems)
}

// Table has one row an item of which something is missing.
func (g *Gaps) Table() Table {
	t := Table{Columns: append([]Column{
		{"name", "Item", Text}, {"id", "Id", Text}, {"gap", "Gap", Text}, {"stock", "Stock", Count}, {"cover", "Days that it lasts", Ratio},
		{"sold", "Pieces sold in 7 days", Count}, {"volume", "Value", Money}, {"asks", "Asks", Count}, {"bids", "Bids", Count},
		{"best_ask", "Lowest ask, minor units", Ratio}, {"best_bid", "Highest bid, minor units", Ratio},
	}, PriceColumns()...)}
	for _, of := range g.Items {
		t.Rows = append(t.Rows, append([]any{of.Name, of.ID, strings.Join(of.Words(), ", "), of.Stock, orNil(of.Cover), of.Sold, of.Volume, of.Asks, of.Bids,
			orNil(of.BestAsk), orNil(of.BestBid)}, of.Price.Cells()...))
	}
	return t.upTo(len(g.Items), mostGaps)
}

func orNil[N int64 | float64](v *N) any {
	if v == nil {
		return nil
	}
	return *v
}
