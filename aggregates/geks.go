package aggregates

import "math"

// fishers are the Fisher indices of all pairs of buckets, each over the items that
// are sold in both.
type fishers struct {
	turnover []float64 // by bucket
	matched  []float64 // the part of it that is of items sold in another bucket too
	items    []int64   // how many those are
	pairs    [][]pair  // by the later bucket, then by those before it
	prices   []float64 // of the item that is added
}

// A pair is of two buckets: sums of price times quantity over the items that are sold
// in both, the price of one bucket and the quantity of one.
type pair struct{ p0q0, p1q0, p0q1, p1q1 float64 }

func newFishers(buckets int) *fishers {
	return &fishers{
		turnover: make([]float64, buckets), matched: make([]float64, buckets), items: make([]int64, buckets),
		pairs: triangle[pair](buckets),
	}
}

// add adds an item.
func (f *fishers) add(course []bucketSales) {
	f.prices = f.prices[:0]
	for i, now := range course {
		price := now.price()
		f.turnover[now.bucket] += now.volume
		if len(course) > 1 {
			f.matched[now.bucket] += now.volume
			f.items[now.bucket]++
		}
		pairs := f.pairs[now.bucket]
		for n, before := range course[:i] {
			p := &pairs[before.bucket]
			p.p0q0 += before.volume
			p.p1q0 += price * before.quantity
			p.p0q1 += f.prices[n] * now.quantity
			p.p1q1 += now.volume
		}
		f.prices = append(f.prices, price)
	}
}

// linked reports whether an item was sold in both buckets.
func (p pair) linked() bool { return p.p0q0 > 0 }

// log returns the logarithm of the later bucket's index, where that of the earlier
// one is 1.
func (p pair) log() float64 { return math.Log(p.p1q0/p.p0q0*(p.p1q1/p.p0q1)) / 2 }

// weight returns how much the comparison of two buckets counts: the share of their
// turnover that it is about.
func (f *fishers) weight(j, k int) float64 {
	p := f.pairs[k][j]
	return (p.p0q0 + p.p1q1) / (f.turnover[j] + f.turnover[k])
}

// linked returns the buckets that can be compared with each other, directly or by
// way of others, in order. If there are several such groups, it is the one with the
// largest turnover of items that are compared.
func (f *fishers) linked() (best []int) {
	most := -1.0
	met := make([]bool, len(f.turnover))
	for first := range f.turnover {
		if met[first] || f.turnover[first] == 0 {
			continue
		}
		in := make([]bool, len(f.turnover))
		sum := 0.0
		for reached := []int{first}; len(reached) > 0; {
			j := reached[len(reached)-1]
			reached = reached[:len(reached)-1]
			if met[j] {
				continue
			}
			met[j], in[j] = true, true
			sum += f.matched[j]
			for k := range f.pairs {
				if k != j && f.pairs[max(j, k)][min(j, k)].linked() {
					reached = append(reached, k)
				}
			}
		}
		if sum > most {
			most, best = sum, nil
			for j, is := range in {
				if is {
					best = append(best, j)
				}
			}
		}
	}
	return best
}

// A network is of buckets, by the weights of their comparisons. All but the first are
// eliminated from the last one on: a bucket hands its weights to those before it, as
// resistors in a star become a mesh. Weights are only added up, so that groups of
// buckets that little links keep the digits of that little.
type network struct {
	weights [][]float64 // to those before it, when it was eliminated
	sums    []float64   // of these
}

// network returns the network of buckets that are linked.
func (f *fishers) network(linked []int) network {
	g := network{triangle[float64](len(linked)), make([]float64, len(linked))}
	for b, k := range linked {
		for a, j := range linked[:b] {
			g.weights[b][a] = f.weight(j, k)
		}
	}
	for c := len(linked) - 1; c > 0; c-- {
		row := g.weights[c]
		for _, w := range row {
			g.sums[c] += w
		}
		for b, w := range row {
			share := w / g.sums[c]
			for a := range b {
				g.weights[b][a] += share * row[a]
			}
		}
	}
	return g
}

// levels returns the levels whose differences deviate least from those of pairs: the
// sum of squared deviations, by weight, is the least. A pull is what a pair's
// difference is, times its weight. The level of the first bucket is 0. Pulls are
// overwritten.
func (g network) levels(pulls [][]float64) []float64 {
	for c := len(pulls) - 1; c > 0; c-- {
		row, pull := g.weights[c], pulls[c]
		for b := range row {
			for a := range b {
				pulls[b][a] += (row[b]*pull[a] - row[a]*pull[b]) / g.sums[c]
			}
		}
	}
	x := make([]float64, len(pulls))
	for c := 1; c < len(x); c++ {
		sum := 0.0
		for b, w := range g.weights[c] {
			sum += w*x[b] + pulls[c][b]
		}
		x[c] = sum / g.sums[c]
	}
	return x
}

// triangle returns a row for each bucket, of those before it.
func triangle[T any](buckets int) [][]T {
	rows := make([][]T, buckets)
	for k := range rows {
		rows[k] = make([]T, k)
	}
	return rows
}

// levels returns the logarithm of the index in linked buckets.
func (f *fishers) levels(linked []int, net network) []float64 {
	pulls := triangle[float64](len(linked))
	for b, k := range linked {
		for a, j := range linked[:b] {
			if p := f.pairs[k][j]; p.linked() {
				pulls[b][a] = f.weight(j, k) * p.log()
			}
		}
	}
	return net.levels(pulls)
}

// A split divides the difference of two levels among items. Of each pair of buckets,
// it has by what the change of an item's price is multiplied. It is by the later
// bucket, then by those before it.
type split [][]multiple

// A multiple is for each piece of the earlier bucket and for each of the later one.
type multiple struct{ before, now float64 }

// split returns how the level of a linked bucket above the first one is divided. A
// level is a sum over all comparisons. Each of these is divided by van IJzeren's
// decomposition: at the quantities q0 / Σp0q0 + L/F · q1 / Σp0q1, with Laspeyres'
// index L and Fisher's F, F is a ratio of sums over items.
func (f *fishers) split(linked []int, net network, last int) split {
	s := split(triangle[multiple](len(f.pairs)))
	ends := triangle[float64](len(linked))
	ends[last][0] = 1
	flows := net.levels(ends)
	for b, k := range linked {
		for a, j := range linked[:b] {
			p := f.pairs[k][j]
			if !p.linked() {
				continue
			}
			log := p.log()
			toLog := 1.0
			if log != 0 {
				toLog = log / math.Expm1(log)
			}
			ratio := p.p1q0 / p.p0q0 / math.Exp(log)
			times := f.weight(j, k) * (flows[b] - flows[a]) * toLog / (1 + ratio)
			s[k][j] = multiple{times / p.p0q0, times * ratio / p.p0q1}
		}
	}
	return s
}

// part returns the part of an item.
func (s split) part(course []bucketSales) (sum float64) {
	prices := make([]float64, 0, len(course))
	for i, now := range course {
		price := now.price()
		for n, before := range course[:i] {
			m := s[now.bucket][before.bucket]
			sum += (price - prices[n]) * (m.before*before.quantity + m.now*now.quantity)
		}
		prices = append(prices, price)
	}
	return sum
}
