package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A daySnapshot is a row of day_snapshots; nil: not available.
type daySnapshot struct {
	Day                      time.Time
	Supply                   ledger.Sum
	Holders                  int64
	Gini, Top1, Top10, Palma *float64
	Populations              []populationDay // in the order of Populations; none in one of a release before
	Active, Cohorts          []int32         // see presence
}

// A populationDay is how a population's money was shared out at the end of a day.
type populationDay struct {
	Holders           int64
	Total             ledger.Sum
	Gini, Top1, Top10 *float64
	Curve             []float32 // the Lorenz curve at curveShares; nil: not available
}

// curveShares are the shares of the holders at which a snapshot keeps the Lorenz
// curve, in thousandths: each fiftieth, and more of the richest, between 0 and all.
var curveShares = func() (all []int) {
	for p := 20; p < 1000; p += 20 {
		all = append(all, p)
	}
	return append(all, 990, 999)
}()

// curve returns the Lorenz curve at curveShares, nil where shares are not defined.
// It is for drawing: floats, seven digits.
func (d *Distribution) curve() []float32 {
	if d.shared() != "" {
		return nil
	}
	total := d.Total().Float64()
	points := make([]float32, len(curveShares))
	for i, p := range curveShares {
		k, rest := d.Len()*p/1000, d.Len()*p%1000
		points[i] = float32((d.below[k].Float64() + float64(d.sorted[k])*float64(rest)/1000) / total)
	}
	return points
}

// String returns the state without the day and the populations.
func (s daySnapshot) String() string {
	text := fmt.Sprintf("(supply %s, holders %d", s.Supply, s.Holders)
	for _, m := range []struct {
		name  string
		value *float64
	}{{"gini", s.Gini}, {"top1", s.Top1}, {"top10", s.Top10}, {"palma", s.Palma}} {
		text += written(m.name, m.value)
	}
	return text + ")"
}

// whole returns the state without the day.
func (s daySnapshot) whole() string {
	text := s.String()
	for i, p := range s.Populations {
		text += fmt.Sprintf(", %s (holders %d, total %s", Populations()[i], p.Holders, p.Total)
		text += written("gini", p.Gini) + written("top1", p.Top1) + written("top10", p.Top10) + fmt.Sprintf(", curve %v)", p.Curve)
	}
	return text + fmt.Sprintf(", active %v, cohorts %v", s.Active, s.Cohorts)
}

func written(name string, value *float64) string {
	if value == nil {
		return ""
	}
	return fmt.Sprintf(", %s %v", name, *value)
}

// snapshotColumns are the columns of day_snapshots, in the order of values.
var snapshotColumns = []string{
	"day", "supply", "holders", "gini", "top1", "top10", "palma",
	"population_holders", "population_totals", "population_ginis", "population_top1s", "population_top10s", "population_curves",
	"active", "cohorts",
}

// values returns the row of a snapshot.
func (s daySnapshot) values() []any {
	var holders []int64
	var totals []ledger.Sum
	var ginis, top1s, top10s []*float64
	var curves []*float32
	for _, p := range s.Populations {
		holders, totals = append(holders, p.Holders), append(totals, p.Total)
		ginis, top1s, top10s = append(ginis, p.Gini), append(top1s, p.Top1), append(top10s, p.Top10)
		for i := range curveShares {
			if p.Curve == nil {
				curves = append(curves, nil)
			} else {
				curves = append(curves, &p.Curve[i])
			}
		}
	}
	return []any{s.Day, s.Supply, s.Holders, s.Gini, s.Top1, s.Top10, s.Palma, holders, totals, ginis, top1s, top10s, curves, s.Active, s.Cohorts}
}

// readSnapshot reads a row with snapshotColumns.
func readSnapshot(row pgx.CollectableRow) (s daySnapshot, err error) {
	var holders []int64
	var totals []ledger.Sum
	var ginis, top1s, top10s []*float64
	var curves []*float32
	err = row.Scan(&s.Day, &s.Supply, &s.Holders, &s.Gini, &s.Top1, &s.Top10, &s.Palma, &holders, &totals, &ginis, &top1s, &top10s, &curves, &s.Active, &s.Cohorts)
	if err != nil {
		return s, err
	}
	n := len(holders)
	if len(totals) != n || len(ginis) != n || len(top1s) != n || len(top10s) != n || len(curves) != n*len(curveShares) || len(s.Active) == 0 {
		return s, nil // not made by this release
	}
	for i := range holders {
		p := populationDay{Holders: holders[i], Total: totals[i], Gini: ginis[i], Top1: top1s[i], Top10: top10s[i]}
		p.Curve = curveOf(curves[i*len(curveShares) : (i+1)*len(curveShares)])
		s.Populations = append(s.Populations, p)
	}
	return s, nil
}

// curveOf returns the points of a curve that was kept, nil if there is none.
func curveOf(kept []*float32) []float32 {
	var curve []float32
	for _, v := range kept {
		if v == nil {
			return nil
		}
		curve = append(curve, *v)
	}
	return curve
}

func copySnapshots(ctx context.Context, tx pgx.Tx, rows []daySnapshot) (int, error) {
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"day_snapshots"}, snapshotColumns, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		return rows[i].values(), nil
	}))
	return int(n), err
}
