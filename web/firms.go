package web

import (
	"context"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

func hasFirms(p aggregates.Profile) bool { return p.Firms }

// firms declares the list of all firms.
func (s *server) firms() *page {
	firms := readMemo(s.API.Firms, byDays, views.DaysParam)
	p := declare(views.PageInfo{
		Path: "/firms", Name: "Firms", Group: "Record", Heading: "Firms",
		Description: "What the firms of {economy} sell and gain, the largest first.",
	},
		show(firms, views.PanelInfo{
			Name: "summary", Title: "Firms", Width: views.Whole, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "How many firms there are, and what they sold and gained together.",
				Formula: "Turnover: the sum of the totals of what they sold. Profit: what all their accounts gained.",
				Counted: "Holders of a business account, hidden ones among them, each with all accounts, and those that are merged into them.",
				LeftOut: "Holders whose business accounts are all archived, or issue money. Of the turnover: returns, gifts and corrections; sales that offset each other.",
			},
		}, views.FirmsSummary, (*aggregates.Firms).SummaryTable).where(hasFirms),
	)
	const longest = 512 // bytes of a ref
	after := afterRef(longest)
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "list", Title: "Which firms sell and gain the most?", Width: views.Whole, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "What each firm sold, and what it gained in its dealings with others. A firm is who holds a business account, and each leads to the page of its holder.",
				Formula: "Turnover: sum of the totals of the sales in which one of its accounts is the seller, tax included. Change: turnover of the days that are over / that of the same days of the period before − 1. Profit: received − sent, of all its accounts together.",
				Counted: "All accounts of the holder, personal ones too, and those that are merged into them. Shops: active ones. Staff and wages: holders whose personal accounts gained in transactions with one of the sources payroll, salary, salaries, wage, wages, in which the firm alone paid, in the last 30 days whatever the period.",
				LeftOut: "Issuers. Sales that name no seller; returns, gifts and corrections; sales that offset each other. Goods in stock have no value here. Firms of hidden holders are not listed.",
			},
		},
		after: after, begin: "first", further: "next", memo: firms,
		cost:    func(views.Params) readCost { return fromMemory },
		filters: []*views.Param{views.FirmTextParam, views.FirmSortParam, views.FirmSoldParam, views.DaysParam},
		read: func(ctx context.Context, params views.Params, limit int) (stretch, error) {
			res, err := s.API.Firms.Get(ctx, byDays(params))
			if err != nil {
				return stretch{}, err
			}
			v, f := res.Value, aggregates.FirmFilter{
				Text: params.Get(views.FirmTextParam), Sort: params.Get(views.FirmSortParam), Trading: params.Checked(views.FirmSoldParam),
			}
			rows, matching, more, err := v.Select(f, params.Get(after), limit)
			if err != nil {
				return stretch{}, err
			}
			read := stretch{table: aggregates.FirmsTable(rows).First(len(v.Firms), v.Count-v.Hidden), sub: views.FirmsSub(matching, v, s.Settings())}
			if more {
				read.next = rows[len(rows)-1].ID
			}
			read.draw = func(settings ledger.Settings) templ.Component { return views.FirmRows(rows, v, settings) }
			return read, nil
		},
	})
	return p
}
