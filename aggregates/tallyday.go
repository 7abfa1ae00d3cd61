package aggregates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A talliedDay is the economy at the end of a day, of a ledger with too many accounts to
// read the balance of each: see docs/decisions/0042-days-of-large-ledgers.md. It moves
// forward by the changes of days.
type talliedDay struct {
	day     int
	supply  ledger.Sum
	places  map[tallyPlace]tallySum
	lasts   [weekDays]int32 // holders by how many days ago they had their latest posting
	cohorts [len(cohortUnits)][mostCohorts]int32
}

// move moves the state to the end of a later day, on which there was a change, or none: nil.
func (t *talliedDay) move(day int, change *dayChange) {
	passed := day - t.day
	for i := weekDays - 1; i >= 0; i-- {
		t.lasts[i] = 0
		if i >= passed {
			t.lasts[i] = t.lasts[i-passed]
		}
	}
	for u, unit := range cohortUnits {
		if monthOf(dateOfDay(day))/unit.months != monthOf(dateOfDay(t.day))/unit.months {
			t.cohorts[u] = [mostCohorts]int32{}
		}
	}
	t.day = day
	if change == nil {
		return
	}
	t.supply = t.supply.Plus(change.supply)
	for at, by := range change.places {
		if sum := t.places[at].plus(by); sum == (tallySum{}) {
			delete(t.places, at)
		} else {
			t.places[at] = sum
		}
	}
	for age, n := range change.ages {
		t.lasts[0] += n
		if age < weekDays {
			t.lasts[age] -= n
		}
	}
	for u := range cohortUnits {
		for ago := range t.cohorts[u] {
			t.cohorts[u][ago] += change.cohorts[u][ago]
		}
	}
}

// active is presence.active.
func (t *talliedDay) active() []int32 {
	counts := slices.Clone(t.lasts[:])
	for i := 1; i < weekDays; i++ {
		counts[i] += counts[i-1]
	}
	return counts
}

// cohort is presence.cohorts.
func (t *talliedDay) cohort() (counts []int32) {
	for u := range cohortUnits {
		counts = append(counts, t.cohorts[u][:]...)
	}
	return counts
}

// of returns a population's holders by bins, in the order of these.
func (t *talliedDay) of(population int) []ledger.Tally {
	bins := map[int]tallySum{}
	for at, sum := range t.places {
		if at.tally == tallySingle || at.tally == tallyPersonal+dayTally(population) {
			bins[int(at.place)] = bins[int(at.place)].plus(sum)
		}
	}
	var tallies []ledger.Tally
	for _, bin := range slices.Sorted(maps.Keys(bins)) {
		tallies = append(tallies, ledger.Tally{Place: bin, Holders: bins[bin].holders, Total: bins[bin].total})
	}
	return tallies
}

// A binnedPopulation is what a snapshot has of a population, with bounds. The measures are
// not available where a holder has more than 64 bits hold.
type binnedPopulation struct {
	populationDay
	nonzero                  int64 // holders
	gini, top1, top10, palma Measure
	curve                    []Measure
}

func (t *talliedDay) populations() (all [populations]binnedPopulation, err error) {
	for i := range all {
		p, tallies := &all[i], t.of(i)
		for _, bin := range tallies {
			p.Holders += bin.Holders
			p.Total = p.Total.Plus(bin.Total)
			if bin.Place != 0 {
				p.nonzero += bin.Holders
			}
		}
		d, err := newBinned(tallies)
		if errors.Is(err, errTooLarge) {
			continue
		}
		if err != nil {
			return all, err
		}
		p.gini, p.top1, p.top10, p.palma = d.Gini(), d.TopShare(1, 100), d.TopShare(10, 100), d.Palma()
		p.Gini, p.Top1, p.Top10 = p.gini.Value, p.top1.Value, p.top10.Value
		if d.shared() == "" {
			for _, share := range curveShares {
				point := bounded(d.poorest(share, 1000))
				p.curve, p.Curve = append(p.curve, point), append(p.Curve, float32(*point.Value))
			}
		}
	}
	return all, nil
}

// snapshot returns the snapshot of the day.
func (t *talliedDay) snapshot() (daySnapshot, error) {
	s := daySnapshot{Day: dateOfDay(t.day), Supply: t.supply, Active: t.active(), Cohorts: t.cohort()}
	all, err := t.populations()
	if err != nil {
		return s, err
	}
	for _, p := range all {
		s.Populations = append(s.Populations, p.populationDay)
	}
	s.Holders, s.Gini, s.Top1, s.Top10, s.Palma = all[0].nonzero, all[0].Gini, all[0].Top1, all[0].Top10, all[0].palma.Value
	return s, nil
}

// allows reports whether a snapshot of the day may be right: its sums and numbers are those of
// the tallies, and its measures are within the bounds.
func (t *talliedDay) allows(s daySnapshot) (bool, error) {
	all, err := t.populations()
	if err != nil {
		return false, err
	}
	if len(s.Populations) != len(all) || s.Supply != t.supply || s.Holders != all[0].nonzero ||
		!slices.Equal(s.Active, t.active()) || !slices.Equal(s.Cohorts, t.cohort()) {
		return false, nil
	}
	// A Palma ratio may follow from all balances where none follows from bins.
	if p := all[0]; !(p.gini.near(s.Gini) && p.top1.near(s.Top1) && p.top10.near(s.Top10) && (p.palma.Value == nil || p.palma.near(s.Palma))) {
		return false, nil
	}
	for i, p := range all {
		of := s.Populations[i]
		if of.Holders != p.Holders || of.Total != p.Total || len(of.Curve) != len(p.curve) ||
			!p.gini.near(of.Gini) || !p.top1.near(of.Top1) || !p.top10.near(of.Top10) {
			return false, nil
		}
		for j, point := range p.curve {
			at := float64(of.Curve[j])
			*point.Value = float64(float32(*point.Value)) // seven digits are kept
			if !point.nearly(at, 1e-6) {
				return false, nil
			}
		}
	}
	return true, nil
}

// near reports whether a number that is known of the measure is within its bound.
func (m Measure) near(known *float64) bool {
	if m.Value == nil || known == nil {
		return m.Value == nil && known == nil
	}
	return m.nearly(*known, 1e-12)
}

// nearly is near with what rounding may make of a number of the size 1.
func (m Measure) nearly(known, rounding float64) bool {
	within := rounding * (1 + math.Abs(known))
	if m.Bound != nil {
		within += *m.Bound
	}
	return math.Abs(known-*m.Value) <= within
}

// readTalliedDay returns the last day up to a date that has tallies, nil if none has.
func readTalliedDay(ctx context.Context, tx pgx.Tx, date time.Time) (*talliedDay, error) {
	// A process of the release before may have made snapshots anew, and left the tallies.
	const last = `
		WITH stale AS (
			SELECT coalesce(min(s.day), 'infinity') AS day FROM day_snapshots s JOIN day_tallies t ON t.day = s.day AND tally = 'single' AND claim = ''
			WHERE s.made > t.made AND s.day <= $1::date)
		SELECT day, supply, active, cohorts FROM day_snapshots
		WHERE day = (SELECT max(t.day) FROM day_tallies t, stale WHERE t.day <= $1::date AND t.day < stale.day AND claim = '') AND active <> '{}'`
	t := &talliedDay{}
	var day time.Time
	var active, cohorts []int32
	err := tx.QueryRow(ctx, last, date).Scan(&day, &t.supply, &active, &cohorts)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("last day with tallies: %w", err)
	}
	t.day = ledger.DayNumber(day)
	copy(t.lasts[:], active)
	for i := weekDays - 1; i > 0; i-- {
		t.lasts[i] -= t.lasts[i-1]
	}
	for u := range cohortUnits {
		copy(t.cohorts[u][:], cohorts[u*mostCohorts:])
	}
	t.places, err = readPlaces(ctx, tx, day)
	return t, err
}

// readPlaces returns the tallies that are kept of a day.
func readPlaces(ctx context.Context, tx pgx.Tx, day time.Time) (map[tallyPlace]tallySum, error) {
	const kept = `SELECT tally, places, holders, totals FROM day_tallies WHERE day = $1 AND claim = ''`
	all := map[tallyPlace]tallySum{}
	rows, _ := tx.Query(ctx, kept, day)
	var name string
	var places []int32
	var holders []int64
	var totals []ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&name, &places, &holders, &totals}, func() error {
		if len(holders) != len(places) || len(totals) != len(places) {
			return fmt.Errorf("%s has %d places, %d numbers and %d sums", name, len(places), len(holders), len(totals))
		}
		for tally := range dayTallies {
			if tally.String() == name {
				for i, place := range places {
					all[tallyPlace{tally, place}] = tallySum{holders[i], totals[i]}
				}
			}
		}
		places, holders, totals = nil, nil, nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("tallies of %s: %w", day.Format(time.DateOnly), err)
	}
	return all, nil
}

// tallyColumns are the columns of day_tallies, in the order of rows.
var tallyColumns = []string{"day", "tally", "places", "holders", "totals"}

// rows returns the day's rows of day_tallies. Each tally has one, so that a day without
// holders is one with tallies.
func (t *talliedDay) rows() (all [][]any) {
	places := slices.SortedFunc(maps.Keys(t.places), func(a, b tallyPlace) int {
		return cmp.Or(cmp.Compare(a.tally, b.tally), cmp.Compare(a.place, b.place))
	})
	for tally := range dayTallies {
		at, holders, totals := []int32{}, []int64{}, []ledger.Sum{}
		for _, p := range places {
			if p.tally == tally {
				at, holders, totals = append(at, p.place), append(holders, t.places[p].holders), append(totals, t.places[p].total)
			}
		}
		all = append(all, []any{dateOfDay(t.day), tally.String(), at, holders, totals})
	}
	return all
}

// errDaysMissing is of what needs the days of a large ledger before they are made.
var errDaysMissing = errors.New("the days of the ledger are still being added up")

// readAllInstead reports whether all balances are to be read because of an error, which a ledger
// allows that is not too large for it, and returns the context for that.
func readAllInstead(ctx context.Context, err error) (context.Context, bool) {
	if !errors.Is(err, errDaysMissing) && !errors.Is(err, ledger.ErrNotGrouped) || exactOf(ctx) >= mostExact {
		return ctx, false
	}
	return mostExact.within(ctx), true
}

// talliedSince calls f with the days after the last one with tallies, up to one, and with
// that one: it reads who changed in them.
func talliedSince(ctx context.Context, tx pgx.Tx, s span, to int, f func(*talliedDay)) error {
	last, err := readTalliedDay(ctx, tx, dateOfDay(to))
	if err != nil {
		return err
	}
	if last == nil {
		return errDaysMissing
	}
	days, err := snapshotDays(ctx, tx, s.zone(), last.day+1, to)
	if err != nil {
		return err
	}
	if len(days) > fewDays {
		return errDaysMissing
	}
	plan := &talliedPlan{zone: s.zone(), last: last, days: days, to: to}
	if err := plan.each(ctx, tx, func(t *talliedDay) error { f(t); return nil }); err != nil {
		return err
	}
	if len(days) == 0 || last.day < to {
		last.move(to, nil)
		f(last)
	}
	return nil
}
