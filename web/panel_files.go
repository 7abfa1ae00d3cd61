package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"exchequer/aggregates"
	"exchequer/views"
)

// A wholeFile serves all rows of a panel that lists the first ones, as its file with a
// suffix: .csv, or .json, which is a [listDocument].
type wholeFile func(w http.ResponseWriter, r *http.Request, v panelView, suffix string) error

// A cutError means that a panel has only the first rows, where all were asked for.
type cutError struct {
	view panelView
	cut  *aggregates.Cut
}

func (e *cutError) Error() string {
	of := "and perhaps there are more"
	if e.cut.Of > 0 {
		of = fmt.Sprintf("of %d", e.cut.Of)
	}
	return fmt.Sprintf("This panel lists %d, %s, and there is no file of all of them. Ask without full=1.", e.cut.Listed, of)
}

// inFull answers as file does. If that has only the first of the rows that are asked for,
// it serves the file that has all of them, and refuses where there is none.
func inFull(file handler, suffix string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := file(w, r)
		var cut *cutError
		if !errors.As(err, &cut) {
			return err
		}
		if cut.view.panel.full == nil {
			return &refusal{http.StatusBadRequest, cut.Error()}
		}
		return cut.view.panel.full(w, r, cut.view, suffix)
	}
}

// inFull returns the panel as one of whose rows there is a file of all.
func (p panel) inFull(full wholeFile) panel {
	p.full = full
	return p
}

// wantsAll reports whether a request for a file wants all rows in it.
func wantsAll(r *http.Request) bool { return r.URL.Query().Get("full") == "1" }

// cutHeader says in the header of a file that it has only the first ones of what it
// lists.
const cutHeader = "X-Cut"

func markCut(h http.Header, cut *aggregates.Cut) {
	switch {
	case cut == nil:
	case cut.Of > 0:
		h[cutHeader] = []string{fmt.Sprintf("%d of %d", cut.Listed, cut.Of)}
	default:
		h[cutHeader] = []string{fmt.Sprint(cut.Listed)}
	}
}

// fileHeader returns the header of a file for programs.
func fileHeader(name, suffix string) http.Header {
	switch suffix {
	case ".json":
		header := anyOriginHeaders.Clone()
		header["Content-Type"] = []string{"application/json"}
		return header
	case ".xml":
		return http.Header{"Content-Type": {"application/xml"}}
	}
	return csvHeader(name)
}

// newRows returns what writes rows as such a file; as JSON, as those of a document.
func (s *server) newRows(to io.Writer, suffix string, document listDocument) rowWriter {
	if suffix == ".json" {
		return &jsonRows{to: to, document: document}
	}
	return newCSV(to, s.Settings())
}

// errNotWhole means that there is a file of all rows, but not of these.
var errNotWhole = &refusal{http.StatusBadRequest, "There is no file of all rows with these parameters. Ask without full=1."}

// inList serves the rows of a panel as those of the list of another page, which has all
// of them; params returns its parameters, and whether it has those of the panel.
func (s *server) inList(path string, params func(views.Params) (views.Params, bool)) wholeFile {
	return func(w http.ResponseWriter, r *http.Request, v panelView, suffix string) error {
		p := s.pages[slices.IndexFunc(s.pages, func(p *page) bool { return p.Path == path })]
		whole, ok := params(v.Params)
		if !ok {
			return errNotWhole
		}
		whole = whole.Of(p.list.declared())
		if err := s.ready(r, p.list, whole); err != nil {
			return err
		}
		return s.wholeList(w, r, p, whole, suffix)
	}
}

// downloaded serves the rows of a panel from files that are made once a window for all
// readers, by suffix.
func downloaded(files map[string]*download) wholeFile {
	return func(w http.ResponseWriter, r *http.Request, v panelView, suffix string) error {
		if asOf(v.Params) != "" {
			return errNotWhole
		}
		return files[suffix].serve(w, r)
	}
}

// readRows is how long the rows of a file may take to be read.
const readRows = 10 * time.Second

// readWhole serves the rows of a panel as they are read one by one for this reader. They
// go into a temporary file first, so that neither memory nor a connection to the
// database waits for who reads slowly.
func (s *server) readWhole(columns []aggregates.Column, rows func(ctx context.Context, p views.Params, yield func([]any) error) error) wholeFile {
	return func(w http.ResponseWriter, r *http.Request, v panelView, suffix string) error {
		free, err := s.files.take(client(r))
		if err != nil {
			return err
		}
		defer free()
		file, err := unnamedFile()
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := s.spool(r, file, suffix, v, columns, rows); err != nil {
			return fmt.Errorf("all rows of %s: %w", v.panel.Name, err)
		}
		size, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		for name, values := range fileHeader(csvName(v.Page, s.Now()), suffix) {
			w.Header()[name] = values
		}
		w.Header()["Cache-Control"] = noStore
		w.Header()["Content-Length"] = []string{strconv.FormatInt(size, 10)}
		if r.Method != http.MethodHead {
			_, _ = io.Copy(newSteadyWriter(w, r), io.NewSectionReader(file, 0, size)) // the reader may have left
		}
		return nil
	}
}

// spool reads rows into a file, while it has a place among the lists for which much is
// read. The reading goes on when the reader leaves, as that of a list does.
func (s *server) spool(r *http.Request, file *os.File, suffix string, v panelView, columns []aggregates.Column, rows func(context.Context, views.Params, func([]any) error) error) error {
	waiting, cancel := context.WithTimeout(r.Context(), listWait)
	defer cancel()
	free, err := takeAll(waiting, client(r), s.looks, s.lists)
	if err != nil {
		return err
	}
	defer free()
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), readRows)
	defer stop()
	to := bufio.NewWriterSize(file, 64<<10)
	document := s.fileDocument(at(v.Info.Path, v.Params.Ref), v.panel.Name, v.Params.Values(v.panel.Params))
	out := s.newRows(to, suffix, document)
	out.header(aggregates.Table{Columns: columns})
	err = safely(func() error {
		return rows(ctx, v.Params, func(row []any) error {
			out.row(columns, row)
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := out.last(); err != nil {
		return err
	}
	return to.Flush()
}
