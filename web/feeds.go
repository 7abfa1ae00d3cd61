package web

import (
	"net/url"
	"time"

	"exchequer/aggregates"
	"exchequer/views"
)

// feeds declares the page of what is notable in the whole ledger, with its feed.
func (s *server) feeds() *page {
	events := readMemo(s.API.Events, everywhere)
	from, public := &notableReading{s, events, true}, &notableReading{s, events, false}
	info := views.PanelInfo{
		Name: "notable", Title: "In the last 30 days", Width: views.Whole, Shows: views.ShowsDealings,
		How: views.How{
			Meaning: "What is worth telling of the whole economy. It follows from the ledger alone.",
			Formula: views.NotableRules,
			Counted: "The last 30 days that are over, each as it was at its end; events at their own times.",
			LeftOut: "What is beyond 3 a day: events come first, then signs, transfers, and prices by how much they rose. Names of hidden holders. Offsetting trade, of prices.",
		},
	}
	forVisitors := info
	forVisitors.Shows = views.ShowsSums
	forVisitors.How.LeftOut += " Transfers, which are shown to viewers only."
	p := declare(views.PageInfo{
		Path: views.FeedsPath, Feed: views.FeedsPath + "/events", Name: "Events", Heading: "What was notable",
		Description: "What was notable in {economy} in the last 30 days, and feeds to be told of it.",
	},
		showOf(from, info, views.WhatWasNotable, (*aggregates.Notables).Table).
			otherwise(showOf(public, forVisitors, views.WhatWasNotable, (*aggregates.Notables).Table)),
	)
	p.feed = &newsFeed{from, s.eventsFeed, public}
	return p
}

// notableReading is the reading of what is notable: of transfers and prices, of the
// signs, and of the events of the whole economy.
type notableReading struct {
	s         *server
	events    opener
	transfers bool // which are single dealings
}

func (n *notableReading) open(p views.Params) source {
	return &joinedSource{parts: []source{
		&memoSource[aggregates.NoParams, *aggregates.Notables]{memo: n.s.API.Notables},
		&memoSource[aggregates.NoParams, *aggregates.Soundness]{memo: n.s.Soundness.Soundness},
		n.events.open(p),
	}, join: func(values []any) any {
		notables := values[0].(*aggregates.Notables)
		if !n.transfers {
			notables = notables.WithoutTransfers()
		}
		return aggregates.JoinNotables(notables, values[1].(*aggregates.Soundness), values[2].(*aggregates.Events))
	}}
}

// eventsFeed returns what was notable as a feed.
func (s *server) eventsFeed(view views.Page, value any) feed {
	v := value.(*aggregates.Notables)
	f := feed{id: s.tag("feeds/events"), title: view.FeedTitle(), subtitle: views.NotableRules, page: view.Address(), updated: v.Updated()}
	for _, e := range v.Entries {
		told := views.TellNotable(e, view.Settings)
		f.entries = append(f.entries, feedEntry{
			id:    s.tag("feeds/events/" + string(e.Rule) + "/" + e.Day.Format(time.DateOnly) + "/" + url.PathEscape(e.ID())),
			title: told.Title, text: told.Text, page: string(told.Address), at: e.At,
		})
	}
	return f
}
