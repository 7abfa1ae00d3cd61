package views

import (
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/card"
)

// CardOf returns the picture by which other sites preview links to the page: what its
// panels say, and the first course of a number that their tables have. A page that has
// no value yet says what it is about.
func CardOf(p Page, said []Sentence, tables []aggregates.Table) card.Card {
	c := card.Card{Economy: p.name(), Title: orElse(p.Subject, orElse(p.Info.Heading, p.Info.Name))}
	for _, w := range Lede(said, p.Description()) {
		c.Words = append(c.Words, card.Word{Text: w.Text, Strong: w.Strong})
	}
	if !p.Clock.AsOf.IsZero() {
		c.Age = "As of " + Date(p.Clock.AsOf, p.Settings) + ", " + Time(p.Clock.AsOf, p.Settings) + " " + Zone(p.Clock.AsOf, p.Settings)
	}
	if day := p.pastDay(); day != "" {
		c.Age = "As it was on " + day
	}
	for _, t := range tables {
		if name, series := courseOf(t); len(series) >= 3 {
			c.SeriesName, c.Series = name, series
			break
		}
	}
	return c
}

// courseOf returns the first numbers of a table whose rows follow each other in time, and
// nothing of any other table.
func courseOf(t aggregates.Table) (name string, series []float64) {
	if len(t.Columns) < 2 || t.Columns[0].Unit != aggregates.Day && t.Columns[0].Unit != aggregates.Instant {
		return "", nil
	}
	var before time.Time
	for _, row := range t.Rows {
		at, ok := row[0].(time.Time)
		if !ok || !at.After(before) {
			return "", nil
		}
		before = at
	}
	for i, column := range t.Columns[1:] {
		series = series[:0]
		for _, row := range t.Rows {
			if v, ok := numberIn(row[i+1]); ok {
				series = append(series, v)
			}
		}
		if len(series) >= 3 {
			return column.Title, series
		}
	}
	return "", nil
}

func numberIn(value any) (float64, bool) {
	switch v := value.(type) {
	case int64:
		return float64(v), true
	case ledger.Sum:
		return v.Float64(), true
	case float64:
		return v, true
	case aggregates.Share:
		return float64(v), true
	}
	return 0, false
}
