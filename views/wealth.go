package views

import (
	"strings"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views/chart"
)

// Wealth shows what each kind of account holds.
func Wealth(p Page, w *aggregates.WealthByKind) Content {
	return Content{Sub: wealthSub(w, p.Settings), Body: wealth(w, p.Settings), Example: wealthExample(w, p.Settings)}
}

func wealthSub(w *aggregates.WealthByKind, s ledger.Settings) string {
	return "Who holds the " + MoneyShort(w.Supply, s)
}

// heldKinds returns the kinds that have accounts, without issuers: their sum
// is minus the supply.
func heldKinds(w *aggregates.WealthByKind) []aggregates.KindWealth {
	var kinds []aggregates.KindWealth
	for _, k := range w.Kinds {
		if !k.Issuer && k.Accounts > 0 {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// allKinds returns the sum of kinds.
func allKinds(kinds []aggregates.KindWealth) aggregates.KindWealth {
	var sum aggregates.KindWealth
	for _, k := range kinds {
		sum.Accounts += k.Accounts
		sum.Archived += k.Archived
	}
	return sum
}

func wealthStrip(w *aggregates.WealthByKind, s ledger.Settings) templ.Component {
	var strip chart.Strip
	for _, k := range heldKinds(w) {
		tip := moneyTile(k.Total, s)
		if w.Supply.Sign() > 0 {
			tip += ", " + Percent(k.Share)
		}
		strip = append(strip, chart.Part{Value: k.Total.Float64(), Class: string(k.Kind), Tip: tip + "\n" + kindName(k.Kind)})
	}
	return strip.Draw()
}

// archivedNote says how many accounts are archived, whose balances count.
func archivedNote(archived int64) string {
	return "and " + Plural(archived, "archived account", "archived accounts")
}

func kindName(k ledger.Kind) string {
	if k == "" {
		return ""
	}
	return strings.ToUpper(string(k[:1])) + string(k[1:])
}
