package web

import (
	"encoding/json"
	"fmt"
	"time"

	"exchequer/aggregates"
	"exchequer/views"
)

// panelDocument is a panel for programs. Money is in minor units, times are
// UTC; what is not available is null.
type panelDocument struct {
	Panel      string       `json:"panel"`
	Days       string       `json:"days"`
	Population string       `json:"population"`
	AsOf       time.Time    `json:"asOf"`
	Next       time.Time    `json:"next"`
	State      string       `json:"state"`
	Reason     string       `json:"reason,omitempty"`
	Money      money        `json:"money"`
	Columns    []jsonColumn `json:"columns"`
	Rows       [][]any      `json:"rows"`
	Value      any          `json:"value"`
}

type money struct {
	Symbol   string `json:"symbol" doc:"Of the currency."`
	Decimals int    `json:"decimals" doc:"Digits of the minor unit."`
}

type jsonColumn struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Unit  string `json:"unit"`
}

var unitNames = map[aggregates.Unit]string{
	aggregates.Text: "text", aggregates.Count: "count", aggregates.Money: "minor units of money",
	aggregates.Ratio: "ratio", aggregates.Percent: "share of 1", aggregates.Day: "day", aggregates.Instant: "time",
}

func encodeJSON(name string, p *views.EconomyPage, a result, t aggregates.Table) ([]byte, error) {
	d := panelDocument{
		Panel: name, Days: p.Days.Key(), Population: p.Population.Key(),
		AsOf: a.asOf, Next: a.next, State: a.state.String(), Reason: a.reason,
		Money: money{p.Settings.Symbol, p.Settings.Decimals},
		Rows:  t.Rows, Value: a.value,
	}
	for _, c := range t.Columns {
		d.Columns = append(d.Columns, jsonColumn{c.Name, c.Title, unitNames[c.Unit]})
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("%s as JSON: %w", name, err)
	}
	return append(b, '\n'), nil
}
