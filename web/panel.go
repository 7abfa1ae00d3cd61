package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"exchequer/aggregates"
	"exchequer/views"
)

// panel serves one panel of the home page by itself, with its whole table.
func (s *server) panel(name string) handler {
	path := "/economy/" + name
	return func(w http.ResponseWriter, r *http.Request) error {
		return s.respondPanel(w, r, name, path, func(ctx context.Context, data *views.EconomyPage, _ source) (*page, error) {
			t, err := table(name, data)
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			alone := views.PanelPage{
				Site: data.Site, Clock: data.Clock, Choice: data.Choice,
				Name: name, Page: *data, Table: t,
			}
			if err := safely(func() error { return views.PanelAlone(alone).Render(ctx, &b) }); err != nil {
				return nil, fmt.Errorf("%w: %w", errUndrawn, err)
			}
			return newPage(pageHeader(data.Site), b.Bytes(), data.Clock.Next.Add(data.Clock.Lag)), nil
		})
	}
}

// panelJSON serves a panel for programs.
func (s *server) panelJSON(name string) handler {
	path := "/economy/" + name + ".json"
	return func(w http.ResponseWriter, r *http.Request) error {
		return s.respondPanel(w, r, name, path, func(_ context.Context, data *views.EconomyPage, src source) (*page, error) {
			if err := src.failure(); err != nil {
				return nil, err
			}
			t, err := table(name, data)
			if err != nil {
				return nil, err
			}
			b, err := encodeJSON(name, data, src.result(), t)
			if err != nil {
				return nil, err
			}
			header := anyOriginHeaders.Clone()
			header["Content-Type"] = []string{"application/json"}
			return newPage(header, b, data.Clock.Next.Add(data.Clock.Lag)), nil
		})
	}
}

// panelCSV serves the table of a panel for spreadsheets.
func (s *server) panelCSV(name string) handler {
	path := "/economy/" + name + ".csv"
	if name == "richest" {
		return s.accounts.serve
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		return s.respondPanel(w, r, name, path, func(_ context.Context, data *views.EconomyPage, src source) (*page, error) {
			if err := src.failure(); err != nil {
				return nil, err
			}
			t, err := table(name, data)
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			out := newCSV(&b, data.Settings)
			out.header(t.Columns)
			for _, row := range t.Rows {
				out.row(t.Columns, row)
			}
			if err := out.end(); err != nil {
				return nil, fmt.Errorf("%s as CSV: %w", name, err)
			}
			return newPage(csvHeader(name), b.Bytes(), data.Clock.Next.Add(data.Clock.Lag)), nil
		})
	}
}

// respondPanel answers from the one source behind a panel. Nothing can be sent
// before its result, so the reader of a cold panel waits, within the budget.
func (s *server) respondPanel(w http.ResponseWriter, r *http.Request, name, path string, draw func(context.Context, *views.EconomyPage, source) (*page, error)) error {
	chosen := choice(r)
	data := &views.EconomyPage{Site: s.site(path, query(chosen)), Choice: chosen}
	src := s.sources(data)[sourceOf[name]]
	one := []source{src}
	if !warm(one) {
		ctx, cancel := context.WithTimeout(r.Context(), s.Budget)
		defer cancel()
		src.get(ctx)
		if err := r.Context().Err(); err != nil {
			return err
		}
	}
	return s.respondCached(w, r, pageKey{path, chosen, data.Settings}, one, func() (*page, error) {
		s.pageClock(&data.Clock, one, one)
		return draw(context.WithoutCancel(r.Context()), data, src)
	})
}

// sourceOf holds the index in sources of the one behind a panel.
var sourceOf = map[string]int{
	"overview": 0, "inequality": 1, "lorenz": 1, "distribution": 1, "activity": 2, "rhythm": 3, "wealth": 4, "richest": 5,
}

// table returns the numbers behind a panel, and an empty table if it has no
// value. The error wraps errUndrawn if the value cannot be shown, such as one
// with series of different lengths.
func table(name string, p *views.EconomyPage) (t aggregates.Table, err error) {
	if err := safely(func() error { t = tableOf(name, p); return nil }); err != nil {
		return t, fmt.Errorf("%w: %w", errUndrawn, err)
	}
	return t, nil
}

func tableOf(name string, p *views.EconomyPage) aggregates.Table {
	switch name {
	case "overview":
		return tableOrNone(p.Overview, (*aggregates.Overview).Table)
	case "inequality":
		return tableOrNone(p.Inequality, (*aggregates.Inequality).Table)
	case "lorenz":
		return tableOrNone(p.Inequality, (*aggregates.Inequality).LorenzTable)
	case "distribution":
		return tableOrNone(p.Inequality, (*aggregates.Inequality).BinsTable)
	case "activity":
		return tableOrNone(p.Activity, (*aggregates.Activity).Table)
	case "rhythm":
		return tableOrNone(p.Rhythm, (*aggregates.Rhythm).Table)
	case "wealth":
		return tableOrNone(p.Wealth, (*aggregates.WealthByKind).Table)
	default:
		return tableOrNone(p.Richest, (*aggregates.Richest).Table)
	}
}

func tableOrNone[T any](p views.Panel[T], table func(T) aggregates.Table) aggregates.Table {
	if p.Missing() {
		return aggregates.Table{}
	}
	return table(p.Result.Value)
}

// shareColumn is the index of the share of the supply in a row of accounts.
const shareColumn = 5

// writeAccounts writes the whole list of the richest from one read of the
// database.
func (s *server) writeAccounts(ctx context.Context, w io.Writer) error {
	out := newCSV(w, s.Settings())
	columns := aggregates.RichColumns()
	out.header(columns)
	err := s.Economy.AllAccounts(ctx, func(a aggregates.RichAccount) error {
		row := a.Row(0)
		row[shareColumn] = a.Share // of the supply in the same read
		out.row(columns, row)
		return out.err
	})
	if err != nil {
		return err
	}
	return out.end()
}
