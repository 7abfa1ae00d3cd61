package web

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"exchequer/aggregates"
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
	Begins     *time.Time        `json:"recordBegins,omitempty" doc:"Present where rows of before are archived and are not here."`
	Until      *time.Time        `json:"until,omitempty" doc:"Present while the database that is written to cannot be reached: what was written after it may be missing."`
	Cut        *aggregates.Cut   `json:"cut,omitempty" doc:"Present where the list has only the first ones of all there are, before they are filtered."`
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
		if wantsAll(r) {
			return s.wholeList(w, r, p, params, ".json")
		}
		return s.listed(w, r, p, params, ".json", func(_ context.Context, rows stretch) (*rendering, error) {
			d := s.listDocument(p, params)
			d.Columns, d.Cut, d.Value, d.Next = columnsOf(rows.table), rows.table.Cut, rows.value, rows.next
			if until := s.Until(); !until.IsZero() {
				d.Until = &until
			}
			if rows.table.Rows != nil {
				d.Rows = rows.table.Rows
			}
			header, b, err := encodeJSON(d)
			if err != nil {
				return nil, err
			}
			return s.keptFor(params, newRendering(header, b, time.Time{})), nil
		})
	}
}

// listDocument returns the document of a list, without rows.
func (s *server) listDocument(p *page, params views.Params) listDocument {
	d := s.fileDocument(p.at(params.Ref), p.list.Name, params.Values(p.list.declared()))
	d.Begins = s.recordBegins(p.list)
	return d
}

// fileDocument returns a document of rows, without them.
func (s *server) fileDocument(page, list string, parameters map[string]string) listDocument {
	settings := s.Settings()
	return listDocument{
		Page: s.Root.Of(page), List: list, Parameters: parameters,
		Money: money{settings.Symbol, settings.Decimals}, Timezone: settings.Zone().String(), Rows: [][]any{},
	}
}

// incomplete is the trailer that says why a file ends early.
const incomplete = "X-Incomplete"

// beginsHeader says of a file of rows where the record begins, if what was before is
// archived.
const beginsHeader = "X-Record-Begins"

// untilHeader says of a file of rows up to when they have all that was written, while the
// database that is written to cannot be reached.
const untilHeader = "X-Record-Until"

// A rowWriter writes a whole list.
type rowWriter interface {
	header(t aggregates.Table) // whose rows follow
	row(columns []aggregates.Column, values []any)
	end() error  // of the rows so far
	last() error // of the list
	incomplete() // instead of last, if the rows that follow could not be read
}

// jsonRows writes a list as a listDocument.
type jsonRows struct {
	to       io.Writer
	document listDocument
	rows     int
	err      error
}

func (j *jsonRows) write(text string, value any) {
	b, err := json.Marshal(value)
	if j.err == nil {
		j.err = err
	}
	j.text(text)
	j.text(string(b))
}

func (j *jsonRows) text(text string) {
	if _, err := io.WriteString(j.to, text); j.err == nil {
		j.err = err
	}
}

// header writes the document up to its rows, which are its last field.
func (j *jsonRows) header(t aggregates.Table) {
	j.document.Columns, j.document.Cut = columnsOf(t), t.Cut
	b, err := json.Marshal(j.document)
	if err != nil {
		j.err = err
		return
	}
	j.text(strings.TrimSuffix(string(b), "]}"))
}

func (j *jsonRows) row(_ []aggregates.Column, values []any) {
	separator := ",\n"
	if j.rows == 0 {
		separator = "\n"
	}
	j.rows++
	j.write(separator, values)
}

func (j *jsonRows) end() error { return j.err }

func (j *jsonRows) last() error {
	j.text("]}\n")
	return j.err
}

func (j *jsonRows) incomplete() {
	j.text(`],"incomplete":"the rows that follow could not be read"}` + "\n")
}

// listCSV serves all rows of a list that follow the cursor.
func (s *server) listCSV(p *page) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		params, err := s.listParams(r, p)
		if err != nil {
			return err
		}
		return s.wholeList(w, r, p, params, ".csv")
	}
}

// wholeList streams all rows of a list that follow the cursor. It holds a place only
// while it reads. If a read fails midway, the end of the file and a trailer say so.
func (s *server) wholeList(w http.ResponseWriter, r *http.Request, p *page, params views.Params, suffix string) error {
	free, err := s.files.take(client(r))
	if err != nil {
		return err
	}
	defer free()
	view := s.viewOf(p, params, &p.list.PanelInfo)
	var rows bytes.Buffer // as CSV or JSON
	out, header := s.newRows(&rows, suffix, s.listDocument(p, params)), fileHeader(csvName(view, s.Now()), suffix)
	if begins := s.recordBegins(p.list); begins != nil {
		header.Set(beginsHeader, begins.UTC().Format(time.RFC3339))
	}
	first, wait := true, listWait
	next := func() (more bool, err error) {
		// Files are few for each reader, and their readings are not counted again.
		err = s.fetch(r.Context(), "", wait, func() {}, p.list, params, listFetch, func(read stretch) error {
			if first {
				markCut(header, read.table.Cut)
				if until := s.Until(); !until.IsZero() {
					header.Set(untilHeader, until.UTC().Format(time.RFC3339))
				}
				out.header(read.table)
			}
			for _, row := range read.table.Rows {
				out.row(read.table.Columns, row)
			}
			more = read.next != ""
			params = params.With(p.list.declared(), p.list.after, read.next)
			if !more {
				return out.last()
			}
			return out.end()
		})
		first, wait = false, listGoOn
		return more, err
	}
	more, err := next()
	if err != nil {
		return err
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.Header()["Cache-Control"] = noStore
	w.Header().Set("Trailer", incomplete)
	if r.Method == http.MethodHead {
		return nil
	}
	to := newSteadyWriter(w, r)
	for {
		if err := to.drain(&rows); err != nil || !more {
			return nil // the reader has left, or has everything
		}
		if more, err = next(); err != nil {
			if r.Context().Err() != nil {
				return nil
			}
			s.Log.ErrorContext(r.Context(), "list ends early", "path", r.URL.Path, "error", err)
			out.incomplete()
			_ = to.drain(&rows)
			w.Header().Set(incomplete, "the rows that follow could not be read")
			return nil
		}
	}
}
