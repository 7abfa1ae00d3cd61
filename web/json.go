package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"exchequer/aggregates"
)

// A panelDocument is a panel for programs.
type panelDocument[T any] struct {
	Page       string            `json:"page" doc:"The address of its page."`
	Panel      string            `json:"panel"`
	Parameters map[string]string `json:"parameters" doc:"Those on which the panel depends."`
	AsOf       time.Time         `json:"asOf" doc:"The moment that the numbers describe."`
	Next       time.Time         `json:"next" doc:"When newer numbers are due."`
	State      string            `json:"state" enum:"fresh,stale,degraded"`
	Reason     string            `json:"reason,omitempty" doc:"Why it is degraded."`
	Money      money             `json:"money" doc:"How amounts are written: they are whole minor units."`
	Timezone   string            `json:"timezone" doc:"Whose days are counted: UTC, or a name such as Europe/Berlin."`
	Columns    []column          `json:"columns" nullable:"false"`
	Rows       [][]any           `json:"rows" nullable:"false" doc:"The table behind the panel; null is not available."`
	Cut        *aggregates.Cut   `json:"cut,omitempty" doc:"Present where the table has only the first ones of what it lists; all others may be a row together."`
	Value      T                 `json:"value" doc:"What the table is made of; null where it has more than its reader may see."`
	// Events are nil where the chart shows none, whatever happened.
	Events *[]aggregates.Event `json:"events,omitempty" doc:"Only of panels whose chart shows events: those of its period and scope, oldest first, at most 200. Missing too while they cannot be read."`
}

type money struct {
	Symbol   string `json:"symbol" doc:"Of the currency."`
	Decimals int    `json:"decimals" doc:"Digits of the minor unit."`
}

type column struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Unit  string `json:"unit" enum:"text,count,minor units of money,ratio,share of 1,day,time"`
}

var unitNames = map[aggregates.Unit]string{
	aggregates.Text: "text", aggregates.Count: "count", aggregates.Money: "minor units of money",
	aggregates.Ratio: "ratio", aggregates.Percent: "share of 1", aggregates.Day: "day", aggregates.Instant: "time",
}

// A metaDocument is what the numbers of a panel mean.
type metaDocument struct {
	Title      string             `json:"title"`
	Economy    string             `json:"economy"`
	Meaning    string             `json:"meaning,omitempty"`
	Definition string             `json:"definition" doc:"The formula."`
	Counted    string             `json:"counted"`
	LeftOut    string             `json:"leftOut"`
	Money      money              `json:"money"`
	Timezone   string             `json:"timezone" doc:"Whose days are counted."`
	Parameters map[string]string  `json:"parameters"`
	Period     *aggregates.Period `json:"period" doc:"null where it is the state at asOf."`
	AsOf       time.Time          `json:"asOf"`
	Next       time.Time          `json:"next"`
	State      string             `json:"state"`
	Columns    []column           `json:"columns"`
	Cut        *aggregates.Cut    `json:"cut,omitempty" doc:"Present where the table has only the first ones of what it lists."`
	Full       bool               `json:"full" doc:"Whether full=1 gets a file of all of them, if there are more."`
	Licence    string             `json:"licence,omitempty" doc:"Of the data, as the operator states it."`
	Citation   string             `json:"citation"`
	Page       string             `json:"page" doc:"The address of the panel."`
}

// document returns a panel for programs. A document without a value has no rows.
func (s *server) document(p *page, v panelView, t aggregates.Table) panelDocument[any] {
	d := panelDocument[any]{
		Page: s.Root.Of(p.at(v.Params.Ref)), Panel: v.panel.Name, Parameters: v.Params.Values(v.panel.Params),
		AsOf: v.result.AsOf, Next: v.result.Next, State: v.result.State.String(), Reason: v.result.Reason,
		Money: money{v.Settings.Symbol, v.Settings.Decimals}, Timezone: v.Settings.Zone().String(), Columns: columnsOf(t), Rows: t.Rows, Cut: t.Cut, Value: v.result.value,
	}
	if d.Rows == nil {
		d.Rows = [][]any{}
	}
	if v.part {
		d.Value = nil // it has more than the panel shows
	}
	if v.Events != nil && v.panel.events != nil {
		events := v.Events.In(v.panel.about(v.result.value).Period)
		d.Events = &events
	}
	return d
}

func (s *server) meta(v panelView, t aggregates.Table) metaDocument {
	d := metaDocument{
		Title: v.panel.Title, Economy: v.Settings.Name,
		Meaning: v.panel.How.Meaning, Definition: v.panel.How.Formula, Counted: v.panel.How.Counted, LeftOut: v.panel.How.LeftOut,
		Money: money{v.Settings.Symbol, v.Settings.Decimals}, Timezone: v.Settings.Zone().String(), Parameters: v.Params.Values(v.panel.Params),
		AsOf: v.result.AsOf, Next: v.result.Next, State: v.result.State.String(), Columns: columnsOf(t), Cut: t.Cut, Full: v.panel.full != nil,
		Licence: s.Licence, Page: s.whole(v.Address()),
	}
	if about := v.panel.about(v.result.value); about.Days != "" {
		d.Period = &about.Period
	}
	d.Citation = fmt.Sprintf("%s, “%s”, as of %s, %s", v.Settings.Name, d.Title, d.AsOf.UTC().Format(time.RFC3339), d.Page)
	return d
}

func columnsOf(t aggregates.Table) []column {
	columns := []column{}
	for _, c := range t.Columns {
		columns = append(columns, column{c.Name, c.Title, unitNames[c.Unit]})
	}
	return columns
}

// encodeJSON returns a public document.
func encodeJSON(document any) (http.Header, []byte, error) {
	b, err := json.Marshal(document)
	if err != nil {
		return nil, nil, fmt.Errorf("%T as JSON: %w", document, err)
	}
	header := anyOriginHeaders.Clone()
	header["Content-Type"] = []string{"application/json"}
	return header, append(b, '\n'), nil
}
