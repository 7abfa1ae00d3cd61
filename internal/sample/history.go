package sample

import (
	"math"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// townHistory is three years by month, of a population that grows.
func townHistory() *aggregates.History {
	starts, unit := starts(0)
	h := &aggregates.History{Basis: basis(0, starts[0], Noon), Population: aggregates.PopulationPersonal, Bucket: unit, CurveEvery: "year"}
	for i, at := range starts {
		x := float64(i) / float64(len(starts))
		p := aggregates.HistoryPoint{Start: at, Day: at.AddDate(0, 1, -1), Supply: ledger.SumOf(int64(4_000_000_00 + 4_200_000_00*x)), Holders: 300 + int64(2000*x),
			Total: ledger.SumOf(int64(2_000_000_00 + 2_500_000_00*x)), Gini: ptr(0.6 + 0.04*math.Sin(6*x)), Top1: ptr(0.11 + 0.01*x), Top10: ptr(0.36 + 0.02*x)}
		if i == 5 {
			p.Gini, p.Top1, p.Top10 = nil, nil, nil
		}
		h.Points = append(h.Points, p)
	}
	for year := 2023; year <= 2026; year++ {
		at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		h.Curves = append(h.Curves, curve(at, at.AddDate(1, 0, -1), 2+float64(year-2023)/4, 1))
	}
	return h
}

// councilHistory is one year of a public body with debtors and no persons.
func councilHistory(end time.Time) *aggregates.History {
	h := &aggregates.History{Basis: basis(0, end.AddDate(-1, 0, 0), end), Population: aggregates.PopulationPrivate, Bucket: "month", CurveEvery: "month"}
	h.Historical = true
	for i := range 12 {
		at := end.AddDate(0, i-12, 0)
		h.Points = append(h.Points, aggregates.HistoryPoint{Start: at, Day: at.AddDate(0, 1, -1), Supply: ledger.Product(1<<40, int64(i+1)*1000), Holders: 17148, Gini: ptr(0.97), Top1: ptr(0.74), Top10: ptr(1.08)})
		h.Curves = append(h.Curves, curve(at, at.AddDate(0, 1, -1), 9, 1.2))
	}
	return h
}

func curve(start, day time.Time, power, steep float64) aggregates.HistoryCurve {
	c := aggregates.HistoryCurve{Start: start, Day: day, Gini: ptr(1 - 2/(power+1))}
	for i := range 51 {
		x := float64(i) / 50
		c.Points = append(c.Points, aggregates.LorenzPoint{Holders: x, Wealth: steep*math.Pow(x, power) - (steep-1)*x})
	}
	return c
}

// townLadder is 2,317 holders, each with a little more than the one before.
func townLadder() *aggregates.Ladder {
	l := &aggregates.Ladder{Basis: basis(0, Noon, Noon), Population: aggregates.PopulationPersonal, Holders: 2317}
	held := func(at int64) int64 { return at * at / 10 }
	for tenth := range int64(10) {
		l.Tenths = append(l.Tenths, held((tenth*l.Holders+9)/10))
	}
	for i := range int64(1001) {
		at := i * (l.Holders - 1) / 1000
		l.Rungs = append(l.Rungs, aggregates.Rung{Below: at, Balance: held(at)})
	}
	return l
}
