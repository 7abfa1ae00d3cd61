// Package bench measures the budgets of docs/design.md §7.
package bench

import (
	"math"
	"math/rand/v2"
	"testing"

	"exchequer/aggregates"
)

// BenchmarkStatisticsMillion computes every measure of inequality of a million
// holders. The budget is 150 ms.
func BenchmarkStatisticsMillion(b *testing.B) {
	const holders = 1_000_000
	random := rand.New(rand.NewPCG(1, 2))
	for name, balance := range map[string]func() int64{
		"spread=lognormal": func() int64 { return int64(math.Exp(8 + 2.5*random.NormFloat64())) },
		"spread=near2^62":  func() int64 { return 1<<61 + random.Int64N(1<<61) },
	} {
		b.Run(name, func(b *testing.B) {
			drawn := make([]int64, holders)
			for i := range drawn {
				drawn[i] = balance()
			}
			balances := make([]int64, holders)
			for b.Loop() {
				copy(balances, drawn)
				d := aggregates.NewDistribution(balances)
				for _, m := range []aggregates.Measure{
					d.Gini(), d.TopShare(1, 100), d.TopShare(10, 100), d.BottomShare(50, 100),
					d.Palma(), d.Theil(), d.HHI(), d.Nakamoto(),
				} {
					if m.Value == nil {
						b.Fatal(m.Why)
					}
				}
				if len(d.Lorenz()) == 0 || d.Median() <= 0 || d.Mean() <= 0 || d.Zeros() < 0 {
					b.Fatal("no curve")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/million")
		})
	}
}
