package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// watch declares the page of what a reader watches: items and accounts. The list is in
// the address, and nothing is kept of it: the values are those of memos that all lists
// share, one for each item and account at most.
func (s *server) watch() *page {
	news, ofItems := &watchingNews{s, true}, &watchingNews{s, false}
	told := views.PanelInfo{
		Name: "news", Title: "What happened to them", Width: views.Whole, Shows: views.ShowsDealings, Params: views.WatchParams(),
		How: views.How{
			Meaning: "What is worth telling of the list, and is told by its feed: each once.",
			Formula: views.NewsRules,
			Counted: "The last 30 days that are over, each as it was at its end; the newest 200.",
			LeftOut: "The current day. Days before the ledger's second one; accounts of hidden holders. Offsetting trade, of prices.",
		},
	}
	toVisitors := told
	toVisitors.Shows = views.ShowsSums
	toVisitors.How.LeftOut += " What happened to accounts, which is shown to viewers only."
	p := declare(views.PageInfo{
		Path: views.WatchPath, Feed: views.WatchPath, Name: "Watch", Group: "Data", Heading: "Watch",
		Description: "A list of your own, of items and accounts of {economy}, in one address to keep.",
	},
		showOf(s.newWatchingItems(), views.PanelInfo{
			Name: "items", Title: "Watched items", Width: views.Whole, Shows: views.ShowsSums, Params: []*views.Param{views.WatchItemsParam},
			How: views.How{
				Meaning: "What the items of the list cost now, how that changed, and what stands of offers.",
				Formula: "Change = price / price at the same time of day 1, 7 or 30 days ago − 1. " + howPrice,
				Counted: "Prices: as on the list of items. Offers and stock: those that stand at the end of the last hour with a change.",
				LeftOut: "Changes where there was no price before, or the ledger does not reach back. Offsetting trade; taxes; barter.",
			},
		}, views.WatchItems, (*aggregates.WatchedItems).Table).where(func(p aggregates.Profile) bool { return p.Sales || p.Shops }),
		showOf(s.newWatchingAccounts(), views.PanelInfo{
			Name: "accounts", Title: "Watched accounts", Width: views.Whole, Shows: views.ShowsBalances, Params: []*views.Param{views.WatchAccountsParam},
			How: views.How{
				Meaning: "What the accounts of the list hold, how that changed, and when they were last used.",
				Formula: "Change = received − sent on the last 1, 7 or 30 days, today so far among them. Rank: holders with more, plus one. With more than 1,000 holders, it is right to a thousandth of them.",
				Counted: "All postings of the account, and of those that are merged into it. The rank is that of the holder, with all accounts together.",
				LeftOut: "Accounts of hidden holders, as if there were none.",
			},
		}, views.WatchAccounts, (*aggregates.WatchedAccounts).Table),
		showOf(news, told, views.WatchNews, (*aggregates.News).Table).
			otherwise(showOf(ofItems, toVisitors, views.WatchNews, (*aggregates.News).Table)),
	)
	p.check = checkWatched
	p.feed = &newsFeed{news, s.watchFeed, ofItems}
	return p
}

// What is wrong with a list that is not watched.
var (
	errTooManyWatched = &refusal{http.StatusBadRequest, fmt.Sprintf("At most %d items and %d accounts can be watched in one list.", aggregates.MostWatched, aggregates.MostWatched)}
	errWatchAddress   = &refusal{http.StatusRequestURITooLong, "This address has a list of more than 8 KB. Watch fewer things in one list."}
)

// checkWatched returns why the list of a query is not watched.
func checkWatched(_ context.Context, params views.Params, query url.Values) error {
	for _, of := range views.WatchParams() {
		if len(aggregates.ParseRefs(query.Get(of.Name))) > aggregates.MostWatched {
			return errTooManyWatched
		}
	}
	if len(params.Query()) > mostAddress {
		return errWatchAddress
	}
	return nil
}

// watchingItems is the reading of the items of a list: each one's own value.
type watchingItems struct{ s *server }

func (s *server) newWatchingItems() *watchingItems { return &watchingItems{s} }

func (w *watchingItems) open(p views.Params) source {
	refs := aggregates.ParseRefs(p.Get(views.WatchItemsParam))
	if len(refs) == 0 {
		month := &memoSource[aggregates.Days, *aggregates.Items]{memo: w.s.API.ItemList, p: aggregates.WatchMonth}
		return &joinedSource{parts: []source{month}, join: func(values []any) any {
			return aggregates.ExampleItems(values[0].(*aggregates.Items))
		}}
	}
	// A list of what is not known is of the ledger as it is.
	joined := &joinedSource{parts: []source{&memoSource[aggregates.NoParams, *aggregates.Richest]{memo: w.s.Economy.Richest}}, join: func(values []any) any {
		var items []*aggregates.ItemWatch
		for _, v := range values[1:] {
			items = append(items, v.(*aggregates.ItemWatch))
		}
		return aggregates.WatchItems(values[0].(*aggregates.Richest).Basis, refs, items)
	}}
	for _, ref := range refs {
		joined.parts = append(joined.parts, &perhapsSource[aggregates.NewsQuery, *aggregates.ItemWatch]{
			memoSource: memoSource[aggregates.NewsQuery, *aggregates.ItemWatch]{memo: w.s.API.ItemWatch, p: aggregates.NewsQuery{Ref: ref}},
			exists:     func(ctx context.Context) error { return checkExists(ctx, w.s.API.Items, ref, unknownItem) },
		})
	}
	return joined
}

// watchingAccounts is the reading of the accounts of a list: each one's own value, and
// the balances of all holders, for their ranks.
type watchingAccounts struct{ s *server }

func (s *server) newWatchingAccounts() *watchingAccounts { return &watchingAccounts{s} }

func (w *watchingAccounts) open(p views.Params) source {
	refs := aggregates.ParseRefs(p.Get(views.WatchAccountsParam))
	if len(refs) == 0 {
		richest := &memoSource[aggregates.NoParams, *aggregates.Richest]{memo: w.s.Economy.Richest}
		return &joinedSource{parts: []source{richest}, join: func(values []any) any {
			return aggregates.ExampleAccounts(values[0].(*aggregates.Richest))
		}}
	}
	joined := &joinedSource{join: func(values []any) any {
		var accounts []*aggregates.Account
		var ladders []*aggregates.Ladder
		for n, v := range values {
			if n < len(refs) {
				accounts = append(accounts, v.(*aggregates.Account))
			} else {
				ladders = append(ladders, v.(*aggregates.Ladder))
			}
		}
		return aggregates.WatchAccounts(refs, accounts, ladders)
	}}
	for _, ref := range refs {
		joined.parts = append(joined.parts, &perhapsSource[aggregates.AccountQuery, *aggregates.Account]{
			memoSource: memoSource[aggregates.AccountQuery, *aggregates.Account]{memo: w.s.API.Account, p: aggregates.AccountQuery{Account: ref, Days: aggregates.WatchMonth}},
			exists:     func(ctx context.Context) error { return checkExists(ctx, w.s.API.Accounts, ref, unknownAccount) },
		})
	}
	for _, population := range aggregates.Populations() {
		joined.parts = append(joined.parts, &memoSource[aggregates.Population, *aggregates.Ladder]{memo: w.s.Economy.Ladder, p: population})
	}
	return joined
}

// watchingNews is the reading of what happened to the things of a list.
type watchingNews struct {
	s        *server
	accounts bool // what those received and sent is among it
}

func (w *watchingNews) open(p views.Params) source {
	// A list of nothing has no news, of the ledger as it is.
	joined := &joinedSource{parts: []source{&memoSource[aggregates.NoParams, *aggregates.Richest]{memo: w.s.Economy.Richest}}, join: func(values []any) any {
		var all []*aggregates.News
		for _, v := range values[1:] {
			all = append(all, v.(*aggregates.News))
		}
		return aggregates.JoinNews(values[0].(*aggregates.Richest).Basis, all)
	}}
	add := func(param *views.Param, memo *cache.Memo[aggregates.NewsQuery, *aggregates.News], refs *aggregates.Exists, unknown unknownError) {
		for _, ref := range aggregates.ParseRefs(p.Get(param)) {
			joined.parts = append(joined.parts, &perhapsSource[aggregates.NewsQuery, *aggregates.News]{
				memoSource: memoSource[aggregates.NewsQuery, *aggregates.News]{memo: memo, p: aggregates.NewsQuery{Ref: ref}},
				exists:     func(ctx context.Context) error { return checkExists(ctx, refs, ref, unknown) },
			})
		}
	}
	add(views.WatchItemsParam, w.s.API.ItemNews, w.s.API.Items, unknownItem)
	if w.accounts {
		add(views.WatchAccountsParam, w.s.API.AccountNews, w.s.API.Accounts, unknownAccount)
	}
	return joined
}

// watchFeed returns what happened to the things of a list as a feed.
func (s *server) watchFeed(view views.Page, value any) feed {
	v := value.(*aggregates.News)
	f := feed{
		id: s.tag("watch" + view.Params.Query()), title: view.FeedTitle(), subtitle: views.NewsRules,
		page: view.Address(), updated: v.Updated(),
	}
	for _, e := range v.Entries {
		f.entries = append(f.entries, feedEntry{
			id:    s.tag("watch/" + e.Thing + "/" + url.PathEscape(e.ID) + "/" + string(e.Rule) + "/" + e.Day.Format(time.DateOnly)),
			title: views.NewsTitle(e, view.Settings), text: views.NewsText(e, view.Settings), page: string(views.NewsAddress(e)), at: e.At,
		})
	}
	return f
}

// A perhapsSource is the memo of a thing that there may not be. Only a thing that there
// is becomes a key; of another one the value is zero, without times.
type perhapsSource[P cache.Params, T any] struct {
	memoSource[P, T]
	exists  func(ctx context.Context) error
	unknown bool
}

func (a *perhapsSource[P, T]) get(ctx context.Context) {
	err := a.exists(ctx)
	switch a.unknown = errors.Is(err, errNotFound); {
	case a.unknown:
		a.err = nil
	case err != nil:
		a.err = err
	default:
		a.memoSource.get(ctx)
	}
}

func (a *perhapsSource[P, T]) clock(c *views.Clock) {
	if !a.unknown {
		a.memoSource.clock(c)
	}
}

// addWatched answers the form that adds an item or an account to a list: with the
// address of the new one, or with those that may be meant.
func (s *server) addWatched(_ http.ResponseWriter, r *http.Request) error {
	params := views.ParseParams(views.WatchParams(), "", r.URL.RawQuery)
	if err := checkWatched(r.Context(), params, r.URL.Query()); err != nil {
		return err
	}
	q := r.URL.Query()
	to, kind := views.WatchItemsParam, aggregates.SeriesPrice
	if q.Get("what") == "account" {
		to, kind = views.WatchAccountsParam, aggregates.SeriesBalance
	}
	found, err := s.findSeries(r.Context(), kind, strings.TrimSpace(q.Get("name")))
	if err != nil {
		return err
	}
	refs := aggregates.ParseRefs(params.Get(to))
	var choices []views.Choice
	for _, f := range found {
		longer := views.WatchWith(params, to, append(refs[:len(refs):len(refs)], f.Ref))
		if err := checkWatched(r.Context(), longer, url.Values{to.Name: {longer.Get(to)}}); err != nil {
			return err
		}
		choices = append(choices, views.Choice{Name: f.name, Note: f.note, Path: views.WatchPath + longer.Query()})
	}
	switch {
	case len(choices) == 1:
		return &movedError{code: http.StatusSeeOther, address: choices[0].Path}
	case len(choices) == 0:
		return &meantError{about: "Nothing is called that here. Items and accounts are added by their name or ref."}
	}
	return &meantError{"Several are called that. Which one is to be watched?", choices}
}
