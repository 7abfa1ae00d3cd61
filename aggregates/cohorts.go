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

// mostCohorts is how many cohorts there are at most.
const mostCohorts = 24

// Cohorts are the holders by when they joined: by month, or by quarter or year in a
// ledger of more than 24 of those.
type Cohorts struct {
	Basis
	Unit    string   `json:"unit" enum:"month,quarter,year"`
	Cohorts []Cohort `json:"cohorts" nullable:"false" doc:"Oldest first; also those that nobody joined."`
	Earlier int64    `json:"earlier" doc:"Holders who joined before the first cohort."`
	Partial bool     `json:"partial" doc:"The last month, quarter or year is not over."`
}

// A Cohort is the holders whose first posting is in one month, quarter or year.
type Cohort struct {
	Start   time.Time `json:"start"`
	Holders int64     `json:"holders"`
	Active  []int64   `json:"active" nullable:"false" doc:"Of them, those with a posting in the first month (all), the second, and so on to the last one."`
	Here    int64     `json:"here" doc:"Of them, those with an account that is not archived."`
	Median  *float64  `json:"median" nullable:"true" doc:"What the one in the middle of these has now, in minor units; null where there is none."`
}

// cohortMonths are the lengths of a cohort.
var cohortMonths = []struct {
	name   string
	months int
}{{"month", 1}, {"quarter", 3}, {"year", 12}}

// ComputeCohorts reads the days on which each account had a posting. It costs as
// much as there are such days, so it is for a long window.
func ComputeCohorts(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*Cohorts, error) {
	c := &Cohorts{Unit: cohortMonths[0].name, Cohorts: []Cohort{}}
	if err := c.read(ctx, db, w, 0, c.fill); err != nil {
		return nil, fmt.Errorf("cohorts: %w", err)
	}
	return c, nil
}

func (c *Cohorts) fill(ctx context.Context, tx pgx.Tx, s span) error {
	months := 0
	for _, u := range cohortMonths {
		c.Unit, months = u.name, u.months
		if monthOf(s.Today)/months-monthOf(s.First)/months < mostCohorts {
			break
		}
	}
	last := monthOf(s.Today) / months
	first := max(monthOf(s.First)/months, last-mostCohorts+1)
	for i := first; i <= last; i++ {
		start := s.day(date(i*months/12, time.Month(i*months%12+1)))
		c.Cohorts = append(c.Cohorts, Cohort{Start: start, Active: make([]int64, last-i+1)})
	}
	next := s.day(date((last+1)*months/12, time.Month((last+1)*months%12+1)))
	c.Partial = s.End.Before(next)

	all, err := readBalances(ctx, tx)
	if err != nil {
		return err
	}
	holders := all.holderOf()
	joined, seen := make([]int, all.holders), make([]int, all.holders)
	for i := range joined {
		joined[i], seen[i] = never, never
	}
	const query = `SELECT day, array_agg(account) FROM account_days WHERE day <= $1::date GROUP BY day ORDER BY day`
	rows, _ := tx.Query(ctx, query, s.Today)
	var at time.Time
	var accounts []int64
	_, err = pgx.ForEachRow(rows, []any{&at, &accounts}, func() error {
		period := monthOf(at) / months
		for _, account := range accounts {
			place, ok := holders[account]
			if !ok || seen[place] == period {
				continue
			}
			seen[place] = period
			if joined[place] == never {
				if joined[place] = period; period >= first {
					c.Cohorts[period-first].Holders++
				} else {
					c.Earlier++
				}
			}
			if from := joined[place]; from >= first {
				c.Cohorts[from-first].Active[period-from]++
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("months in which holders were active: %w", err)
	}
	c.wealth(all.byHolder(s.End, nil), func(holder int) (cohort int, ok bool) {
		return joined[holder] - first, joined[holder] >= first
	})
	return nil
}

// monthOf numbers the months.
func monthOf(date time.Time) int { return date.Year()*12 + int(date.Month()) - 1 }

// wealth fills what the holders of each cohort have now.
func (c *Cohorts) wealth(holders []holderHolding, cohortOf func(holder int) (int, bool)) {
	held := make([][]ledger.Sum, len(c.Cohorts))
	for holder, has := range holders {
		if i, ok := cohortOf(holder); ok && has.accounts > 0 {
			held[i] = append(held[i], has.balance)
		}
	}
	for i, sums := range held {
		c.Cohorts[i].Here = int64(len(sums))
		if len(sums) == 0 {
			continue
		}
		slices.SortFunc(sums, ledger.Sum.Compare)
		median := sums[(len(sums)-1)/2].Plus(sums[len(sums)/2]).Float64() / 2
		c.Cohorts[i].Median = &median
	}
}

// Table has one row a cohort and one column a month, quarter or year since.
func (c *Cohorts) Table() Table {
	t := Table{Columns: []Column{
		{"start", "Joined from", Day}, {"holders", "Holders", Count}, {"here", "With an account now", Count}, {"median", "Median now, minor units", Ratio},
	}}
	for i := range c.Cohorts {
		t.Columns = append(t.Columns, Column{fmt.Sprint("active_", i), fmt.Sprintf("Active in %s %d", c.Unit, i+1), Count})
	}
	for _, of := range c.Cohorts {
		row := []any{of.Start, of.Holders, of.Here, orNil(of.Median)}
		for i := range c.Cohorts {
			if i < len(of.Active) {
				row = append(row, of.Active[i])
			} else {
				row = append(row, nil)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
