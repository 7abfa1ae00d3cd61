package views

import (
	"math"
	"slices"
	"strconv"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// The colours of badges: of what is well known, of what is known a little, of what is
// wrong, and of what is not known.
const (
	badgeKnown   = "#0c6b52"
	badgeThin    = "#8a5c00"
	badgeWrong   = "#a4343a"
	badgeUnknown = "#5d5a50"
)

// SupplyBadge draws how much money there is.
func SupplyBadge(o *aggregates.Overview, s ledger.Settings) string {
	if o == nil || o.Why != "" || o.Supply.Now == nil {
		return badge("supply", "not known", badgeUnknown)
	}
	return badge("supply", Money(*o.Supply.Now, s), badgeKnown)
}

// HoldersBadge draws how many hold money.
func HoldersBadge(o *aggregates.Overview, _ ledger.Settings) string {
	if o == nil || o.Why != "" {
		return badge("holders", "not known", badgeUnknown)
	}
	return badge("holders", Count(o.Holders), badgeKnown)
}

// GiniBadge draws the Gini coefficient of the holders of personal accounts.
func GiniBadge(v *aggregates.Inequality, _ ledger.Settings) string {
	if v == nil || v.Why != "" || v.Gini.Value == nil {
		return badge("Gini", "not known", badgeUnknown)
	}
	return badge("Gini", Decimal(*v.Gini.Value, 3), badgeKnown)
}

// TransactionsBadge draws how many transactions the last day had that is over.
func TransactionsBadge(a *aggregates.Activity, s ledger.Settings) string {
	if a != nil && a.Why == "" && a.Bucket == "day" {
		for _, b := range slices.Backward(a.Buckets) {
			if !b.Partial {
				return badge("transactions, "+DayMonth(b.Start, s), Count(b.Transactions), badgeKnown)
			}
		}
	}
	return badge("transactions", "not known", badgeUnknown)
}

// PriceBadge draws what a piece of an item costs, and how much that says.
func PriceBadge(i *aggregates.Item, s ledger.Settings) string {
	if i == nil {
		return badge("price", "not known", badgeUnknown)
	}
	name := brief(ItemName(i.Name, i.ID), 30)
	if i.Price.Value == nil {
		return badge(name, "no price", badgeUnknown)
	}
	colour := map[aggregates.Confidence]string{aggregates.Firm: badgeKnown, aggregates.Thin: badgeThin, aggregates.Guess: badgeUnknown}[i.Price.Confidence]
	return badge(name, UnitPrice(*i.Price.Value, s)+" · "+string(i.Price.Confidence), orElse(colour, badgeUnknown))
}

// BooksBadge draws whether the books balance: "books: ₤0.00 unexplained". Without
// a value it says that this is not known.
func BooksBadge(b *aggregates.Bridge, s ledger.Settings) string {
	switch {
	case b == nil || b.Why != "":
		return badge("books", "not known", badgeUnknown)
	case b.Unexplained.Sign() != 0:
		return badge("books", "off by "+Money(magnitude(b.Unexplained), s), badgeWrong)
	}
	return badge("books", Money(b.Unexplained, s)+" unexplained", badgeKnown)
}

// badge draws a name and what is said of it on paper of its own, under a rule in
// the colour. It has no style and no script, so that it may stand anywhere.
func badge(name, text, colour string) string {
	const height, pad, mark = 24, 8, 12
	left := pad + mark + 6
	middle := left + int(math.Ceil(chart.TextWidth(name))) + 6
	width := middle + int(math.Ceil(chart.TextWidth(text))) + pad
	n := strconv.Itoa
	return `<svg xmlns="http://www.w3.org/2000/svg" width="` + n(width) + `" height="` + n(height) + `" role="img" aria-label="` + templ.EscapeString(name+": "+text) + `">` +
		`<title>` + templ.EscapeString(name+": "+text) + `</title>` +
		`<path fill="#fbfaf6" d="M0 0h` + n(width) + `v` + n(height) + `H0z"/><path fill="` + colour + `" d="M0 0h` + n(width) + `v3H0z"/>` +
		`<path fill="` + colour + `" d="M8 8h3v3H8zM14 8h3v3h-3zM11 11h3v3h-3zM17 11h3v3h-3zM8 14h3v3H8zM14 14h3v3h-3z"/>` +
		`<g font-family="system-ui,Segoe UI,Helvetica,Arial,sans-serif" font-size="12">` +
		`<text x="` + n(left) + `" y="17" fill="#5d5a50">` + templ.EscapeString(name) + `</text>` +
		`<text x="` + n(middle) + `" y="17" fill="` + colour + `" font-weight="600">` + templ.EscapeString(text) + `</text></g></svg>`
}
