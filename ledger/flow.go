package ledger

import (
	"cmp"
	"math/bits"
	"slices"
)

// kinds is the number of account kinds.
const kinds = 4

// kindIndex returns the index of a kind in Kinds, -1 for an unknown one.
func kindIndex(k Kind) int {
	switch k {
	case Personal:
		return 0
	case Business:
		return 1
	case Government:
		return 2
	case System:
		return 3
	}
	return -1
}

// A party is what flows are summed by: a kind of account, issuers apart. Parties
// are in the order of their kinds, issuers last.
type party int

// parties is the number of parties.
const parties = 2 * kinds

// partyOf returns the party of an account. The kind must be known.
func partyOf(k Kind, issuer bool) party {
	p := party(2 * kindIndex(k))
	if issuer {
		p++
	}
	return p
}

func (p party) kind() Kind   { return Kinds()[p/2] }
func (p party) issues() bool { return p%2 == 1 }

func (p party) String() string {
	if p.issues() {
		return string(p.kind()) + " issuer"
	}
	return string(p.kind())
}

// A leg is a posting with what flows depend on.
type leg struct {
	account int64
	holder  string
	party   party
	amount  int64
}

// A movement is what a transaction moved.
type movement struct {
	volume    int64                   // what accounts gained on balance
	transfers int64                   // of it, between different holders, without issuers
	flows     [parties][parties]int64 // volume by payer and by receiver
}

// move returns what the legs of one transaction moved. It reorders them. Their sum
// is zero and what is paid fits in an int64, so no sum here overflows.
//
// The rows of the flows add up to what each party paid, the columns to what each
// party received, to the unit.
func move(legs []leg) movement {
	var m movement
	var paid, received [parties]int64
	slices.SortFunc(legs, func(a, b leg) int { return cmp.Compare(a.account, b.account) })
	for same := range runs(legs, func(l leg) int64 { return l.account }) {
		switch net, party := sum(same), same[0].party; {
		case net < 0:
			paid[party] -= net
		case net > 0:
			received[party] += net
			m.volume += net
		}
	}
	m.flows = share(paid, received)

	owned := legs[:0]
	for _, l := range legs {
		if !l.party.issues() {
			owned = append(owned, l)
		}
	}
	slices.SortFunc(owned, func(a, b leg) int { return cmp.Compare(a.holder, b.holder) })
	var given, taken int64
	for same := range runs(owned, func(l leg) string { return l.holder }) {
		if net := sum(same); net < 0 {
			given -= net
		} else {
			taken += net
		}
	}
	m.transfers = min(given, taken)
	return m
}

// runs yields the runs of elements with equal keys.
func runs[E any, K comparable](all []E, key func(E) K) func(yield func([]E) bool) {
	return func(yield func([]E) bool) {
		for start := 0; start < len(all); {
			end := start + 1
			for end < len(all) && key(all[end]) == key(all[start]) {
				end++
			}
			if !yield(all[start:end]) {
				return
			}
			start = end
		}
	}
}

func sum(legs []leg) int64 {
	var total int64
	for _, l := range legs {
		total += l.amount
	}
	return total
}

// share spreads what each party paid over what each party received, in
// proportion. Party by party, a payer's amount goes to what the receivers still
// lack, by largest remainder (the earlier party on a tie), so that in the end
// every payer has paid and every receiver has received exactly its amount.
func share(paid, received [parties]int64) (flows [parties][parties]int64) {
	lacking := received
	var total int64
	for _, r := range received {
		total += r
	}
	for from, amount := range paid {
		if amount == 0 {
			continue
		}
		var remainder [parties]uint64
		rest := amount
		for to, lack := range lacking {
			if lack == 0 {
				continue
			}
			hi, lo := bits.Mul64(uint64(amount), uint64(lack))
			part, rem := bits.Div64(hi, lo, uint64(total))
			flows[from][to], remainder[to] = int64(part), rem
			rest -= int64(part)
		}
		for ; rest > 0; rest-- {
			largest := 0
			for to := range remainder {
				if remainder[to] > remainder[largest] {
					largest = to
				}
			}
			flows[from][largest]++
			remainder[largest] = 0
		}
		for to := range lacking {
			lacking[to] -= flows[from][to]
		}
		total -= amount
	}
	return flows
}
