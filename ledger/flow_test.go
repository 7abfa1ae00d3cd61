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
	personal, business, government, system := partyOf(Personal, false), partyOf(Business, false), partyOf(Government, false), partyOf(System, true)
	council, pool := partyOf(Government, true), partyOf(System, false)
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
		"money issued by a government is no transfer": {
			[]leg{{1, "council", council, -100}, {2, "bob", personal, 100}},
			movement{100, 0, flows(council, personal, 100)}},
		"a system account that does not issue pays like any other": {
			[]leg{{1, "pool", pool, -100}, {2, "bob", personal, 100}},
			movement{100, 100, flows(pool, personal, 100)}},
		"issuers of a kind are apart from the others of it": {
			[]leg{{1, "council", council, -60}, {2, "court", government, -40}, {3, "bob", personal, 100}},
			movement{100, 40, add(flows(council, personal, 60), flows(government, personal, 40))}},
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

func flows(from, to party, volume int64) (f [parties][parties]int64) {
	f[from][to] = volume
	return f
}

func add(a, b [parties][parties]int64) [parties][parties]int64 {
	for from := range b {
		for to := range b[from] {
			a[from][to] += b[from][to]
		}
	}
	return a
}

// Whatever the legs and in whatever order, the rows of the flows add up to
// what each party paid, the columns to what each received, and no cell is far
// from its share in proportion.
func TestFlowsAreSharedExactly(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		var legs []leg
		limit := int64(1) << (1 + random.IntN(58))
		var total int64
		for range 1 + random.IntN(8) {
			amount := 1 + random.Int64N(limit)
			if random.IntN(2) == 0 {
				amount = -amount
			}
			total += amount
			account := random.Int64N(parties)
			legs = append(legs, leg{account, fmt.Sprint(account / 2), party(account), amount})
		}
		if total != 0 {
			legs = append(legs, leg{parties, "3", party(random.IntN(parties)), -total})
		}
		net := map[int64]int64{}
		partyOf := map[int64]party{}
		holders := map[string]int64{}
		for _, l := range legs {
			net[l.account] += l.amount
			partyOf[l.account] = l.party
			if !l.party.issues() {
				holders[l.holder] += l.amount
			}
		}
		var paid, received [parties]int64
		var volume, given, taken int64
		for account, amount := range net {
			if amount < 0 {
				paid[partyOf[account]] -= amount
			} else {
				received[partyOf[account]] += amount
				volume += amount
			}
		}
		for _, amount := range holders {
			given, taken = given+max(-amount, 0), taken+max(amount, 0)
		}
		got := move(slices.Clone(legs))
		var rows, columns [parties]int64
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

// far is true when v is more than the number of parties from paid × received / volume.
func far(v, paid, received, volume int64) bool {
	if volume == 0 {
		return v != 0
	}
	exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(paid), big.NewInt(received)), big.NewInt(volume))
	off := exact.Sub(exact, new(big.Rat).SetInt64(v))
	return off.Abs(off).Cmp(big.NewRat(parties, 1)) > 0
}
