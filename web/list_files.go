package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"exchequer/views"
)

// A listDocument is some rows of a list, for programs.
type listDocument struct {
	Page       string            `json:"page" doc:"The address of its page."`
	List       string            `json:"list"`
	Parameters map[string]string `json:"parameters"`
	Money      money             `json:"money" doc:"How amounts are written: they are whole minor units."`
	Timezone   string            `json:"timezone" doc:"Whose days the parameters name: UTC, or a name such as Europe/Berlin."`
	Columns    []column          `json:"columns" nullable:"false"`
	Rows       [][]any           `json:"rows" nullable:"false"`
	Value      any               `json:"value,omitempty" doc:"What the rows are of, where that is more than its address says."`
	Next       string            `json:"next,omitempty" doc:"The value of the parameter by which the next rows are asked for; missing at the end."`
}

// listParams returns the parameters of a request for a list's file, when the memo of
// the list has a value.
func (s *server) listParams(r *http.Request, p *page) (views.Params, error) {
	params, err := p.params(r)
	if err != nil {
		return views.Params{}, err
	}
	if err := p.list.refuse(r.URL.Query()); err != nil {
		return views.Params{}, err
	}
	if err := p.refuseDay(r, params); err != nil {
		return views.Params{}, err
	}
	if err := s.stays(r, p, params); err != nil {
		return views.Params{}, err
	}
	params = params.Of(p.list.declared())
	return params, s.ready(r, p.list, params)
}

// listJSON serves some rows of a list for programs.
func (s *server) listJSON(p *page) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		params, err := s.listParams(r, p)
		if err != nil {
			return err
		}
		return s.listed(w, r, p, params, ".json", func(_ context.Context, rows stretch) (*rendering, error) {
			settings := s.Settings()
			d := listDocument{
				Page: p.at(params.Ref), List: p.list.Name, Parameters: params.Values(p.list.declared()),
				Money: money{settings.Symbol, settings.Decimals}, Timezone: settings.Zone().String(), Columns: columnsOf(rows.table), Rows: rows.table.Rows, Value: rows.value, Next: rows.next,
			}
			if d.Rows == nil {
				d.Rows = [][]any{}
			}
			header, b, err := encodeJSON(d)
			if err != nil {
				return nil, err
			}
			return s.keptFor(params, newRendering(header, b, time.Time{})), nil
		})
	}
}

// refuse returns a *refusal if a filter has a value that it cannot have. A page shows
// which filters are in force, but a program would take all rows for those that it
// asked for.
func (l *listing) refuse(query url.Values) error {
	for _, d := range l.filters {
		given := query.Get(d.Name)
		nearest := d.Nearest(given)
		if given != "" && (nearest == "" && strings.Trim(given, " 0.,") != "" || len(d.Options) > 0 && nearest != given) {
			return &refusal{http.StatusBadRequest, fmt.Sprintf("The filter %q has a value that it cannot have.", d.Name)}
		}
	}
	return nil
}

// incomplete is the trailer that says why a CSV file ends early.
const incomplete = "X-Incomplete"

// listCSV streams all rows of a list that follow the cursor. It holds a place only
// while it reads. If a read fails midway, the last line and a trailer say so.
func (s *server) listCSV(p *page) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		params, err := s.listParams(r, p)
		if err != nil {
			return err
		}
		free, err := s.files.take(client(r))
		if err != nil {
			return err
		}
		defer free()
		view := s.viewOf(p, params, &p.list.PanelInfo)
		var rows bytes.Buffer // as CSV
		out := newCSV(&rows, view.Settings)
		first, wait := true, listWait
		next := func() (more bool, err error) {
			// Files are few for each reader, and their readings are not counted again.
			err = s.fetch(r.Context(), "", wait, func() {}, p.list, params, listFetch, func(read stretch) error {
				if first {
					out.header(read.table.Columns)
				}
				for _, row := range read.table.Rows {
					out.row(read.table.Columns, row)
				}
				more = read.next != ""
				params = params.With(p.list.declared(), p.list.after, read.next)
				return out.end()
			})
			first, wait = false, listGoOn
			return more, err
		}
		more, err := next()
		if err != nil {
			return err
		}
		for name, values := range csvHeader(csvName(view, s.Now())) {
			w.Header()[name] = values
		}
		w.Header()["Cache-Control"] = noStore
		w.Header().Set("Trailer", incomplete)
		if r.Method == http.MethodHead {
			return nil
		}
		to := newSteadyWriter(w, r)
		for {
			if _, err := rows.WriteTo(to); err != nil || !more {
				return nil // the reader has left, or has everything
			}
			if more, err = next(); err != nil {
				if r.Context().Err() != nil {
					return nil
				}
				s.Log.ErrorContext(r.Context(), "list ends early", "path", r.URL.Path, "error", err)
				out.incomplete()
				_, _ = rows.WriteTo(to)
				w.Header().Set(incomplete, "the rows that follow could not be read")
				return nil
			}
		}
	}
}
