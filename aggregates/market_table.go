package aggregates

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
	t := Table{Columns: []Column{
		{"name", "Item", Text}, {"id", "Id", Text}, {"sales", "Sales", Count}, {"quantity", "Pieces", Count},
		{"volume", "Value", Money}, {"share", "Share", Percent}, {"vwap", "Mean price, minor units", Ratio},
		{"low", "Lowest", Ratio}, {"high", "Highest", Ratio},
	}}
	for _, i := range m.Top {
		t.Rows = append(t.Rows, []any{i.Name, i.ID, i.Sales, i.Quantity, i.Volume, i.Share, i.VWAP, orNil(i.Low), orNil(i.High)})
	}
	return t
}

func orNil(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}
