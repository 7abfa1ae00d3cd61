package aggregates

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// ErrUnknownCursor means that a list cannot go on after a row that is not there.
var ErrUnknownCursor = errors.New("unknown cursor")

// ItemFilter is which items of the list are wanted, and in which order.
type ItemFilter struct {
	Text       string // words that are in the name or the ref, in any case
	Stocked    bool   // an ask stands
	Sold       bool   // in the period
	Confidence string // of the price: firm, thin (or firm), priced (any); all otherwise
	Sort       string // a key of itemOrders; largest volume first otherwise
}

// itemOrders are the orders beside that of the list. Items without what is compared
// come last.
var itemOrders = map[string]func(a, b *ListedItem) int{
	"name":  func(a, b *ListedItem) int { return 0 },
	"dear":  func(a, b *ListedItem) int { return known(a.Price.Value, b.Price.Value, -1) },
	"cheap": func(a, b *ListedItem) int { return known(a.Price.Value, b.Price.Value, 1) },
	"rise":  func(a, b *ListedItem) int { return known(a.Change(), b.Change(), -1) },
	"fall":  func(a, b *ListedItem) int { return known(a.Change(), b.Change(), 1) },
	"last": func(a, b *ListedItem) int {
		switch x, y := a.Price.LastAt, b.Price.LastAt; {
		case x == nil || y == nil:
			return cmp.Compare(one(x == nil), one(y == nil))
		default:
			return y.Compare(*x)
		}
	},
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// known compares two numbers, rising with a sign of 1 and falling with -1. Those
// that are missing come last.
func known(a, b *float64, sign int) int {
	if a == nil || b == nil {
		return cmp.Compare(one(a == nil), one(b == nil))
	}
	return sign * cmp.Compare(*a, *b)
}

// Select returns the items that pass a filter, in its order: at most limit of those
// that follow the item with the ref after, or of the first ones if it is empty.
// Matching is how many pass in all, and more whether others follow. The error is
// ErrUnknownCursor if there is no item with that ref.
func (v *Items) Select(f ItemFilter, after string, limit int) (rows []ListedItem, matching int, more bool, err error) {
	order := itemOrders[f.Sort]
	compare := func(a, b *ListedItem) int {
		first := 0
		if order != nil {
			first = order(a, b)
		} else {
			first = b.Volume.Compare(a.Volume)
		}
		return cmp.Or(first, cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	}
	words := strings.Fields(strings.ToLower(f.Text))
	return selectRows(v.Items, func(i *ListedItem) bool { return f.passes(i, words) }, compare, func(i *ListedItem) bool { return i.ID == after }, after != "", limit)
}

// selectRows returns the rows of a list that pass, in the order of compare: at most
// limit of those that follow the one that is last, if the list goes on after one, or
// of the first ones. Matching is how many pass in all, and more whether others
// follow. The error is ErrUnknownCursor if no row is last.
func selectRows[T any](list []T, passes func(*T) bool, compare func(a, b *T) int, isLast func(*T) bool, goesOn bool, limit int) (rows []T, matching int, more bool, err error) {
	var last *T // of the rows before
	var found []*T
	for n := range list {
		row := &list[n]
		if goesOn && last == nil && isLast(row) {
			last = row
		}
		if passes(row) {
			found = append(found, row)
		}
	}
	matching = len(found)
	if last == nil && goesOn {
		return nil, 0, false, ErrUnknownCursor
	}
	if last != nil {
		found = slices.DeleteFunc(found, func(row *T) bool { return compare(row, last) <= 0 })
	}
	slices.SortFunc(found, compare)
	more = len(found) > limit
	for _, row := range found[:min(len(found), limit)] {
		rows = append(rows, *row)
	}
	return rows, matching, more, nil
}

func (f ItemFilter) passes(i *ListedItem, words []string) bool {
	switch {
	case f.Stocked && i.Asks == 0, f.Sold && i.Sales == 0:
		return false
	case f.Confidence == "firm" && i.Price.Confidence != Firm,
		f.Confidence == "thin" && i.Price.Confidence != Firm && i.Price.Confidence != Thin,
		f.Confidence == "priced" && i.Price.Value == nil:
		return false
	case len(words) == 0:
		return true
	}
	name, ref := strings.ToLower(i.Name), strings.ToLower(i.ID)
	for _, w := range words {
		if !strings.Contains(name, w) && !strings.Contains(ref, w) {
			return false
		}
	}
	return true
}
