package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

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
	p, drawn, err := s.rendered.get(s.pageKey(e.key+" "+dataPath+version, views.Params{}), 1, func() (*rendering, error) {
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
	cached := noCache
	if wanted := r.URL.Query().Get("sha256"); wanted == entry.SHA256 {
		cached = []string{"public, max-age=31536000, immutable"}
	} else if wanted != "" {
		return errNotFound
	}
	free, err := s.files.take(middleware.GetClientIP(r.Context()))
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

// A feed is a feed of Atom.
type feed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Links   []feedLink  `xml:"link"`
	Entries []feedEntry `xml:"entry"`
}

type feedLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

type feedEntry struct {
	ID        string   `xml:"id"`
	Title     string   `xml:"title"`
	Published string   `xml:"published"`
	Updated   string   `xml:"updated"`
	Summary   string   `xml:"summary"`
	Link      feedLink `xml:"link"`
}

// dataFeed serves a feed with an entry for each month, and another one when it has been
// replaced.
func (s *server) dataFeed(w http.ResponseWriter, r *http.Request) error {
	m, _, err := s.published()
	if err != nil {
		return err
	}
	base := s.BaseURL + dataPath
	id := cmp.Or(s.BaseURL, "urn:exchequer") + dataPath
	f := feed{ID: id, Title: "Data of " + s.Settings().Name, Author: s.Settings().Name, Links: []feedLink{{"alternate", base}, {"self", base + "feed.atom"}}}
	var latest time.Time
	for _, month := range views.DataMonths(m) {
		made, published := month.Made.Format(time.RFC3339), month.Published.Format(time.RFC3339)
		entry := feedEntry{ID: id + "#" + month.Name + "-" + made, Title: month.Name + " is published", Published: published, Updated: made,
			Link: feedLink{"alternate", base + "#" + month.Name}, Summary: views.Count(int64(month.Files)) + " files, " + views.Bytes(month.Bytes) + "."}
		if len(month.Replaced) > 0 {
			entry.Title, entry.Published = month.Name+" is replaced", made
			entry.Summary = "Rows arrived late, or were mended, in " + strings.Join(month.Replaced, ", ") + "."
		}
		if month.Made.After(latest) {
			latest = month.Made
		}
		f.Entries = append(f.Entries, entry)
	}
	slices.SortStableFunc(f.Entries, func(a, b feedEntry) int { return cmp.Compare(b.Updated, a.Updated) })
	f.Entries = f.Entries[:min(len(f.Entries), feedEntries)]
	f.Updated = latest.Format(time.RFC3339)
	b, err := xml.MarshalIndent(f, "", "\t")
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/atom+xml; charset=utf-8"}, "Cache-Control": noCache}
	s.serve(w, r, newRendering(header, append([]byte(xml.Header), b...), time.Time{}), true)
	return nil
}

// feedEntries is how many entries a feed has.
const feedEntries = 50
