package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"exchequer/ledger/dump"
	"exchequer/views"
)

// dataPath is where the files of a dump are.
const dataPath = "/data/"

// published returns the manifest of the dump, and its bytes. It returns errNotFound if
// nothing is published.
func (s *server) published() (*dump.Manifest, []byte, error) {
	if s.Data == nil {
		return nil, nil, errNotFound
	}
	m, raw, err := s.Data.Manifest()
	if errors.Is(err, fs.ErrNotExist) {
		err = errNotFound
	}
	return m, raw, err
}

// dataPage is where people see which files there are.
func (s *server) dataPage(w http.ResponseWriter, r *http.Request) error {
	m, raw, err := s.published()
	if err != nil {
		return err
	}
	e := s.edition(r.Context())
	version := newRendering(http.Header{}, raw, time.Time{}).etag
	p, drawn, err := s.rendered.get(s.pageKey(r, e.key+" "+dataPath+version, views.Params{}), 1, func() (*rendering, error) {
		view := views.Page{Site: s.site(), Info: views.PageInfo{
			Path: dataPath, Name: "Data", Heading: "Data",
			Above:       []views.MenuEntry{{Name: "Economy", Path: "/economy"}},
			Description: "The record of {economy} as files for analysis, by the month.",
		}}
		view.Menu = e.menu
		var b bytes.Buffer
		if err := views.DataPage(view, m).Render(context.WithoutCancel(r.Context()), &b); err != nil {
			return nil, fmt.Errorf("page of the data: %w", err)
		}
		return newRendering(pageHeader(view), b.Bytes(), time.Time{}), nil
	})
	if err != nil {
		return err
	}
	s.serve(w, r, p, drawn)
	return nil
}

// dataManifest serves the manifest as it is.
func (s *server) dataManifest(w http.ResponseWriter, r *http.Request) error {
	_, raw, err := s.published()
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}, "Cache-Control": noCache}
	s.serve(w, r, newRendering(header, raw, time.Time{}), true)
	return nil
}

// dataFile serves a file that the manifest names, or a range of it. An address with
// ?sha256= is of these bytes for ever; without, it is of the present ones.
func (s *server) dataFile(w http.ResponseWriter, r *http.Request) error {
	if s.Data == nil {
		return errNotFound
	}
	file, entry, err := s.Data.Open(chi.URLParam(r, "*"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNotFound
	case errors.Is(err, dump.ErrChanging):
		return errors.Join(errUnmade, err)
	case err != nil:
		return err
	}
	defer file.Close()
	if dump.HasDealings(entry.Table) && s.sees(r.Context()) < views.ShowsDealings {
		return s.Privacy.restricted()
	}
	cached := noCache
	if wanted := r.URL.Query().Get("sha256"); wanted == entry.SHA256 {
		cached = []string{"public, max-age=31536000, immutable"}
	} else if wanted != "" {
		return errNotFound
	}
	free, err := s.files.take(client(r))
	if err != nil {
		return err
	}
	defer free()
	kind := "application/vnd.apache.parquet"
	if strings.HasSuffix(entry.Path, ".zst") {
		kind = "application/zstd"
	}
	h := w.Header()
	h["Content-Type"] = []string{kind}
	h["Content-Disposition"] = []string{`attachment; filename="` + strings.ReplaceAll(entry.Path, "/", "-") + `"`}
	h["Cache-Control"] = cached
	h["Etag"] = []string{`"` + entry.SHA256 + `"`}
	http.ServeContent(newSteadyWriter(w, r), r, "", entry.Made, file)
	return nil
}

// dataFeed serves a feed with an entry for each month, and another one when it has been
// replaced.
func (s *server) dataFeed(w http.ResponseWriter, r *http.Request) error {
	m, _, err := s.published()
	if err != nil {
		return err
	}
	f := feed{id: s.tag("data"), title: "Data of " + s.site().Author(), page: dataPath,
		subtitle: "Each month of the record as it is published, and again when rows of it arrived late or were mended."}
	for _, month := range views.DataMonths(m) {
		entry := feedEntry{
			id: s.tag("data:" + month.Name + ":" + month.Made.Format(time.RFC3339)), title: month.Name + " is published", page: dataPath + "#" + month.Name,
			text: views.Count(int64(month.Files)) + " files, " + views.Bytes(month.Bytes) + ".", at: month.Made,
		}
		if len(month.Replaced) > 0 {
			entry.title = month.Name + " is replaced"
			entry.text = "Rows arrived late, or were mended, in " + strings.Join(month.Replaced, ", ") + "."
		}
		f.entries = append(f.entries, entry)
		if month.Made.After(f.updated) {
			f.updated = month.Made
		}
	}
	slices.SortStableFunc(f.entries, func(a, b feedEntry) int { return b.at.Compare(a.at) })
	f.entries = f.entries[:min(len(f.entries), dataEntries)]
	header, b, err := s.atom(f, dataPath+"feed.atom")
	if err != nil {
		return err
	}
	header["Cache-Control"] = noCache
	s.serve(w, r, newRendering(header, b, time.Time{}), true)
	return nil
}

// dataEntries is how many entries the feed of the data has.
const dataEntries = 50
