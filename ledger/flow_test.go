package ledger

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMove(t *testing.T) {
	const personal, business, government, system = 0, 1, 2, 3
	for name, test := range map[string]struct {
		legs []leg
		want movement
	}{
		"a payment between holders": {
			[]leg{{1, "ann", personal, -100}, {2, "bob", personal, 100}},
			movement{100, 100, flows(personal, personal, 100)}},
		"money moved between one's own accounts is volume and no transfer": {
			[]leg{{1, "ann", personal, -100}, {2, "ann", business, 100}},
			movement{100, 0, flows(personal, business, 100)}},
		"money issued is no transfer": {
			[]leg{{1, "mint", system, -100}, {2, "bob", personal, 100}},
			movement{100, 0, flows(system, personal, 100)}},
		"what comes back to the same account did not move": {
			[]leg{{1, "ann", personal, -100}, {1, "ann", personal, 30}, {2, "bob", personal, 70}},
			movement{70, 70, flows(personal, personal, 70)}},
		"one account only": {
			[]leg{{1, "ann", personal, -100}, {1, "ann", personal, 100}},
			movement{}},
		"kinds that pay and receive are not set off against each other": {
			[]leg{{1, "ann", personal, -100}, {2, "bob", personal, 60}, {3, "inn", business, 40}},
			movement{100, 100, add(flows(personal, personal, 60), flows(personal, business, 40))}},
		"two kinds pay two kinds, an odd cent goes by largest remainder": {
			[]leg{{1, "a", personal, -2}, {2, "b", business, -1}, {3, "c", government, 2}, {4, "d", personal, 1}},
			movement{3, 3, add(add(flows(personal, personal, 1), flows(personal, government, 1)), flows(business, government, 1))}},
		"the largest amounts": {
			[]leg{{1, "a", personal, -math.MaxInt64 + 1}, {2, "b", business, -1}, {3, "c", government, math.MaxInt64 - 2}, {4, "d", personal, 2}},
			movement{math.MaxInt64, math.MaxInt64, add(add(flows(personal, personal, 2), flows(personal, government, math.MaxInt64-3)), flows(business, government, 1))}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := move(test.legs); got != test.want {
				t.Errorf("move = %v, want %v", got, test.want)
			}
		})
	}
}

func flows(from, to int, volume int64) (f [kinds][kinds]int64) {
	f[from][to] = volume
	return f
}

func add(a, b [kinds][kinds]int64) [kinds][kinds]int64 {
	for from := range b {
		for to := range b[from] {
			a[from][to] += b[from][to]
		}
	}
	return a
}

// Whatever the legs and in whatever order, the rows of the flows add up to
// what each kind paid, the columns to what each received, and no cell is far
// from its share in proportion.
func TestFlowsAreSharedExactly(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		var legs []leg
		limit := int64(1) << (1 + random.IntN(58))
		var total int64
		for range 1 + random.IntN(8) {
			amount := 1 + random.Int64N(limit)
			if random.IntN(2) == 0 {
				amount = -amount
			}
			total += amount
			account := random.Int64N(6)
			legs = append(legs, leg{account, fmt.Sprint(account / 2), int(account) % kinds, amount})
		}
		if total != 0 {
			legs = append(legs, leg{6, "3", random.IntN(kinds), -total})
		}
		net := map[int64]int64{}
		kindOf := map[int64]int{}
		holders := map[string]int64{}
		for _, l := range legs {
			net[l.account] += l.amount
			kindOf[l.account] = l.kind
			if l.kind != kinds-1 {
				holders[l.holder] += l.amount
			}
		}
		var paid, received [kinds]int64
		var volume, given, taken int64
		for account, amount := range net {
			if amount < 0 {
				paid[kindOf[account]] -= amount
			} else {
				received[kindOf[account]] += amount
				volume += amount
			}
		}
		for _, amount := range holders {
			given, taken = given+max(-amount, 0), taken+max(amount, 0)
		}
		got := move(slices.Clone(legs))
		var rows, columns [kinds]int64
		for from := range got.flows {
			for to, v := range got.flows[from] {
				rows[from] += v
				columns[to] += v
				if v < 0 || far(v, paid[from], received[to], volume) {
					t.Errorf("seed %d: %v: flow from %d to %d is %d, out of proportion", seed, legs, from, to, v)
				}
			}
		}
		if rows != paid || columns != received || got.volume != volume || got.transfers != min(given, taken) {
			t.Fatalf("seed %d: move(%v) = %+v, want paid %v, received %v, transfers %d", seed, legs, got, paid, received, min(given, taken))
		}
		random.Shuffle(len(legs), func(i, j int) { legs[i], legs[j] = legs[j], legs[i] })
		if again := move(legs); again != got {
			t.Fatalf("seed %d: in another order the legs move %+v instead of %+v", seed, again, got)
		}
	}
}

// far is true when v is more than the number of kinds from paid × received / volume.
func far(v, paid, received, volume int64) bool {
	if volume == 0 {
		return v != 0
	}
	exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(paid), big.NewInt(received)), big.NewInt(volume))
	off := exact.Sub(exact, new(big.Rat).SetInt64(v))
	return off.Abs(off).Cmp(big.NewRat(kinds, 1)) > 0
}
