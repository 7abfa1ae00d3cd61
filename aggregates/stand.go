package aggregates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// mostRungs is how many steps a ladder has. Up to so many holders, each is a rung.
const mostRungs = 1000

// A Ladder is the balances of a population in order, by which a balance finds its
// place.
type Ladder struct {
	Basis
	Population Population `json:"population" enum:"personal,private,all"`
	Holders    int64      `json:"holders"`
	Tenths     []int64    `json:"tenths" nullable:"false" doc:"What the poorest holder of each tenth has, from the poorest tenth to the richest; empty without holders."`
	Within     float64    `json:"within,omitempty" doc:"If there, each balance is right to within this share of itself: the holders are too many to read each."`
	Rungs      []Rung     `json:"rungs" nullable:"false" doc:"Holders in the order of their balances: all of them up to 1,000, else 1,001 evenly spaced."`
}

// A Rung is one holder in the order of balances.
type Rung struct {
	Below   int64 `json:"below" doc:"How many holders are before it."`
	Balance int64 `json:"balance"`
}

// A Stand is where a balance stands among the holders. With many holders, Poorer
// and Richer are exact to a thousandth of them.
type Stand struct {
	Poorer, Richer int64
	Exact          bool
	Tenth          int // 1 to 10
	Next           int64
	HasNext        bool // Next is what the next tenth begins with
}

// ComputeLadder reads the population's balances. Where the ledger has no personal
// accounts, the private population takes the place of the personal one.
func ComputeLadder(ctx context.Context, db *pgxpool.Pool, w cache.Window, population Population) (*Ladder, error) {
	return ComputePastLadder(ctx, db, w, AsOf[Population]{Of: population})
}

// ComputePastLadder is ComputeLadder with the balances at the end of a day.
func ComputePastLadder(ctx context.Context, db *pgxpool.Pool, w cache.Window, asOf AsOf[Population]) (*Ladder, error) {
	population := asOf.Of
	v := &Inequality{Population: population, Counted: CountedAll}
	var d measured = NewDistribution(nil)
	err := v.readAsOf(ctx, db, w, 0, asOf.At, func(ctx context.Context, tx pgx.Tx, s span) (err error) {
		d, err = v.holders(ctx, tx, s)
		if err == nil && population == PopulationPersonal && d.Len() == 0 && v.Archived == 0 {
			v.Population = PopulationPrivate
			d, err = v.holders(ctx, tx, s)
		}
		return err
	})
	switch {
	case errors.Is(err, errTooLarge):
		v.Why, d = whyTooLarge, NewDistribution(nil)
	case err != nil:
		return nil, fmt.Errorf("ladder: %w", err)
	}
	l := &Ladder{Basis: v.Basis, Population: v.Population}
	switch d := d.(type) {
	case *Distribution:
		l.fill(d.sorted)
	case *binned:
		l.Within = 1.0 / 128 // half of a bin
		l.fillFrom(d.Len(), d.about)
	}
	return l, nil
}

// fill fills what follows from the balances, which it sorts.
func (l *Ladder) fill(balances []int64) {
	sortBalances(balances)
	l.fillFrom(len(balances), func(before int) int64 { return balances[before] })
}

// fillFrom fills what follows from what the holder with so many before has.
func (l *Ladder) fillFrom(n int, balance func(before int) int64) {
	l.Holders, l.Tenths, l.Rungs = int64(n), []int64{}, []Rung{}
	if n == 0 {
		return
	}
	for tenth := range 10 {
		l.Tenths = append(l.Tenths, balance(min((tenth*n+9)/10, n-1)))
	}
	steps := min(n-1, mostRungs)
	for i := range steps + 1 {
		at := i * (n - 1) / max(steps, 1)
		l.Rungs = append(l.Rungs, Rung{int64(at), balance(at)})
	}
}

// Find returns the place of a balance. There must be holders.
func (l *Ladder) Find(balance int64) Stand {
	var p Stand
	// Those with less end between the rung before the first one that has as much
	// and that one; those with more begin likewise.
	poorer, exactBelow := l.before(func(r Rung) bool { return r.Balance >= balance })
	upTo, exactAbove := l.before(func(r Rung) bool { return r.Balance > balance })
	p.Poorer, p.Richer, p.Exact = poorer, l.Holders-upTo, exactBelow && exactAbove && l.Within == 0
	for p.Tenth = 10; p.Tenth > 1 && l.Tenths[p.Tenth-1] > balance; p.Tenth-- {
	}
	if p.Tenth < 10 {
		p.Next, p.HasNext = l.Tenths[p.Tenth], true
	}
	return p
}

// before returns how many holders are before the first one for which a condition
// holds, and whether that is exact.
func (l *Ladder) before(holds func(Rung) bool) (n int64, exact bool) {
	i := sort.Search(len(l.Rungs), func(i int) bool { return holds(l.Rungs[i]) })
	switch {
	case i == 0:
		return 0, true
	case i == len(l.Rungs):
		return l.Holders, true
	}
	low, high := l.Rungs[i-1].Below+1, l.Rungs[i].Below
	return (low + high) / 2, low == high
}

// Table has one row a tenth, the richest first.
func (l *Ladder) Table() Table {
	t := Table{Columns: []Column{{"tenth", "Tenth of the holders", Count}, {"from", "Begins with", Money}}}
	for i, from := range slices.Backward(l.Tenths) {
		t.Rows = append(t.Rows, []any{int64(i + 1), from})
	}
	return t
}
