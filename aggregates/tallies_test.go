package aggregates

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"exchequer/ledger"
)

// tallied returns the bins of balances.
func tallied(t interface{ Fatal(...any) }, balances []int64) *binned {
	byBin := map[int]ledger.Tally{}
	for _, x := range balances {
		bin := binOf(x)
		of := byBin[bin]
		of.Place, of.Holders, of.Total = bin, of.Holders+1, of.Total.Add(x)
		byBin[bin] = of
	}
	var tallies []ledger.Tally
	for bin := -ledger.LastBin; bin <= ledger.LastBin; bin++ {
		if of, ok := byBin[bin]; ok {
			tallies = append(tallies, of)
		}
	}
	d, err := newBinned(tallies)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// binOf finds the bin of a balance by the bounds of all.
func binOf(x int64) int {
	low, high := -ledger.LastBin, ledger.LastBin
	for low < high {
		middle := low + (high-low)/2
		if low < 0 && high < 0 || (high-low)%2 != 0 && low+high < 0 {
			middle = (low + high - 1) / 2
		}
		if _, most, _ := ledger.BinBounds(middle); x <= most {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// balancesOfShape draws balances as they may be distributed.
func balancesOfShape(t *rapid.T) []int64 {
	n := rapid.IntRange(1, 300).Draw(t, "n")
	shape := rapid.SampledFrom([]string{"pareto", "lognormal", "equal", "one owner", "debtors", "heavy", "extremes", "small"}).Draw(t, "shape")
	balances := make([]int64, n)
	for i := range balances {
		u := rapid.Float64Range(1e-9, 1).Draw(t, "u")
		switch shape {
		case "pareto":
			balances[i] = int64(1000 / math.Pow(u, 1/1.3))
		case "lognormal":
			balances[i] = int64(math.Exp(8 + 3*math.Sqrt2*math.Erfinv(2*u-1)))
		case "equal":
			balances[i] = 12_345
		case "one owner":
			balances[i] = 0
		case "debtors":
			balances[i] = int64(1e6 * (u - 0.3))
		case "heavy":
			balances[i] = int64(min(1/math.Pow(u, 2.5), 1e18))
		case "extremes":
			balances[i] = rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}).Draw(t, "x")
		default:
			balances[i] = int64(u * 200)
		}
	}
	if shape == "one owner" {
		balances[n-1] = 1 << 40
	}
	return balances
}

// What follows from bins is exact, or right to within its bound, however money is shared
// out.
func TestMeasuresOfBinsHoldTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		balances := balancesOfShape(t)
		bins := tallied(t, balances)
		exact := NewDistribution(slices.Clone(balances))
		if bins.Len() != exact.Len() || bins.Zeros() != exact.Zeros() || bins.Debtors() != exact.Debtors() || bins.Total() != exact.Total() || bins.Mean() != exact.Mean() {
			t.Fatalf("%d holders, %d zero, %d debtors, %v, mean %v; want %d, %d, %d, %v, %v", bins.Len(), bins.Zeros(), bins.Debtors(), bins.Total(), bins.Mean(),
				exact.Len(), exact.Zeros(), exact.Debtors(), exact.Total(), exact.Mean())
		}
		for _, m := range []struct {
			name      string
			got, want Measure
		}{
			{"gini", bins.Gini(), exact.Gini()}, {"gini normal", bins.GiniNormal(), exact.GiniNormal()}, {"top 1 %", bins.TopShare(1, 100), exact.TopShare(1, 100)},
			{"top 10 %", bins.TopShare(10, 100), exact.TopShare(10, 100)}, {"bottom half", bins.BottomShare(50, 100), exact.BottomShare(50, 100)},
			{"palma", bins.Palma(), exact.Palma()}, {"theil", bins.Theil(), exact.Theil()}, {"hhi", bins.HHI(), exact.HHI()}, {"nakamoto", bins.Nakamoto(), exact.Nakamoto()},
			{"median", bins.Median(), available(exact.Median())},
		} {
			wantWithin(t, m.name, m.got, m.want)
		}
		points, bound := bins.Lorenz()
		for i, p := range exact.Lorenz() {
			if math.Abs(points[i].Wealth-p.Wealth) > bound+1e-12*(1+math.Abs(p.Wealth)) {
				t.Errorf("the poorest %v hold %v, right to within %v, want %v", p.Holders, points[i].Wealth, bound, p.Wealth)
			}
		}
		sorted := slices.Clone(balances)
		slices.Sort(sorted)
		for i, x := range sorted {
			if least, most := bins.rank(int64(i)); least.Cmp(big.NewInt(x)) > 0 || most.Cmp(big.NewInt(x)) < 0 {
				t.Errorf("the one with %d before has %d, want from %v to %v", i, x, least, most)
			}
		}
	})
}

func wantWithin(t interface{ Errorf(string, ...any) }, name string, got, want Measure) {
	if got.Value == nil || want.Value == nil {
		// A ratio without a bound is not available, though there is one.
		if (got.Value == nil) != (want.Value == nil) && !(strings.HasSuffix(name, "palma") && got.Value == nil) {
			t.Errorf("%s is %v (%s), want %v (%s)", name, got.Value, got.Why, want.Value, want.Why)
		}
		return
	}
	bound := 0.0
	if got.Bound != nil {
		bound = *got.Bound
	}
	// What is exact has the rounding of its last step, and Theil's that of its sum.
	if math.Abs(*got.Value-*want.Value) > bound+1e-12*(1+math.Abs(*want.Value)) {
		t.Errorf("%s is %v, right to within %v, want %v", name, *got.Value, bound, *want.Value)
	}
}

// Bins in round numbers have all holders, and each is right to within its bound.
func TestRoundBinsFromBins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		balances := balancesOfShape(t)
		d, exact := tallied(t, balances), NewDistribution(slices.Clone(balances))
		var holders int64
		var total ledger.Sum
		for _, b := range d.Bins() {
			holders, total = holders+b.Holders, total.Plus(b.Total)
			if want := exact.bin(b.Low, b.High); want.Holders-b.Holders > b.Bound || b.Holders-want.Holders > b.Bound {
				t.Errorf("%d holders from %d to %d, right to within %d, want %d", b.Holders, b.Low, b.High, b.Bound, want.Holders)
			}
		}
		if holders != int64(len(balances)) || total != exact.Total() {
			t.Errorf("%d holders have %v, want %d and %v", holders, total, len(balances), exact.Total())
		}
	})
}

// The more holders, the more the bins know: of 100,000, the Gini to some millionths.
func TestBoundsOfManyHoldersAreNarrow(t *testing.T) {
	balances := make([]int64, 100_000)
	for i := range balances {
		balances[i] = int64(1000 / math.Pow((float64(i)+0.5)/float64(len(balances)), 1/1.3))
	}
	bins, exact := tallied(t, balances), NewDistribution(balances)
	if g := bins.Gini(); g.Bound == nil || *g.Bound > 2e-5 {
		t.Errorf("Gini %v, bound %v", *g.Value, g.Bound)
	}
	wantWithin(t, "gini", bins.Gini(), exact.Gini())
	for name, m := range map[string]Measure{"top 1 %": bins.TopShare(1, 100), "top 10 %": bins.TopShare(10, 100), "theil": bins.Theil()} {
		if m.Bound == nil || *m.Bound > 1e-3**m.Value {
			t.Errorf("%s is %v, right to within %v: too little", name, *m.Value, *m.Bound)
		}
	}
}

// Beyond the limit, panels have the numbers that they have below it.
func TestTalliesHaveTheNumbersOfBalances(t *testing.T) {
	db, w := village(t)
	fold := func() {
		t.Helper()
		if _, err := db.Exec(t.Context(), `UPDATE holder_fold SET at = '-infinity', whole_at = '-infinity'`); err != nil {
			t.Fatal(err)
		}
		if folded, err := ledger.FoldHolders(t.Context(), db, 0); err != nil || !folded {
			t.Fatal(folded, err)
		}
	}
	fold()
	appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: "dan", Into: "bob"}}})
	few, lots := ExactUpTo(1000).within(t.Context()), ExactUpTo(0).within(t.Context())
	if _, err := UpdateSnapshots(t.Context(), db, w.Start, 0); err != nil {
		t.Fatal(err)
	}
	type result struct {
		name string
		of   any
	}
	read := func(many bool) (all []result) {
		ctx := few
		if many {
			ctx = lots
		}
		add := func(name string, of any, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(name, err)
			}
			all = append(all, result{name, of})
		}
		overview, err := ComputeOverview(ctx, db, w, 30)
		add("overview", overview, err)
		health, err := ComputeHealth(ctx, db, w, 30)
		add("health", health, err)
		bridge, err := ComputeBridge(ctx, db, w, 30)
		add("bridge", bridge, err)
		wealth, err := ComputeWealthByKind(ctx, db, w, NoParams{})
		add("wealth", wealth, err)
		flow, err := ComputeFlow(ctx, db, w, 30)
		add("flow", flow, err)
		rich, err := ComputeRichest(ctx, db, w, NoParams{})
		add("richest", rich, err)
		soundness, err := ComputeSoundness(ctx, db, w, nil)
		if soundness != nil {
			soundness.Books = Books{}
		}
		add("soundness", soundness, err)
		cohorts, err := ComputeCohorts(ctx, db, w, NoParams{})
		add("cohorts", cohorts, err)
		for _, on := range []Date{"2026-02-27", "2026-03-04", "2026-03-08"} {
			wealth, err := ComputePastWealthByKind(ctx, db, w, AsOf[NoParams]{At: on})
			add("wealth on "+string(on), wealth, err)
			flow, err := ComputePastFlow(ctx, db, w, AsOf[Days]{30, on})
			add("flow on "+string(on), flow, err)
			for _, p := range Populations() {
				v, err := ComputePastInequality(ctx, db, w, AsOf[InequalityQuery]{InequalityQuery{p, CountedAll}, on})
				if v != nil && v.Binned != many {
					t.Errorf("%s on %s: by bins is %t, want %t", p, on, v.Binned, many)
				}
				if v != nil {
					v.Binned = false
					v.Bins = nil
				}
				add(fmt.Sprintf("inequality %s on %s", p, on), v, err)
			}
		}
		for _, p := range Populations() {
			held := &Holdings{Population: p}
			err := held.read(ctx, db, w, 30, func(ctx context.Context, tx pgx.Tx, s span) error { return held.fill(ctx, tx, s, 2) })
			add("accounts "+string(p), held, err)
			// Of balances below 128 each bin has one balance, so all is exact.
			v, err := ComputeInequality(ctx, db, w, InequalityQuery{Population: p})
			if v != nil && v.Binned != many {
				t.Errorf("%s: by bins is %t, want %t", p, v.Binned, many)
			}
			if v != nil {
				v.Binned = false
				v.Bins = nil
			}
			add("inequality "+string(p), v, err)
			ladder, err := ComputeLadder(ctx, db, w, p)
			if ladder != nil {
				ladder.Within = 0
			}
			add("ladder "+string(p), ladder, err)
		}
		return all
	}
	exact := read(false)
	for _, when := range []string{"with what came since", "all added up"} {
		if when == "all added up" {
			fold()
		}
		tallied := read(true)
		for i := range exact {
			if diff := cmp.Diff(exact[i].of, tallied[i].of, cmp.Comparer(func(a, b *float64) bool {
				return (a == nil) == (b == nil) && (a == nil || math.Abs(*a-*b) < 1e-12)
			})); diff != "" {
				t.Errorf("%s, by balances and by tallies, %s:\n%s", exact[i].name, when, diff)
			}
		}
	}
}
