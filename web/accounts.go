package web

import (
	"context"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// accounts declares the list of all accounts.
func (s *server) accounts() *page {
	// The kind comes first: it is looked for where it is.
	byKind := func(p views.Params) aggregates.Population {
		return aggregates.PopulationWith(aggregates.ParsePopulation(p.Get(views.HeldOfParam)), heldKind(p))
	}
	holdings := readAsOf(s.Economy.Holdings, s.API.Past.Holdings, byKind, views.HeldOfParam, views.HeldKindParam)
	p := declare(views.PageInfo{
		Path: "/accounts", Name: "Accounts", Wealth: true, Group: "Record", Heading: "Accounts",
		Description: "Who holds what in {economy}, richest first.",
	},
		show(holdings, views.PanelInfo{
			Name: "summary", Title: "Accounts", Width: views.Whole, Shows: views.ShowsBalances, Strip: true,
			How: views.How{
				Meaning: "How many accounts there are, and what they hold together.",
				Formula: "Used: a posting in the last 7 days. In debt: a balance below zero.",
				Counted: "Single accounts, used or not; those merged into another one as a part of it.",
				LeftOut: "Issuers and archived accounts.",
			},
		}, views.HoldingsSummary, (*aggregates.Holdings).SummaryTable),
	)
	const longest = 513 // bytes of a ref, and what comes before it
	after := afterRef(longest)
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "list", Title: "Who holds what?", Width: views.Whole, Shows: views.ShowsBalances,
			How: views.How{
				Meaning: "What each account holds, and what it gained or lost. A holder with several accounts is listed with each.",
				Formula: "Share = balance / supply. Change = received − sent on the last 1, 7 or 30 days, today so far among them. Rank: how many of these accounts have more, plus one.",
				Counted: "Single accounts, not summed by holder; those merged into another one as a part of it.",
				LeftOut: "Issuers and archived accounts. Hidden holders are in their places without a name, and not found by a search.",
			},
		},
		after: after, begin: "first", further: "next", memo: holdings,
		cost: func(p views.Params) readCost {
			if p.Get(views.HeldTextParam) == "" {
				return fromMemory
			}
			return looking // what others are called is looked through
		},
		filters: []*views.Param{views.HeldTextParam, views.HeldSortParam, views.HeldOfParam, views.HeldKindParam, views.AtParam},
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			v, err := holdings.get(ctx, params)
			if err != nil {
				return stretch{}, err
			}
			f := aggregates.HoldingFilter{
				Text: params.Get(views.HeldTextParam), Kind: heldKind(params), Sort: params.Get(views.HeldSortParam),
			}
			searched := v
			if f.Text != "" {
				if searched, f.Found, err = s.called(ctx, v, f.Text); err != nil {
					return stretch{}, err
				}
			}
			rows, matching, more, err := searched.Select(f, params.Get(after), limit)
			if err != nil {
				return stretch{}, err
			}
			read := stretch{table: aggregates.HeldTable(rows, v.Supply).First(len(v.Accounts), v.Count), sub: views.HeldSub(matching, v)}
			if more {
				read.next = rows[len(rows)-1].Cursor()
			}
			read.draw = func(settings ledger.Settings) templ.Component { return views.HeldRows(rows, v, settings) }
			return read, nil
		},
	})
	return s.knowsPast(p)
}

// heldKind returns the kind that a reader asks for, empty for any.
func heldKind(p views.Params) ledger.Kind {
	if kind := p.Get(views.HeldKindParam); kind != views.HeldKindParam.Default {
		return ledger.Kind(kind)
	}
	return ""
}

// mostCalled is how many accounts are looked up by a text.
const mostCalled = 200

// called returns the refs of accounts that a text may mean: it is the beginning of
// their ref, or part of a name that they, or an account merged into them, have or
// had. It returns the list with those of them that are beyond it.
func (s *server) called(ctx context.Context, v *aggregates.Holdings, text string) (*aggregates.Holdings, map[string]bool, error) {
	found, err := s.Record.FindLike(ctx, text, mostCalled)
	if err != nil || len(found) == 0 {
		return v, nil, err
	}
	refs, are := make([]string, len(found)), make(map[string]bool, len(found))
	for i, f := range found {
		refs[i], are[f.Ref] = f.Ref, true
	}
	if v.Whole() {
		return v, are, nil
	}
	others, err := s.Economy.HoldingsNamed(ctx, aggregates.AsOf[aggregates.Population]{Of: v.Population, At: v.At}, refs)
	if err != nil {
		return nil, nil, err
	}
	return v.With(others), are, nil
}
