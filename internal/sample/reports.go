package sample

import (
	"context"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// Reports has the report of a month that is over, by whatever name it is asked for, and
// nothing of an economy without sales but its money.
func (p *Economy) Reports() aggregates.Reports {
	if !p.Profile.Reports {
		return aggregates.Reports{
			List: func(context.Context, string, int) ([]aggregates.ReportRow, error) { return nil, nil },
			Read: func(context.Context, string) (*aggregates.Report, error) { return nil, aggregates.ErrNoReport },
		}
	}
	r := p.report()
	return aggregates.Reports{
		List: func(context.Context, string, int) ([]aggregates.ReportRow, error) {
			n := &r.Numbers
			rows := []aggregates.ReportRow{{Month: r.Month, MadeAt: r.MadeAt, Version: r.Version, Closing: n.Closing, Prices: n.Prices.Month, Turnover: n.Turnover, Errata: int64(len(r.Errata))}}
			return append(rows, aggregates.ReportRow{Month: r.Previous, MadeAt: r.MadeAt.AddDate(0, -1, 0), Version: "1.1", Closing: n.Opening, Turnover: ledger.SumOf(61_204_00)}), nil
		},
		Read: func(context.Context, string) (*aggregates.Report, error) { return r, nil },
	}
}

func (p *Economy) report() *aggregates.Report {
	start := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	n := aggregates.MonthNumbers{
		Timezone: "UTC", Start: start, End: start.AddDate(0, 1, 0),
		Opening: ledger.SumOf(8_069_653_00), Closing: ledger.SumOf(8_214_906_50),
		Created:      []aggregates.BridgeStep{{Source: "wages", Change: ledger.SumOf(180_000_00)}, {Source: "bounty", Change: ledger.SumOf(65_253_50)}},
		Destroyed:    []aggregates.BridgeStep{{Source: "tax", Change: ledger.SumOf(-90_000_00)}},
		Others:       aggregates.BridgeOthers{Destroying: 3, Destroyed: ledger.SumOf(10_000_00)},
		Transactions: 446_219, Transfers: ledger.SumOf(15_700_000_00), Active: 1318, Population: aggregates.PopulationPersonal,
		Wealth:     aggregates.MonthWealth{Holders: 2317, Total: ledger.SumOf(4_521_000_25), Gini: ptr(0.642), Top1: ptr(0.213), Top10: ptr(0.574), Palma: ptr(6.1)},
		YearBefore: &aggregates.MonthWealth{Holders: 1804, Total: ledger.SumOf(3_310_000_00), Gini: ptr(0.617), Top1: ptr(0.198), Top10: ptr(0.551), Palma: ptr(5.2)},
	}
	for i := range 13 {
		n.Prices.Course = append(n.Prices.Course, aggregates.MonthIndex{Month: start.AddDate(0, i-12, 0).Format("2006-01")})
		if i > 1 {
			n.Prices.Course[i].Value, n.Prices.Course[i].Coverage = ptr(100+float64(i-2)*1.7), ptr(0.91)
		}
	}
	if p.Profile.Sales {
		n.Sales, n.Turnover = 20_114, ledger.SumOf(71_902_40)
		n.Prices.Month, n.Prices.Coverage, n.Prices.Items = ptr(0.0146), ptr(0.91), 212
		n.Compared, n.Up, n.Down = 187, 101, 80
		n.Rose = []aggregates.MonthMover{{ID: "diamond", Name: "Diamond", Now: 36500, Before: 29200, Change: 0.25}, {ID: "cake", Name: "Cake", Now: 0.72, Before: 0.6, Change: 0.2}}
		n.Fell = []aggregates.MonthMover{{ID: "rope", Name: "Rope", Now: 1050, Before: 1400, Change: -0.25}}
		n.Firms = []aggregates.MonthFirm{{ID: "f", Name: "Ferry & Oak", Sales: 812, Turnover: ledger.SumOf(9_120_00)}, {Name: ledger.HiddenName, Sales: 77, Turnover: ledger.SumOf(4_404_00)}}
	}
	return &aggregates.Report{
		Month: "2026-02", MadeAt: start.AddDate(0, 1, 0).Add(time.Hour), Version: "1.2", Numbers: n, Previous: "2026-01",
		Errata: []aggregates.Erratum{
			{MadeAt: Noon.AddDate(0, 0, -2), Version: "1.2", What: "closing", Before: ptr("821490650"), After: ptr("821491350")},
			{MadeAt: Noon.AddDate(0, 0, -2), Version: "1.2", What: "created", Of: "grant", After: ptr("700")},
			{MadeAt: Noon.AddDate(0, 0, -2), Version: "1.2", What: "firm", Name: ledger.HiddenName, Before: ptr("440400"), After: ptr("440900")},
			{MadeAt: Noon.AddDate(0, 0, -2), Version: "1.2", What: "gini", Before: ptr("0.642"), After: ptr("0.6425")},
		},
	}
}
