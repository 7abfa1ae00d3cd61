package aggregates

import "math"

// mostBins is the largest number of bins of positive balances. Zero and debtors
// have a bin each beside them.
const mostBins = 12

// ladders are the bounds that bins may have, within a decade or two, finest
// first. Bins have the bounds of the first one that needs at most mostBins.
var ladders = []struct {
	steps []int64
	base  int64
}{
	{[]int64{1, 2, 5}, 10},
	{[]int64{1, 3}, 10},
	{[]int64{1}, 10},
	{[]int64{1}, 100},
}

// Bins returns how many holders have how much, in bins whose bounds grow by about
// the same factor, in round numbers of minor units. Bins of debtors and of zero
// come first, where there are any.
func (d *Distribution) Bins() []Bin {
	var bins []Bin
	if d.Len() == 0 {
		return nil
	}
	if d.Debtors() > 0 {
		bins = append(bins, d.bin(d.sorted[0], 0))
	}
	if d.Zeros() > 0 {
		bins = append(bins, d.bin(0, 1))
	}
	positive := d.sorted[d.upTo(0):]
	if len(positive) == 0 {
		return bins
	}
	bounds := roundBounds(positive[0], positive[len(positive)-1])
	for i := range bounds[1:] {
		bins = append(bins, d.bin(bounds[i], bounds[i+1]))
	}
	return bins
}

// bin counts the balances in [low, high). If high is the largest int64, it counts
// that one too.
func (d *Distribution) bin(low, high int64) Bin {
	from, to := d.upTo(low-1), d.upTo(high-1)
	if low == math.MinInt64 {
		from = 0
	}
	if high == math.MaxInt64 {
		to = d.Len()
	}
	return Bin{Low: low, High: high, Holders: int64(to - from), Total: d.below[to].Minus(d.below[from])}
}

// roundBounds returns ascending bounds, the first at most low and the last
// above high; both are positive.
func roundBounds(low, high int64) []int64 {
	for i, ladder := range ladders {
		bounds := []int64{}
		for base, open := int64(1), true; open; {
			for _, step := range ladder.steps {
				if base > math.MaxInt64/step { // beyond any balance
					open = false
					break
				}
				bound := base * step
				if bound <= low {
					bounds = bounds[:0] // only the last bound that is not above low is kept
				}
				bounds = append(bounds, bound)
				if bound > high {
					open = false
					break
				}
			}
			if base > math.MaxInt64/ladder.base {
				open = false
			}
			base *= ladder.base
		}
		if bounds[len(bounds)-1] <= high {
			bounds = append(bounds, math.MaxInt64)
		}
		if len(bounds) <= mostBins+1 || i == len(ladders)-1 {
			return bounds
		}
	}
	return nil
}
