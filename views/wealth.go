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
	return Content{Sub: wealthSub(w, p.Settings), Body: wealthChart(w, p.Settings)}
}

func wealthSub(w *aggregates.WealthByKind, s ledger.Settings) string {
	return "Supply " + MoneyShort(w.Supply, s) + " and its shares"
}

// wealthChart leaves issuers out: their sum is minus the supply, and
// their bar would make all others short.
func wealthChart(w *aggregates.WealthByKind, s ledger.Settings) templ.Component {
	b := chart.Bars{
		Title: "Wealth by kind of account",
		Desc:  "The system's accounts stand at the supply with the other sign.",
		Empty: "no accounts",
	}
	var issued ledger.Sum
	for _, k := range w.Kinds {
		if k.Issuer {
			issued = issued.Plus(k.Total)
			b.Desc = "The system's accounts stand at " + Money(issued, s) + ", the other side of the supply."
			continue
		}
		written := moneyTile(k.Total, s)
		tip := kindName(k.Kind) + ": " + Money(k.Total, s)
		if w.Supply.Sign() > 0 {
			written += " · " + Percent(k.Share)
			tip += ", " + Percent(k.Share) + " of the supply"
		}
		b.Bars = append(b.Bars, chart.Bar{
			Name: kindName(k.Kind), Note: Count(k.Accounts), Written: written, Value: k.Total.Float64(), Class: string(k.Kind),
			Tip: tip + ", " + Plural(k.Accounts, "account", "accounts"),
		})
	}
	return b.Draw()
}

func kindName(k ledger.Kind) string {
	if k == "" {
		return ""
	}
	return strings.ToUpper(string(k[:1])) + string(k[1:])
}
