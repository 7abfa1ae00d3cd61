package aggregates

import (
	"slices"

	"exchequer/ledger"
)

// The rule of offsetting trade, see docs/numbers.md. A window is the days up to one on
// which the item was sold.
const (
	offsettingDays  = 7 // of a window
	offsettingSales = 3 // on each route, at least
)

// offsets reports whether the smallest of the quantities of legs is at least 80 % of
// the largest.
func offsets(legs ...*leg) bool {
	least, most := legs[0].quantity, legs[0].quantity
	for _, l := range legs[1:] {
		if l.quantity.Compare(least) < 0 {
			least = l.quantity
		}
		if l.quantity.Compare(most) > 0 {
			most = l.quantity
		}
	}
	return times(5, least).Compare(times(4, most)) >= 0
}

// weighs reports whether legs are at least 20 % of an account's whole volume.
func weighs(whole ledger.Sum, legs ...*leg) bool {
	var part ledger.Sum
	for _, l := range legs {
		part = part.Plus(l.volume)
	}
	return times(5, part).Compare(whole) >= 0
}

func times(n int, of ledger.Sum) (product ledger.Sum) {
	for range n {
		product = product.Plus(of)
	}
	return product
}

// An OffsettingRule is why sales are marked. If several hold, it is the first.
type OffsettingRule string

const (
	OwnRule   OffsettingRule = "own"   // between accounts of one holder
	PairRule  OffsettingRule = "pair"  // there and back between two accounts
	CycleRule OffsettingRule = "cycle" // round between three accounts
)

func (r OffsettingRule) order() int {
	return slices.Index([]OffsettingRule{OwnRule, PairRule, CycleRule}, r)
}

// A deal is all sales of an item from one account to another on a day.
type deal struct {
	day           int   // its number
	seller, buyer int64 // as the sales have them; 0: not known
	// The accounts as which they are shown, which differ from these if they are merged
	// into others, and whether both belong to one holder.
	from, to int64
	own      bool

	sales            int64
	quantity, volume ledger.Sum
	rule             OffsettingRule // empty: not marked
}

// mark marks the deal, unless a rule before this one does.
func (d *deal) mark(rule OffsettingRule) {
	if d.rule == "" || rule.order() < d.rule.order() {
		d.rule = rule
	}
}

// A route is from one account to another.
type route struct{ from, to int64 }

// between returns the accounts of a route in the order of their ids.
func (r route) between() route { return route{min(r.from, r.to), max(r.from, r.to)} }

// A leg is the deals of a route in a window.
type leg struct {
	sales            int64
	quantity, volume ledger.Sum
	offsetting       OffsettingRule
}

// markOffsetting marks the deals of an item, which are in the order of their days.
// Trade between the accounts of cleared, in the order of their ids, is not marked.
func markOffsetting(deals []*deal, cleared map[route]bool) {
	for _, d := range deals {
		if d.own && !cleared[(route{d.from, d.to}).between()] {
			d.mark(OwnRule)
		}
	}
	first := 0
	for last := range deals {
		if last+1 < len(deals) && deals[last+1].day == deals[last].day {
			continue
		}
		for deals[first].day <= deals[last].day-offsettingDays {
			first++
		}
		markWindow(deals[first:last+1], cleared)
	}
}

// markWindow marks the deals of a window of which several offset each other.
func markWindow(deals []*deal, cleared map[route]bool) {
	legs, whole := map[route]*leg{}, map[int64]ledger.Sum{}
	for _, d := range deals {
		whole[d.from] = whole[d.from].Plus(d.volume)
		if d.to != d.from {
			whole[d.to] = whole[d.to].Plus(d.volume)
		}
		of := route{d.from, d.to}
		if d.from == 0 || d.to == 0 || d.own || cleared[of.between()] {
			continue
		}
		if legs[of] == nil {
			legs[of] = &leg{}
		}
		l := legs[of]
		l.sales += d.sales
		l.quantity, l.volume = l.quantity.Plus(d.quantity), l.volume.Plus(d.volume)
	}
	for of, l := range legs {
		if l.sales < offsettingSales {
			delete(legs, of)
		}
	}
	if len(legs) < 2 {
		return
	}
	markPairs(legs, whole)
	markCycles(legs, whole)
	for _, d := range deals {
		if l := legs[route{d.from, d.to}]; l != nil && l.offsetting != "" {
			d.mark(l.offsetting)
		}
	}
}

func markPairs(legs map[route]*leg, whole map[int64]ledger.Sum) {
	for of, there := range legs {
		back := legs[route{of.to, of.from}]
		if back != nil && offsets(there, back) && weighs(whole[of.from], there, back) && weighs(whole[of.to], there, back) {
			there.offsetting, back.offsetting = PairRule, PairRule
		}
	}
}

// markCycles marks legs between three accounts. Two legs of each account are at least
// 20 % of its volume, so one of them is at least 10 % of it, and an account has at most
// ten such heavy legs. Whichever leg is heavy for each of the three, two heavy legs,
// each of the account from which it is followed, lead through all of them. So there are
// at most a hundred ways to try from each account.
func markCycles(legs map[route]*leg, whole map[int64]ledger.Sum) {
	heavy := map[int64][]int64{} // the accounts at the other ends of heavy legs
	for of, l := range legs {
		for _, end := range []route{of, {of.to, of.from}} {
			if times(10, l.volume).Compare(whole[end.from]) >= 0 {
				heavy[end.from] = append(heavy[end.from], end.to)
			}
		}
	}
	for a, next := range heavy {
		for _, b := range next {
			for _, c := range heavy[b] {
				markCycle(legs, whole, a, b, c)
				markCycle(legs, whole, c, b, a)
			}
		}
	}
}

// markCycle marks the legs from a to b to c to a if they offset each other.
func markCycle(legs map[route]*leg, whole map[int64]ledger.Sum, a, b, c int64) {
	ab, bc, ca := legs[route{a, b}], legs[route{b, c}], legs[route{c, a}]
	if ab == nil || bc == nil || ca == nil || !offsets(ab, bc, ca) {
		return
	}
	if weighs(whole[a], ca, ab) && weighs(whole[b], ab, bc) && weighs(whole[c], bc, ca) {
		for _, l := range []*leg{ab, bc, ca} {
			if l.offsetting == "" { // not part of a pair
				l.offsetting = CycleRule
			}
		}
	}
}
