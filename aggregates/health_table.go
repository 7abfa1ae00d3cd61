package aggregates

import "exchequer/ledger"

// SignsTable has one row a sign.
func (v *Soundness) SignsTable() Table {
	t := Table{Columns: []Column{
		{"sign", "Sign", Text}, {"of", "What", Text}, {"now", "Now", Ratio}, {"before", "30 days ago", Ratio},
		{"low", "Lowest of 90 days", Ratio}, {"high", "Highest", Ratio}, {"state", "Reading", Text},
		{"judged_by", "Judged by", Text}, {"judged", "That is", Ratio}, {"watch_low", "Watch below", Ratio}, {"watch_high", "Watch above", Ratio},
		{"bad_low", "Bad below", Ratio}, {"bad_high", "Bad above", Ratio}, {"note", "Note", Text},
	}}
	for _, s := range v.Signs {
		t.Rows = append(t.Rows, []any{
			s.Title, s.Of, orNil(s.Now), orNil(s.Before), orNil(s.Low), orNil(s.High), string(s.State),
			string(s.By), orNil(s.Judged), orNil(s.Watch.Low), orNil(s.Watch.High), orNil(s.Bad.Low), orNil(s.Bad.High), s.Why,
		})
	}
	return t
}

// BooksTable has one row a check.
func (v *Soundness) BooksTable() Table {
	t := Table{Columns: []Column{
		{"check", "Check", Text}, {"now", "This sample", Text}, {"now_found", "Found in it", Count}, {"night", "The whole ledger", Text}, {"night_found", "Found in it", Count}, {"first", "The first that was found", Text},
	}}
	for _, c := range v.Books.Checks {
		first := ""
		for _, f := range append(append([]Finding{}, c.Now.First...), c.Night.First...) {
			first = f.Table + " " + f.Key + ": " + f.Text
			break
		}
		t.Rows = append(t.Rows, []any{c.Title, string(c.Now.State), int64(c.Now.Found), string(c.Night.State), int64(c.Night.Found), first})
	}
	return t
}

// WeeksTable has one row a week and one column a source.
func (v *Soundness) WeeksTable() Table {
	t := Table{Columns: []Column{{"start", "Week from", Day}, {"created", "Created", Money}, {"destroyed", "Destroyed", Money}, {"net", "Added", Money}}}
	for i, w := range v.Weeks {
		created, destroyed := inWeek(v.Created, i), inWeek(v.Destroyed, i)
		t.Rows = append(t.Rows, []any{w.Start, created, destroyed, created.Minus(destroyed)})
	}
	for _, side := range []struct {
		name string
		of   []SourceWeeks
	}{{"created", v.Created}, {"destroyed", v.Destroyed}} {
		for _, s := range side.of {
			name := s.Source
			if name == "" {
				name = "other"
			}
			t.Columns = append(t.Columns, Column{side.name + "_" + name, side.name + ": " + name, Money})
			for i := range t.Rows {
				t.Rows[i] = append(t.Rows[i], s.Weeks[i])
			}
		}
	}
	return t
}

// inWeek returns the sum of the sources in a week.
func inWeek(sources []SourceWeeks, i int) (sum ledger.Sum) {
	for _, s := range sources {
		sum = sum.Plus(s.Weeks[i])
	}
	return sum
}

// MoneyTable has one row a day.
func (v *Soundness) MoneyTable() Table {
	t := Table{Columns: []Column{{"day", "Day", Day}, {"supply", "Supply at its end", Money}, {"index", "The first day is 100", Ratio}}}
	for _, d := range v.Days {
		var index any
		if i := v.Index(d); i != nil {
			index = *i
		}
		t.Rows = append(t.Rows, []any{d.Day, d.Supply, index})
	}
	return t
}

// Index returns the supply of a day where that of the first day is 100, nil where
// that is not above zero.
func (v *Soundness) Index(d SoundDay) *float64 {
	p := part(d.Supply, v.Days[0].Supply)
	if p != nil {
		*p *= 100
	}
	return p
}

// HoldersTable has one row a day.
func (v *Soundness) HoldersTable() Table {
	t := Table{Columns: []Column{{"day", "Day", Day}, {"active", "Holders active", Count}, {"new", "Of them, new", Count}}}
	for _, d := range v.Days {
		t.Rows = append(t.Rows, []any{d.Day, d.Active, d.New})
	}
	return t
}
