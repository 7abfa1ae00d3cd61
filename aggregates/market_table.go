package aggregates

// Table has one row a measure.
func (m *Market) Table() Table {
	t := Table{Columns: []Column{{"measure", "Measure", Text}, {"now", "In the period", Count}, {"before", "In the period before", Count}}}
	for _, r := range []struct {
		name string
		of   Compared
	}{{"Sales", m.Sales}, {"Pieces", m.Quantity}, {"Value, minor units", m.Volume}} {
		row := []any{r.name, r.of.Now, nil}
		if r.of.Before != nil {
			row[2] = *r.of.Before
		}
		t.Rows = append(t.Rows, row)
	}
	return t
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
