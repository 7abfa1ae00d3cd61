package aggregates

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A sold is a price of a piece and a number of pieces. No pieces are no sale.
type sold struct{ price, quantity float64 }

// indexOf returns the price index of items by bucket, and what each contributes.
// The last bucket is not over.
func indexOf(items ...[]sold) (*PriceIndex, map[int64]*Contribution) {
	x := &PriceIndex{Points: make([]IndexPoint, len(items[0]))}
	x.Points[len(x.Points)-1].Partial = true
	courses := map[int64]*course{}
	for i, item := range items {
		of := &course{}
		for b, s := range item {
			if s.quantity > 0 {
				of.buckets = append(of.buckets, bucketSales{bucket: b, quantity: s.quantity, volume: s.price * s.quantity})
			}
		}
		if len(of.buckets) > 0 {
			courses[int64(i)] = of
		}
	}
	return x, x.compare(courses)
}

// values returns the index by bucket, 0 where there is none.
func values(x *PriceIndex) (all []float64) {
	for _, p := range x.Points {
		if p.Value == nil {
			all = append(all, 0)
		} else {
			all = append(all, *p.Value)
		}
	}
	return all
}

func alike(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) })
}

// drawnItems are items that are sold in some buckets, each bucket with its share.
func drawnItems(r *rand.Rand, items, buckets int, share float64) [][]sold {
	all := make([][]sold, items)
	for i := range all {
		price := math.Exp(r.NormFloat64() * 2)
		for range buckets {
			s := sold{price * math.Exp(r.NormFloat64()/3), float64(1 + r.IntN(1000))}
			if r.Float64() >= share {
				s = sold{}
			}
			all[i] = append(all[i], s)
		}
	}
	return all
}

// chained is the index at the end by a chain of Fisher indices, over items that are
// sold in all buckets.
func chained(items [][]sold) float64 {
	value := 100.0
	for k := 1; k < len(items[0]); k++ {
		value *= fisher(items, k-1, k)
	}
	return value
}

// fisher is the Fisher index of two buckets.
func fisher(items [][]sold, j, k int) float64 {
	var jj, jk, kj, kk float64
	for _, of := range items {
		if of[j].quantity > 0 && of[k].quantity > 0 {
			jj += of[j].price * of[j].quantity
			jk += of[j].price * of[k].quantity
			kj += of[k].price * of[j].quantity
			kk += of[k].price * of[k].quantity
		}
	}
	return math.Sqrt(kj / jj * kk / jk)
}

func TestPricesThatComeBackLeaveNoDrift(t *testing.T) {
	// Each item has its sale: the price halves, people stock up, and buy less after it.
	var items [][]sold
	for i := range 4 {
		of := slices.Repeat([]sold{{10, 100}}, 16)
		of[3*i+1], of[3*i+2] = sold{5, 1000}, sold{10, 20}
		items = append(items, of)
	}
	x, _ := indexOf(items...)
	if got := *x.Points[15].Value; math.Abs(got-100) > 1e-9 || math.Abs(*x.Change) > 1e-9 {
		t.Errorf("prices that came back: %v, change %v, want 100 and none", got, *x.Change)
	}
	if c := chained(items); math.Abs(c-100) < 10 {
		t.Errorf("a chain of the same prices ends at %v: they do not show that it drifts", c)
	}
}

func TestOfConstantPricesTheIndexIsExactly100(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	items := drawnItems(r, 30, 31, 0.4)
	for i := range items {
		price := float64(1 + r.IntN(1000))
		for b := range items[i] {
			items[i][b].price = price
		}
	}
	x, parts := indexOf(items...)
	for i, v := range values(x) {
		if v != 100 {
			t.Errorf("bucket %d: %v, want 100", i, v)
		}
	}
	for id, part := range parts {
		if part.Change != 0 {
			t.Errorf("item %d contributes %v", id, part.Change)
		}
	}
	// From some bucket on all is twice as dear.
	for i := range items {
		for b := range items[i] {
			if b >= 20 {
				items[i][b].price *= 2
			}
		}
	}
	x, _ = indexOf(items...)
	for i, v := range values(x) {
		if want := []float64{100, 200}[i/20]; math.Abs(v-want) > 1e-9 {
			t.Errorf("bucket %d of prices that doubled: %v, want %v", i, v, want)
		}
	}
}

// Where all is sold all the time, weights are equal, and the index is that of the
// textbooks: the geometric mean of the ways over every bucket.
func TestOfCompleteSalesTheIndexIsGEKS(t *testing.T) {
	items := drawnItems(rand.New(rand.NewPCG(2, 1)), 12, 20, 1)
	x, _ := indexOf(items...)
	var want []float64
	for k := range 20 {
		value := 100.0
		for by := range 20 {
			value *= math.Pow(fisher(items, 0, by)*fisher(items, by, k), 1.0/20)
		}
		want = append(want, value)
	}
	if !alike(want, values(x)) {
		t.Errorf("index %v, want %v", values(x), want)
	}
	if change := want[18]/100 - 1; math.Abs(*x.Change-change) > 1e-9 {
		t.Errorf("change %v, want that of the last bucket that is over, %v", *x.Change, change)
	}
}

// What is true of any prices and quantities.
func TestPropertiesOfTheIndex(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		n := 2 + r.IntN(30)
		items := drawnItems(r, 1+r.IntN(20), n, []float64{0.05, 0.2, 0.6, 1}[r.IntN(4)])
		x, parts := indexOf(items...)
		got := values(x)
		say := func(what string, args ...any) {
			t.Helper()
			t.Errorf("seed %d: "+what, append([]any{seed}, args...)...)
		}
		if x.Change != nil {
			sum := 0.0
			for _, part := range parts {
				sum += part.Change
			}
			if math.Abs(sum-*x.Change) > 1e-9*max(1, *x.Change) {
				say("contributions add up to %v, want %v", sum, *x.Change)
			}
		}

		// Prices between two buckets do not depend on the order of all: a chain's would.
		order := r.Perm(n)
		other := make([][]sold, len(items))
		for i := range items {
			for _, b := range order {
				other[i] = append(other[i], items[i][b])
			}
		}
		y, _ := indexOf(other...)
		if slices.ContainsFunc(got, func(v float64) bool { return v > 0 }) {
			want := make([]float64, n)
			base := 0.0
			for i, b := range order {
				if base == 0 {
					base = got[b]
				}
				if base > 0 {
					want[i] = 100 * got[b] / base
				}
			}
			if x.Change != nil && !alike(want, values(y)) {
				say("in the order %v: %v, want %v", order, values(y), want)
			}
		}

		// Packs of ten at ten times the price are the same goods. Money of other units
		// is the same money.
		for i := range items {
			packs := []float64{1, 10}[i%2]
			for b, s := range items[i] {
				other[i][b] = sold{s.price * packs * 7, s.quantity / packs}
			}
		}
		y, _ = indexOf(other...)
		if !alike(got, values(y)) {
			say("in other units: %v, want %v", values(y), got)
		}
	}
}

func TestBucketsThatNothingLinksHaveNoIndex(t *testing.T) {
	none := sold{}
	x, parts := indexOf(
		[]sold{{1, 5}, none, none, none, none, none},        // sold once
		[]sold{none, {2, 10}, none, {3, 10}, none, {4, 10}}, // compared
		[]sold{none, none, {1, 1}, none, {9, 1}, none},      // compared, and small
	)
	if got, want := fmt.Sprint(values(x)), "[0 100 0 150 0 200]"; got != want {
		t.Errorf("index %s, want %s", got, want)
	}
	if part := parts[1].Change; math.Abs(*x.Change-0.5) > 1e-9 || math.Abs(part-0.5) > 1e-9 || parts[2].Change != 0 || x.Items != 1 {
		t.Errorf("change %v by %d items, of which %v and %v", *x.Change, x.Items, part, parts[2].Change)
	}
	if got, want := *x.Coverage, 90.0/105; math.Abs(got-want) > 1e-12 {
		t.Errorf("coverage %v, want %v", got, want)
	}
	if p := x.Points[4]; *p.Coverage != 0 || p.Items != 0 {
		t.Errorf("a bucket that is not compared: %+v", p)
	}

	x, _ = indexOf([]sold{{1, 5}, {2, 5}})
	if x.Change == nil || math.Abs(*x.Change-1) > 1e-9 {
		t.Errorf("the first bucket and the current one: %+v, want a change of 1", x)
	}
	x, _ = indexOf([]sold{{1, 5}, none}, []sold{none, {1, 5}})
	if x.Change != nil || x.Items != 0 || *x.Coverage != 0 {
		t.Errorf("nothing to compare: %+v", x)
	}
	x, _ = indexOf([]sold{none, none})
	if x.Change != nil || x.Coverage != nil {
		t.Errorf("nothing sold: %+v", x)
	}
}

// A single piece that was sold in both links the first buckets with the others.
func TestALittleLinkKeepsItsMeaning(t *testing.T) {
	none := sold{}
	x, _ := indexOf(
		[]sold{{1e6, 1e9}, {1.1e6, 1e9}, {1.3e6, 2e9}, none, none, none, none},
		[]sold{none, none, {2, 1}, {6, 1}, none, none, none},
		[]sold{none, none, none, {7e6, 1e9}, {7.7e6, 2e9}, {7e6, 1e9}, {7e6, 1e9}},
	)
	if want := []float64{100, 110, 130, 390, 429, 390, 390}; !alike(want, values(x)) {
		t.Errorf("index %v, want %v", values(x), want)
	}
}

// BenchmarkPriceIndex is 5,000 items that are sold in each bucket: a month of days,
// two years of weeks, and the most buckets that there are, 20 years of months.
func BenchmarkPriceIndex(b *testing.B) {
	for _, buckets := range []int{31, 106, 242} {
		b.Run(fmt.Sprint(buckets, " buckets"), func(b *testing.B) {
			courses := map[int64]*course{}
			r := rand.New(rand.NewPCG(4, 1))
			for i := range int64(5000) {
				courses[i] = &course{}
				for k := range buckets {
					courses[i].buckets = append(courses[i].buckets, bucketSales{bucket: k, quantity: float64(1 + r.IntN(100)), volume: float64(1 + r.IntN(10000))})
				}
			}
			for b.Loop() {
				x := &PriceIndex{Points: make([]IndexPoint, buckets)}
				x.compare(courses)
			}
		})
	}
}
