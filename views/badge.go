package views

import (
	"math"
	"strconv"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// BooksBadge draws whether the books balance: "books: ₤0.00 unexplained". Without
// a value it says that this is not known.
func BooksBadge(b *aggregates.Bridge, s ledger.Settings) string {
	const known, wrong, unknown = "#0c6b52", "#a4343a", "#5d5a50"
	switch {
	case b == nil || b.Why != "":
		return badge("books", "not known", unknown)
	case b.Unexplained.Sign() != 0:
		return badge("books", "off by "+Money(magnitude(b.Unexplained), s), wrong)
	}
	return badge("books", Money(b.Unexplained, s)+" unexplained", known)
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
