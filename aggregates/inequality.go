package aggregates

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// A Population is the holders whose balances are compared. Issuers and archived
// accounts are never part of it.
type Population string

// The populations.
const (
	PopulationPersonal Population = "personal" // holders of personal accounts
	PopulationPrivate  Population = "private"  // personal and business
	PopulationAll      Population = "all"      // every kind
)

// Populations returns the populations in the order in which they are shown.
func Populations() []Population {
	return []Population{PopulationPersonal, PopulationPrivate, PopulationAll}
}

// Key names the population in addresses and cache keys.
func (p Population) Key() string { return string(p) }

// ParsePopulation returns the named population, personal for any other name.
func ParsePopulation(s string) Population {
	switch p := Population(s); p {
	case PopulationPrivate, PopulationAll:
		return p
	default:
		return PopulationPersonal
	}
}

// kinds returns the kinds of account whose balances are summed by holder.
func (p Population) kinds() []ledger.Kind {
	switch p {
	case PopulationAll:
		return ledger.Kinds()
	case PopulationPrivate:
		return []ledger.Kind{ledger.Personal, ledger.Business}
	default:
		return []ledger.Kind{ledger.Personal}
	}
}

// A Counted says which holders of a population count.
type Counted string

// Who counts.
const (
	CountedAll   Counted = "all"   // whose accounts were ever used
	CountedMoved Counted = "moved" // with more than one posting: more than a starting balance
	Counted90    Counted = "90"    // with a posting in the last 90 days, today included
	Counted30    Counted = "30"    // in the last 30 days
)

// ParseCounted returns the named choice, all for any other name.
func ParseCounted(s string) Counted {
	switch c := Counted(s); c {
	case CountedMoved, Counted90, Counted30:
		return c
	default:
		return CountedAll
	}
}

// days returns in how many days a holder must have been active, 0 if ever.
func (c Counted) days() int {
	switch c {
	case Counted90:
		return 90
	case Counted30:
		return 30
	default:
		return 0
	}
}

// InequalityQuery selects the holders whose balances are compared.
type InequalityQuery struct {
	Population Population
	Counted    Counted // empty: all
}

// Key is "personal:all".
func (q InequalityQuery) Key() string {
	return q.Population.Key() + ":" + string(ParseCounted(string(q.Counted)))
}

// Inequality is how a population's money is shared out.
type Inequality struct {
	Basis
	Population Population `json:"population"`
	Counted    Counted    `json:"counted"`
	Apart      Apart      `json:"apart"`   // the other holders of the population
	Holders    int64      `json:"holders"` // n, zero balances included, accounts that were never used left out
	Zero       int64      `json:"zero"`    // of them with a balance of exactly 0; kept in all measures
	Debtors    int64      `json:"debtors"`
	Archived   int64      `json:"archived"` // accounts left out
	Total      ledger.Sum `json:"total"`
	Mean       float64    `json:"mean"`
	Median     float64    `json:"median"`
	Binned     bool       `json:"binned,omitempty"` // too many to read each: the measures follow from bins of balances, and have bounds

	MedianBound float64 `json:"medianBound,omitempty"` // as those of the measures
	LorenzBound float64 `json:"lorenzBound,omitempty"` // of the share of money, at each point

	Gini       Measure       `json:"gini"`
	GiniNormal Measure       `json:"giniNormal"` // Raffinetti's, available only where there are debtors
	Top1       Measure       `json:"top1"`
	Top10      Measure       `json:"top10"`
	Bottom50   Measure       `json:"bottom50"`
	Palma      Measure       `json:"palma"`
	Theil      Measure       `json:"theil"`
	HHI        Measure       `json:"hhi"`
	Nakamoto   Measure       `json:"nakamoto"`
	Lorenz     []LorenzPoint `json:"lorenz"` // each hundredth, 0 % to 100 %, and each thousandth of the last one
	Bins       []Bin         `json:"bins"`   // the balance distribution, logarithmic
	Trend      []DayMeasures `json:"trend"`  // past days, as far as their snapshots are made, and today, oldest first; at most 30; of personal accounts only
}

// Apart is the holders of a population who do not count, and what they hold.
type Apart struct {
	Holders int64      `json:"holders"`
	Total   ledger.Sum `json:"total"`
}

// A Measure is a number that may not be available for a population.
type Measure struct {
	Value *float64 `json:"value"`           // nil: not available
	Bound *float64 `json:"bound,omitempty"` // the number is this far from Value at most; nil: it is exact
	Why   string   `json:"why,omitempty"`   // a sentence
}

// A LorenzPoint: the poorest Holders share holds the Wealth share.
type LorenzPoint struct {
	Holders float64 `json:"holders"`
	Wealth  float64 `json:"wealth"`
}

// A Bin counts the holders with Low <= balance < High, and what they hold. The
// debtors' bin begins with the largest debt; zero is a bin of its own, 0 to 1.
type Bin struct {
	Low     int64      `json:"low"`
	High    int64      `json:"high"`
	Holders int64      `json:"holders"`
	Total   ledger.Sum `json:"total"`
	Bound   int64      `json:"bound,omitempty"` // Holders is this far off at most; Total is about right if it is not 0
}

// DayMeasures are the measures at the end of a day; nil: not available.
type DayMeasures struct {
	Day   time.Time `json:"day"`
	Gini  *float64  `json:"gini"`
	Top1  *float64  `json:"top1"`
	Top10 *float64  `json:"top10"`
	Palma *float64  `json:"palma"`
}

// errTooLarge means that what one holder has in all does not fit in 64 bits.
var errTooLarge = errors.New("the balance of a holder is too large")

// whyTooLarge is the Why of a population whose balances cannot be measured.
const whyTooLarge = "Not available: what one holder has in all does not fit in 64 bits."

// whyTooMany is the Why of what needs the balance of each account of a large ledger.
const whyTooMany = "Not available: this ledger has too many accounts to read the balance of each."

// trendDays is how many days the trend has at most: the last 30, today included,
// and the end of the day before them.
const trendDays = 31

// ComputeInequality reads the population's balances, measures them, and keeps
// none of them. Of too many holders it reads bins of balances, see [ExactUpTo]. Where the
// ledger has no personal accounts, the private population takes the place of the personal
// one, and the value says so.
func ComputeInequality(ctx context.Context, db *pgxpool.Pool, w cache.Window, q InequalityQuery) (*Inequality, error) {
	return ComputePastInequality(ctx, db, w, AsOf[InequalityQuery]{Of: q})
}

// ComputePastInequality is ComputeInequality with the balances at the end of a day.
func ComputePastInequality(ctx context.Context, db *pgxpool.Pool, w cache.Window, asOf AsOf[InequalityQuery]) (*Inequality, error) {
	q := asOf.Of
	v := &Inequality{Population: q.Population, Counted: ParseCounted(string(q.Counted))}
	var d measured = NewDistribution(nil)
	err := v.readAsOf(ctx, db, w, 0, asOf.At, func(ctx context.Context, tx pgx.Tx, s span) (err error) {
		if d, err = v.holders(ctx, tx, s); err != nil {
			return err
		}
		if q.Population == PopulationPersonal && d.Len() == 0 && v.Archived == 0 && v.Apart.Holders == 0 {
			// A ledger of firms or of a public body has no personal accounts.
			v.Population = PopulationPrivate
			d, err = v.holders(ctx, tx, s)
			return err
		}
		if q.Population == PopulationPersonal && v.Counted == CountedAll {
			v.Trend, err = pastMeasures(ctx, tx, s, trendDays)
		}
		return err
	})
	switch {
	case errors.Is(err, errTooLarge):
		v.Why, d = whyTooLarge, NewDistribution(nil)
	case errors.Is(err, errTooManyBalances):
		v.Why, d = whyTooMany, NewDistribution(nil)
	case err != nil:
		return nil, fmt.Errorf("inequality: %w", err)
	}
	v.measure(d)
	return v, nil
}

// measured is a distribution of balances: all of them, or their bins.
type measured interface {
	Len() int
	Zeros() int
	Debtors() int
	Total() ledger.Sum
	Mean() float64
	TopShare(num, den int) Measure
	BottomShare(num, den int) Measure
	Gini() Measure
	GiniNormal() Measure
	Palma() Measure
	Theil() Measure
	HHI() Measure
	Nakamoto() Measure
	Bins() []Bin
}

// holders reads the population's balances, or bins of them.
func (v *Inequality) holders(ctx context.Context, tx pgx.Tx, s span) (measured, error) {
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	if sums != nil {
		d, err := v.binnedOf(ctx, tx, sums, s)
		if v.Binned = !errors.Is(err, ledger.ErrNotGrouped); v.Binned {
			return d, err
		}
	}
	balances, err := v.balances(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	return NewDistribution(balances), nil
}

// balances returns one sum a holder, and counts what it leaves out.
func (v *Inequality) balances(ctx context.Context, tx pgx.Tx, s span) ([]int64, error) {
	all, err := balancesOf(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	kinds := map[ledger.Kind]bool{}
	for _, k := range v.Population.kinds() {
		kinds[k] = true
	}
	for i := range all.accounts {
		if a := &all.accounts[i]; kinds[a.kind] && !a.issuer && a.archived <= s.archivedBy().UnixMicro() {
			v.Archived++
		}
	}
	postings, since := int64(1), int64(math.MinInt64)
	if v.Counted == CountedMoved {
		postings = 2
	}
	if days := v.Counted.days(); days > 0 {
		since = plus(s.Today, 1-days).UnixMicro()
	}
	var balances []int64
	for _, h := range all.byHolder(s.archivedBy(), kinds) {
		if h.accounts == 0 {
			continue
		}
		balance, fits := h.balance.Int64()
		if !fits {
			return nil, errTooLarge
		}
		if h.postings >= postings && h.last >= since {
			balances = append(balances, balance)
		} else {
			v.Apart.Holders++
			v.Apart.Total = v.Apart.Total.Add(balance)
		}
	}
	return balances, nil
}

// pastMeasures returns the measures at the end of the last days before today, as
// far as their snapshots are made, and an empty entry for today. A day without a
// snapshot ended like the day before.
func pastMeasures(ctx context.Context, tx pgx.Tx, s span, days int) ([]DayMeasures, error) {
	missing, err := firstMissing(ctx, tx, s.Today)
	if err != nil {
		return nil, err
	}
	const query = `
		SELECT day, gini, top1, top10, palma FROM day_snapshots
		WHERE day < @today::date AND day >= coalesce((SELECT max(day) FROM day_snapshots WHERE day <= @first::date), @first::date)
		ORDER BY day`
	first := plus(s.Today, 1-days)
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{"today": s.Today, "first": first})
	kept, err := pgx.CollectRows(rows, pgx.RowToStructByName[DayMeasures])
	if err != nil {
		return nil, fmt.Errorf("past days: %w", err)
	}
	var past []DayMeasures
	var last *DayMeasures
	for at := first; at.Before(s.Today) && (missing == nil || s.index(at) < s.index(*missing)); at = plus(at, 1) {
		for len(kept) > 0 && s.index(kept[0].Day) <= s.index(at) {
			last, kept = &kept[0], kept[1:]
		}
		if last != nil { // the ledger has begun
			measures := *last
			measures.Day = at
			past = append(past, measures)
		}
	}
	return append(past, DayMeasures{Day: s.Today}), nil
}

// measure fills what follows from the balances.
func (v *Inequality) measure(d measured) {
	v.Holders, v.Zero, v.Debtors = int64(d.Len()), int64(d.Zeros()), int64(d.Debtors())
	v.Total, v.Mean = d.Total(), d.Mean()
	v.Gini, v.GiniNormal = d.Gini(), d.GiniNormal()
	v.Top1, v.Top10, v.Bottom50 = d.TopShare(1, 100), d.TopShare(10, 100), d.BottomShare(50, 100)
	v.Palma, v.Theil, v.HHI, v.Nakamoto = d.Palma(), d.Theil(), d.HHI(), d.Nakamoto()
	v.Bins = d.Bins()
	switch d := d.(type) {
	case *Distribution:
		v.Median, v.Lorenz = d.Median(), d.Lorenz()
	case *binned:
		median := d.Median()
		if v.Median = *median.Value; median.Bound != nil {
			v.MedianBound = *median.Bound
		}
		v.Lorenz, v.LorenzBound = d.Lorenz()
	}
	if last := len(v.Trend) - 1; last >= 0 {
		v.Trend[last] = dayMeasures(v.Trend[last].Day, d)
	}
}

// dayMeasures returns the measures of a distribution that snapshots keep.
func dayMeasures(day time.Time, d measured) DayMeasures {
	return DayMeasures{
		Day: day, Gini: d.Gini().Value, Top1: d.TopShare(1, 100).Value,
		Top10: d.TopShare(10, 100).Value, Palma: d.Palma().Value,
	}
}

// cell returns the value for a table.
func (m Measure) cell() any {
	if m.Value == nil {
		return nil
	}
	return *m.Value
}

// Table has one row a measure.
func (v *Inequality) Table() Table {
	t := Table{Columns: []Column{{"measure", "Measure", Text}, {"value", "Value", Ratio}, {"note", "Note", Text}}}
	for _, m := range []struct {
		name  string
		value Measure
	}{
		{"Holders", available(float64(v.Holders))}, {"With a balance of zero", available(float64(v.Zero))},
		{"In debt", available(float64(v.Debtors))}, {"Holders who do not count", available(float64(v.Apart.Holders))}, {"Archived accounts, left out", available(float64(v.Archived))},
		{"Gini", v.Gini}, {"Gini allowing for debt", v.GiniNormal}, {"Palma ratio", v.Palma}, {"Theil index", v.Theil},
		{"Concentration (HHI)", v.HHI}, {"Holders who own more than half", v.Nakamoto},
	} {
		t.Rows = append(t.Rows, []any{m.name, m.value.cell(), m.value.Why})
	}
	for _, m := range []struct {
		name  string
		value Measure
	}{{"Share of the richest 1 %", v.Top1}, {"Share of the richest 10 %", v.Top10}, {"Share of the poorer half", v.Bottom50}} {
		cell := m.value.cell()
		if share, ok := cell.(float64); ok {
			cell = Share(share)
		}
		t.Rows = append(t.Rows, []any{m.name, cell, m.value.Why})
	}
	if !v.Binned {
		return t
	}
	t.Columns = append(t.Columns, Column{"bound", "Right to within", Ratio})
	counts := []Measure{{}, {}, {}, {}, {}}
	for i, m := range append(counts, v.Gini, v.GiniNormal, v.Palma, v.Theil, v.HHI, v.Nakamoto, v.Top1, v.Top10, v.Bottom50) {
		t.Rows[i] = append(t.Rows[i], orNil(m.Bound))
	}
	return t
}

// LorenzTable has one row a point of the Lorenz curve.
func (v *Inequality) LorenzTable() Table {
	t := Table{Columns: []Column{{"holders", "Poorest holders", Percent}, {"wealth", "Hold", Percent}}}
	for _, p := range v.Lorenz {
		t.Rows = append(t.Rows, []any{p.Holders, p.Wealth})
	}
	return t
}

// BinsTable has one row a bin of the balance distribution.
func (v *Inequality) BinsTable() Table {
	t := Table{Columns: []Column{
		{"from", "From", Money}, {"below", "Below", Money}, {"holders", "Holders", Count}, {"total", "Hold together", Money},
	}}
	for _, b := range v.Bins {
		t.Rows = append(t.Rows, []any{b.Low, b.High, b.Holders, b.Total})
	}
	return t
}
