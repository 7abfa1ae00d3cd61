package web

import (
	"context"
	"net/url"

	"exchequer/aggregates"
	"exchequer/views"
)

// source declares the page of a source: what moved by its transactions.
func (s *server) source() *page {
	bySource := func(p views.Params) aggregates.SourceQuery {
		return aggregates.SourceQuery{
			Source: p.Ref, Days: byDays(p),
			From: aggregates.ParseParty(p.Get(views.FromParam)), To: aggregates.ParseParty(p.Get(views.ToParam)),
		}
	}
	source := readMemo(s.Economy.Source, bySource, views.DaysParam, views.FromParam, views.ToParam)
	p := declare(views.PageInfo{
		Path: views.SourcePath, Name: "Source",
		Above:       []views.MenuEntry{{Name: "Money flow", Path: "/economy/flow"}},
		Description: "What moved in {economy} by the transactions of one source.",
	},
		show(source, views.PanelInfo{
			Name: "sums", Title: "Moved", Width: views.Whole, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "How much money moved by this source, and whether it was created or destroyed.",
				Formula: "Sums of the flows. Created: from issuers to others; destroyed: from others to issuers. The period before has the same length, up to the same time of day.",
				Counted: "All transactions of the source, or what of them moved between the chosen kinds of account.",
				LeftOut: "Other sources.",
			},
		}, views.SourceSums, (*aggregates.SourceDays).SumTable),
		show(source, views.PanelInfo{
			Name: "days", Title: "By day", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "When it moved. The current day is pale. Days on which nothing moved count as zero.",
				Formula: "What accounts gained on balance by the transactions of the source, added up.",
				Counted: "By day, week from Monday, month, year or decade.",
				LeftOut: "Other sources.",
			},
		}, views.SourceMoves, (*aggregates.SourceDays).Table),
		show(source, views.PanelInfo{
			Name: "largest", Title: "Largest transactions", Width: views.Whole, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Which single transactions moved most, who paid and who received.",
				Formula: "What a transaction moved from one kind of account to another. Where several kinds pay and several receive, each pays each in proportion. The 10 largest of the period; of equal ones, those that were written first.",
				Counted: "All transactions of the source, or what of them moved between the chosen kinds of account.",
				LeftOut: "Other sources, and the names of hidden holders.",
			},
		}, views.SourceLargest, (*aggregates.SourceDays).LargestTable),
	)
	p.thing = unknownSource
	p.exists = func(ctx context.Context, ref string) error {
		return checkExists(ctx, s.API.Sources.Exists, ref, p.thing)
	}
	p.check = func(ctx context.Context, params views.Params, _ url.Values) error {
		return check(ctx, errNotFound, func(ctx context.Context) (bool, error) { return s.API.Sources.Moved(ctx, bySource(params)) })
	}
	p.subject = func(value any) string { return value.(*aggregates.SourceDays).Source }
	return p
}
