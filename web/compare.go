package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"exchequer/aggregates"
	"exchequer/views"
)

// compare declares the page on which series are shown side by side. Its address has
// all that it shows.
func (s *server) compare() *page {
	p := declare(views.PageInfo{
		Path: views.ComparePath, Name: "Compare", Group: "Data", Heading: "Compare",
		Description: "Numbers of {economy} side by side: money, holders, inequality, prices, sources and accounts.",
	},
		showOf(s.newComparing(), views.PanelInfo{
			Name: "chart", Title: "Side by side", Width: views.Whole, Shows: views.ShowsSums, Params: views.CompareParams(),
			How: views.How{
				Meaning: "Whether numbers moved together. Numbers of one unit share an axis; others have a chart each.",
				Formula: "Money, holders, Gini, share, balance: at the end of the last day. Price: value / pieces of what was sold. Sold, moved: the sum of the days / their number. Index: value / the first one above zero × 100. Per head: money supply, sold and moved / holders; all others as they are.",
				Counted: "Days, in long periods weeks from Monday, months, years or decades, from the ledger's first day on. Holders of the chosen kind, all their accounts summed.",
				LeftOut: "The current day. Of prices: days without a sale, sales at prices more than 10 times above or below the usual one. Of prices and of what was sold: offsetting trade.",
			},
		}, views.Comparison, (*aggregates.Comparison).Table).flagged(readMemo(s.API.Events, eventsBeside, views.SeriesParam)),
	)
	p.thing = unknownAccount // which may be hidden since
	p.check = s.checkSeries
	p.forget = func(params views.Params) {
		for _, r := range aggregates.ParseSeries(params.Get(views.SeriesParam)) {
			if r.Kind == aggregates.SeriesBalance {
				s.API.Accounts.Forget(r.Ref)
			}
		}
	}
	return p
}

// eventsBeside selects the events of a comparison: those of an item if all of it is of
// that item, else those that concern the whole economy.
func eventsBeside(p views.Params) aggregates.EventQuery {
	refs := aggregates.ParseSeries(p.Get(views.SeriesParam))
	for _, r := range refs {
		if r.Kind != aggregates.SeriesPrice && r.Kind != aggregates.SeriesSold || r.Ref != refs[0].Ref {
			return everywhere(p)
		}
	}
	if len(refs) == 0 || len(refs) > aggregates.MostSeries {
		return everywhere(p)
	}
	return aggregates.EventQuery{Scope: "item:" + refs[0].Ref}
}

// What is wrong with a comparison that is not shown.
var (
	errTooMany = &refusal{http.StatusBadRequest, fmt.Sprintf("At most %d series can be compared.", aggregates.MostSeries)}
	errSeries  = &refusal{http.StatusBadRequest, "This comparison names a series that there cannot be. Series are supply, holders, gini, top10, and item:, sold:, source: or account: with a ref."}
)

// checkSeries returns an error unless there are the items, sources and accounts that
// a comparison names. Only then they become keys.
func (s *server) checkSeries(ctx context.Context, params views.Params, query url.Values) error {
	if !aggregates.AreSeries(query.Get(views.SeriesParam.Name)) {
		return errSeries
	}
	refs := aggregates.ParseSeries(params.Get(views.SeriesParam))
	if len(refs) > aggregates.MostSeries {
		return errTooMany
	}
	if len(refs) > 0 { // the numbers of some series are those of the population
		if err := s.ofMany(ctx, byPopulation(params)); err != nil {
			return err
		}
	}
	for _, r := range refs {
		var err error
		switch r.Kind {
		case aggregates.SeriesPrice, aggregates.SeriesSold:
			err = checkExists(ctx, s.API.Items, r.Ref, unknownItem)
		case aggregates.SeriesSource:
			err = checkExists(ctx, s.API.Sources.Exists, r.Ref, unknownSource)
		case aggregates.SeriesBalance:
			err = checkExists(ctx, s.API.Accounts, r.Ref, unknownAccount)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A meantError means that nothing, or several things, are meant by a name. With
// several it is answered with 300 Multiple Choices: browsers show its page, since it
// prefers none, and programs do not take it for a failure.
type meantError struct {
	about string
	found []views.Choice
}

func (e *meantError) Error() string           { return e.about }
func (*meantError) Is(target error) bool      { return target == errNotFound }
func (e *meantError) text() string            { return e.about }
func (e *meantError) choices() []views.Choice { return e.found }

// addSeries answers the form that adds a series to a comparison: with the address of
// the new one, or with those that may be meant.
func (s *server) addSeries(_ http.ResponseWriter, r *http.Request) error {
	params := views.ParseParams(views.CompareParams(), "", r.URL.RawQuery)
	refs := aggregates.ParseSeries(params.Get(views.SeriesParam))
	if len(refs) >= aggregates.MostSeries {
		return errTooMany
	}
	q := r.URL.Query()
	found, err := s.findSeries(r.Context(), aggregates.SeriesKind(q.Get("kind")), strings.TrimSpace(q.Get("name")))
	if err != nil {
		return err
	}
	var choices []views.Choice
	for _, f := range found {
		choices = append(choices, views.Choice{Name: f.name, Note: f.note, Path: views.CompareAddress(params, append(refs[:len(refs):len(refs)], f.SeriesRef))})
	}
	switch {
	case len(choices) == 1:
		return &movedError{code: http.StatusSeeOther, address: choices[0].Path}
	case len(choices) == 0:
		return &meantError{about: "Nothing is called that here. Series are added by the name or ref of an item, a source or an account."}
	}
	return &meantError{"Several are called that. Which one is to be added?", choices}
}

// A foundSeries is a series that was found by a name.
type foundSeries struct {
	aggregates.SeriesRef
	name, note string
}

// findSeries returns the series that may be meant by a name or ref, at most
// mostChoices: those that are exactly called so, else those whose name has it.
func (s *server) findSeries(ctx context.Context, kind aggregates.SeriesKind, name string) ([]foundSeries, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Budget)
	defer cancel()
	switch kind {
	case aggregates.SeriesPrice, aggregates.SeriesSold:
		return s.findItems(ctx, kind, name)
	case aggregates.SeriesSource:
		return s.findSources(ctx, name)
	case aggregates.SeriesBalance:
		return s.findAccounts(ctx, name)
	}
	if of := aggregates.ParseSeries(string(kind)); len(of) == 1 {
		return []foundSeries{{SeriesRef: of[0]}}, nil
	}
	return nil, nil
}

// findItems looks in the list of items, which is in memory.
func (s *server) findItems(ctx context.Context, kind aggregates.SeriesKind, name string) ([]foundSeries, error) {
	exact := []foundSeries{{SeriesRef: aggregates.SeriesRef{Kind: kind, Ref: name}}}
	if err := checkExists(ctx, s.API.Items, name, unknownItem); !errors.Is(err, errNotFound) {
		return exact, err
	}
	items, err := s.API.ItemList.Get(ctx, listedDays)
	if err != nil {
		return nil, err
	}
	rows, _, _, err := items.Value.Select(aggregates.ItemFilter{Text: name}, "", mostListedItems)
	if err != nil {
		return nil, err
	}
	var called, like []foundSeries
	for _, i := range rows {
		f := foundSeries{aggregates.SeriesRef{Kind: kind, Ref: i.ID}, views.ItemName(i.Name, i.ID), i.ID}
		if strings.EqualFold(i.Name, name) {
			called = append(called, f)
		}
		like = append(like, f)
	}
	return several(called, like), nil
}

// listedDays is the period of the list of items that readers ask for most.
const listedDays aggregates.Days = 30

// mostListedItems is how many items of a name are looked at.
const mostListedItems = 1000

// findSources looks among the largest sources.
func (s *server) findSources(ctx context.Context, name string) ([]foundSeries, error) {
	exact := []foundSeries{{SeriesRef: aggregates.SeriesRef{Kind: aggregates.SeriesSource, Ref: name}}}
	if err := checkExists(ctx, s.API.Sources.Exists, name, unknownSource); name != "" && !errors.Is(err, errNotFound) {
		return exact, err
	}
	flow, err := s.API.Flow.Get(ctx, listedDays)
	if err != nil {
		return nil, err
	}
	var called, like []foundSeries
	for _, of := range flow.Value.Sources {
		f := foundSeries{aggregates.SeriesRef{Kind: aggregates.SeriesSource, Ref: of.Source}, of.Source, "source"}
		switch {
		case of.Source == "":
		case strings.EqualFold(of.Source, name):
			called = append(called, f)
		case strings.Contains(strings.ToLower(of.Source), strings.ToLower(name)):
			like = append(like, f)
		}
	}
	return several(called, like), nil
}

// findAccounts looks for accounts as their addresses do.
func (s *server) findAccounts(ctx context.Context, name string) ([]foundSeries, error) {
	if name == "" {
		return nil, nil
	}
	found, err := s.accountsCalled(ctx, name)
	if err != nil {
		return nil, err
	}
	var all []foundSeries
	for _, f := range found {
		all = append(all, foundSeries{aggregates.SeriesRef{Kind: aggregates.SeriesBalance, Ref: f.Ref}, f.Name, f.Ref})
	}
	return several(all, nil), nil
}

// several returns the first ones of those that are called by a name, or without any
// of those that are called like it.
func several(called, like []foundSeries) []foundSeries {
	if len(called) == 0 {
		called = like
	}
	return called[:min(len(called), mostChoices)]
}
