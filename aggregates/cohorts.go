package aggregates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

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

	MedianBound float64 `json:"medianBound,omitempty" doc:"The median is this far off at most, in a ledger with too many accounts to read each."`
}

// ComputeCohorts reads the snapshots that end the months, quarters or years; the last
// one is that of the balances.
func ComputeCohorts(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*Cohorts, error) {
	c := &Cohorts{Unit: cohortUnits[0].name, Cohorts: []Cohort{}}
	if err := c.read(ctx, db, w, 0, c.fill); err != nil {
		return nil, fmt.Errorf("cohorts: %w", err)
	}
	return c, nil
}

func (c *Cohorts) fill(ctx context.Context, tx pgx.Tx, s span) error {
	unit := 0
	for monthOf(s.Today)/cohortUnits[unit].months-monthOf(s.First)/cohortUnits[unit].months >= mostCohorts && unit < len(cohortUnits)-1 {
		unit++
	}
	months := cohortUnits[unit].months
	c.Unit = cohortUnits[unit].name
	last := monthOf(s.Today) / months
	first := max(monthOf(s.First)/months, last-mostCohorts+1)
	for i := first; i <= last; i++ {
		c.Cohorts = append(c.Cohorts, Cohort{Start: s.day(cohortStart(i, months)), Active: make([]int64, last-i+1)})
	}
	c.Partial = s.End.Before(s.day(cohortStart(last+1, months)))

	active := func(day int, cohorts []int32) {
		period := monthOf(dateOfDay(day)) / months
		for joined := first; joined <= period; joined++ {
			c.Cohorts[joined-first].Active[period-joined] = int64(cohorts[unit*mostCohorts+period-joined])
		}
	}
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return err
	}
	if sums != nil {
		err := c.tallied(ctx, tx, s, unit, first, last, active)
		exact, all := readAllInstead(ctx, err)
		if !all {
			return err
		}
		ctx = exact
	}
	all, err := readBalances(ctx, tx)
	if err != nil {
		return err
	}
	now, err := presenceBefore(ctx, tx, all, ledger.DayNumber(s.Today)+1, s.zone())
	if err != nil {
		return err
	}
	missing, err := eachPeriod(ctx, tx, unit, first, last, active)
	if err != nil {
		return err
	}
	if missing != nil {
		from, to := max(*missing, ledger.DayNumber(cohortStart(first, months))), ledger.DayNumber(cohortStart(last, months))
		p, err := presenceBefore(ctx, tx, all, from, s.zone())
		if err != nil {
			return err
		}
		if err := p.advance(ctx, tx, all, from, to-1, func(day int) { active(day, p.cohorts(day)) }); err != nil {
			return err
		}
	}
	active(ledger.DayNumber(s.Today), now.cohorts(ledger.DayNumber(s.Today)))

	cohortOf := func(holder int) (int, bool) {
		i := now.joined[holder]/months - first
		return i, i >= 0 && now.last[holder] != never // else it joins later
	}
	for holder := range now.joined {
		if i, ok := cohortOf(holder); ok {
			c.Cohorts[i].Holders++
		} else if now.last[holder] != never {
			c.Earlier++
		}
	}
	c.wealth(all.byHolder(s.archivedBy(), nil), cohortOf)
	return nil
}

// tallied fills the cohorts of a large ledger from what it has added up.
func (c *Cohorts) tallied(ctx context.Context, tx pgx.Tx, s span, unit, first, last int, active func(day int, cohorts []int32)) error {
	fold, err := readFold(ctx, tx)
	if err != nil {
		return err
	}
	joined, err := fold.Joined(ctx, tx, s.archivedBy(), s.zone(), cohortUnits[unit].months)
	if err != nil {
		return err
	}
	if _, err := eachPeriod(ctx, tx, unit, first, last, active); err != nil {
		return err
	}
	if err := talliedSince(ctx, tx, s, ledger.DayNumber(s.Today), func(t *talliedDay) { active(t.day, t.cohort()) }); err != nil {
		return err
	}
	for _, j := range joined {
		holders := j.Left
		for _, bin := range j.Here {
			holders += bin.Holders
		}
		switch {
		case j.Number < first:
			c.Earlier += holders
		case j.Number <= last: // later only in the first moments of a month
			of := &c.Cohorts[j.Number-first]
			of.Holders, of.Here = holders, holders-j.Left
			if err := of.middle(j.Here); err != nil {
				return err
			}
		}
	}
	return nil
}

// middle sets the median of bins, unless there is none, or one of them is of what does not
// fit in 64 bits.
func (c *Cohort) middle(bins []ledger.Tally) error {
	d, err := newBinned(bins)
	if errors.Is(err, errTooLarge) || err == nil && d.Len() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	median := d.Median()
	if c.Median = median.Value; median.Bound != nil {
		c.MedianBound = *median.Bound
	}
	return nil
}

// eachPeriod calls f with the cohorts of the last day with postings, or later ones, of
// each month, quarter or year from first to the one before last, as far as their snapshots
// are made. It returns the first day that has none, if one is missing.
func eachPeriod(ctx context.Context, tx pgx.Tx, unit, first, last int, f func(day int, cohorts []int32)) (missing *int, err error) {
	months := cohortUnits[unit].months
	from, to := ledger.DayNumber(cohortStart(first, months)), ledger.DayNumber(cohortStart(last, months))
	made := to
	uncounted, ok, err := firstUncounted(ctx, tx, dateOfDay(to))
	if err != nil {
		return nil, err
	}
	if ok {
		made, missing = uncounted, &uncounted
	}
	const query = `
		SELECT DISTINCT ON (date_trunc($3, day::timestamp)) day, cohorts FROM day_snapshots
		WHERE day >= $1::date AND day < $2::date AND active <> '{}'
		ORDER BY date_trunc($3, day::timestamp), day DESC`
	rows, _ := tx.Query(ctx, query, dateOfDay(from), dateOfDay(made), cohortUnits[unit].name)
	var at time.Time
	var cohorts []int32
	_, err = pgx.ForEachRow(rows, []any{&at, &cohorts}, func() error {
		f(ledger.DayNumber(at), cohorts)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("months in which holders were active: %w", err)
	}
	return missing, nil
}

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
