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

// panel is one panel of the home page by itself, with its whole table.
func (s *server) panel(name string) handler {
	path := "/economy/" + name
	return func(w http.ResponseWriter, r *http.Request) error {
		return s.single(w, r, name, path, func(ctx context.Context, asked *views.EconomyPage, _ part) (*page, error) {
			t, err := table(name, asked)
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			alone := views.PanelPage{
				Site: asked.Site, Clock: asked.Clock, Choice: asked.Choice,
				Name: name, Page: *asked, Table: t,
			}
			if err := safely(func() error { return views.PanelAlone(alone).Render(ctx, &b) }); err != nil {
				return nil, fmt.Errorf("%w: %w", errUndrawn, err)
			}
			return newPage(pageHeader(asked.Site), b.Bytes(), asked.Clock.Next.Add(asked.Clock.Lag)), nil
		})
	}
}

func (s *server) panelJSON(name string) handler {
	path := "/economy/" + name + ".json"
	return func(w http.ResponseWriter, r *http.Request) error {
		return s.single(w, r, name, path, func(_ context.Context, asked *views.EconomyPage, p part) (*page, error) {
			if err := p.failure(); err != nil {
				return nil, err
			}
			t, err := table(name, asked)
			if err != nil {
				return nil, err
			}
			b, err := encodeJSON(name, asked, p.answer(), t)
			if err != nil {
				return nil, err
			}
			header := openHeaders.Clone()
			header["Content-Type"] = []string{"application/json"}
			return newPage(header, b, asked.Clock.Next.Add(asked.Clock.Lag)), nil
		})
	}
}

func (s *server) panelCSV(name string) handler {
	path := "/economy/" + name + ".csv"
	if name == "richest" {
		return s.accounts.serve
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		return s.single(w, r, name, path, func(_ context.Context, asked *views.EconomyPage, p part) (*page, error) {
			if err := p.failure(); err != nil {
				return nil, err
			}
			t, err := table(name, asked)
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			out := newCSV(&b, asked.Settings)
			out.header(t.Columns)
			for _, row := range t.Rows {
				out.row(t.Columns, row)
			}
			if err := out.end(); err != nil {
				return nil, fmt.Errorf("%s as CSV: %w", name, err)
			}
			return newPage(csvHeader(name), b.Bytes(), asked.Clock.Next.Add(asked.Clock.Lag)), nil
		})
	}
}

// single answers from the one part behind a panel. There is nothing to send
// before it is there, so a reader of a cold one waits, within the budget.
func (s *server) single(w http.ResponseWriter, r *http.Request, name, path string, draw func(context.Context, *views.EconomyPage, part) (*page, error)) error {
	chosen := choice(r)
	asked := &views.EconomyPage{Site: s.site(path, query(chosen)), Choice: chosen}
	p := s.parts(asked)[partOf[name]]
	one := []part{p}
	if !warm(one) {
		ctx, cancel := context.WithTimeout(r.Context(), s.Budget)
		defer cancel()
		p.ask(ctx)
		if err := r.Context().Err(); err != nil {
			return err
		}
	}
	return s.remembered(w, r, pageKey{path, chosen, asked.Settings}, one, func() (*page, error) {
		s.pageClock(&asked.Clock, one, one)
		return draw(context.WithoutCancel(r.Context()), asked, p)
	})
}

// partOf says which part feeds a panel, by its place in parts.
var partOf = map[string]int{
	"overview": 0, "inequality": 1, "lorenz": 1, "distribution": 1, "activity": 2, "rhythm": 3, "wealth": 4, "richest": 5,
}

// table returns the numbers behind a panel, none where it has no value. It
// fails for a value that cannot be shown, such as one with series of different
// lengths.
func table(name string, p *views.EconomyPage) (t aggregates.Table, err error) {
	if err := safely(func() error { t = tableOf(name, p); return nil }); err != nil {
		return t, fmt.Errorf("%w: %w", errUndrawn, err)
	}
	return t, nil
}

func tableOf(name string, p *views.EconomyPage) aggregates.Table {
	switch name {
	case "overview":
		return tabled(p.Overview, (*aggregates.Overview).Table)
	case "inequality":
		return tabled(p.Inequality, (*aggregates.Inequality).Table)
	case "lorenz":
		return tabled(p.Inequality, (*aggregates.Inequality).LorenzTable)
	case "distribution":
		return tabled(p.Inequality, (*aggregates.Inequality).BinsTable)
	case "activity":
		return tabled(p.Activity, (*aggregates.Activity).Table)
	case "rhythm":
		return tabled(p.Rhythm, (*aggregates.Rhythm).Table)
	case "wealth":
		return tabled(p.Wealth, (*aggregates.WealthByKind).Table)
	default:
		return tabled(p.Richest, (*aggregates.Richest).Table)
	}
}

func tabled[T any](p views.Panel[T], table func(T) aggregates.Table) aggregates.Table {
	if p.Missing() {
		return aggregates.Table{}
	}
	return table(p.Result.Value)
}

// shareColumn is the place of the share of the supply in a row of accounts.
const shareColumn = 5

// writeAccounts writes the list of the richest, whole, from one reading of the
// database.
func (s *server) writeAccounts(ctx context.Context, w io.Writer) error {
	out := newCSV(w, s.Settings())
	columns := aggregates.RichColumns()
	out.header(columns)
	err := s.Economy.AllAccounts(ctx, func(a aggregates.RichAccount) error {
		row := a.Row(0)
		row[shareColumn] = a.Share // of a supply that only the reading knows
		out.row(columns, row)
		return out.err
	})
	if err != nil {
		return err
	}
	return out.end()
}
