package aggregates

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"exchequer/ledger"
)

// HoldingFilter is which accounts of the list are wanted, and in which order.
type HoldingFilter struct {
	Text  string          // words that are in the name or the ref, in any case; hidden holders are not found
	Found map[string]bool // refs of accounts that the text means besides
	Kind  ledger.Kind     // empty: all of the population
	Sort  string          // a key of holdingOrders; largest balance first otherwise
}

// holdingOrders are the orders beside that of the list.
var holdingOrders = map[string]func(a, b *HeldAccount) int{
	"poor":   func(a, b *HeldAccount) int { return cmp.Compare(a.Balance, b.Balance) },
	"gain1":  func(a, b *HeldAccount) int { return cmp.Compare(b.Day, a.Day) },
	"gain7":  func(a, b *HeldAccount) int { return cmp.Compare(b.Week, a.Week) },
	"gain30": func(a, b *HeldAccount) int { return cmp.Compare(b.Month, a.Month) },
	"loss1":  func(a, b *HeldAccount) int { return cmp.Compare(a.Day, b.Day) },
	"loss7":  func(a, b *HeldAccount) int { return cmp.Compare(a.Week, b.Week) },
	"loss30": func(a, b *HeldAccount) int { return cmp.Compare(a.Month, b.Month) },
	"name":   func(a, b *HeldAccount) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) },
	"last": func(a, b *HeldAccount) int {
		switch x, y := a.LastActive, b.LastActive; {
		case x == nil || y == nil:
			return cmp.Compare(one(x == nil), one(y == nil))
		default:
			return y.Compare(*x)
		}
	},
}

// Cursor is the text after which a list goes on behind this account. An account of
// a hidden holder is named by its place, which may have another one a minute later.
func (a HeldAccount) Cursor() string {
	if a.ID == "" {
		return "#" + strconv.FormatInt(a.Place, 10)
	}
	return "=" + a.ID
}

// place is the place in the list; accounts beyond it come last.
func (a HeldAccount) place() int64 {
	if a.Place == 0 {
		return math.MaxInt64
	}
	return a.Place
}

// Whole reports whether the list has all accounts of its population.
func (v *Holdings) Whole() bool { return v.Count <= int64(len(v.Accounts)) }

// With returns the list and accounts beyond it, each once.
func (v *Holdings) With(others []HeldAccount) *Holdings {
	listed := make(map[string]bool, len(v.Accounts))
	for _, a := range v.Accounts {
		listed[a.ID] = true
	}
	all := *v
	all.Accounts = slices.Clone(v.Accounts)
	for _, a := range others {
		if !listed[a.ID] {
			all.Accounts = append(all.Accounts, a.shown(v.Supply))
		}
	}
	return &all
}

// Select returns the accounts that pass a filter, in its order, the richer ones
// first where it does not say: at most limit of those that follow the account with
// the cursor after, or of the first ones if it is empty. Matching is how many pass in
// all, and more whether others follow. The error is ErrUnknownCursor if no account
// has that cursor.
func (v *Holdings) Select(f HoldingFilter, after string, limit int) (rows []HeldAccount, matching int, more bool, err error) {
	order := holdingOrders[f.Sort]
	compare := func(a, b *HeldAccount) int {
		first := 0
		if order != nil {
			first = order(a, b)
		}
		return cmp.Or(first, cmp.Compare(a.place(), b.place()), cmp.Compare(b.Balance, a.Balance), cmp.Compare(a.ID, b.ID))
	}
	place, _ := strconv.ParseInt(strings.TrimPrefix(after, "#"), 10, 64)
	isLast := func(a *HeldAccount) bool {
		if strings.HasPrefix(after, "#") {
			return place > 0 && a.Place == place
		}
		return a.ID != "" && strings.HasPrefix(after, "=") && a.ID == after[1:]
	}
	words := strings.Fields(strings.ToLower(f.Text))
	return selectRows(v.Accounts, func(a *HeldAccount) bool { return f.passes(a, words) }, compare, isLast, after != "", limit)
}

func (f HoldingFilter) passes(a *HeldAccount, words []string) bool {
	if f.Kind != "" && a.Kind != f.Kind {
		return false
	}
	if len(words) == 0 || f.Found[a.ID] {
		return true
	}
	if a.ID == "" {
		return false // nobody is found by the name that stands in place of his own
	}
	name, ref := strings.ToLower(a.Name), strings.ToLower(a.ID)
	for _, w := range words {
		if !strings.Contains(name, w) && !strings.Contains(ref, w) {
			return false
		}
	}
	return true
}

// PopulationWith returns a population, or the smallest one with accounts of a kind if
// it has none of them. An empty kind is any.
func PopulationWith(p Population, kind ledger.Kind) Population {
	if kind == "" || slices.Contains(p.kinds(), kind) {
		return p
	}
	return populationOf(kind)
}
