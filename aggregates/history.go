package aggregates

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// mostCurves is how many Lorenz curves a history has.
const mostCurves = 24

// History is how much money there was, and how it was shared out, over the whole
// ledger. It comes from the day snapshots, so it ends with the last whole day whose
// snapshot is made.
type History struct {
	Basis
	Population Population     `json:"population" enum:"personal,private,all"`
	Bucket     string         `json:"bucket" enum:"day,week,month,year,decade" doc:"What a point stands for."`
	Points     []HistoryPoint `json:"points" nullable:"false" doc:"Oldest first, each at the end of its last day that is known."`
	CurveEvery string         `json:"curveEvery" enum:"day,week,month,year,decade" doc:"What a curve stands for."`
	Curves     []HistoryCurve `json:"curves" nullable:"false" doc:"Lorenz curves, oldest first, at most 24."`
}

// A HistoryPoint is the state at the end of a day.
type HistoryPoint struct {
	Start   time.Time  `json:"start" doc:"Of the day, week (from Monday), month, year or decade."`
	Day     time.Time  `json:"day" doc:"The day at whose end it was so: its last one, or the last one that is known."`
	Supply  ledger.Sum `json:"supply" doc:"What all but the issuers held."`
	Holders int64      `json:"holders" doc:"Of the population, zero balances included."`
	Total   ledger.Sum `json:"total" doc:"What the population held."`
	Gini    *float64   `json:"gini" doc:"null: not available."`
	Top1    *float64   `json:"top1"`
	Top10   *float64   `json:"top10"`
}

// A HistoryCurve is the Lorenz curve at the end of a day.
type HistoryCurve struct {
	Start  time.Time     `json:"start"`
	Day    time.Time     `json:"day"`
	Gini   *float64      `json:"gini"`
	Points []LorenzPoint `json:"points" nullable:"false" doc:"From 0 to 1, at each fiftieth and at 99 % and 99.9 % of the holders."`
}

// ComputeHistory reads the history of a population up to w's start.
func ComputeHistory(ctx context.Context, db *pgxpool.Pool, w cache.Window, population Population) (*History, error) {
	h := &History{Population: population, Bucket: "day", CurveEvery: "day", Points: []HistoryPoint{}, Curves: []HistoryCurve{}}
	if err := h.read(ctx, db, w, 0, h.fill); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return h, nil
}

func (h *History) fill(ctx context.Context, tx pgx.Tx, s span) error {
	last := dateOf(s.Today)
	missing, err := firstMissing(ctx, tx, plus(s.Today, 1))
	if err != nil {
		return err
	}
	if missing != nil && !missing.After(last) {
		last = dateOf(plus(*missing, -1))
	}
	if h.Population, err = populationInForce(ctx, tx, h.Population, last); err != nil {
		return err
	}
	var buckets []bucket
	h.Bucket, buckets = s.buckets()
	if err := h.points(ctx, tx, s, buckets, last); err != nil {
		return err
	}
	h.CurveEvery, buckets = s.fewBuckets(mostCurves)
	return h.curves(ctx, tx, s, buckets, last)
}

// populationInForce returns the population of which the snapshots up to a day are
// shown: in a ledger of firms or of a public body, where there are no persons, the
// private one instead of theirs.
func populationInForce(ctx context.Context, tx pgx.Tx, p Population, last time.Time) (Population, error) {
	if p != PopulationPersonal {
		return p, nil
	}
	const none = `
		SELECT coalesce(bool_and(population_holders[1] = 0), false) FROM (
			SELECT population_holders FROM day_snapshots WHERE day <= $1 ORDER BY day DESC LIMIT 1) AS last
		WHERE NOT EXISTS (SELECT FROM balances JOIN accounts ON id = account WHERE kind = 'personal' AND NOT issuer)`
	var noPersons bool
	if err := tx.QueryRow(ctx, none, last).Scan(&noPersons); err != nil {
		return p, fmt.Errorf("whether there are persons: %w", err)
	}
	if noPersons {
		return PopulationPrivate, nil
	}
	return p, nil
}

// fewBuckets divides the span into the shortest units of which there are no more
// than most, and returns the last of them if there is no such unit.
func (s span) fewBuckets(most int) (unitName string, all []bucket) {
	day := unit{"day", 0, func(t time.Time) time.Time { return t }, later(0, 0, 1)}
	for _, u := range append([]unit{day}, units...) {
		if s.days() > most*366*10 && u.name != "decade" {
			continue // more than could be drawn, and years to count
		}
		if all = s.divideBy(u); len(all) <= most {
			return u.name, all
		}
		unitName = u.name
	}
	return unitName, all[len(all)-most:]
}

// atEnds is SQL for the snapshots that were in force at the end of days.
const atEnds = `
	FROM unnest(@days::date[]) WITH ORDINALITY AS asked (day, nr) CROSS JOIN LATERAL (
		SELECT * FROM day_snapshots WHERE day <= asked.day ORDER BY day DESC LIMIT 1) AS kept
	ORDER BY nr`

// ends returns the last known day of each bucket, and those buckets that have one.
func (s span) ends(all []bucket, last time.Time) (days []time.Time, known []bucket) {
	for _, b := range all {
		from, to := dateOf(plus(s.Start, b.from)), dateOf(plus(s.Start, b.to))
		if from.After(last) {
			break
		}
		if to.After(last) {
			to = last
		}
		days, known = append(days, to), append(known, b)
	}
	return days, known
}

func (h *History) points(ctx context.Context, tx pgx.Tx, s span, buckets []bucket, last time.Time) error {
	days, buckets := s.ends(buckets, last)
	const query = `
		SELECT nr, supply, population_holders[@p], population_totals[@p], population_ginis[@p], population_top1s[@p], population_top10s[@p]` + atEnds
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"days": days, "p": h.Population.index()})
	var nr int
	var p HistoryPoint
	_, err := pgx.ForEachRow(rows, []any{&nr, &p.Supply, &p.Holders, &p.Total, &p.Gini, &p.Top1, &p.Top10}, func() error {
		p.Start, p.Day = buckets[nr-1].start, s.day(days[nr-1])
		h.Points = append(h.Points, p)
		p = HistoryPoint{}
		return nil
	})
	if err != nil {
		return fmt.Errorf("points: %w", err)
	}
	return nil
}

func (h *History) curves(ctx context.Context, tx pgx.Tx, s span, buckets []bucket, last time.Time) error {
	days, buckets := s.ends(buckets, last)
	const query = `SELECT nr, population_ginis[@p], population_curves[@from:@to]` + atEnds
	n := len(curveShares)
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"days": days, "p": h.Population.index(), "from": (h.Population.index()-1)*n + 1, "to": h.Population.index() * n})
	var nr int
	var gini *float64
	var kept []*float32
	_, err := pgx.ForEachRow(rows, []any{&nr, &gini, &kept}, func() error {
		curve := curveOf(kept)
		if len(curve) != n {
			return nil // shares were not defined
		}
		c := HistoryCurve{Start: buckets[nr-1].start, Day: s.day(days[nr-1]), Gini: gini, Points: []LorenzPoint{{}}}
		for i, wealth := range curve {
			c.Points = append(c.Points, LorenzPoint{Holders: float64(curveShares[i]) / 1000, Wealth: float64(wealth)})
		}
		c.Points = append(c.Points, LorenzPoint{1, 1})
		h.Curves = append(h.Curves, c)
		return nil
	})
	if err != nil {
		return fmt.Errorf("curves: %w", err)
	}
	return nil
}

// index returns the place of the population in the arrays of a snapshot.
func (p Population) index() int { return slices.Index(Populations(), p) + 1 }

// Table has one row a point.
func (h *History) Table() Table {
	t := Table{Columns: []Column{
		{"start", "First day", Day}, {"day", "At the end of", Day}, {"supply", "Supply", Money}, {"holders", "Holders", Count}, {"total", "Hold together", Money},
		{"gini", "Gini", Ratio}, {"top1", "Top 1 %", Percent}, {"top10", "Top 10 %", Percent},
	}}
	for _, p := range h.Points {
		t.Rows = append(t.Rows, []any{p.Start, p.Day, p.Supply, p.Holders, p.Total, orNil(p.Gini), orNil(p.Top1), orNil(p.Top10)})
	}
	return t
}

// CurvesTable has one row a point of a curve.
func (h *History) CurvesTable() Table {
	t := Table{Columns: []Column{{"day", "At the end of", Day}, {"holders", "Poorest holders", Percent}, {"wealth", "Hold", Percent}}}
	for _, c := range h.Curves {
		for _, p := range c.Points {
			t.Rows = append(t.Rows, []any{c.Day, p.Holders, p.Wealth})
		}
	}
	return t
}
