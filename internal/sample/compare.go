package sample

import (
	"math"

	"exchequer/aggregates"
)

// Series is the course of one number of the town over the days of a period that are
// over. Sources rest on Sundays, and an item is not sold on every day.
func Series(q aggregates.SeriesQuery) *aggregates.Series {
	starts, unit := starts(q.Days)
	v := &aggregates.Series{SeriesRef: q.SeriesRef, ID: q.Ref, Basis: basis(q.Days, starts[0], Noon), Population: q.Population, Bucket: unit}
	if q.Kind.HasRef() {
		v.Name = map[string]string{"ada": "Diamond"}[q.Ref]
		if v.Name == "" {
			v.Name = q.Ref
		}
	}
	over := starts[:len(starts)-1] // the last one is not
	for i, at := range over {
		x := float64(i) / float64(len(over))
		wave := math.Sin(float64(i) / 3)
		var value float64
		switch q.Kind {
		case aggregates.SeriesSupply:
			value = math.Round(7_900_000_00 + 300_000_00*x)
		case aggregates.SeriesHolders:
			value = 2200 + math.Round(117*x)
		case aggregates.SeriesGini:
			value = 0.638 + 0.004*x
		case aggregates.SeriesTop10:
			value = 0.36 + 0.004*wave
		case aggregates.SeriesPrice:
			value = 365_00 * (1 + 0.12*x + 0.03*wave) * float64(len(q.Ref)) / 3
		case aggregates.SeriesSold:
			value = 21_000_00 + 9_000_00*wave
		case aggregates.SeriesSource:
			if value = 52_000_00 + 20_000_00*wave; i%7 == 6 {
				value = 0
			}
		case aggregates.SeriesBalance:
			value = math.Round(12_000_00 * (1 - 1.2*x))
		}
		p := aggregates.SeriesPoint{Start: at, Day: at, Value: &value}
		if i+1 < len(starts) {
			p.Day = starts[i+1].AddDate(0, 0, -1)
		}
		if q.Kind == aggregates.SeriesPrice && i%11 == 5 {
			p.Value = nil
		}
		v.Points = append(v.Points, p)
	}
	return v
}
