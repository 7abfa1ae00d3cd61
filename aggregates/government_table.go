package aggregates

// FiguresTable has one row a figure.
func (v *Government) FiguresTable() Table {
	t := Table{Columns: []Column{{"figure", "Figure", Text}, {"now", "Now, or in the period", Money}, {"before", "In the period before", Money}}}
	t.Rows = [][]any{
		v.Received.row("Received from others"), v.Paid.row("Paid to others"), {"Balance", v.Balance, nil},
		{"Change of the balance", v.Change, nil}, {"Issued on balance", v.Issued, nil},
	}
	return t
}

// SourcesTable has one row a source.
func (v *Government) SourcesTable() Table {
	return (&HolderSides{Sources: v.Sources, OtherSources: v.OtherSources}).SourcesTable()
}

// MonthsTable has one row a month and source, after one of the month itself.
func (v *Government) MonthsTable() Table {
	t := Table{Columns: []Column{{"month", "From", Day}, {"source", "Source", Text}, {"received", "Received", Money}, {"paid", "Paid", Money}}}
	cut := false
	name := func(s SourceMonths) string {
		if s.Sources > 1 {
			cut = true
			return "others"
		}
		return s.Source
	}
	for i, m := range v.Months {
		t.Rows = append(t.Rows, []any{m.Start, "all", m.Received, m.Paid})
		for _, s := range v.Income {
			if s.Months[i].Sign() > 0 {
				t.Rows = append(t.Rows, []any{m.Start, name(s), s.Months[i], nil})
			}
		}
		for _, s := range v.Spending {
			if s.Months[i].Sign() > 0 {
				t.Rows = append(t.Rows, []any{m.Start, name(s), nil, s.Months[i]})
			}
		}
	}
	return t.others(len(t.Rows), cut)
}

// UnitsTable has one row a unit.
func (v *Government) UnitsTable() Table {
	t := Table{Columns: []Column{
		{"name", "Unit", Text}, {"id", "Id of the holder", Text}, {"accounts", "Accounts", Count}, {"received", "Received", Money}, {"paid", "Paid", Money},
		{"net", "Net", Money}, {"balance", "Balance", Money}, {"issued", "Issued", Money},
	}}
	for _, u := range v.Units {
		t.Rows = append(t.Rows, []any{u.Name, u.ID, u.Accounts, u.Received, u.Sent, u.Received.Minus(u.Sent), u.Balance, u.Issued})
	}
	if len(v.Units) < mostPublic {
		return t // some of them are hidden, and one row
	}
	return t.First(len(v.Units), v.UnitCount)
}

// AccountsTable has one row an account.
func (v *Government) AccountsTable() Table {
	t := Table{Columns: []Column{
		{"name", "Account", Text}, {"id", "Id", Text}, {"holder", "Holder", Text}, {"issuer", "Issuer", Text}, {"archived", "Archived", Text},
		{"balance", "Balance", Money}, {"change", "Change in the period", Money},
	}}
	for _, a := range v.List {
		t.Rows = append(t.Rows, []any{a.Name, a.ID, a.Holder, yesNo(a.Issuer), yesNo(a.Archived), a.Balance, a.Change})
	}
	if len(v.List) < mostPublic {
		return t // others are of hidden holders
	}
	return t.First(len(v.List), v.Accounts)
}

// PartiesTable has one row a counterparty.
func (v *Government) PartiesTable() Table {
	return (&AccountSides{Counterparties: v.Counterparties, Parties: v.Parties, Others: v.Others, Hidden: v.Hidden, Several: v.Several}).PartiesTable()
}
