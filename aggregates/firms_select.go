package aggregates

import (
	"cmp"
	"strings"
)

// FirmFilter is which firms of the list are wanted, and in which order.
type FirmFilter struct {
	Text    string // words that are in the name, the id or the name of a business account, in any case
	Trading bool   // that sold anything in the period
	Sort    string // a key of firmOrders; largest turnover first otherwise
}

// firmOrders are the orders beside that of the list. Firms without what is compared
// come last.
var firmOrders = map[string]func(a, b *ListedFirm) int{
	"profit":  func(a, b *ListedFirm) int { return b.Profit.Compare(a.Profit) },
	"loss":    func(a, b *ListedFirm) int { return a.Profit.Compare(b.Profit) },
	"balance": func(a, b *ListedFirm) int { return b.Balance.Compare(a.Balance) },
	"rise":    func(a, b *ListedFirm) int { return known(a.Change(), b.Change(), -1) },
	"fall":    func(a, b *ListedFirm) int { return known(a.Change(), b.Change(), 1) },
	"shops":   func(a, b *ListedFirm) int { return cmp.Compare(b.Shops, a.Shops) },
	"name":    func(a, b *ListedFirm) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) },
}

// Select returns the firms that pass a filter, in its order: at most limit of those that
// follow the firm with the id after, or of the first ones if it is empty. Matching is how
// many pass in all, and more whether others follow. The error is ErrUnknownCursor if no
// firm has that id.
func (v *Firms) Select(f FirmFilter, after string, limit int) (rows []ListedFirm, matching int, more bool, err error) {
	order := firmOrders[f.Sort]
	compare := func(a, b *ListedFirm) int {
		first := 0
		if order != nil {
			first = order(a, b)
		}
		return cmp.Or(first, b.Turnover.Compare(a.Turnover), b.Balance.Compare(a.Balance), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	}
	words := strings.Fields(strings.ToLower(f.Text))
	passes := func(firm *ListedFirm) bool { return (!f.Trading || firm.Sales > 0) && firm.named(words) }
	return selectRows(v.Firms, passes, compare, func(firm *ListedFirm) bool { return firm.ID == after }, after != "", limit)
}

// named reports whether all words are in a name of the firm or in its id.
func (f *ListedFirm) named(words []string) bool {
	for _, w := range words {
		if !strings.Contains(strings.ToLower(f.Name), w) && !strings.Contains(strings.ToLower(f.ID), w) &&
			!strings.Contains(strings.ToLower(strings.Join(f.Businesses, "\n")), w) {
			return false
		}
	}
	return true
}
