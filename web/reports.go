package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// hasReports reports whether a month was ever reported.
func hasReports(p aggregates.Profile) bool { return p.Reports }

// reports declares the page of all reports. They are read as they are, since each is
// made once.
func (s *server) reports() *page {
	p := declare(views.PageInfo{
		Path: views.ReportsPath, Name: "Reports", Group: "Record", Heading: "Monthly reports",
		Description: "What each month of {economy} was like, as it was known when it was over.",
	})
	p.worth = hasReports
	after := afterParam(func(text string) string {
		if _, ok := aggregates.ParseMonth(text); ok {
			return text
		}
		return ""
	})
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "months", Title: "Months", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "The months that are over. Each report was made an hour after its month or later, and stays as it is. What was written into the month since is listed in it as corrections.",
				Formula: "Supply = sum of the balances of all but the issuers at the end of the month; prices = price index of the month / that of the month before − 1.",
				Counted: "Months of the community's time zone.",
				LeftOut: "The current month, and months in which nothing happened.",
			},
		},
		after: after, begin: "latest", further: "earlier",
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			rows, err := s.Reports.List(ctx, params.Get(after), limit+1)
			if err != nil {
				return stretch{}, err
			}
			read := stretch{}
			if len(rows) > limit {
				rows = rows[:limit]
				read.next = rows[limit-1].Month
			}
			read.table = reportsTable(rows)
			read.draw = func(s ledger.Settings) templ.Component { return views.ReportMonths(rows, s) }
			return read, nil
		},
	})
	return p
}

func reportsTable(rows []aggregates.ReportRow) aggregates.Table {
	t := aggregates.Table{Columns: []aggregates.Column{
		{Name: "month", Title: "Month", Unit: aggregates.Text}, {Name: "supply", Title: "Supply at its end", Unit: aggregates.Money},
		{Name: "prices", Title: "Prices against the month before", Unit: aggregates.Percent}, {Name: "turnover", Title: "Value of sales", Unit: aggregates.Money},
		{Name: "made_at", Title: "Made at", Unit: aggregates.Instant}, {Name: "version", Title: "By version", Unit: aggregates.Text}, {Name: "errata", Title: "Corrections", Unit: aggregates.Count},
	}}
	for _, r := range rows {
		prices := any(nil)
		if r.Prices != nil {
			prices = *r.Prices
		}
		t.Rows = append(t.Rows, []any{r.Month, r.Closing, prices, r.Turnover, r.MadeAt.UTC(), r.Version, r.Errata})
	}
	return t
}

// report declares the page of the report of a month.
func (s *server) report() *page {
	p := declare(views.PageInfo{
		Path: views.ReportPath, Name: "Report", Reserved: []string{"months.csv", "months.json"},
		Above:       []views.MenuEntry{{Name: "Reports", Path: views.ReportsPath}},
		Description: "A month of {economy}: money, prices, trade and who holds what.",
	})
	p.thing = unknownReport
	p.exists = func(context.Context, string) error { return nil } // is known when it is read
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "figures", Title: "Key figures", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "The month at a glance, as it was known when the report was made. The files have all figures of the report.",
				Formula: "As on the pages of the economy and of the market, over the month. Prices = the price index over the 13 months that end with this one.",
				Counted: "What was written until the report was made. Sales without offsetting trade.",
				LeftOut: "What was written later: it is listed as corrections.",
			},
		},
		after: afterParam(func(string) string { return "" }), begin: "all", leads: true,
		read: func(ctx context.Context, params views.Params, _ int) (stretch, error) {
			r, err := s.Reports.Read(ctx, params.Ref)
			if errors.Is(err, aggregates.ErrNoReport) {
				return stretch{}, unknownReport
			}
			if err != nil {
				return stretch{}, err
			}
			if s.sees(ctx) < views.ShowsDealings {
				r = r.WithoutFirms()
			}
			settings := s.Settings()
			return stretch{
				table: r.Table(), value: r, subject: views.MonthName(r.Month), note: views.ReportNote(r, settings),
				draw: func(s ledger.Settings) templ.Component { return views.ReportFigures(r, s) },
				panel: func(l views.List) (templ.Component, []views.Sentence) {
					return views.Report(l, r), views.SayReport(r, l.Settings)
				},
			}, nil
		},
	})
	return p
}

// reportJSON serves a report for programs.
func (s *server) reportJSON(p *page) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		params, err := s.listParams(r, p)
		if err != nil {
			return err
		}
		return s.listed(w, r, p, params, "whole.json", func(_ context.Context, rows stretch) (*rendering, error) {
			header, b, err := encodeJSON(rows.value)
			if err != nil {
				return nil, err
			}
			return newRendering(header, b, time.Time{}), nil
		})
	}
}
