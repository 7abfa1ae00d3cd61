package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"exchequer/ledger"
	"exchequer/views"
)

// The search reads the database for each text that somebody types. It has one of the
// places of lists, so that the rest stay for lists, and the connections of producers
// are never its own.
const (
	searchPlaces = 1
	searchWait   = time.Second // for a place
)

var searchInfo = views.PageInfo{
	Path: views.SearchPath, Name: "Search", Heading: "Search", Params: []*views.Param{views.QueryParam},
	Description: "Accounts, holders, items, shops, places and transactions of {economy}.",
}

// search serves what a text may mean, or leads to what it is exactly.
func (s *server) search(w http.ResponseWriter, r *http.Request) error {
	params := views.ParseParams(searchInfo.Params, "", r.URL.RawQuery)
	text := params.Get(views.QueryParam)
	view := views.Page{Site: s.site(), Info: searchInfo, Params: params}
	view.Menu = s.edition(r.Context()).menu
	found, err := s.found(r, text)
	if err != nil {
		return err
	}
	groups := views.FoundGroups(found, text, view.Settings)
	if address := views.Straight(groups); address != "" {
		return &movedError{code: http.StatusFound, address: address}
	}
	var b bytes.Buffer
	if err := views.SearchPage(view, text, groups, found.Cut).Render(context.WithoutCancel(r.Context()), &b); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	s.serve(w, r, newRendering(pageHeader(view), b.Bytes(), time.Time{}), true)
	return nil
}

// A searchDocument is what a text may mean, for programs and for suggestions.
type searchDocument struct {
	Query  string             `json:"query"`
	Groups []views.FoundGroup `json:"groups" nullable:"false"`
}

// searchJSON serves what a text may mean.
func (s *server) searchJSON(w http.ResponseWriter, r *http.Request) error {
	text := views.ParseParams(searchInfo.Params, "", r.URL.RawQuery).Get(views.QueryParam)
	found, err := s.found(r, text)
	if err != nil {
		return err
	}
	header, b, err := encodeJSON(searchDocument{text, views.Rooted(s.Root, views.FoundGroups(found, text, s.Settings()))})
	if err != nil {
		return err
	}
	s.serve(w, r, newRendering(header, b, time.Time{}), true)
	return nil
}

// found returns what a text may mean. All who look for the same text at once share
// one reading. It has a place of the search and one of the lists.
func (s *server) found(r *http.Request, text string) (*ledger.Hits, error) {
	if text == "" {
		return &ledger.Hits{}, nil
	}
	found, _, err := s.readings.get(r.Context(), "search "+text, func(ctx context.Context, begin func()) (any, error) {
		waiting, cancel := context.WithTimeout(ctx, searchWait)
		defer cancel()
		free, err := takeAll(waiting, client(r), s.searches, s.lists)
		if err != nil {
			return nil, err
		}
		defer free()
		begin()
		reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), listRead)
		defer cancel()
		return s.Record.Search(reading, text)
	})
	if err != nil {
		return nil, err
	}
	hits := *found.(*ledger.Hits) // which others share
	if s.sees(r.Context()) < views.ShowsDealings {
		hits.Groups = slices.DeleteFunc(slices.Clone(hits.Groups), func(g ledger.HitGroup) bool { return g.What == ledger.HitTransactions })
	}
	return &hits, nil
}
